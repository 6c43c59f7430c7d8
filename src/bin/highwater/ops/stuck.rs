//! `highwater ops stuck`: the operations that somebody has to look at, why, and what to do.
//!
//! Nobody has the store open while it is read, so every unfinished operation has lost its owner: the
//! next recovery asks for a verdict on each that was started.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use highwater::ledger::Hold;
use highwater::{Attention, Operation, Status, SystemClock, Timestamp};
use serde::Serialize;

use super::{OperationLine, attention, key};
use crate::failure::Failure;
use crate::opened::Opened;
use crate::print::{Form, facts, json_line, note};
use crate::store_argument::StoreArgument;
use crate::sums::{MoneyLine, listed};
use crate::time::{rfc3339, stated};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater ops stuck --store /tmp/demo
  highwater ops stuck --store /tmp/demo --longest 1h
  highwater ops stuck --store /tmp/demo --json | jq -r '.external_id + \" \" + .reasons[0].name'

Reasons: attempts_used_up, quarantined, undo_blocked (nothing goes on before somebody decides), \
in_progress_long, and orphan (its bot ended before it was decided; the next recovery asks about it).

Exit codes: 0 done, whatever was found; 1 wrong usage or an error of the machine; 3 acknowledged \
data is damaged; 5 the store is locked or of an unknown version.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// What has been in progress for longer takes too long, as 10m or 1h 30m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    longest: Duration,
    /// When it is, instead of now, as in 2024-08-08T23:54:15Z
    #[arg(long, value_name = "TIME", value_parser = stated)]
    at: Option<Timestamp>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "it is not a length of time, such as 10m or 1h 30m".to_owned())
}

/// Why an operation needs somebody.
#[derive(Serialize)]
struct Reason {
    name: &'static str,
    why: String,
    what_to_do: String,
}

/// An operation that needs somebody, as one line of JSON.
#[derive(Serialize)]
struct StuckLine<'a> {
    #[serde(flatten)]
    operation: OperationLine<'a>,
    reasons: &'a [Reason],
    held: Vec<MoneyLine>,
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open(&arguments.store)?;
    let form = Form::from_flag(arguments.json);
    let now = arguments.at.unwrap_or_else(|| highwater::Clock::now(&SystemClock));
    let operations = opened.store.operations();
    let unfinished = opened.checked(operations.unfinished())?;
    if unfinished.is_empty() {
        note("nothing is unfinished");
    }
    for (place, operation) in unfinished.iter().enumerate() {
        let held = opened.checked(operations.holds(operation.id))?;
        let reasons = reasons(operation, now, arguments.longest);
        if form == Form::Json {
            let held = held.iter().map(|hold| MoneyLine::from(&hold.remaining)).collect();
            json_line(out, &StuckLine { operation: operation.into(), reasons: &reasons, held })?;
            continue;
        }
        if place > 0 {
            writeln!(out)?;
        }
        print(out, operation, &held, &reasons)?;
    }
    Ok(())
}

fn print(
    out: &mut impl Write,
    operation: &Operation,
    held: &[Hold],
    reasons: &[Reason],
) -> Result<(), Failure> {
    let (id, status, kind) = (operation.id, operation.status, &operation.kind);
    let mut all = vec![
        (
            "operation",
            format!("{id} {status}, {kind} of {}, key {}", operation.account, key(operation)),
        ),
        ("external id", operation.external_id.to_string()),
        ("begun at", rfc3339(operation.begun_at)),
    ];
    if !held.is_empty() {
        all.push(("set aside", listed(held.iter().map(|hold| &hold.remaining))));
    }
    if let Some((class, reason)) = &operation.failure {
        all.push(("last failure", format!("{class}: {reason}")));
    }
    for reason in reasons {
        all.push(("why", format!("{}: {}", reason.name, reason.why)));
        all.push(("what to do", reason.what_to_do.clone()));
    }
    Ok(facts(out, &all)?)
}

/// Why an unfinished operation needs somebody: what needs a human first, the orphan last.
fn reasons(operation: &Operation, now: Timestamp, longest: Duration) -> Vec<Reason> {
    let attention = operation.needs_attention.as_ref().map(|found| of_attention(operation, found));
    let long = in_progress_long(operation, now, longest);
    attention.into_iter().chain(long).chain([orphan(operation)]).collect()
}

fn of_attention(operation: &Operation, found: &Attention) -> Reason {
    let (id, external) = (operation.id, operation.external_id);
    let name = match found {
        Attention::AttemptsUsedUp { .. } => "attempts_used_up",
        Attention::Quarantined => "quarantined",
        Attention::UndoBlocked { .. } => "undo_blocked",
        _ => "needs_attention",
    };
    let what_to_do = match found {
        Attention::UndoBlocked { .. } => format!(
            "make what it applied fit again (deposit what is missing, or reverse what was booked since), \
             then roll_back {id}"
        ),
        _ => format!(
            "ask the venue what became of {external}; then by number {id}: resolve_complete with what \
             it did, roll_back with that as evidence, or retry"
        ),
    };
    Reason { name, why: attention(found), what_to_do }
}

fn in_progress_long(operation: &Operation, now: Timestamp, longest: Duration) -> Option<Reason> {
    if operation.status != Status::InProgress {
        return None;
    }
    let since = operation.started_at.unwrap_or(operation.begun_at);
    let micros = now.as_micros().saturating_sub(since.as_micros());
    let passed = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    (passed > longest).then(|| Reason {
        name: "in_progress_long",
        why: format!("in progress since {}, for {} seconds", rfc3339(since), passed.as_secs()),
        what_to_do: format!("ask the venue whether {} is live", operation.external_id),
    })
}

fn orphan(operation: &Operation) -> Reason {
    let external = operation.external_id;
    let (why, what_to_do) = match operation.status {
        Status::Pending => (
            "begun and never started: nothing happened outside".to_owned(),
            "nothing: the next recovery, or `highwater maintain`, rolls it back".to_owned(),
        ),
        Status::InProgress => (
            "in progress when its bot ended: an order may be live".to_owned(),
            format!("start the bot: recovery asks for a verdict; the venue knows it as {external}"),
        ),
        _ => (
            "failed and not settled when its bot ended".to_owned(),
            format!("start the bot: recovery asks for a verdict; the venue knows it as {external}"),
        ),
    };
    Reason { name: "orphan", why, what_to_do }
}
