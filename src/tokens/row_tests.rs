//! Tests of token rows: their bytes, and that hostile ones are refused.

use proptest::prelude::*;

use super::*;
use crate::money::TokenKey;
use crate::tokens::Update;

/// An update with everything in it, or nearly so, of any value.
fn full_update() -> impl Strategy<Value = Update> {
    let time = || any::<i64>().prop_map(Timestamp::from_micros);
    let price = || prop_oneof![0..2u128, any::<u128>()].prop_map(Price::from_units);
    let source = prop_oneof![Just(String::new()), "venue-[a-c]", "\\PC{0,15}"];
    (
        (price(), time(), prop::option::of(any::<u64>()), source),
        prop::option::of(("\\PC{0,20}", time())),
        prop::option::of(("\\PC{0,20}", time())),
        prop::option::of(0..=24u8),
        prop::option::of((price(), time())),
    )
        .prop_map(|((price, time, seq, source), symbol, name, decimals, market_cap)| {
            let key = TokenKey::new("chain", "token").expect("a good key");
            let mut update = Update::new(key).price(price, time).source(source);
            update.seq = seq;
            update.decimals = decimals;
            if let Some((text, time)) = symbol {
                update = update.symbol(text, time);
            }
            if let Some((text, time)) = name {
                update = update.name(text, time);
            }
            if let Some((market_cap, time)) = market_cap {
                update = update.market_cap(market_cap, time);
            }
            update
        })
}

/// The updates a state is made of, and which of them is which mark: any, also what no merge gives.
#[derive(Debug)]
struct Parts {
    updates: Vec<Update>,
    marks: Option<[usize; 4]>,
    mock: Option<usize>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let updates = prop::collection::vec(full_update(), 4);
    let marks = prop::option::weighted(0.9, prop::array::uniform4(0..4usize));
    (updates, marks, prop::option::of(0..4usize)).prop_map(|(updates, marks, mock)| Parts {
        updates,
        marks,
        mock,
    })
}

impl Parts {
    fn state(&self) -> State<'_> {
        let tick = |which: usize| {
            State::of(&self.updates[which]).marks.expect("these updates have a price").current
        };
        State {
            marks: self.marks.map(|[current, first, max, min]| Marks {
                current: tick(current),
                first: tick(first),
                max: tick(max),
                min: tick(min),
            }),
            mock: self.mock.map(|which| TickRef { source: SYNTHETIC_SOURCE, ..tick(which) }),
            ..State::of(&self.updates[0])
        }
    }
}

fn fields(tick: OtherRow<'_>) -> (i64, Option<u64>, Option<&str>, u128) {
    (tick.observed_at, tick.seq, tick.source, tick.price)
}

/// The row of a crate that is not bincode, from the fields as `docs/format.md` lists them.
fn written_by_wincode(state: &State<'_>) -> Vec<u8> {
    let row = Row::of(state);
    let row = (
        row.symbol,
        row.name,
        row.decimals,
        row.market_cap,
        row.first_seen,
        row.marks.map(|marks| {
            (
                marks.current.observed_at,
                marks.current.seq,
                marks.current.source,
                marks.current.price,
                marks.first.map(fields),
                marks.max.map(fields),
                marks.min.map(fields),
            )
        }),
        row.mock.map(|tick| (tick.observed_at, tick.seq, tick.price)),
    );
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let bytes = wincode::config::serialize(&row, config).expect("wincode takes every value");
    [&[VERSION][..], &bytes].concat()
}

proptest! {
    #[test]
    fn a_row_reads_back_as_it_was_written(parts in parts()) {
        let state = parts.state();
        let bytes = encode(&state);
        prop_assert_eq!(decode(&bytes).expect("reads back"), state);
    }

    #[test]
    fn another_crate_writes_the_same_bytes(parts in parts()) {
        // The story: bincode is no longer maintained. The day it has to go, no row may change.
        let state = parts.state();
        prop_assert_eq!(written_by_wincode(&state), encode(&state));
    }

    #[test]
    fn damaged_rows_are_refused_or_read_but_never_a_panic(
        parts in parts(), place: prop::sample::Index, bits in 1..=255u8,
    ) {
        let mut bytes = encode(&parts.state());
        let place = place.index(bytes.len());
        bytes[place] ^= bits;
        if let Ok(state) = decode(&bytes) {
            // What was read can be stored again.
            let again = encode(&state);
            prop_assert_eq!(decode(&again).expect("reads back"), state);
        }
        prop_assert!(decode(&bytes[..place]).is_err(), "a row that is cut short");
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
        let _ = decode(&bytes);
        bytes.insert(0, VERSION);
        if let Ok(state) = decode(&bytes) {
            let again = encode(&state);
            prop_assert_eq!(decode(&again).expect("reads back"), state);
        }
    }
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    // The story: a field was moved for looks, and every store of the release before was unreadable.
    // These bytes are the worked example of `docs/format.md`.
    let at = Timestamp::from_micros(1_723_161_255_342_000);
    let key = TokenKey::new("bitcoin", "BTC").expect("a good key");
    let first = Update::new(key.clone())
        .price("61837.63".parse().expect("a price"), at)
        .source("binance-spot")
        .seq(3_735_683_259)
        .symbol("BTC", at)
        .decimals(8);
    let second = Update::new(key)
        .price("2".parse().expect("a price"), at.saturating_add_micros(1))
        .source("binance-usdm");
    let state = State::of(&first).join(&State::of(&second)).expect("no conflict");
    let hex: String = encode(&state).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        "01",                                                                               // version
        "01fd60df077d693e0c0003425443", // symbol
        "00",                           // name
        "0108",                         // decimals
        "00",                           // market_cap
        "01fd60df077d693e0c00",         // first_seen
        "01",                           // marks
        "fd62df077d693e0c00000c62696e616e63652d7573646dfe00000042db999d3784a7010000000000", // current
        "01fd60df077d693e0c0001fcbb00aade010c62696e616e63652d73706f74fe0000c08a6438245e7fe3cec700000000", // first
        "01fd60df077d693e0c0001fcbb00aade010c62696e616e63652d73706f74fe0000c08a6438245e7fe3cec700000000", // max
        "00", // min
        "00", // mock
    ];
    assert_eq!(hex, expected.concat());
}

#[test]
fn a_token_seen_once_stores_its_tick_once() {
    let key = TokenKey::new("chain", "token").expect("a good key");
    let update = Update::new(key)
        .price("0.5".parse().expect("a price"), Timestamp::from_micros(1_723_161_255_342_000))
        .source("binance-spot");
    assert_eq!(encode(&State::of(&update)).len(), 60);
}

#[test]
fn decimals_no_writer_writes_are_damage() {
    let key = TokenKey::new("chain", "token").expect("a good key");
    let mut bytes = encode(&State::of(&Update::new(key).decimals(24)));
    let place = bytes.iter().position(|byte| *byte == 24).expect("the decimals");
    bytes[place] = 25;
    let refused = decode(&bytes).expect_err("25 decimals");
    assert!(matches!(refused, codec::Error::Impossible { field: "decimals" }), "{refused}");
}
