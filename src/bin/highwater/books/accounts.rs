//! `highwater accounts`: what every account holds, what of it is set aside, and what can be spent.

use std::io::Write;

use clap::Args;
use highwater::ledger::AccountBalance;
use highwater::{AccountKind, Money};
use serde::Serialize;

use super::is_asset;
use crate::failure::Failure;
use crate::grid::{Column, Grid};
use crate::known;
use crate::opened::Opened;
use crate::print::{Form, json_line};
use crate::store_argument::StateArgument;
use crate::sums::{self, MoneyLine, or_dash};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater accounts --store /tmp/demo
  highwater accounts --store /tmp/demo --kind all
  highwater accounts --store /tmp/demo --json | jq -r 'select(.account_kind == \"cash\") | .available.amount'
  highwater accounts --store /tmp/demo --at 4711

Of one account and asset there is one of each kind: cash and units (never negative), cost, fees, \
realized-pnl (a profit is negative), world (the outside) and adjustment (what was booked without an \
explanation). Cash and units are listed unless --kind says otherwise.

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

const COLUMNS: &[Column] = &[
    Column::text("account", 0),
    Column::text("kind", 0),
    Column::text("asset", 0),
    Column::number("available", 0),
    Column::number("reserved", 0),
    Column::number("total", 0),
    Column::number("expected", 1),
];

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only this asset, as CHAIN/ID or ID
    #[arg(long, value_name = "ASSET")]
    asset: Option<String>,
    /// Only accounts of these kinds, or all
    #[arg(long, value_delimiter = ',', value_name = "KIND,..", default_value = "cash,units", value_parser = kind)]
    kind: Vec<Asked>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    All,
    One(AccountKind),
}

fn kind(text: &str) -> Result<Asked, String> {
    let known = AccountKind::ALL.into_iter().find(|kind| kind.to_string() == text);
    match (text, known) {
        ("all", _) => Ok(Asked::All),
        (_, Some(kind)) => Ok(Asked::One(kind)),
        (_, None) => {
            let names = AccountKind::ALL.map(|kind| kind.to_string()).join(", ");
            Err(format!("it is none of all, {names}"))
        }
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let form = Form::from_flag(arguments.json);
    known::account(&opened, arguments.account.as_deref())?;
    known::asset(&opened, arguments.asset.as_deref())?;
    let ledger = opened.store.ledger();
    let (mut grid, mut found) = (Grid::new(COLUMNS), 0);
    let accounts = match &arguments.account {
        Some(account) => opened.checked(ledger.accounts(account))?,
        None => opened.checked(ledger.all_accounts())?,
    };
    for account in &accounts {
        let asked = |asked: &Asked| *asked == Asked::All || *asked == Asked::One(account.kind);
        let asset = account.balance.asset();
        let is_wanted = arguments.asset.as_deref().is_none_or(|asset_| is_asset(asset, asset_));
        if !is_wanted || !arguments.kind.iter().any(asked) {
            continue;
        }
        found += 1;
        let available = opened.checked(available(account))?;
        match form {
            Form::Json => json_line(out, &AccountLine::new(account, available.as_ref()))?,
            Form::Table => grid.row([
                account.account.to_string(),
                account.kind.to_string(),
                sums::asset(asset),
                or_dash(available.map(|money| money.to_string())),
                account.pending_debits.to_string(),
                account.balance.to_string(),
                account.pending_credits.to_string(),
            ]),
        }
    }
    known::tell_none(form, found == 0, "accounts");
    Ok(grid.print(out)?)
}

/// What can be spent; only cash and units can.
fn available(account: &AccountBalance) -> Result<Option<Money>, highwater::Error> {
    match account.kind {
        AccountKind::Cash | AccountKind::Units => {
            Ok(Some(account.balance.checked_sub(&account.pending_debits)?))
        }
        _ => Ok(None),
    }
}

/// An account as one line of JSON.
#[derive(Serialize)]
struct AccountLine<'a> {
    kind: &'static str,
    account: &'a str,
    account_kind: String,
    available: Option<MoneyLine>,
    reserved: MoneyLine,
    total: MoneyLine,
    expected: MoneyLine,
    debits: MoneyLine,
    credits: MoneyLine,
}

impl<'a> AccountLine<'a> {
    fn new(account: &'a AccountBalance, available: Option<&Money>) -> Self {
        Self {
            kind: "account",
            account: &account.account,
            account_kind: account.kind.to_string(),
            available: available.map(MoneyLine::from),
            reserved: (&account.pending_debits).into(),
            total: (&account.balance).into(),
            expected: (&account.pending_credits).into(),
            debits: (&account.debits).into(),
            credits: (&account.credits).into(),
        }
    }
}
