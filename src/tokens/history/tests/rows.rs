//! The rows of the history: read as written, one encoding of one state, and hostile bytes are errors.

use super::*;
use crate::codec;
use crate::tokens::history::candle::{self, CandleState};
use crate::tokens::history::state::{self, Before, CandlesKept, HistoryState};
use crate::tokens::history::{quarantine, retract};
use crate::tokens::merge::Marks;

fn any_tick() -> impl Strategy<Value = Tick> {
    let units = prop_oneof![0..3u128, any::<u128>()];
    (any::<i64>(), prop::option::of(any::<u64>()), "\\PC{0,9}", units).prop_map(
        |(micros, seq, source, units)| Tick {
            observed_at: at(micros),
            seq,
            source: source.into(),
            price: price(units),
        },
    )
}

fn any_kept() -> impl Strategy<Value = CandlesKept> {
    (any::<u64>(), prop::option::of(any::<i64>()))
        .prop_map(|(count, purged_to)| CandlesKept { count, purged_to: purged_to.map(at) })
}

/// The bytes of a crate that is not bincode, behind the version.
macro_rules! written_by_wincode {
    ($row:expr) => {{
        let config = wincode::config::Configuration::default().with_varint_encoding();
        let bytes = wincode::config::serialize(&$row, config).unwrap();
        [&[1][..], &bytes].concat()
    }};
}

type Whole<'t> = (i64, Option<u64>, &'t str, u128);
type Other<'t> = Option<(i64, Option<u64>, Option<&'t str>, u128)>;

fn whole(tick: &Tick) -> Whole<'_> {
    (tick.observed_at.as_micros(), tick.seq, &tick.source, tick.price.units())
}

fn other<'t>(tick: &'t Tick, known: &Tick) -> Other<'t> {
    let source = (tick.source != known.source).then_some(&*tick.source);
    let fields = (tick.observed_at.as_micros(), tick.seq, source, tick.price.units());
    (tick != known).then_some(fields)
}

proptest! {
    #[test]
    fn a_candle_reads_back_as_it_was_written(
        mut ticks in prop::array::uniform2(any_tick()), count in 1..u64::MAX,
        extremes in prop::option::of(any::<[u128; 2]>()),
    ) {
        ticks.sort();
        let [open, close] = &ticks;
        let prices = extremes.unwrap_or_default();
        let all = || [open.price, close.price].into_iter().chain(prices.map(price));
        let (high, low) = match extremes {
            Some(_) => (all().max().unwrap(), all().min().unwrap()),
            None => (open.price.max(close.price), open.price.min(close.price)),
        };
        let state = CandleState { open: open.into(), close: close.into(), high, low, count };
        let bytes = candle::encode(&state);
        prop_assert_eq!(candle::decode(&bytes).unwrap(), state);
        let higher = (high > open.price.max(close.price)).then_some(high.units());
        let lower = (low < open.price.min(close.price)).then_some(low.units());
        let row = (whole(open), other(close, open), higher, lower, count);
        prop_assert_eq!(written_by_wincode!(row), &bytes[..]);
        for end in 0..bytes.len() {
            prop_assert!(candle::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_history_reads_back_as_it_was_written(
        ticks in prop::array::uniform4(any_tick()),
        watermark in prop::option::of(any::<i64>()),
        counts: [u64; 6],
        kept in prop::array::uniform3(any_kept()),
    ) {
        let all = &ticks;
        let [current, first, max, min] = ticks.each_ref().map(|tick| tick.into());
        let fold = Marks { current, first, max, min };
        let [purged, ticks, retracted, quarantined, quarantine_dropped, quarantine_next] = counts;
        let state = HistoryState {
            before: watermark.map(|watermark| Before { watermark: at(watermark), fold }),
            purged,
            ticks,
            candles: kept,
            retracted,
            quarantined,
            quarantine_dropped,
            quarantine_next,
        };
        let bytes = state::encode(&state);
        prop_assert_eq!(state::decode(&bytes).unwrap(), state);
        let [current, first, max, min] = all;
        let marks = (
            whole(current), other(first, current), other(max, current), other(min, current),
        );
        let fold = watermark.map(|_| marks);
        let kept = kept.map(|kept| (kept.count, kept.purged_to.map(Timestamp::as_micros)));
        let counts = (retracted, quarantined, quarantine_dropped, quarantine_next);
        let row = (watermark, fold, purged, state.ticks, (kept[0], kept[1], kept[2]), counts);
        prop_assert_eq!(written_by_wincode!(row), &bytes[..]);
        for end in 0..bytes.len() {
            prop_assert!(state::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn the_small_rows_read_back_as_they_were_written(
        number: u64, time: i64, units: u128, reason in "\\PC{0,20}",
    ) {
        let aside = quarantine::Aside { number, kept_at: time, jumps_from: price(units) };
        prop_assert_eq!(quarantine::decode(&quarantine::encode(&aside)).unwrap(), aside);
        let bytes = retract::encode(at(time), &reason);
        prop_assert_eq!(retract::decode(&bytes).unwrap(), (at(time), &*reason));
        prop_assert_eq!(written_by_wincode!((time, &*reason)), bytes);
        let row = (number, time, units);
        prop_assert_eq!(written_by_wincode!(row), quarantine::encode(&aside));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
        for version in [None, Some(1)] {
            if let Some(version) = version {
                bytes.insert(0, version);
            }
            if let Ok(state) = candle::decode(&bytes) {
                let again = candle::encode(&state);
                prop_assert_eq!(candle::decode(&again).unwrap(), state);
            }
            if let Ok(state) = state::decode(&bytes) {
                let again = state::encode(&state);
                prop_assert_eq!(state::decode(&again).unwrap(), state);
            }
            let _ = (quarantine::decode(&bytes).is_ok(), retract::decode(&bytes).is_ok());
        }
    }
}

#[test]
fn a_candle_that_cannot_be_is_damage() {
    // The story: a flipped bit made a low above the high, and a chart without end.
    let (open, close) = (tick(5, 1, 10), tick(9, 2, 20));
    let good = CandleState {
        open: (&open).into(),
        close: (&close).into(),
        high: price(30),
        low: price(5),
        count: 4,
    };
    for bad in [
        CandleState { open: good.close, close: good.open, ..good },
        CandleState { high: price(19), ..good },
        CandleState { low: price(11), ..good },
        CandleState { count: 0, ..good },
    ] {
        let refused = candle::decode(&candle::encode(&bad)).unwrap_err();
        assert!(matches!(refused, codec::Error::Impossible { .. }), "{refused}");
    }
    assert!(candle::decode(&candle::encode(&good)).is_ok());
}

#[test]
fn the_bytes_of_version_1_stay_as_they_are() {
    // These bytes are the worked examples of `docs/format.md`.
    let world = World::new(History::new());
    let at = 1_723_161_255_342_000;
    let trade = Tick {
        observed_at: Timestamp::from_micros(at),
        seq: Some(3_735_683_259),
        source: "binance-spot".into(),
        price: "61837.63".parse().unwrap(),
    };
    world.clock.set(Timestamp::from_micros(at));
    world.see(&trade);
    let rows: Vec<String> = world
        .rows()
        .iter()
        .filter(|((table, _), _)| *table >= TICKS.0)
        .map(|((table, key), row)| format!("{table} {} {}", hex(key), hex(row)))
        .collect();
    let token = "636861696e00746f6b656e";
    let time = "80061f34be83efb0";
    let number = "0100000000deaa00bb";
    let source = "62696e616e63652d73706f7400";
    let price = "00000000c7cee37f5e2438648ac00000";
    let candle = "01fd60df077d693e0c0001fcbb00aade0c62696e616e63652d73706f74fe0000c08a6438245e7fe3cec70000000000000001";
    let settings = "01\
        01fd0040c7a119010000 01fb1027\
        01fd0040c7a119010000 01fb6027\
        01fd00806ffb240e0000 01fb7008\
        01fd00808df1a23d0200 01fb420e\
        00";
    let expected = [
        format!("48 {token}00{time}{number}{source}{price} 01"),
        format!("49 {token}000180061f34bd99d600 {candle}"),
        format!("49 {token}000280061f33fc7b5c00 {candle}"),
        format!("49 {token}000380061f20b537a000 {candle}"),
        format!("50 {token} 010000000101000100010000000000"),
        format!("53 686973746f7279 {}", settings.replace(' ', "")),
    ];
    assert_eq!(rows, expected);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
