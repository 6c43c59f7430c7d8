//! Names that a command is asked about and the store has never heard of: a mistake of whoever asks, and
//! never an empty answer.

use highwater::{Error, OperationId, PositionId, ReadOnly};

use crate::books::is_asset;
use crate::failure::Failure;
use crate::opened::Opened;
use crate::print::{Form, note};

/// The number of an operation, a position or the like, as 42 or #42.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| "it is not a number, such as 42 or #42".to_owned())
}

/// Says that nothing fits where a table has no rows. JSON lines that are none say it themselves.
pub(crate) fn tell_none(form: Form, is_empty: bool, what: &str) {
    if is_empty && form == Form::Table {
        note(&format!("no {what} match"));
    }
}

/// What is no asset, account or the like of this store.
pub(crate) fn unknown(what: &'static str, asked: impl ToString, hint: &'static str) -> Failure {
    Failure::NoSuch { what, asked: asked.to_string(), hint }
}

/// An account that the ledger or an operation knows.
pub(crate) fn account(opened: &Opened<'_>, asked: Option<&str>) -> Result<(), Failure> {
    match asked {
        Some(asked) if !opened.checked(has_account(&opened.store, asked))? => {
            Err(unknown("account", asked, "; `highwater accounts` shows all of them"))
        }
        _ => Ok(()),
    }
}

/// An asset that the ledger knows, as CHAIN/ID or by its id.
pub(crate) fn asset(opened: &Opened<'_>, asked: Option<&str>) -> Result<(), Failure> {
    let Some(asked) = asked else { return Ok(()) };
    let assets = opened.checked(opened.store.ledger().assets())?;
    match assets.iter().any(|asset| is_asset(asset, asked)) {
        true => Ok(()),
        false => {
            Err(unknown("asset", asked, "; `highwater accounts --kind all` shows all of them"))
        }
    }
}

/// An operation whose row, or whose entries, are there.
pub(crate) fn operation(opened: &Opened<'_>, asked: Option<u64>) -> Result<(), Failure> {
    match asked {
        Some(id) if !opened.checked(has_operation(&opened.store, id))? => {
            let hint = "; `highwater ops list` shows those that are kept";
            Err(unknown("operation", OperationId::new(id), hint))
        }
        _ => Ok(()),
    }
}

/// A position, open or closed.
pub(crate) fn position(opened: &Opened<'_>, asked: Option<u64>) -> Result<(), Failure> {
    let Some(id) = asked.map(PositionId::new) else { return Ok(()) };
    match opened.store.ledger().position(id) {
        Err(highwater::ledger::Error::UnknownPosition { .. }) => {
            Err(unknown("position", id, "; `highwater positions --all` shows all of them"))
        }
        position => opened.checked(position).map(drop),
    }
}

pub(crate) fn has_account(store: &ReadOnly, asked: &str) -> Result<bool, Error> {
    if !store.ledger().accounts(asked)?.is_empty() {
        return Ok(true);
    }
    for operation in store.operations().all() {
        if *operation?.account == *asked {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn has_operation(store: &ReadOnly, id: u64) -> Result<bool, Error> {
    let id = OperationId::new(id);
    Ok(store.operations().get(id)?.is_some()
        || store.ledger().entries_of(id).next().transpose()?.is_some())
}

/// Whether a token, or an asset of the ledger, has this symbol, address or CHAIN/ADDRESS.
pub(crate) fn has_token(store: &ReadOnly, asked: &str) -> Result<bool, Error> {
    if store.ledger().assets()?.iter().any(|asset| is_asset(asset, asked)) {
        return Ok(true);
    }
    for token in store.tokens().iter() {
        let token = token?;
        let key = &token.key;
        let is_named = key.address() == asked
            || format!("{}/{}", key.chain(), key.address()) == asked
            || token.symbol.is_some_and(|symbol| *symbol.value == *asked);
        if is_named {
            return Ok(true);
        }
    }
    Ok(false)
}
