//! Tests of the rows and keys of sources: their bytes, and that hostile ones are refused.

use proptest::prelude::*;

use super::key::{SeenKey, check_name, seen_prefix};
use super::row::{SeenRow, decode_seen, decode_source, encode_seen, encode_source};
use super::{SyncCounts, SyncEnd, SyncSession};
use crate::clock::Timestamp;
use crate::codec;
use crate::money::TokenKey;
use crate::tokens::Error;

fn sessions() -> impl Strategy<Value = SyncSession> {
    let time = || any::<i64>().prop_map(Timestamp::from_micros);
    let number = || prop_oneof![1..300u64, 1..=u64::MAX];
    let end = prop_oneof![
        Just(SyncEnd::Complete),
        Just(SyncEnd::WithMalformed),
        Just(SyncEnd::FilterChanged),
        Just(SyncEnd::Shorter),
    ];
    let name = || "[a-z0-9=>é ]{1,40}";
    (
        (name(), prop::option::of(name()), time(), time(), prop::option::of((time(), end))),
        (number(), number(), any::<u64>(), any::<bool>()),
        prop::array::uniform9(prop_oneof![0..300u64, any::<u64>()]),
    )
        .prop_map(|((session, filter, started_at, updated_at, ended), numbers, counts)| {
            let (number, run, filter_since, filter_changed) = numbers;
            let [rows, new, changed, unchanged, further, refused, left_out, malformed, stale] =
                counts;
            SyncSession {
                source: "lists".into(),
                session: session.into(),
                filter: filter.map(String::into_boxed_str),
                started_at,
                updated_at,
                ended,
                counts: SyncCounts {
                    rows,
                    new,
                    changed,
                    unchanged,
                    further,
                    refused,
                    left_out,
                    malformed,
                    marked_stale: stale,
                },
                number,
                run,
                filter_since,
                filter_changed,
            }
        })
}

fn seen_rows() -> impl Strategy<Value = SeenRow> {
    let session = prop_oneof![0..300u64, any::<u64>()];
    (session, any::<bool>(), prop::option::of(any::<i64>()))
        .prop_map(|(session, refused, stale_since)| SeenRow { session, refused, stale_since })
}

/// The row of a crate that is not bincode, from the fields as `docs/format.md` lists them.
fn source_by_wincode(session: &SyncSession) -> Vec<u8> {
    let ended = session.ended.map(|(at, end)| {
        let end = match end {
            SyncEnd::Complete => 0_u8,
            SyncEnd::WithMalformed => 1,
            SyncEnd::FilterChanged => 2,
            SyncEnd::Shorter => 3,
        };
        (at.as_micros(), end)
    });
    let counts = session.counts;
    let row = (
        (&*session.session, session.number, session.run, session.filter.as_deref()),
        (session.filter_since, session.filter_changed),
        (session.started_at.as_micros(), session.updated_at.as_micros(), ended),
        (counts.rows, counts.new, counts.changed, counts.unchanged, counts.further),
        (counts.refused, counts.left_out, counts.malformed, counts.marked_stale),
    );
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(&row, config).expect("wincode takes every value");
    [&[1][..], &bytes].concat()
}

/// As [`source_by_wincode`].
fn seen_by_wincode(seen: SeenRow) -> Vec<u8> {
    let row = (seen.session, seen.refused, seen.stale_since);
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(&row, config).expect("wincode takes every value");
    [&[1][..], &bytes].concat()
}

proptest! {
    #[test]
    fn a_row_reads_back_as_it_was_written(session in sessions(), seen in seen_rows()) {
        let bytes = encode_source(&session);
        prop_assert_eq!(decode_source("lists", &bytes).expect("reads back"), session);
        prop_assert_eq!(decode_seen(&encode_seen(seen)).expect("reads back"), seen);
    }

    #[test]
    fn another_crate_writes_the_same_bytes(session in sessions(), seen in seen_rows()) {
        // The story: bincode is no longer maintained. The day it has to go, no row may change.
        prop_assert_eq!(source_by_wincode(&session), encode_source(&session));
        prop_assert_eq!(seen_by_wincode(seen), encode_seen(seen));
    }

    #[test]
    fn damaged_rows_are_refused_or_read_but_never_a_panic(
        session in sessions(), seen in seen_rows(), place: prop::sample::Index, bits in 1..=255u8,
    ) {
        let damage = |mut bytes: Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            let cut = bytes[..place].to_vec();
            (bytes, cut)
        };
        let (bytes, cut) = damage(encode_source(&session));
        if let Ok(found) = decode_source("lists", &bytes) {
            let again = decode_source("lists", &encode_source(&found));
            prop_assert_eq!(again.expect("reads back"), found);
        }
        prop_assert!(decode_source("lists", &cut).is_err(), "a row that is cut short");
        let (bytes, cut) = damage(encode_seen(seen));
        if let Ok(found) = decode_seen(&bytes) {
            prop_assert_eq!(decode_seen(&encode_seen(found)).expect("reads back"), found);
        }
        prop_assert!(decode_seen(&cut).is_err(), "a row that is cut short");
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
        bytes.insert(0, 1);
        if let Ok(found) = decode_source("lists", &bytes) {
            let again = decode_source("lists", &encode_source(&found));
            prop_assert_eq!(again.expect("reads back"), found);
        }
        if let Ok(found) = decode_seen(&bytes) {
            prop_assert_eq!(decode_seen(&encode_seen(found)).expect("reads back"), found);
        }
    }

    #[test]
    fn bytes_that_are_no_stored_key_are_not_read_as_one(bytes: Vec<u8>, source in "\\PC{1,9}") {
        if let Some(key) = SeenKey::from_stored(&bytes) {
            prop_assert_eq!(key.stored(), bytes);
        }
        let token = TokenKey::new("chain", "address").expect("a good key");
        let key = SeenKey { source: &source, token };
        let stored = key.stored();
        prop_assert!(stored.starts_with(&seen_prefix(&source)));
        prop_assert_eq!(SeenKey::from_stored(&stored), Some(key));
    }
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    // The story: a field was moved for looks, and every store of the release before was unreadable.
    // These bytes are the worked examples of `docs/format.md`.
    let hex = |bytes: Vec<u8>| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let at = Timestamp::from_micros(1_723_161_255_342_000);
    let session = SyncSession {
        source: "lists".into(),
        session: "monday".into(),
        filter: Some("chain=base".into()),
        started_at: at,
        updated_at: at.saturating_add_micros(500_000),
        ended: Some((at.saturating_add_micros(500_000), SyncEnd::WithMalformed)),
        counts: SyncCounts { rows: 300, new: 299, malformed: 1, ..SyncCounts::default() },
        number: 2,
        run: 1,
        filter_since: 2,
        filter_changed: true,
    };
    let expected = [
        "01",                       // version
        "066d6f6e646179",           // session
        "02",                       // number
        "01",                       // run
        "010a636861696e3d62617365", // filter
        "02",                       // filter_since
        "01",                       // filter_changed
        "fd60df077d693e0c00",       // started_at
        "fda021177d693e0c00",       // updated_at
        "01fda021177d693e0c0001",   // ended
        "fb2c01",                   // rows
        "fb2b01",                   // new
        "00000000",                 // changed, unchanged, further, refused
        "00",                       // left_out
        "01",                       // malformed
        "00",                       // marked_stale
    ];
    assert_eq!(hex(encode_source(&session)), expected.concat());
    let stale = SeenRow { session: 7, refused: false, stale_since: Some(at.as_micros()) };
    assert_eq!(hex(encode_seen(stale)), "01070001fd60df077d693e0c00");
    assert_eq!(hex(encode_seen(SeenRow { stale_since: None, ..stale })), "01070000");
}

#[test]
fn states_no_writer_writes_are_damage() {
    // The story: a session without a number saw what no session had seen.
    let session = SyncSession {
        source: "lists".into(),
        session: "s".into(),
        filter: Some("f".into()),
        started_at: Timestamp::from_micros(0),
        updated_at: Timestamp::from_micros(0),
        ended: Some((Timestamp::from_micros(0), SyncEnd::FilterChanged)),
        counts: SyncCounts::default(),
        number: 1,
        run: 1,
        filter_since: 1,
        filter_changed: false,
    };
    let field = |session: &SyncSession| match decode_source("lists", &encode_source(session)) {
        Err(codec::Error::Impossible { field }) => field,
        other => panic!("it was read as {other:?}"),
    };
    assert_eq!(field(&SyncSession { number: 0, ..session.clone() }), "number");
    assert_eq!(field(&SyncSession { run: 0, ..session.clone() }), "number");
    assert_eq!(field(&SyncSession { session: "".into(), ..session.clone() }), "session");
    assert_eq!(field(&SyncSession { filter: Some("a\0".into()), ..session.clone() }), "filter");
    let mut bytes = encode_source(&session);
    let place = bytes.iter().rposition(|byte| *byte == 2).expect("the ending");
    bytes[place] = 4;
    let refused = decode_source("lists", &bytes).expect_err("no such ending");
    assert!(matches!(refused, codec::Error::Impossible { field: "ended" }), "{refused}");
}

#[test]
fn a_name_that_cannot_be_stored_is_refused() {
    // The story: a NUL in a source's name moved what it had named to another source.
    let fault = |what, name: &str| match check_name(what, name) {
        Err(Error::InvalidName { fault, .. }) => fault,
        other => panic!("{name:?} gave {other:?}"),
    };
    assert_eq!(fault("source", ""), "is empty");
    assert_eq!(fault("source", &"é".repeat(33)), "is too long");
    assert_eq!(fault("session", &"é".repeat(65)), "is too long");
    for name in ["a\0b", "a\nb", "\u{7f}", "\u{85}"] {
        assert_eq!(fault("filter", name), "holds a control character");
    }
    assert!(check_name("source", &"é".repeat(32)).is_ok());
    assert!(check_name("session", &"é".repeat(64)).is_ok());
}
