//! Tests of the keys of the history: their order is that of what they name, and other bytes are none.

use proptest::prelude::*;

use super::*;

fn key(address: &str) -> TokenKey {
    TokenKey::new("chain", address).expect("a good key")
}

/// Ticks of which many share their beginnings, with sources that tempt an escape.
fn tick() -> impl Strategy<Value = Tick> {
    let time = prop_oneof![-2..3i64, any::<i64>()];
    let source = prop_oneof!["[\\x00\\x01\\x02a]{0,4}", "\\PC{0,12}"];
    let price = prop_oneof![0..3u128, any::<u128>()];
    (time, prop::option::of(prop_oneof![0..3u64, any::<u64>()]), source, price).prop_map(
        |(time, seq, source, price)| Tick {
            observed_at: Timestamp::from_micros(time),
            seq,
            source: source.into(),
            price: Price::from_units(price),
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_the_keys_is_the_order_of_the_ticks(one in tick(), other in tick()) {
        // The story: a scan that is not in tick order takes the wrong price for a candle's close.
        let stored = |tick: &Tick| of_tick(&key("token"), tick.into());
        prop_assert_eq!(stored(&one).cmp(&stored(&other)), one.cmp(&other));
    }

    #[test]
    fn a_key_reads_back_and_no_cut_of_it_does(tick in tick()) {
        let stored = of_tick(&key("token"), (&tick).into());
        prop_assert_eq!(tick_of(&stored), Some((key("token"), tick)));
        for end in 0..stored.len() {
            prop_assert_eq!(tick_of(&stored[..end]), None);
        }
        prop_assert_eq!(tick_of(&[&stored[..], b"\0"].concat()), None);
    }

    #[test]
    fn any_bytes_are_a_key_in_one_spelling_or_none(
        bytes in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..48),
    ) {
        let bytes = [&b"c\0t\0"[..], &bytes].concat();
        if let Some((key, tick)) = tick_of(&bytes) {
            prop_assert_eq!(of_tick(&key, (&tick).into()), bytes.clone());
        }
        if let Some((key, resolution, start)) = candle_of(&bytes) {
            prop_assert_eq!(of_candle(&key, resolution, start), bytes);
        }
    }

    #[test]
    fn a_range_holds_exactly_the_ticks_of_its_token_and_times(
        tick in tick(), first: i64, last: i64, near in -3..3i64,
    ) {
        use std::ops::RangeBounds;
        let (first, last) = (Timestamp::from_micros(first), Timestamp::from_micros(last));
        let stored = of_tick(&key("token"), (&tick).into());
        for (first, last) in [
            (first, last),
            (tick.observed_at, tick.observed_at.saturating_add_micros(near)),
            (tick.observed_at.saturating_add_micros(near), tick.observed_at),
        ] {
            let inside = (first..=last).contains(&tick.observed_at);
            let range = ticks(&key("token"), first, last);
            prop_assert_eq!(range.bounds().contains(stored.as_slice()), inside);
            let neighbour = ticks(&key("token2"), first, last);
            prop_assert!(!neighbour.bounds().contains(stored.as_slice()));
        }
    }
}

#[test]
fn candles_order_by_resolution_then_by_start() {
    let at =
        |resolution, start| of_candle(&key("token"), resolution, Timestamp::from_micros(start));
    let keys = [
        at(Resolution::Minute, -60_000_000),
        at(Resolution::Minute, 0),
        at(Resolution::Hour, 0),
        at(Resolution::Day, 0),
    ];
    assert!(keys.is_sorted());
    for bytes in &keys {
        let (key, resolution, start) = candle_of(bytes).expect("a key");
        assert_eq!(&of_candle(&key, resolution, start), bytes);
    }
    assert_eq!(
        candle_of(&of_candle(&key("token"), Resolution::Hour, Timestamp::from_micros(60_000_000))),
        None
    );
}

#[test]
fn ranges_of_times_are_taken_at_their_word() {
    let at = Timestamp::from_micros;
    let (least, greatest) = (at(i64::MIN), at(i64::MAX));
    assert_eq!(ends(&(..)), Some((least, greatest)));
    assert_eq!(ends(&(at(3)..at(5))), Some((at(3), at(4))));
    assert_eq!(ends(&(at(3)..=at(3))), Some((at(3), at(3))));
    assert_eq!(ends(&(at(3)..at(3))), None);
    assert_eq!(ends(&(at(5)..at(3))), None);
    assert_eq!(ends(&(..least)), None);
    assert_eq!(ends(&(Bound::Excluded(greatest), Bound::Unbounded)), None);
}
