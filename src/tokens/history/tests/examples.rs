//! The history by example: what each rule is for.

use std::time::Duration;

use super::*;
use crate::tokens::history::{Resolution, Retention, Retraction};

fn candle(world: &World, resolution: Resolution, start: i64) -> Option<[u128; 5]> {
    let snapshot = world.store.snapshot();
    let mut found = snapshot.tokens().candles(&key(), resolution, at(start)..=at(start));
    let candle = found.next()?.unwrap();
    let prices = [candle.open.price, candle.high, candle.low, candle.close.price];
    let [open, high, low, close] = prices.map(Price::units);
    Some([open, high, low, close, u128::from(candle.count)])
}

#[test]
fn a_minute_of_trades_is_a_candle_in_any_order() {
    let world = World::whole();
    for (micros, seq, units) in [(30, 3, 7), (10, 1, 5), (10, 2, 9), (59_999_999, 9, 6), (10, 1, 5)]
    {
        world.see(&tick(micros, seq, units));
    }
    world.see(&tick(MINUTE, 10, 1));
    assert_eq!(candle(&world, Resolution::Minute, 0), Some([5, 9, 5, 6, 4]));
    assert_eq!(candle(&world, Resolution::Minute, MINUTE), Some([1, 1, 1, 1, 1]));
    assert_eq!(candle(&world, Resolution::Hour, 0), Some([5, 9, 1, 1, 5]));
    assert_eq!(candle(&world, Resolution::Day, 0), Some([5, 9, 1, 1, 5]));
    assert_eq!(candle(&world, Resolution::Minute, 2 * MINUTE), None);
}

#[test]
fn what_is_made_up_or_missing_is_no_tick() {
    // The story: a mock feed's test price of a million was the high of the day.
    let world = World::whole();
    let made_up = Tick { source: "mock".into(), ..tick(5, 1, 1_000_000) };
    assert_eq!(world.see(&made_up), Recorded::Nothing);
    let missing = Update::new(key()).unavailable("no pool", at(5));
    assert_eq!(world.store.tokens().upsert(&missing).unwrap().recorded, Recorded::Nothing);
    assert_eq!(world.ticks(), []);
    assert_eq!(world.store.snapshot().tokens().history(&key()).unwrap(), None);
}

#[test]
fn without_a_history_nothing_is_kept_and_nothing_is_taken_back() {
    let disk = Arc::new(MemoryDisk::new());
    let clock = ManualClock::new(at(NOW));
    let store = open(&disk, &clock, None);
    let world = World { store, disk, clock };
    assert_eq!(world.see(&tick(5, 1, 7)), Recorded::Nothing);
    assert_eq!(world.rows().len(), 1, "the token's row alone");
    let refused = world.store.tokens().retract(&key(), &tick(5, 1, 7), "wrong").unwrap_err();
    assert!(matches!(refused, crate::Error::HistoryIncomplete { .. }), "{refused}");
    assert!(refused.is_refused() && !refused.is_corrupt());
}

#[test]
fn a_history_once_begun_goes_on() {
    // The story: one start of the bot without the option left a gap of a day, and nobody saw it.
    let ten = History::new().ticks(Retention::EVERYTHING.count(10));
    let world = World::new(ten.clone());
    world.see(&tick(1, 1, 7));
    let world = world.opened_again(None);
    assert_eq!(world.store.tokens().history(), Some(&ten));
    assert_eq!(world.see(&tick(2, 2, 8)), Recorded::Kept);
    let world = world.opened_again(Some(everything()));
    let world = world.opened_again(None);
    assert_eq!(world.store.tokens().history(), Some(&everything()));
    assert_eq!(world.ticks().len(), 2);
}

#[test]
fn an_opening_that_asks_for_what_is_stored_writes_nothing() {
    let world = World::whole();
    let before = world.store.snapshot().lsn();
    let world = world.opened_again(Some(everything()));
    assert_eq!(world.store.snapshot().lsn(), before);
}

#[test]
fn what_was_known_before_the_history_stays_a_mark() {
    // The story: the history was switched on, one wrong tick was taken back, and with it went the mark
    // of the three months before.
    let disk = Arc::new(MemoryDisk::new());
    let clock = ManualClock::new(at(NOW));
    let store = open(&disk, &clock, None);
    let world = World { store, disk, clock };
    world.see_all(&[tick(1, 1, 50), tick(9, 2, 20)]);
    let world = world.opened_again(Some(everything()));
    assert_eq!(world.see(&tick(10, 3, 90)), Recorded::Kept);
    let history = world.store.snapshot().tokens().history(&key()).unwrap().unwrap();
    assert_eq!(history.watermark, Some(at(9)));
    assert_eq!(world.see(&tick(9, 4, 40)), Recorded::BeforeHistory);
    assert_eq!(world.see(&tick(5, 5, 60)), Recorded::BeforeHistory);
    assert_eq!(world.token().max, Some(tick(10, 3, 90)));
    let taken_back = world.store.tokens().retract(&key(), &tick(10, 3, 90), "typo").unwrap();
    let Retraction::Retracted(merged) = taken_back else { panic!("not taken back") };
    assert_eq!(merged.token.max, Some(tick(5, 5, 60)), "the late one counts as well");
    assert_eq!(merged.token.current, Some(tick(9, 4, 40)));
    assert!(merged.changes.max && merged.changes.current && !merged.changes.min);
    world.assert_sound();
}

#[test]
fn a_retraction_says_what_and_why_and_when() {
    let world = World::whole();
    let wrong = tick(5, 1, 1_000_000);
    world.see_all(&[wrong.clone(), tick(6, 2, 7)]);
    let done = world.store.tokens().retract(&key(), &wrong, "fat finger").unwrap();
    assert!(matches!(done, Retraction::Retracted(_)));
    let snapshot = world.store.snapshot();
    let record: Vec<_> = snapshot.tokens().retracted(&key()).collect::<Result<_, _>>().unwrap();
    assert_eq!(record.len(), 1);
    assert_eq!((&record[0].tick, &*record[0].reason), (&wrong, "fat finger"));
    assert_eq!(record[0].retracted_at, at(NOW));
    let again = world.store.tokens().retract(&key(), &wrong, "again").unwrap();
    assert_eq!(again, Retraction::AlreadyRetracted(record[0].clone()));
    let unknown = world.store.tokens().retract(&key(), &tick(6, 2, 8), "wrong").unwrap_err();
    assert!(unknown.is_refused() && !unknown.is_corrupt(), "{unknown}");
    let long = "x".repeat(257);
    assert!(world.store.tokens().retract(&key(), &tick(6, 2, 7), &long).unwrap_err().is_refused());
    assert_eq!(world.ticks(), [tick(6, 2, 7)]);
}

#[test]
fn what_is_known_beside_a_wrong_price_says_since_when_the_token_is() {
    // The story: a feed wrote seconds for milliseconds. Its price was taken back, and the token stayed one
    // that was first seen in 1970.
    let world = World::whole();
    let wrong = tick(5, 1, 9);
    world.see_all(&[wrong.clone(), tick(100, 2, 9)]);
    world.store.tokens().upsert(&Update::new(key()).symbol("TKN", at(50))).unwrap();
    assert_eq!(world.token().first_seen, Some(at(5)));
    let done = world.store.tokens().retract(&key(), &wrong, "wrong").unwrap();
    let Retraction::Retracted(merged) = done else { panic!("{done:?}") };
    assert_eq!((merged.token.first_seen, merged.changes.first_seen), (Some(at(50)), true));
    // What else was said of the same time stays.
    let named = update(&tick(40, 3, 9)).name("Token", at(40));
    world.store.tokens().upsert(&named).unwrap();
    world.store.tokens().retract(&key(), &tick(40, 3, 9), "wrong").unwrap();
    assert_eq!(world.token().first_seen, Some(at(40)));
    // Nobody had a price then: that was an observation too.
    let other = TokenKey::new("chain", "other").unwrap();
    let seen = Update::new(other.clone()).price(price(9), at(5)).seq(1).source("a");
    world.store.tokens().upsert(&seen).unwrap();
    let missing = Update::new(other.clone()).unavailable("no pool", at(7));
    world.store.tokens().upsert(&missing).unwrap();
    world.store.tokens().retract(&other, &wrong, "wrong").unwrap();
    assert_eq!(world.store.tokens().get(&other).unwrap().unwrap().first_seen, Some(at(7)));
}

#[test]
fn the_rest_of_an_update_outlives_its_price() {
    let world = World::whole();
    let wrong = tick(5, 1, 9);
    world.see(&wrong);
    world.store.tokens().retract(&key(), &wrong, "wrong").unwrap();
    let named = update(&wrong).symbol("TKN", at(4));
    let merged = world.store.tokens().upsert(&named).unwrap();
    assert_eq!((merged.recorded, merged.token.current), (Recorded::Retracted, None));
    assert!(merged.changes.symbol && !merged.changes.max);
    world.assert_sound();
}

#[test]
fn ticks_of_one_time_leave_together_and_the_mark_stays() {
    // The story: a venue printed nine trades in one millisecond and the purge stopped between them. A
    // reader saw four, and taking one of them back was computed without the other five.
    let world = World::new(everything().ticks(Retention::EVERYTHING.count(5)));
    let trades: Vec<Tick> = (0..9).map(|seq| tick(5, seq, 100 + u128::from(seq))).collect();
    world.see_all(&trades);
    world.see_all(&[tick(6, 1, 3), tick(7, 1, 4)]);
    let step = |tx: &mut crate::Tx<'_>| {
        Ok::<_, crate::Error>(tx.tokens().purge_history(&[key()], at(NOW), 4)?)
    };
    let (done, purged) = world.store.write(step).unwrap();
    assert_eq!((done, purged.ticks), (0, 4));
    assert_eq!(world.ticks(), [tick(6, 1, 3), tick(7, 1, 4)], "none of that time is shown");
    let refused = world.store.tokens().retract(&key(), &trades[8], "wrong").unwrap_err();
    assert!(matches!(refused, crate::Error::HistoryIncomplete { .. }), "{refused}");
    assert_eq!(world.see(&trades[8]), Recorded::BeforeHistory);
    world.assert_sound();
    world.purge(NOW, 4);
    let history = world.store.snapshot().tokens().history(&key()).unwrap().unwrap();
    assert_eq!((history.ticks, history.purged, history.watermark), (2, 9, Some(at(5))));
    assert_eq!(world.token().max, Some(trades[8].clone()));
    assert_eq!(world.token().first, Some(trades[0].clone()));
}

#[test]
fn a_candle_that_reaches_below_the_watermark_stays_and_says_so() {
    let world = World::new(everything().ticks(Retention::EVERYTHING.count(1)));
    world.see_all(&[tick(10, 1, 5), tick(20, 2, 9), tick(30, 3, 7)]);
    world.purge(NOW, 1000);
    assert_eq!(candle(&world, Resolution::Minute, 0), Some([5, 9, 5, 7, 3]));
    world.store.tokens().retract(&key(), &tick(30, 3, 7), "wrong").unwrap();
    assert_eq!(candle(&world, Resolution::Minute, 0), Some([5, 9, 5, 7, 3]));
    let snapshot = world.store.snapshot();
    let first = snapshot.tokens().candles(&key(), Resolution::Day, ..).next().unwrap().unwrap();
    assert!(first.is_beyond_ticks);
    assert_eq!(world.token().current, Some(tick(20, 2, 9)), "the fold knows what was latest");
    world.see_all(&[tick(MINUTE, 4, 6), tick(MINUTE + 1, 5, 6)]);
    world.purge(NOW, 1000);
    let snapshot = world.store.snapshot();
    let mut second = snapshot.tokens().candles(&key(), Resolution::Minute, at(MINUTE)..);
    assert!(
        second.next().unwrap().unwrap().is_beyond_ticks,
        "it lacks the tick of its first moment"
    );
}

#[test]
fn a_purged_candle_is_not_made_anew_of_a_late_tick() {
    // The story: minutes were kept for an hour and ticks for a day; a late tick made a minute of its own,
    // with one trade in it.
    let hour = Duration::from_secs(3600);
    let world =
        World::new(everything().candles(Resolution::Minute, Retention::EVERYTHING.age(hour)));
    world.see_all(&[tick(10, 1, 5), tick(2 * HOUR, 2, 6)]);
    world.purge(2 * HOUR, 1000);
    assert_eq!(candle(&world, Resolution::Minute, 0), None);
    assert_eq!(world.see(&tick(20, 3, 8)), Recorded::Kept);
    assert_eq!(candle(&world, Resolution::Minute, 0), None);
    assert_eq!(candle(&world, Resolution::Hour, 0), Some([5, 8, 5, 8, 2]));
    world.assert_sound();
}

#[test]
fn a_refused_update_leaves_no_tick_behind() {
    // The story: the update was refused for its decimals, and its price was in the candles.
    let world = World::whole();
    world.store.tokens().upsert(&Update::new(key()).decimals(6)).unwrap();
    let before = world.rows();
    let refused = world.store.tokens().upsert(&update(&tick(5, 1, 7)).decimals(9)).unwrap_err();
    assert!(refused.is_refused());
    assert_eq!(world.rows(), before);
}

#[test]
fn ranges_read_from_either_end() {
    let world = World::whole();
    let ticks: Vec<Tick> = (0..10).map(|n| tick(n * MINUTE, n as u64, 5)).collect();
    world.see_all(&ticks);
    let snapshot = world.store.snapshot();
    let tokens = snapshot.tokens();
    let mut middle = tokens.ticks(&key(), at(2 * MINUTE)..at(6 * MINUTE));
    assert_eq!(middle.next().unwrap().unwrap(), ticks[2]);
    assert_eq!(middle.next_back().unwrap().unwrap(), ticks[5]);
    assert_eq!(middle.count(), 2);
    let latest = tokens.candles(&key(), Resolution::Minute, ..).next_back().unwrap().unwrap();
    assert_eq!(latest.start, at(9 * MINUTE));
    assert_eq!(tokens.ticks(&TokenKey::new("chain", "toke").unwrap(), ..).count(), 0);
    assert_eq!(tokens.ticks(&key(), at(6)..at(2)).count(), 0);
}

#[test]
fn a_purge_goes_over_all_tokens_and_by_the_clock() {
    let hour = Duration::from_secs(3600);
    let world = World::new(everything().ticks(Retention::EVERYTHING.age(hour)));
    for token in 0..30 {
        let key = TokenKey::new("chain", &format!("token{token}")).unwrap();
        for n in 0..50 {
            let seen = at(NOW - 2 * HOUR + n * 2 * MINUTE);
            let update = Update::new(key.clone()).price(price(7), seen);
            world.store.tokens().upsert(&update).unwrap();
        }
    }
    let purged = world.store.tokens().purge_history().unwrap();
    assert_eq!((purged.ticks, purged.candles), (30 * 30, 0));
    assert_eq!(world.store.tokens().purge_history().unwrap().ticks, 0);
    world.clock.set(at(NOW + HOUR));
    assert_eq!(world.store.tokens().purge_history().unwrap().ticks, 30 * 20);
    world.assert_sound();
}

#[test]
fn one_damaged_row_keeps_no_other_token_from_its_purge() {
    // The story: the row of one token was damaged, and from that day the history of all behind it grew.
    let world = World::new(everything().ticks(Retention::EVERYTHING.count(1)));
    let keys = ["a", "b", "c"].map(|address| TokenKey::new("chain", address).unwrap());
    for key in &keys {
        for n in 0..3 {
            let update = Update::new(key.clone()).price(price(7), at(n)).seq(1);
            world.store.tokens().upsert(&update).unwrap();
        }
    }
    let spoil = |tx: &mut crate::Tx<'_>| {
        tx.tokens().tx.put(HISTORY, keys[0].as_bytes(), vec![9]);
        Ok::<_, crate::Error>(())
    };
    world.store.write(spoil).unwrap();
    let told = world.store.tokens().purge_history().unwrap_err();
    assert!(told.is_corrupt() && told.to_string().contains("chain:a"), "{told}");
    let snapshot = world.store.snapshot();
    let left = keys[1..].iter().map(|key| snapshot.tokens().ticks(key, ..).count());
    assert_eq!(left.collect::<Vec<_>>(), [1, 1]);
    assert!(world.store.maintain().unwrap_err().is_corrupt());
}
