//! Tests of the rows of claims and cursors: their bytes, and that hostile ones are refused.

use proptest::prelude::*;

use super::*;
use crate::processed::name::age_key;

fn claims() -> impl Strategy<Value = ClaimRecord> {
    let time = || any::<i64>().prop_map(Timestamp::from_micros);
    let operation = prop_oneof![0..300u64, any::<u64>()];
    let outcome = prop_oneof![
        Just(None),
        Just(Some(ClaimOutcome::Completed)),
        Just(Some(ClaimOutcome::RolledBack)),
        Just(Some(ClaimOutcome::Recorded)),
    ];
    (time(), time(), operation, outcome).prop_map(|(event_time, claimed_at, operation, outcome)| {
        let by = (outcome != Some(ClaimOutcome::Recorded)).then_some(operation);
        let claim = ClaimRecord::new(event_time, claimed_at, by);
        ClaimRecord { state: outcome.map_or(claim.state, ClaimState::Done), ..claim }
    })
}

fn namespaces() -> impl Strategy<Value = Namespace> {
    let key = prop::collection::vec(any::<u8>(), 1..=MAX_KEY_BYTES);
    let counts = (1..=u64::MAX, any::<u64>(), 1..=u64::MAX);
    let times = (any::<Option<i64>>(), prop::option::of((any::<i64>(), key)));
    (counts, times).prop_map(|((settled, in_flight, pruned), (watermark, oldest))| {
        let oldest = oldest.map(|(micros, key)| {
            let event_time = Timestamp::from_micros(micros);
            Age { event_time, key: key.into() }
        });
        Namespace {
            settled: if oldest.is_some() { settled } else { 0 },
            in_flight,
            pruned: if watermark.is_some() { pruned } else { 0 },
            watermark: watermark.map(Timestamp::from_micros),
            oldest,
        }
    })
}

fn values() -> impl Strategy<Value = (i64, Vec<u8>)> {
    let short = prop::collection::vec(any::<u8>(), 0..40);
    let long = prop::collection::vec(any::<u8>(), 240..=MAX_VALUE_BYTES);
    (any::<i64>(), prop_oneof![short, long])
}

fn cursor((micros, value): &(i64, Vec<u8>)) -> CursorRef<'_> {
    CursorRef { set_at: Timestamp::from_micros(*micros), value }
}

/// The row of a crate that is not bincode, from the fields as `docs/format.md` lists them.
fn claim_by_wincode(claim: &ClaimRecord) -> Vec<u8> {
    let ClaimRow { event_time, claimed_at, operation, outcome } = ClaimRow::of(claim);
    let row = (event_time, claimed_at, operation, outcome);
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(&row, config).expect("wincode takes every value");
    [&[CLAIM_VERSION][..], &bytes].concat()
}

/// As [`claim_by_wincode`].
fn namespace_by_wincode(namespace: &Namespace) -> Vec<u8> {
    let Namespace { settled, in_flight, pruned, watermark, oldest } = namespace;
    let watermark = watermark.map(Timestamp::as_micros);
    let oldest = oldest.as_ref().map(|age| (age.event_time.as_micros(), age.key.to_vec()));
    let row = (*settled, *in_flight, *pruned, watermark, oldest);
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(&row, config).expect("wincode takes every value");
    [&[NAMESPACE_VERSION][..], &bytes].concat()
}

/// As [`claim_by_wincode`].
fn cursor_by_wincode(row: &(i64, Vec<u8>)) -> Vec<u8> {
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(row, config).expect("wincode takes every value");
    [&[CURSOR_VERSION][..], &bytes].concat()
}

proptest! {
    #[test]
    fn a_row_reads_back_as_it_was_written(
        claim in claims(), value in values(), namespace in namespaces(),
    ) {
        let bytes = encode_namespace(&namespace);
        prop_assert_eq!(decode_namespace(&bytes).expect("reads back"), namespace);
        prop_assert_eq!(decode_claim(&encode_claim(&claim)).expect("reads back"), claim);
        let bytes = encode_cursor(cursor(&value));
        prop_assert_eq!(decode_cursor(&bytes).expect("reads back"), cursor(&value));
    }

    #[test]
    fn another_crate_writes_the_same_bytes(
        claim in claims(), value in values(), namespace in namespaces(),
    ) {
        // The story: bincode is no longer maintained. The day it has to go, no row may change.
        prop_assert_eq!(claim_by_wincode(&claim), encode_claim(&claim));
        prop_assert_eq!(namespace_by_wincode(&namespace), encode_namespace(&namespace));
        prop_assert_eq!(cursor_by_wincode(&value), encode_cursor(cursor(&value)));
    }

    #[test]
    fn damaged_rows_are_refused_or_read_but_never_a_panic(
        claim in claims(), value in values(), namespace in namespaces(),
        place: prop::sample::Index, bits in 1..=255u8,
    ) {
        let damage = |mut bytes: Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            let cut = bytes[..place].to_vec();
            (bytes, cut)
        };
        let (bytes, cut) = damage(encode_claim(&claim));
        if let Ok(found) = decode_claim(&bytes) {
            prop_assert_eq!(decode_claim(&encode_claim(&found)).expect("reads back"), found);
        }
        prop_assert!(decode_claim(&cut).is_err(), "a row that is cut short");
        let (bytes, cut) = damage(encode_namespace(&namespace));
        if let Ok(found) = decode_namespace(&bytes) {
            prop_assert_eq!(decode_namespace(&encode_namespace(&found)).expect("reads back"), found);
        }
        prop_assert!(decode_namespace(&cut).is_err(), "a row that is cut short");
        let (bytes, cut) = damage(encode_cursor(cursor(&value)));
        if let Ok(found) = decode_cursor(&bytes) {
            let again = encode_cursor(found);
            prop_assert_eq!(decode_cursor(&again).expect("reads back"), found);
        }
        prop_assert!(decode_cursor(&cut).is_err(), "a row that is cut short");
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
        bytes.insert(0, 1);
        if let Ok(found) = decode_namespace(&bytes) {
            prop_assert_eq!(decode_namespace(&encode_namespace(&found)).expect("reads back"), found);
        }
        if let Ok(found) = decode_claim(&bytes) {
            prop_assert_eq!(decode_claim(&encode_claim(&found)).expect("reads back"), found);
        }
        if let Ok(found) = decode_cursor(&bytes) {
            let again = encode_cursor(found);
            prop_assert_eq!(decode_cursor(&again).expect("reads back"), found);
        }
    }
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    // The story: a field was moved for looks, and every store of the release before was unreadable.
    // These bytes are the worked examples of `docs/format.md`.
    let hex = |bytes: Vec<u8>| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let event = Timestamp::from_micros(1_723_161_255_342_000);
    let claimed = event.saturating_add_micros(500_000);
    let begun = ClaimRecord::new(event, claimed, Some(300));
    let completed = ClaimRecord { state: ClaimState::Done(ClaimOutcome::Completed), ..begun };
    let times = "01fd60df077d693e0c00fda021177d693e0c00";
    assert_eq!(hex(encode_claim(&begun)), format!("{times}01fb2c0100"));
    assert_eq!(hex(encode_claim(&completed)), format!("{times}01fb2c010101"));
    let recorded = ClaimRecord::new(event, claimed, None);
    assert_eq!(hex(encode_claim(&recorded)), format!("{times}000100"));
    let rolled_back = ClaimRecord { state: ClaimState::Done(ClaimOutcome::RolledBack), ..begun };
    assert_eq!(hex(encode_claim(&rolled_back)), format!("{times}01fb2c010102"));
    let key: Box<[u8]> = (*b"0xab:1").into();
    let oldest = Age { event_time: event, key };
    let age = "73776170730080061f34be83efb03078".to_owned();
    assert_eq!(hex(age_key("swaps", &oldest)), age + "61623a31");
    assert_eq!(hex(encode_age()), "01");
    let (pruned, watermark) = (300, Some(event.saturating_add_micros(-1_000_000)));
    let namespace = Namespace { settled: 1, in_flight: 1, pruned, watermark, oldest: Some(oldest) };
    let times = "01fde05ae97c693e0c0001fd60df077d693e0c00";
    assert_eq!(
        hex(encode_namespace(&namespace)),
        format!("010101fb2c01{times}063078") + "61623a31"
    );
    let height = CursorRef { set_at: claimed, value: b"19443211" };
    assert_eq!(hex(encode_cursor(height)), "01fda021177d693e0c00083139343433323131");
}

#[test]
fn states_no_writer_writes_are_damage() {
    // The story: a claim in flight without an operation was "in flight" for ever.
    let impossible = |operation, outcome| {
        let row = ClaimRow { event_time: 1, claimed_at: 2, operation, outcome };
        match decode_claim(&codec::encode(CLAIM_VERSION, &row)) {
            Err(codec::Error::Impossible { field }) => field,
            other => panic!("{operation:?}, {outcome:?} was read as {other:?}"),
        }
    };
    assert_eq!(impossible(None, None), "operation");
    assert_eq!(impossible(Some(1), Some(RECORDED)), "operation");
    assert_eq!(impossible(None, Some(COMPLETED)), "operation");
    assert_eq!(impossible(None, Some(ROLLED_BACK)), "operation");
    assert_eq!(impossible(Some(1), Some(3)), "outcome");
    let impossible = |settled, pruned, watermark, oldest| {
        let row = NamespaceRow { settled, in_flight: 1, pruned, watermark, oldest };
        match decode_namespace(&codec::encode(NAMESPACE_VERSION, &row)) {
            Err(codec::Error::Impossible { field }) => field,
            other => panic!("it was read as {other:?}"),
        }
    };
    let key = [7; MAX_KEY_BYTES + 1];
    assert_eq!(impossible(1, 0, None, None), "oldest");
    assert_eq!(impossible(0, 0, None, Some((5, &key[1..]))), "oldest");
    assert_eq!(impossible(1, 0, None, Some((5, &key))), "oldest");
    assert_eq!(impossible(1, 0, None, Some((5, &[]))), "oldest");
    // A watermark that is lost makes everything that was let go new again.
    assert_eq!(impossible(0, 1, None, None), "watermark");
    assert_eq!(impossible(0, 0, Some(5), None), "watermark");
    let long = CursorRow { set_at: 0, value: &[7; MAX_VALUE_BYTES + 1] };
    let refused = decode_cursor(&codec::encode(CURSOR_VERSION, &long)).expect_err("too long");
    assert!(matches!(refused, codec::Error::Impossible { field: "value" }), "{refused}");
}
