//! Tests of the rows of operations: their bytes, and that hostile ones are refused.

use proptest::prelude::*;
use wincode::config::Configuration;

use super::kind::{Kind, Role};
use super::row::{
    self, Attention, CheckpointRow, EventRow, FailureRow, KeyRow, NamedAsset, NamedClaim,
    NamedPosition, OperationRow, OutcomeRow,
};
use super::status::{Call, FailureClass, Status};
use super::{EVENTS, KEYS, OPERATIONS};
use crate::money::Asset;

const STATES: [Status; 5] =
    [Status::Pending, Status::InProgress, Status::Failed, Status::Completed, Status::RolledBack];
const ROLES: [Role; 4] = [Role::Reduces, Role::Updates, Role::Increases, Role::Opens];

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::BalanceDeduct),
        Just(Kind::BalanceAdd),
        Just(Kind::PositionOpen),
        Just(Kind::PositionClose),
        Just(Kind::PositionUpdate),
        Just(Kind::TradeExecute),
        "\\PC{1,20}".prop_map(|name| Kind::Custom(name.into())),
    ]
}

fn classes() -> impl Strategy<Value = FailureClass> {
    prop_oneof![Just(FailureClass::Definite), Just(FailureClass::Ambiguous)]
}

fn attention() -> impl Strategy<Value = Option<Attention>> {
    prop::option::of(prop_oneof![
        classes().prop_map(|was| Attention::AttemptsUsedUp { was }),
        Just(Attention::Quarantined),
        "\\PC{0,20}".prop_map(|reason| Attention::UndoBlocked { reason: reason.into() }),
    ])
}

fn bytes() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..30).prop_map(Box::from)
}

fn texts() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,20}".prop_map(Box::from)
}

/// What is numbers and choices of a row, and what is lists and texts.
fn rows() -> impl Strategy<Value = OperationRow> {
    let numbers = (
        (0..5usize, any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>()),
        (any::<Option<i64>>(), any::<Option<i64>>(), any::<i64>(), any::<Option<i64>>()),
        (any::<Option<i64>>(), any::<u32>(), 0..300u32, any::<u32>(), any::<u8>()),
        (any::<Option<u64>>(), any::<Option<u128>>(), any::<[u64; 2]>(), any::<Option<u64>>()),
    );
    let position = (any::<u64>(), 0..4usize);
    let contents = (
        (kinds(), bytes(), texts(), attention()),
        prop::collection::vec(any::<[u8; 16]>(), 1..4),
        prop::collection::vec(position, 0..4),
        (prop::collection::vec(texts(), 0..3), prop::collection::vec(0..=24u8, 0..3)),
        prop::option::of((texts(), bytes(), any::<i64>())),
        prop::option::of((classes(), texts())),
    );
    (numbers, contents).prop_map(|(numbers, contents)| {
        let ((status, epoch, attempt, tries, max_attempts, idempotent), times, counts, last) =
            numbers;
        let ((kind, key, account, attention), external_ids, positions, names, claim, error) =
            contents;
        let asset = |scale| {
            let asset = Asset::new("chain", "coin", scale).expect("a good asset");
            NamedAsset::of(&asset)
        };
        OperationRow {
            kind,
            key,
            account,
            status: STATES[status],
            epoch,
            attempt,
            owner: last.2[0],
            failure: last.2[1],
            tries,
            max_attempts,
            idempotent,
            deadline: times.0,
            not_before: times.1,
            expires: last.3,
            external_ids,
            positions: positions
                .into_iter()
                .map(|(position, role)| NamedPosition { position, role: ROLES[role] })
                .collect(),
            accounts: names.0,
            assets: names.1.into_iter().map(asset).collect(),
            claim: claim.map(|(namespace, key, event_time)| NamedClaim {
                namespace,
                key,
                event_time,
            }),
            retry_of: last.0,
            error: error.map(|(class, reason)| FailureRow { class, reason }),
            attention,
            presentations: counts.4,
            begun_at: times.2,
            started_at: times.3,
            finished_at: counts.0,
            events: counts.1,
            checkpoints: counts.2,
            undo: counts.3,
            effect: last.1,
        }
    })
}

/// Bytes that a crate that is not bincode writes, field by field.
#[derive(Default)]
struct Written(Vec<u8>);

macro_rules! write_fields {
    ($written:ident, $($value:expr),* $(,)?) => {{$({
        let config = Configuration::default().with_varint_encoding();
        let bytes = wincode::config::serialize(&$value, config);
        $written.0.extend(bytes.expect("wincode takes every value"));
    })*}};
}

fn by_wincode(row: &OperationRow) -> Vec<u8> {
    let mut written = Written::default();
    let number = match &row.kind {
        Kind::BalanceDeduct => 0u32,
        Kind::BalanceAdd => 1,
        Kind::PositionOpen => 2,
        Kind::PositionClose => 3,
        Kind::PositionUpdate => 4,
        Kind::TradeExecute => 5,
        Kind::Custom(_) => 6,
    };
    write_fields!(written, number);
    if let Kind::Custom(name) = &row.kind {
        write_fields!(written, name.to_string());
    }
    let role = |role: Role| role as u32;
    let positions: Vec<(u64, u32)> =
        row.positions.iter().map(|named| (named.position, role(named.role))).collect();
    let assets: Vec<(Vec<u8>, u8)> = row
        .assets
        .iter()
        .map(|named| {
            let asset = named.asset().expect("a good asset");
            (asset.key().as_bytes().to_vec(), asset.scale())
        })
        .collect();
    let claim = row
        .claim
        .as_ref()
        .map(|claim| (claim.namespace.to_string(), claim.key.to_vec(), claim.event_time));
    let error = row.error.as_ref().map(|error| (error.class as u32, error.reason.to_string()));
    let accounts: Vec<String> = row.accounts.iter().map(ToString::to_string).collect();
    write_fields!(
        written,
        row.key.to_vec(),
        row.account.to_string(),
        row.status as u32,
        row.epoch,
        row.attempt,
        row.owner,
        row.failure,
        row.tries,
        row.max_attempts,
        row.idempotent,
        row.deadline,
        row.not_before,
        row.expires,
        row.external_ids,
        positions,
        accounts,
        assets,
        claim,
        row.retry_of,
        error,
    );
    match &row.attention {
        None => write_fields!(written, 0u8),
        Some(Attention::AttemptsUsedUp { was }) => {
            write_fields!(written, 1u8, 0u32, *was as u32);
        }
        Some(Attention::Quarantined) => write_fields!(written, 1u8, 1u32),
        Some(Attention::UndoBlocked { reason }) => {
            write_fields!(written, 1u8, 2u32, reason.to_string());
        }
    }
    write_fields!(
        written,
        row.presentations,
        row.begun_at,
        row.started_at,
        row.finished_at,
        row.events,
        row.checkpoints,
        row.undo,
        row.effect,
    );
    [&[1][..], &written.0].concat()
}

fn decoded(bytes: &[u8]) -> Result<OperationRow, super::Error> {
    row::decode(OPERATIONS, b"key", bytes)
}

proptest! {
    #[test]
    fn a_row_reads_back_as_it_was_written(row in rows()) {
        prop_assert_eq!(decoded(&row::encode(&row)).expect("reads back"), row);
    }

    #[test]
    fn another_crate_writes_the_same_bytes(row in rows()) {
        // The story: bincode is no longer maintained. The day it has to go, no row may change.
        prop_assert_eq!(by_wincode(&row), row::encode(&row));
    }

    #[test]
    fn bytes_that_are_no_row_are_refused(row in rows(), cut in any::<prop::sample::Index>()) {
        // The story: a row that was cut short was read as an operation without a hold.
        let bytes = row::encode(&row);
        prop_assert!(decoded(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(decoded(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn no_bytes_make_a_row_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&[1][..], &bytes].concat();
        // A row that can be read is written again as it was.
        if let Ok(row) = decoded(&bytes) {
            prop_assert_eq!(decoded(&row::encode(&row)).expect("reads back"), row);
        }
    }
}

/// The small rows, byte by byte, as `docs/format.md` has them.
#[test]
fn small_rows_have_the_bytes_that_are_written_down() {
    let outcome = Some(OutcomeRow { completed: true, finished_at: 1 });
    let claim = None;
    let key = KeyRow { operation: 7, hash: 2, parts: [1, 2, 3, 4, 5], claim, outcome };
    assert_eq!(row::encode(&key), [1, 7, 2, 1, 2, 3, 4, 5, 0, 1, 1, 2]);
    assert_eq!(row::decode::<KeyRow>(KEYS, b"k", &row::encode(&key)).expect("a row"), key);
    let evidence = Some("x".into());
    let event = EventRow { number: 3, at: -1, call: Call::Complete, attempt: 2, evidence };
    assert_eq!(row::encode(&event), [1, 3, 1, 8, 2, 1, 1, b'x']);
    assert_eq!(row::decode::<EventRow>(EVENTS, b"e", &row::encode(&event)).expect("a row"), event);
    let checkpoint = CheckpointRow { at: 0, attempt: 1, reference: (*b"id").into() };
    assert_eq!(row::encode(&checkpoint), [1, 0, 1, 2, b'i', b'd']);
    assert_eq!(row::encode(&()), [1]);
    assert_eq!(row::encode(&vec![Role::Increases, Role::Reduces]), [1, 2, 2, 0]);
}

/// Keys order as what they are made of: earlier times first, also before 1970.
#[test]
fn keys_order_as_times_and_numbers_do() {
    let id = super::OperationId::new;
    let times = [i64::MIN, -1, 0, 1, i64::MAX];
    for (earlier, later) in times.iter().zip(&times[1..]) {
        assert!(row::finished_key(*earlier, id(9)) < row::finished_key(*later, id(1)));
        assert_eq!(row::time_of(row::time_number(*later)), *later);
    }
    assert!(row::nth_key(id(1), 256) < row::nth_key(id(2), 1));
    assert_eq!(row::pair_of(OPERATIONS, &row::working_key(5, id(6))).expect("a pair"), (5, 6));
    assert!(row::pair_of(OPERATIONS, &[0; 15]).is_err());
    assert!(row::pair_of(OPERATIONS, &[0; 17]).is_err());
}
