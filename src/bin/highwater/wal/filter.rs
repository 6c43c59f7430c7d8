//! Which commits and which of their rows are asked for.

use clap::Args;
use highwater::Timestamp;
use highwater::inspect::{DecodedRow, Log, LogCommit, RowChange, Value, decode_row};
use highwater::tokens::TokenKey;

use crate::failure::Failure;
use crate::time::TimeUnit;

use super::failed;

/// The flags that choose commits; all given ones have to hold.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filters {
    /// From this commit on
    #[arg(long, value_name = "LSN")]
    from: Option<u64>,
    /// Up to this commit
    #[arg(long, value_name = "LSN")]
    to: Option<u64>,
    /// From this time on, as in 2024-08-08T23:54:15Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Up to this time, without it
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Rows of this table, by its name or number
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Rows whose key, or a part of it, begins with this
    #[arg(long, value_name = "PREFIX")]
    key: Option<String>,
    /// Rows of this operation
    #[arg(long, value_name = "ID")]
    operation: Option<u64>,
    /// Rows of this token: CHAIN/ADDRESS, an address, or a symbol
    #[arg(long, value_name = "KEY|SYMBOL")]
    token: Option<String>,
    /// Rows of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    TimeUnit::Rfc3339.parse(text).map_err(|error| error.to_string())
}

/// The filters, with what was learnt of the store.
pub(super) struct Chosen {
    filters: Filters,
    /// The tokens that have, or had, the symbol that is asked for.
    named: Vec<TokenKey>,
}

impl Chosen {
    pub(super) fn new(filters: &Filters, log: &Log) -> Result<Self, Failure> {
        if let Some(asked) = &filters.table {
            let known = (0..=u8::MAX).any(|number| is_table(number, asked));
            if !known {
                let form = "a name that `highwater info` lists, or a number";
                return Err(Failure::Argument { what: "table", asked: asked.clone(), form });
            }
        }
        let named = match &filters.token {
            Some(asked) => log.tokens_with_symbol(asked).map_err(failed)?,
            None => Vec::new(),
        };
        Ok(Self { filters: filters.clone(), named })
    }

    /// Whether rows have to be looked at at all.
    pub(super) fn asks_for_rows(&self) -> bool {
        let Filters { table, key, operation, token, account, .. } = &self.filters;
        table.is_some()
            || key.is_some()
            || operation.is_some()
            || token.is_some()
            || account.is_some()
    }

    /// Whether the commit lies where it is asked for.
    pub(super) fn lies_in_range(&self, commit: &LogCommit) -> bool {
        let Filters { from, to, since, until, .. } = &self.filters;
        from.is_none_or(|from| commit.lsn >= from)
            && to.is_none_or(|to| commit.lsn <= to)
            && since.is_none_or(|since| commit.at >= since)
            && until.is_none_or(|until| commit.at < until)
    }

    /// Whether no later commit can be asked for. Times of commits never fall.
    pub(super) fn is_behind(&self, commit: &LogCommit) -> bool {
        self.filters.to.is_some_and(|to| commit.lsn > to)
            || self.filters.until.is_some_and(|until| commit.at >= until)
    }

    /// Whether no earlier commit can be asked for.
    pub(super) fn is_before(&self, commit: &LogCommit) -> bool {
        self.filters.from.is_some_and(|from| commit.lsn < from)
            || self.filters.since.is_some_and(|since| commit.at < since)
    }

    /// The row, if it is asked for.
    pub(super) fn row(&mut self, change: &RowChange<'_>) -> Option<DecodedRow> {
        let Filters { table, key, operation, token, account, .. } = &self.filters;
        if table.as_ref().is_some_and(|asked| !is_table(change.table, asked)) {
            return None;
        }
        let row = decode_row(change.table, change.key, change.row);
        if let Some(asked) = token {
            learn_symbol(&mut self.named, &row, asked);
        }
        let holds = key.as_ref().is_none_or(|prefix| has_key(&row, change.key, prefix))
            && operation.is_none_or(|id| has(&row, "operation", &Value::Number(id)))
            && account.as_ref().is_none_or(|name| {
                has(&row, "account", &Value::Text(name.as_str().into()))
                    || has(&row, "accounts", &Value::Text(name.as_str().into()))
            })
            && token.as_ref().is_none_or(|asked| is_of_token(&row, asked, &self.named));
        holds.then_some(row)
    }

    /// Whether a commit has a row that is asked for.
    pub(super) fn has_row(&mut self, commit: &LogCommit) -> bool {
        !self.asks_for_rows() || commit.rows().any(|change| self.row(&change).is_some())
    }
}

fn is_table(number: u8, asked: &str) -> bool {
    let name = RowChange { table: number, key: &[], row: None }.table_name();
    asked.parse() == Ok(number) || !name.is_empty() && name == asked
}

fn has(row: &DecodedRow, name: &str, value: &Value) -> bool {
    row.any(&|found, held| found == Some(name) && held == value)
}

fn has_key(row: &DecodedRow, key: &[u8], prefix: &str) -> bool {
    key.starts_with(prefix.as_bytes())
        || row.key.any(&|_, value| match value {
            Value::Fields(_) | Value::List(_) | Value::Absent => false,
            Value::Token(key) => {
                key.address().starts_with(prefix)
                    || format!("{}/{}", key.chain(), key.address()).starts_with(prefix)
            }
            value => value.to_string().starts_with(prefix),
        })
}

fn is_of_token(row: &DecodedRow, asked: &str, named: &[TokenKey]) -> bool {
    let is = |key: &TokenKey| {
        key.address() == asked
            || format!("{}/{}", key.chain(), key.address()) == asked
            || named.contains(key)
    };
    row.any(&|_, value| match value {
        Value::Token(key) => is(key),
        Value::Money { of: Some(asset), .. } => is(asset.key()),
        _ => false,
    })
}

/// Notes the token of a row that gives it the symbol that is asked for.
fn learn_symbol(named: &mut Vec<TokenKey>, row: &DecodedRow, asked: &str) {
    let symbol = Value::Text(asked.into());
    let is_named = |row: &Value| row.any(&|name, value| name == Some("symbol") && *value == symbol);
    let (Value::Fields(key), Some(true)) = (&row.key, row.row.as_ref().map(is_named)) else {
        return;
    };
    if let [("token", Value::Token(key))] = &key[..]
        && !named.contains(key)
    {
        named.push(key.clone());
    }
}
