//! `highwater ops show`: the whole life of one operation, from its own rows: what was called, what was
//! noted of the outside, what was posted, what is set aside and what a roll back would take away.

use std::io::Write;

use clap::Args;
use highwater::ledger::{Entry, Hold};
use highwater::operations::UndoStep;
use highwater::{Checkpoint, Event, KeyState, Operation, OperationId, Timestamp};
use serde::Serialize;

use super::{OperationLine, attention, key, number};
use crate::books::{EntryLine, legs};
use crate::failure::Failure;
use crate::grid::{Column, Grid};
use crate::opened::Opened;
use crate::print::{Form, facts, json_line};
use crate::store_argument::StateArgument;
use crate::sums::{MoneyLine, held, hex, money, or_dash};
use crate::time::rfc3339;

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater ops show 42 --store /tmp/demo
  highwater ops show --key 'copy 5Gk3/2' --store /tmp/demo
  highwater ops show 42 --store /tmp/demo --json | jq -r '.events[] | .at + \" \" + .call'
  highwater ops show 42 --store /tmp/demo --at 4711

The life is told from the operation's own rows, so it can be read long after the log has moved on. \
Of more than 64 events the first 63 and the latest are kept; references, entries and holds are all \
there.

Exit codes: 0 done; 1 wrong usage, no such operation or an error of the machine; 3 acknowledged data \
is damaged; 5 the store is locked or of an unknown version.";

const LIFE: &[Column] = &[
    Column::text("at", 0),
    Column::number("attempt", 2),
    Column::text("what", 0),
    Column::text("said", 1),
];
const HOLDS: &[Column] = &[
    Column::text("account", 1),
    Column::text("set aside", 0),
    Column::text("of", 2),
    Column::text("as", 0),
];

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Its number, as 42 or #42
    #[arg(value_name = "ID", value_parser = number, required_unless_present = "key")]
    id: Option<OperationId>,
    /// The operation with this idempotency key instead
    #[arg(long, value_name = "KEY", conflicts_with = "id")]
    key: Option<String>,
    #[command(flatten)]
    state: StateArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// An operation and everything that belongs to it.
struct Life {
    operation: Operation,
    events: Vec<Event>,
    checkpoints: Vec<Checkpoint>,
    entries: Vec<Entry>,
    holds: Vec<Hold>,
    undo: Vec<UndoStep>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let life = Life::read(&opened, find(&opened, arguments)?)?;
    match Form::from_flag(arguments.json) {
        Form::Json => json_line(out, &LifeLine::from(&life))?,
        Form::Table => life.print(out)?,
    }
    Ok(())
}

fn find(opened: &Opened<'_>, arguments: &Arguments) -> Result<Operation, Failure> {
    const HINT: &str = ": it was never begun, or its row was purged; `highwater ops list` has all";
    let operations = opened.store.operations();
    let (asked, found) = match (arguments.id, &arguments.key) {
        (Some(id), _) => (id.to_string(), opened.checked(operations.get(id))?),
        (None, key) => {
            let key = key.as_deref().unwrap_or_default();
            let known = opened.checked(operations.by_key(key))?;
            let found = match known {
                Some(KeyState::Known(operation)) => Some(*operation),
                _ => None,
            };
            (format!("with the key {key}"), found)
        }
    };
    found.ok_or(Failure::NoSuch { what: "operation", asked, hint: HINT })
}

impl Life {
    fn read(opened: &Opened<'_>, operation: Operation) -> Result<Self, Failure> {
        let (operations, id) = (opened.store.operations(), operation.id);
        let entries = opened.store.ledger().entries_of(id).collect::<Result<_, _>>();
        Ok(Self {
            events: opened.checked(operations.events(id))?,
            checkpoints: opened.checked(operations.checkpoints(id))?,
            entries: opened.checked(entries)?,
            holds: opened.checked(operations.holds(id))?,
            undo: opened.checked(operations.undo_plan(id))?,
            operation,
        })
    }

    fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        facts(out, &self.facts())?;
        writeln!(out, "\nlife")?;
        let mut life = Grid::new(LIFE);
        self.moments().into_iter().for_each(|moment| life.row(moment.cells()));
        life.print(out)?;
        if !self.holds.is_empty() {
            writeln!(out, "\nset aside")?;
            let mut holds = Grid::new(HOLDS);
            for hold in &self.holds {
                let remaining = money(&hold.remaining);
                holds.row([hold.account.to_string(), remaining, money(&hold.reserved), held(hold)]);
            }
            holds.print(out)?;
        }
        if !self.undo.is_empty() {
            writeln!(out, "\na roll back would")?;
            for step in &self.undo {
                writeln!(out, "{}", crate::print::visible(&told(step)))?;
            }
        }
        Ok(())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let operation = &self.operation;
        let ids = operation.external_ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let positions = operation.positions.iter();
        let positions = positions.map(|named| format!("{} ({:?})", named.position, named.role));
        let claim = operation.claim.as_ref();
        let failure = operation.failure.as_ref();
        let (tries, most) = (operation.tries, operation.max_attempts);
        vec![
            ("operation", operation.id.to_string()),
            ("status", operation.status.to_string()),
            ("kind", operation.kind.to_string()),
            ("account", operation.account.to_string()),
            ("key", key(operation)),
            ("positions", positions.collect::<Vec<_>>().join(", ")),
            ("tries", format!("{tries} of {most}, in attempt {}", operation.attempt)),
            ("external ids", ids.join(", ")),
            ("begun at", rfc3339(operation.begun_at)),
            ("started at", or_dash(operation.started_at.map(rfc3339))),
            ("ended at", or_dash(operation.finished_at.map(rfc3339))),
            ("start until", or_dash(operation.deadline.map(rfc3339))),
            ("retry from", or_dash(operation.not_before.map(rfc3339))),
            (
                "claim",
                or_dash(claim.map(|(name, key)| format!("{} in {name}", key.escape_ascii()))),
            ),
            ("in place of", or_dash(operation.retry_of.map(|id| id.to_string()))),
            ("last failure", or_dash(failure.map(|(class, reason)| format!("{class}: {reason}")))),
            ("attention", or_dash(operation.needs_attention.as_ref().map(attention))),
            ("presented", format!("{} times without an answer", operation.presentations)),
            ("epoch", operation.epoch.to_string()),
            ("payload", format!("{} bytes", operation.payload.len())),
        ]
    }

    /// Everything that happened, in the order of its time; what was called comes before what came of it.
    fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for Event { at, call, attempt, evidence, .. } in &self.events {
            let (what, said) =
                (call.name().to_owned(), evidence.as_deref().unwrap_or("").to_owned());
            moments.push(Moment { at: *at, attempt: Some(*attempt), what, said });
        }
        for Checkpoint { at, attempt, reference, .. } in &self.checkpoints {
            let said = reference.escape_ascii().to_string();
            moments.push(Moment {
                at: *at,
                attempt: Some(*attempt),
                what: "reference".into(),
                said,
            });
        }
        for entry in &self.entries {
            let what = format!("entry {} {}", entry.id, entry.kind.name());
            moments.push(Moment { at: entry.at, attempt: None, what, said: legs(entry) });
        }
        // Stable: what was written in one commit stays in the order above.
        moments.sort_by_key(|moment| moment.at);
        moments
    }
}

/// One thing that happened.
struct Moment {
    at: Timestamp,
    attempt: Option<u32>,
    what: String,
    said: String,
}

impl Moment {
    fn cells(self) -> [String; 4] {
        let attempt = or_dash(self.attempt.map(|attempt| attempt.to_string()));
        [rfc3339(self.at), attempt, self.what, self.said]
    }
}

fn told(step: &UndoStep) -> String {
    match step {
        UndoStep::Reverse { entry } => format!("reverse entry {entry}"),
        UndoStep::Restore { position, name, value } => {
            let value = or_dash(value.as_ref().map(|value| value.escape_ascii().to_string()));
            format!("restore {name} of position {position} to {value}")
        }
        _ => "take back something that this program does not know".to_owned(),
    }
}

/// A life as one line of JSON.
#[derive(Serialize)]
struct LifeLine<'a> {
    #[serde(flatten)]
    operation: OperationLine<'a>,
    payload_hex: String,
    accounts: &'a [Box<str>],
    assets: Vec<String>,
    events: Vec<EventLine<'a>>,
    checkpoints: Vec<CheckpointLine>,
    entries: Vec<EntryLine<'a>>,
    holds: Vec<HoldLine<'a>>,
    undo: Vec<String>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    number: u32,
    at: String,
    call: &'static str,
    attempt: u32,
    evidence: Option<&'a str>,
}

#[derive(Serialize)]
struct CheckpointLine {
    at: String,
    attempt: u32,
    reference: String,
    reference_hex: String,
}

#[derive(Serialize)]
struct HoldLine<'a> {
    account: &'a str,
    what: String,
    reserved: MoneyLine,
    remaining: MoneyLine,
}

impl<'a> From<&'a Life> for LifeLine<'a> {
    fn from(life: &'a Life) -> Self {
        let events = life.events.iter().map(|event| EventLine {
            number: event.number,
            at: rfc3339(event.at),
            call: event.call.name(),
            attempt: event.attempt,
            evidence: event.evidence.as_deref(),
        });
        let checkpoints = life.checkpoints.iter().map(|noted| CheckpointLine {
            at: rfc3339(noted.at),
            attempt: noted.attempt,
            reference: noted.reference.escape_ascii().to_string(),
            reference_hex: hex(&noted.reference),
        });
        let holds = life.holds.iter().map(|hold| HoldLine {
            account: &hold.account,
            what: held(hold),
            reserved: (&hold.reserved).into(),
            remaining: (&hold.remaining).into(),
        });
        Self {
            operation: (&life.operation).into(),
            payload_hex: hex(&life.operation.payload),
            accounts: &life.operation.accounts,
            assets: life.operation.assets.iter().map(crate::sums::asset).collect(),
            events: events.collect(),
            checkpoints: checkpoints.collect(),
            entries: life.entries.iter().map(EntryLine::from).collect(),
            holds: holds.collect(),
            undo: life.undo.iter().map(told).collect(),
        }
    }
}
