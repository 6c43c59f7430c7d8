//! `highwater summary`: each account at a glance: cash, positions, profit, fees, and what has no price.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use highwater::ledger::{OpenLine, Summary};
use serde::Serialize;

use crate::failure::Failure;
use crate::known;
use crate::opened::Opened;
use crate::print::{Form, facts, json_line, visible};
use crate::store_argument::StateArgument;
use crate::sums::{MoneyLine, listed, money};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater summary --store /tmp/demo
  highwater summary --store /tmp/demo --account main --max-mark-age-secs 3600
  highwater summary --store /tmp/demo --json | jq -c '[.account, .wins, .losses, .unmarked]'
  highwater summary --store /tmp/demo --at 4711

Prices are as old as they were at the last commit. A position without a price, or with one that is \
older than --max-mark-age-secs, is listed as unmarked and is in no market value.

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Do not believe prices that are older [default: believe all]
    #[arg(long, value_name = "SECONDS")]
    max_mark_age_secs: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let form = Form::from_flag(arguments.json);
    let ledger = opened.store.ledger();
    let accounts: BTreeSet<Box<str>> = match &arguments.account {
        Some(account) => {
            let accounts = opened.checked(ledger.all_accounts())?;
            if !accounts.iter().any(|known| *known.account == **account) {
                let hint = "; `highwater accounts` shows all of them";
                return Err(known::unknown("account", account, hint));
            }
            BTreeSet::from([account.as_str().into()])
        }
        None => {
            let accounts = opened.checked(ledger.all_accounts())?.into_iter();
            accounts.map(|account| account.account).collect()
        }
    };
    let age = arguments.max_mark_age_secs.map(Duration::from_secs);
    for (place, account) in accounts.iter().enumerate() {
        let summary = opened.checked(ledger.summary(account, age))?;
        match form {
            Form::Json => json_line(out, &SummaryLine::new(account, &summary))?,
            Form::Table => {
                if place > 0 {
                    writeln!(out)?;
                }
                print(out, account, &summary)?;
            }
        }
    }
    Ok(())
}

fn unmarked(summary: &Summary) -> impl Iterator<Item = &OpenLine> {
    summary.open.iter().filter(|line| line.market_value.is_none())
}

fn print(out: &mut impl Write, account: &str, summary: &Summary) -> Result<(), Failure> {
    writeln!(out, "{}", visible(account))?;
    let mut all = Vec::new();
    for line in &summary.cash {
        let (total, reserved) = (&line.total, &line.reserved);
        let cash =
            format!("{} available, {reserved} reserved, {total} in all", money(&line.available));
        all.push(("  cash", cash));
    }
    for line in &summary.quotes {
        let words = [
            ("cost", &line.cost),
            ("worth", &line.market_value),
            ("unrealized", &line.unrealized),
            ("realized", &line.realized),
        ];
        let words = words.map(|(word, sum)| format!("{word} {}", money(sum)));
        all.push(("  positions", words.join(", ")));
    }
    if !summary.fees.is_empty() {
        all.push(("  fees", listed(&summary.fees)));
    }
    let (open, opening) = (summary.positions_open, summary.positions_opening);
    let closing = summary.positions_closing;
    all.push(("  open", format!("{open}, {opening} opening, {closing} closing")));
    let (wins, losses, flat) = (summary.wins, summary.losses, summary.flat);
    all.push(("  closed", format!("{wins} won, {losses} lost, {flat} flat")));
    for line in unmarked(summary) {
        let (quantity, cost) = (money(&line.quantity), money(&line.cost));
        all.push(("  unmarked", format!("{} {quantity} that cost {cost}", line.position)));
    }
    Ok(facts(out, &all)?)
}

/// A summary as one line of JSON.
#[derive(Serialize)]
struct SummaryLine<'a> {
    kind: &'static str,
    account: &'a str,
    cash: Vec<CashLine>,
    quotes: Vec<QuoteLine>,
    fees: Vec<MoneyLine>,
    positions_open: u64,
    positions_opening: u64,
    positions_closing: u64,
    wins: u64,
    losses: u64,
    flat: u64,
    open: Vec<PositionLine>,
    unmarked: Vec<u64>,
}

#[derive(Serialize)]
struct CashLine {
    available: MoneyLine,
    reserved: MoneyLine,
    total: MoneyLine,
}

#[derive(Serialize)]
struct QuoteLine {
    cost: MoneyLine,
    market_value: MoneyLine,
    unrealized: MoneyLine,
    realized: MoneyLine,
}

#[derive(Serialize)]
struct PositionLine {
    position: u64,
    quantity: MoneyLine,
    cost: MoneyLine,
    market_value: Option<MoneyLine>,
}

impl<'a> SummaryLine<'a> {
    fn new(account: &'a str, summary: &Summary) -> Self {
        let cash = summary.cash.iter().map(|line| CashLine {
            available: (&line.available).into(),
            reserved: (&line.reserved).into(),
            total: (&line.total).into(),
        });
        let quotes = summary.quotes.iter().map(|line| QuoteLine {
            cost: (&line.cost).into(),
            market_value: (&line.market_value).into(),
            unrealized: (&line.unrealized).into(),
            realized: (&line.realized).into(),
        });
        let open = summary.open.iter().map(|line| PositionLine {
            position: line.position.get(),
            quantity: (&line.quantity).into(),
            cost: (&line.cost).into(),
            market_value: line.market_value.as_ref().map(MoneyLine::from),
        });
        Self {
            kind: "summary",
            account,
            cash: cash.collect(),
            quotes: quotes.collect(),
            fees: summary.fees.iter().map(MoneyLine::from).collect(),
            positions_open: summary.positions_open,
            positions_opening: summary.positions_opening,
            positions_closing: summary.positions_closing,
            wins: summary.wins,
            losses: summary.losses,
            flat: summary.flat,
            open: open.collect(),
            unmarked: unmarked(summary).map(|line| line.position.get()).collect(),
        }
    }
}
