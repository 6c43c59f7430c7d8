//! Missing prices, and what is due, as trees.

use super::key::{due_of, subject_of};
use super::row::{self, DUE_VERSION};
use super::{DUE, PriceOf};
use crate::codec::{self, Told, Untold, Value, no_key};
use crate::engine::Table;

/// What the key says.
pub(crate) fn key(table: Table, key: &[u8]) -> Told {
    if table != DUE {
        return subject(key).map(Value::Fields);
    }
    let (at, stored) = due_of(key).ok_or_else(no_key)?;
    let mut fields = vec![("next_attempt_at", Value::Time(at))];
    fields.extend(subject(stored)?);
    Ok(Value::Fields(fields))
}

fn subject(stored: &[u8]) -> Result<Vec<(&'static str, Value)>, Untold> {
    Ok(match subject_of(stored).ok_or_else(no_key)? {
        PriceOf::Token(key) => vec![("token", Value::Token(key))],
        PriceOf::Claim { namespace, key } => {
            vec![("namespace", Value::text(namespace)), ("claim", Value::bytes(&key))]
        }
    })
}

/// What the row says.
pub(crate) fn row(table: Table, bytes: &[u8]) -> Told {
    if table == DUE {
        let read = codec::decode::<()>(DUE_VERSION, bytes);
        return Ok(read.map(|()| Value::Fields(Vec::new()))?);
    }
    let missing = row::decode(bytes)?;
    Ok(Value::Fields(vec![
        ("since", Value::Time(missing.since)),
        ("last_attempt_at", Value::Time(missing.last_attempt_at)),
        ("attempts", Value::Number(missing.attempts)),
        ("next_attempt_at", Value::Time(missing.next_attempt_at)),
    ]))
}
