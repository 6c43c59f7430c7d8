//! Claims, namespaces and cursors as trees.

use super::name::{ClaimKey, age_from_stored, check_name};
use super::row::{self, AGE_VERSION};
use super::{CLAIM_AGES, CLAIMS, CURSORS, ClaimOutcome, ClaimState, NAMESPACES};
use crate::codec::{self, Told, Untold, Value, no_key};
use crate::engine::Table;

/// What the key says.
pub(crate) fn key(table: Table, key: &[u8]) -> Told {
    let fields = match table {
        CLAIMS => {
            let ClaimKey { namespace, key } = ClaimKey::from_stored(key).ok_or_else(no_key)?;
            vec![("namespace", Value::text(namespace)), ("claim", Value::bytes(key))]
        }
        CLAIM_AGES => {
            let (namespace, age) = age_from_stored(key).ok_or_else(no_key)?;
            vec![
                ("namespace", Value::text(namespace)),
                ("event_time", Value::Time(age.event_time)),
                ("claim", Value::Bytes(age.key)),
            ]
        }
        _ => {
            let name = std::str::from_utf8(key).map_err(|_| no_key())?;
            check_name("name", name)?;
            let what = if table == CURSORS { "cursor" } else { "namespace" };
            vec![(what, Value::text(name))]
        }
    };
    Ok(Value::Fields(fields))
}

/// What the row says.
pub(crate) fn row(table: Table, bytes: &[u8]) -> Told {
    let read = match table {
        CLAIMS => row::decode_claim(bytes).map(|claim| {
            let state = match claim.state {
                ClaimState::InFlight(_) => "in flight",
                ClaimState::Done(ClaimOutcome::Recorded) => "recorded",
                ClaimState::Done(ClaimOutcome::Completed) => "completed",
                ClaimState::Done(ClaimOutcome::RolledBack) => "rolled back",
            };
            vec![
                ("state", Value::text(state)),
                ("operation", Value::optional(claim.operation, Value::Number)),
                ("event_time", Value::Time(claim.event_time)),
                ("claimed_at", Value::Time(claim.claimed_at)),
            ]
        }),
        CLAIM_AGES => codec::decode::<()>(AGE_VERSION, bytes).map(|()| Vec::new()),
        NAMESPACES => row::decode_namespace(bytes).map(|namespace| {
            let oldest = namespace.oldest.map(|age| {
                let fields =
                    [("at", Value::Time(age.event_time)), ("claim", Value::Bytes(age.key))];
                Value::Fields(fields.into())
            });
            vec![
                ("settled", Value::Number(namespace.settled)),
                ("in_flight", Value::Number(namespace.in_flight)),
                ("pruned", Value::Number(namespace.pruned)),
                ("watermark", Value::optional(namespace.watermark, Value::Time)),
                ("oldest", oldest.unwrap_or(Value::Absent)),
            ]
        }),
        CURSORS => row::decode_cursor(bytes).map(|cursor| {
            let set_at = Value::Time(cursor.set_at);
            vec![("set_at", set_at), ("value", Value::bytes(cursor.value))]
        }),
        _ => return Err(Untold::unknown_table()),
    };
    Ok(read.map(Value::Fields)?)
}
