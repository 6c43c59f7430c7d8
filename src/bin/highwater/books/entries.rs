//! `highwater entries`: what was posted to the ledger, with the legs of each entry.

use std::io::Write;

use clap::Args;
use highwater::ledger::{Entry, FillId, PositionChange};
use highwater::{Error, OperationId, PositionId};
use serde::Serialize;

use crate::failure::Failure;
use crate::grid::{Column, Grid};
use crate::known::{self, number};
use crate::opened::{Opened, limit};
use crate::print::{Form, json_line};
use crate::store_argument::StateArgument;
use crate::sums::{MoneyLine, money, or_dash};
use crate::time::{Period, rfc3339};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater entries --store /tmp/demo --limit 20
  highwater entries --store /tmp/demo --operation 42
  highwater entries --store /tmp/demo --position 7 --since 2024-08-08T00:00:00Z
  highwater entries --store /tmp/demo --account main --json | jq -c '[.id, .legs]'
  highwater entries --store /tmp/demo --at 4711

A leg adds to an account where it is positive and takes from it where it is negative; the legs of \
an entry sum to zero for each asset. Entries never change: a reversed one names its reversal.

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

const COLUMNS: &[Column] = &[
    Column::number("id", 0),
    Column::text("at", 1),
    Column::text("kind", 0),
    Column::text("operation", 3),
    Column::text("fill", 4),
    Column::text("legs", 0),
    Column::text("note", 2),
];

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only entries with a leg on this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only entries of this operation
    #[arg(long, value_name = "ID", value_parser = number)]
    operation: Option<u64>,
    /// Only entries that moved this position, and their reversals
    #[arg(long, value_name = "ID", value_parser = number)]
    position: Option<u64>,
    #[command(flatten)]
    period: Period,
    /// At most so many, the latest; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn matches(&self, entry: &Entry) -> bool {
        let on_account = |account: &str| entry.legs.iter().any(|leg| *leg.account == *account);
        let moved = |position| {
            entry.changes.iter().any(|change| change.position == PositionId::new(position))
        };
        self.account.as_deref().is_none_or(on_account)
            && self.position.is_none_or(moved)
            && self.operation.is_none_or(|id| entry.operation == Some(OperationId::new(id)))
            && self.period.contains(entry.at)
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let form = Form::from_flag(arguments.json);
    known::account(&opened, arguments.account.as_deref())?;
    known::operation(&opened, arguments.operation)?;
    known::position(&opened, arguments.position)?;
    let limit = limit(arguments.limit, form);
    let matches = |entry: &Entry| arguments.matches(entry);
    let mut grid = Grid::new(COLUMNS);
    opened.each(listed(arguments, &opened), limit, matches, |entry| {
        match form {
            Form::Json => json_line(out, &EntryLine::from(entry))?,
            Form::Table => grid.row(cells(entry)),
        }
        Ok(())
    })?;
    known::tell_none(form, grid.is_empty(), "entries");
    Ok(grid.print(out)?)
}

/// The entries under the narrowest index that the arguments name.
fn listed<'o>(
    arguments: &'o Arguments,
    opened: &'o Opened<'_>,
) -> Box<dyn DoubleEndedIterator<Item = Result<Entry, Error>> + 'o> {
    let ledger = opened.store.ledger();
    if let Some(operation) = arguments.operation {
        return Box::new(ledger.entries_of(OperationId::new(operation)).map(converted));
    }
    if let Some(position) = arguments.position {
        return Box::new(ledger.entries_of_position(PositionId::new(position)).map(converted));
    }
    match &arguments.account {
        Some(account) => Box::new(ledger.entries_of_account(account).map(converted)),
        None => Box::new(ledger.entries().map(converted)),
    }
}

fn converted(entry: Result<Entry, highwater::ledger::Error>) -> Result<Entry, Error> {
    entry.map_err(Error::from)
}

/// The legs of an entry on one line.
pub(crate) fn legs(entry: &Entry) -> String {
    let legs = entry.legs.iter();
    let legs = legs.map(|leg| format!("{} {} {}", leg.account, leg.kind, money(&leg.money)));
    legs.collect::<Vec<_>>().join("; ")
}

fn cells(entry: &Entry) -> [String; 7] {
    let fill = entry.fill.as_ref().map(|(venue, id)| format!("{venue} {}", fill_id(id)));
    [
        entry.id.to_string(),
        rfc3339(entry.at),
        entry.kind.name().to_owned(),
        or_dash(entry.operation.map(|id| id.to_string())),
        or_dash(fill),
        legs(entry),
        remarks(entry),
    ]
}

fn fill_id(id: &FillId) -> &str {
    match id {
        FillId::Execution(id) => id,
        FillId::Cumulative => "cumulative",
    }
}

fn remarks(entry: &Entry) -> String {
    let id = |word: &str, id: Option<highwater::EntryId>| id.map(|id| format!("{word} {id}"));
    let known = [
        id("reverses", entry.reverses),
        id("reversed by", entry.reversed_by),
        id("corrects", entry.corrects),
        entry.reason.as_deref().map(str::to_owned),
    ];
    known.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// An entry as one line of JSON.
#[derive(Serialize)]
pub(crate) struct EntryLine<'a> {
    kind: &'static str,
    id: u64,
    at: String,
    entry_kind: &'static str,
    operation: Option<u64>,
    venue: Option<&'a str>,
    fill: Option<&'a str>,
    legs: Vec<LegLine<'a>>,
    changes: Vec<ChangeLine>,
    reverses: Option<u64>,
    reversed_by: Option<u64>,
    corrects: Option<u64>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct LegLine<'a> {
    account: &'a str,
    account_kind: String,
    #[serde(flatten)]
    money: MoneyLine,
}

#[derive(Serialize)]
struct ChangeLine {
    position: u64,
    quantity: MoneyLine,
    token_fee: MoneyLine,
    covered: MoneyLine,
    gross: MoneyLine,
    fee: MoneyLine,
    cost: MoneyLine,
    realized: MoneyLine,
}

impl From<&PositionChange> for ChangeLine {
    fn from(change: &PositionChange) -> Self {
        Self {
            position: change.position.get(),
            quantity: (&change.quantity).into(),
            token_fee: (&change.token_fee).into(),
            covered: (&change.covered).into(),
            gross: (&change.gross).into(),
            fee: (&change.fee).into(),
            cost: (&change.cost).into(),
            realized: (&change.realized).into(),
        }
    }
}

impl<'a> From<&'a Entry> for EntryLine<'a> {
    fn from(entry: &'a Entry) -> Self {
        let legs = entry.legs.iter().map(|leg| LegLine {
            account: &leg.account,
            account_kind: leg.kind.to_string(),
            money: (&leg.money).into(),
        });
        Self {
            kind: "entry",
            id: entry.id.get(),
            at: rfc3339(entry.at),
            entry_kind: entry.kind.name(),
            operation: entry.operation.map(|id| id.get()),
            venue: entry.fill.as_ref().map(|(venue, _)| &**venue),
            fill: entry.fill.as_ref().map(|(_, id)| fill_id(id)),
            legs: legs.collect(),
            changes: entry.changes.iter().map(ChangeLine::from).collect(),
            reverses: entry.reverses.map(|id| id.get()),
            reversed_by: entry.reversed_by.map(|id| id.get()),
            corrects: entry.corrects.map(|id| id.get()),
            reason: entry.reason.as_deref(),
        }
    }
}
