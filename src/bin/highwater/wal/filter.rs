//! Which commits and which of their rows are asked for.

use std::path::Path;

use clap::Args;
use highwater::inspect::{DecodedRow, Log, LogCommit, LogEntry, RowChange, Value, decode_row};
use highwater::tokens::TokenKey;
use highwater::{Error, OperationId, ReadOnly, Timestamp};

use crate::failure::Failure;
use crate::known::{self, number};
use crate::print::{Form, note};
use crate::time::stated;

use super::failed;

/// The flags that choose commits; all given ones have to hold.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters")]
pub(super) struct Filters {
    /// From this commit on
    #[arg(long, value_name = "LSN")]
    from: Option<u64>,
    /// Up to this commit
    #[arg(long, value_name = "LSN")]
    to: Option<u64>,
    /// From this time on, as in 2024-08-08T23:54:15Z
    #[arg(long, value_name = "TIME", value_parser = stated)]
    since: Option<Timestamp>,
    /// Up to this time, without it
    #[arg(long, value_name = "TIME", value_parser = stated)]
    until: Option<Timestamp>,
    /// Rows of this table, by its name or number
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Rows whose key, or a part of it, begins with this
    #[arg(long, value_name = "PREFIX")]
    key: Option<String>,
    /// Commits of this operation, as 42 or #42, with all their rows
    #[arg(long, value_name = "ID", value_parser = number)]
    operation: Option<u64>,
    /// Rows of this token: CHAIN/ADDRESS, an address, or a symbol
    #[arg(long, value_name = "KEY|SYMBOL")]
    token: Option<String>,
    /// Rows of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// A name that is asked for.
enum Named<'a> {
    Operation(u64),
    Token(&'a str),
    Account(&'a str),
}

impl Filters {
    fn names(&self) -> impl Iterator<Item = Named<'_>> {
        let operation = self.operation.map(Named::Operation);
        let token = self.token.as_deref().map(Named::Token);
        operation.into_iter().chain(token).chain(self.account.as_deref().map(Named::Account))
    }
}

impl Named<'_> {
    fn is_in(&self, store: &ReadOnly) -> Result<bool, Error> {
        match self {
            Self::Operation(id) => known::has_operation(store, *id),
            Self::Account(name) => known::has_account(store, name),
            Self::Token(asked) => known::has_token(store, asked),
        }
    }

    /// Whether any commit of the log has it, whatever else is asked for.
    fn is_in_log(&self, log: &Log) -> Result<bool, Failure> {
        let mut alone = Filters::default();
        match self {
            Self::Operation(id) => alone.operation = Some(*id),
            Self::Account(name) => alone.account = Some((*name).to_owned()),
            Self::Token(asked) => alone.token = Some((*asked).to_owned()),
        }
        let mut chosen = Chosen::new(&alone, log)?;
        for entry in log.entries().map_err(failed)? {
            if let LogEntry::Commit(commit) = entry.map_err(failed)?
                && chosen.has_row(&commit)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn unknown(&self) -> Failure {
        match self {
            Self::Operation(id) => known::unknown("operation", OperationId::new(*id), ""),
            Self::Account(name) => known::unknown("account", name, ""),
            Self::Token(asked) => known::unknown("token", asked, ""),
        }
    }
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

    /// Learns which tokens have the symbol that is asked for: backwards its row comes behind theirs.
    pub(super) fn learn_of(&mut self, log: &Log) -> Result<(), Failure> {
        let Some(asked) = &self.filters.token else { return Ok(()) };
        for entry in log.entries().map_err(failed)? {
            let LogEntry::Commit(commit) = entry.map_err(failed)? else { continue };
            for RowChange { table, key, row } in commit.rows() {
                learn_symbol(&mut self.named, &decode_row(table, key, row), asked);
            }
        }
        Ok(())
    }

    /// Says why nothing was printed: a name that neither log nor store has ever heard of is a mistake.
    /// Where the store cannot be asked, that is not known.
    pub(super) fn tell_none(
        &self,
        log: &Log,
        directory: Option<&Path>,
        form: Form,
    ) -> Result<(), Failure> {
        let store = directory.and_then(|directory| ReadOnly::open(directory).ok());
        if let Some(store) = store {
            for named in self.filters.names() {
                if !named.is_in(&store).map_err(failed)? && !named.is_in_log(log)? {
                    return Err(named.unknown());
                }
            }
        }
        if form == Form::Table {
            note("no commits match");
        }
        Ok(())
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

    /// The row, if it is asked for. Of an operation whole commits are.
    pub(super) fn row(&mut self, change: &RowChange<'_>) -> Option<DecodedRow> {
        let Filters { table, key, token, account, .. } = &self.filters;
        if table.as_ref().is_some_and(|asked| !is_table(change.table, asked)) {
            return None;
        }
        let row = decode_row(change.table, change.key, change.row);
        if let Some(asked) = token {
            learn_symbol(&mut self.named, &row, asked);
        }
        let holds = key.as_ref().is_none_or(|prefix| has_key(&row, change.key, prefix))
            && account.as_ref().is_none_or(|name| {
                has(&row, "account", &Value::Text(name.as_str().into()))
                    || has(&row, "accounts", &Value::Text(name.as_str().into()))
            })
            && token.as_ref().is_none_or(|asked| is_of_token(&row, asked, &self.named));
        holds.then_some(row)
    }

    /// Whether a commit has a row that is asked for.
    pub(super) fn has_row(&mut self, commit: &LogCommit) -> bool {
        !self.asks_for_rows()
            || self.is_of_operation(commit)
                && commit.rows().any(|change| self.row(&change).is_some())
    }

    fn is_of_operation(&self, commit: &LogCommit) -> bool {
        let Some(id) = self.filters.operation else { return true };
        commit.rows().any(|RowChange { table, key, row }| {
            has(&decode_row(table, key, row), "operation", &Value::Number(id))
        })
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
