//! The rows of operations as trees.

use super::begin::NEXT;
use super::external_id::ExternalId;
use super::kind::Role;
use super::recovery::{REPORT, ReportRow};
use super::row::{
    Attention, CheckpointRow, EventRow, KeyRow, NamedClaim, OperationRow, VERSION, pair_of, time_of,
};
use super::undo::StepRow;
use super::{
    CHECKPOINTS, EVENTS, FINISHED, KEYS, OPERATION_STATE, OPERATIONS, PAYLOADS, UNDO, UNFINISHED,
    WORKING,
};
use crate::codec::{self, BorrowDecode, Told, Untold, Value, no_key};
use crate::engine::Table;

type Fields = Vec<(&'static str, Value)>;

/// What the key says.
pub(crate) fn key(table: Table, key: &[u8]) -> Told {
    read_key(table, key).map(Value::Fields).ok_or_else(no_key)
}

fn read_key(table: Table, key: &[u8]) -> Option<Fields> {
    let number = |number| Value::Number(number);
    Some(match table {
        OPERATIONS | UNFINISHED | PAYLOADS => {
            vec![("operation", number(u64::from_be_bytes(key.try_into().ok()?)))]
        }
        KEYS => vec![("key", Value::bytes(key))],
        EVENTS | CHECKPOINTS | UNDO => {
            let (operation, place) = key.split_first_chunk()?;
            let place = u32::from_be_bytes(place.try_into().ok()?);
            let operation = ("operation", number(u64::from_be_bytes(*operation)));
            vec![operation, ("place", number(place.into()))]
        }
        WORKING => {
            let (position, operation) = pair_of(table, key).ok()?;
            vec![("position", number(position)), ("operation", number(operation))]
        }
        FINISHED => {
            let (time, operation) = pair_of(table, key).ok()?;
            vec![("finished_at", Value::time(time_of(time))), ("operation", number(operation))]
        }
        OPERATION_STATE if [NEXT, REPORT].contains(&key) => vec![("row", Value::bytes(key))],
        _ => return None,
    })
}

fn decoded<T: for<'b> BorrowDecode<'b, ()>>(bytes: &[u8]) -> Result<T, Untold> {
    Ok(codec::decode(VERSION, bytes)?)
}

/// What the row says.
pub(crate) fn row(table: Table, key: &[u8], bytes: &[u8]) -> Told {
    let fields = match table {
        OPERATIONS => decoded::<OperationRow>(bytes).map(|row| operation(&row)),
        UNFINISHED | FINISHED => decoded::<()>(bytes).map(|()| Vec::new()),
        KEYS => decoded::<KeyRow>(bytes).map(|row| {
            let outcome = row.outcome.map(|outcome| {
                let how = if outcome.completed { "completed" } else { "rolled back" };
                let fields = [("how", Value::text(how)), ("at", Value::time(outcome.finished_at))];
                Value::Fields(fields.into())
            });
            vec![
                ("operation", Value::Number(row.operation)),
                ("hash", Value::text(format!("{:032x}", row.hash))),
                ("claim", Value::optional(row.claim.as_ref(), claim)),
                ("outcome", outcome.unwrap_or(Value::Absent)),
            ]
        }),
        EVENTS => decoded::<EventRow>(bytes).map(|row| {
            vec![
                ("call", Value::text(row.call.name())),
                ("at", Value::time(row.at)),
                ("number", Value::Number(row.number.into())),
                ("attempt", Value::Number(row.attempt.into())),
                ("evidence", Value::optional(row.evidence, Value::Text)),
            ]
        }),
        CHECKPOINTS => decoded::<CheckpointRow>(bytes).map(|row| {
            vec![
                ("at", Value::time(row.at)),
                ("attempt", Value::Number(row.attempt.into())),
                ("reference", Value::Bytes(row.reference)),
            ]
        }),
        UNDO => decoded::<StepRow>(bytes).map(|row| row.told()),
        WORKING => decoded::<Vec<Role>>(bytes)
            .map(|roles| vec![("roles", Value::list(roles, |role| Value::text(role_name(role))))]),
        OPERATION_STATE if key == NEXT => {
            decoded::<u64>(bytes).map(|next| vec![("next_operation", Value::Number(next))])
        }
        OPERATION_STATE => decoded::<ReportRow>(bytes).map(|row| row.told()),
        PAYLOADS => decoded::<Box<[u8]>>(bytes).map(|bytes| vec![("payload", Value::Bytes(bytes))]),
        _ => Err(Untold::unknown_table()),
    };
    fields.map(Value::Fields)
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Reduces => "reduces",
        Role::Updates => "updates",
        Role::Increases => "increases",
        Role::Opens => "opens",
    }
}

fn claim(claim: &NamedClaim) -> Value {
    Value::Fields(vec![
        ("namespace", Value::text(&*claim.namespace)),
        ("claim", Value::bytes(&claim.key)),
        ("event_time", Value::time(claim.event_time)),
    ])
}

fn operation(row: &OperationRow) -> Fields {
    let some = |count: u64| if count == 0 { Value::Absent } else { Value::Number(count) };
    let positions = Value::list(&row.positions, |named| {
        let role = ("role", Value::text(role_name(named.role)));
        Value::Fields(vec![("position", Value::Number(named.position)), role])
    });
    let failure = row.error.as_ref().map(|failure| {
        let class = ("class", Value::shown(&failure.class));
        Value::Fields(vec![class, ("reason", Value::text(&*failure.reason))])
    });
    let attention = row.attention.as_ref().map(|attention| match attention {
        Attention::AttemptsUsedUp { was } => format!("attempts used up, the failure was {was}"),
        Attention::Quarantined => "quarantined".to_owned(),
        Attention::UndoBlocked { reason } => format!("undo blocked: {reason}"),
    });
    let external_id = |id: &[u8; 16]| Value::text(ExternalId::from_bytes(*id).to_string());
    let assets = Value::list(&row.assets, |named| {
        named.asset().map_or(Value::Absent, |asset| Value::Token(asset.key().clone()))
    });
    vec![
        ("status", Value::shown(&row.status)),
        ("kind", Value::shown(&row.kind)),
        ("key", Value::bytes(&row.key)),
        ("account", Value::text(&*row.account)),
        ("attempt", Value::Number(row.attempt.into())),
        ("tries", Value::Number(row.tries.into())),
        ("max_attempts", Value::Number(row.max_attempts.into())),
        ("idempotent", Value::Flag(row.idempotent)),
        ("begun_at", Value::time(row.begun_at)),
        ("started_at", Value::optional(row.started_at, Value::time)),
        ("finished_at", Value::optional(row.finished_at, Value::time)),
        ("deadline", Value::optional(row.deadline, Value::time)),
        ("not_before", Value::optional(row.not_before, Value::time)),
        ("error", failure.unwrap_or(Value::Absent)),
        ("attention", Value::optional(attention, Value::text)),
        ("external_ids", Value::list(&row.external_ids, external_id)),
        ("positions", positions),
        ("accounts", Value::list(&row.accounts, |name| Value::text(&**name))),
        ("assets", assets),
        ("claim", Value::optional(row.claim.as_ref(), claim)),
        ("retry_of", Value::optional(row.retry_of, Value::Number)),
        ("presentations", some(row.presentations.into())),
        ("events", some(row.events.into())),
        ("checkpoints", some(row.checkpoints.into())),
        ("undo", some(row.undo.into())),
        ("epoch", Value::Number(row.epoch)),
    ]
}
