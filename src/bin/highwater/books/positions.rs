//! `highwater positions`: what is held, what it cost, and what was closed.

use std::io::Write;

use clap::Args;
use highwater::Position;
use highwater::ledger::CostMethod;
use serde::Serialize;

use super::is_asset;
use crate::failure::Failure;
use crate::grid::{Column, Grid};
use crate::known;
use crate::opened::{Opened, limit};
use crate::print::{Form, json_line};
use crate::store_argument::StateArgument;
use crate::sums::{self, MoneyLine, or_dash};
use crate::time::{Period, rfc3339};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater positions --store /tmp/demo
  highwater positions --store /tmp/demo --account main --tag copy-trades
  highwater positions --store /tmp/demo --closed --since 2024-08-08T00:00:00Z
  highwater positions --store /tmp/demo --all --json | jq -r '[.id, .realized.amount] | @tsv'
  highwater positions --store /tmp/demo --at 4711

Open positions are listed unless --closed or --all asks for others. Times are those of the closing \
with --closed, else those of the opening. Realized profit is without fees.

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

const COLUMNS: &[Column] = &[
    Column::number("id", 0),
    Column::text("account", 3),
    Column::text("asset", 0),
    Column::text("tag", 2),
    Column::number("quantity", 0),
    Column::number("set aside", 4),
    Column::number("cost", 0),
    Column::text("in", 1),
    Column::number("realized", 0),
    Column::number("fees", 5),
    Column::text("opened at", 6),
    Column::text("closed at", 2),
];

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only closed positions
    #[arg(long, conflicts_with = "all")]
    closed: bool,
    /// Open and closed positions
    #[arg(long)]
    all: bool,
    /// Only positions of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only positions in this asset, as CHAIN/ID or ID
    #[arg(long, value_name = "ASSET")]
    asset: Option<String>,
    /// Only positions with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
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
    fn matches(&self, position: &Position) -> bool {
        let time = if self.closed { position.closed_at } else { Some(position.opened_at) };
        (self.all || position.is_open() != self.closed)
            && self.account.as_deref().is_none_or(|account| account == &*position.account)
            && self.asset.as_deref().is_none_or(|asset| is_asset(&position.asset, asset))
            && self.tag.as_deref().is_none_or(|tag| tag == &*position.tag)
            && time.is_some_and(|time| self.period.contains(time))
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let form = Form::from_flag(arguments.json);
    known::account(&opened, arguments.account.as_deref())?;
    known::asset(&opened, arguments.asset.as_deref())?;
    let limit = limit(arguments.limit, form);
    let mut grid = Grid::new(COLUMNS);
    let matches = |position: &Position| arguments.matches(position);
    opened.each(opened.store.ledger().positions(), limit, matches, |position| {
        match form {
            Form::Json => json_line(out, &PositionLine::from(position))?,
            Form::Table => grid.row(cells(position)),
        }
        Ok(())
    })?;
    known::tell_none(form, grid.is_empty(), "positions");
    Ok(grid.print(out)?)
}

fn cells(position: &Position) -> [String; 12] {
    [
        position.id.to_string(),
        position.account.to_string(),
        sums::asset(&position.asset),
        position.tag.to_string(),
        position.quantity.to_string(),
        position.reserved.to_string(),
        position.cost.to_string(),
        sums::asset(&position.quote),
        position.realized.to_string(),
        position.quote_fees.to_string(),
        rfc3339(position.opened_at),
        or_dash(position.closed_at.map(rfc3339)),
    ]
}

/// A position as one line of JSON.
#[derive(Serialize)]
struct PositionLine<'a> {
    kind: &'static str,
    id: u64,
    account: &'a str,
    asset: String,
    quote: String,
    tag: &'a str,
    method: CostMethod,
    is_open: bool,
    opened_at: String,
    closed_at: Option<String>,
    opened_by: Option<u64>,
    quantity: MoneyLine,
    reserved: MoneyLine,
    cost: MoneyLine,
    realized: MoneyLine,
    quote_fees: MoneyLine,
    bought: MoneyLine,
    proceeds: MoneyLine,
    entries: u64,
}

impl<'a> From<&'a Position> for PositionLine<'a> {
    fn from(position: &'a Position) -> Self {
        Self {
            kind: "position",
            id: position.id.get(),
            account: &position.account,
            asset: sums::asset(&position.asset),
            quote: sums::asset(&position.quote),
            tag: &position.tag,
            method: position.method,
            is_open: position.is_open(),
            opened_at: rfc3339(position.opened_at),
            closed_at: position.closed_at.map(rfc3339),
            opened_by: position.opened_by.map(|operation| operation.get()),
            quantity: (&position.quantity).into(),
            reserved: (&position.reserved).into(),
            cost: (&position.cost).into(),
            realized: (&position.realized).into(),
            quote_fees: (&position.quote_fees).into(),
            bought: (&position.bought).into(),
            proceeds: (&position.proceeds).into(),
            entries: position.entries,
        }
    }
}
