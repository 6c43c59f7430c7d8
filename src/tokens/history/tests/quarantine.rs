//! Prices that jump: kept aside, let through, dropped.

use super::*;
use crate::money::Ratio;

fn guarded() -> World {
    World::new(everything().quarantine(Ratio::times(10)))
}

fn waiting(world: &World) -> Vec<Tick> {
    let snapshot = world.store.snapshot();
    let waiting = snapshot.tokens().quarantined(&key()).unwrap();
    waiting.into_iter().map(|waiting| waiting.tick).collect()
}

#[test]
fn a_price_that_jumps_waits_until_somebody_looks_at_it() {
    // The story: a venue printed a price with the point in the wrong place, and the bot sold everything.
    let world = guarded();
    assert_eq!(world.see(&tick(1, 1, 100)), Recorded::Kept);
    assert_eq!(
        world.see(&tick(2, 2, 1000)),
        Recorded::Kept,
        "ten times is not more than ten times"
    );
    let jump = tick(3, 3, 10_001);
    let merged = world.merge(&jump);
    assert_eq!(merged.recorded, Recorded::Quarantined);
    assert_eq!(merged.token.max, Some(tick(2, 2, 1000)));
    assert_eq!(world.see(&tick(4, 4, 99)), Recorded::Quarantined);
    assert_eq!(world.see(&tick(4, 5, 100)), Recorded::Kept);
    assert_eq!(world.see(&jump), Recorded::Quarantined);
    let snapshot = world.store.snapshot();
    let waiting = snapshot.tokens().quarantined(&key()).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!((&waiting[0].tick, waiting[0].jumps_from), (&jump, price(1000)));
    assert_eq!(waiting[0].kept_at, at(NOW));
    world.assert_sound();
}

#[test]
fn what_is_accepted_counts_and_what_is_dropped_is_forgotten() {
    let world = guarded();
    world.see_all(&[tick(1, 1, 10), tick(2, 2, 500), tick(3, 3, 700)]);
    let merged = world.store.tokens().accept(&key(), &tick(2, 2, 500)).unwrap();
    assert_eq!((merged.recorded, merged.token.max), (Recorded::Kept, Some(tick(2, 2, 500))));
    assert!(merged.changes.max && merged.changes.current);
    world.assert_sound();
    let again = world.store.tokens().accept(&key(), &tick(2, 2, 500)).unwrap_err();
    assert!(again.is_refused() && !again.is_corrupt(), "{again}");
    world.store.tokens().drop_quarantined(&key(), &tick(3, 3, 700)).unwrap();
    assert!(world.store.tokens().drop_quarantined(&key(), &tick(3, 3, 700)).is_err());
    assert_eq!(waiting(&world), []);
    assert_eq!(world.see(&tick(3, 3, 700)), Recorded::Kept, "no jump from 500");
    world.assert_sound();
}

#[test]
fn no_price_jumps_from_nothing() {
    // The story: a token came back from zero; its every price was infinitely far from the latest.
    let world = guarded();
    world.see(&tick(1, 1, 5));
    assert_eq!(world.see(&tick(2, 2, 0)), Recorded::Quarantined);
    world.store.tokens().accept(&key(), &tick(2, 2, 0)).unwrap();
    assert_eq!(world.see(&tick(3, 3, 1_000_000)), Recorded::Kept);
}

#[test]
fn the_oldest_of_too_many_falls_out_and_is_counted() {
    let world = guarded();
    world.see(&tick(1, 1, 1));
    // The first to arrive is not the first by its time.
    world.see(&tick(5000, 1, 100));
    for n in 0..100 {
        world.see(&tick(10 + n, 1, 100));
    }
    let history = world.store.snapshot().tokens().history(&key()).unwrap().unwrap();
    assert_eq!((history.quarantined, history.quarantine_dropped), (100, 1));
    let waiting = waiting(&world);
    assert_eq!(waiting.len(), 100);
    assert!(!waiting.contains(&tick(5000, 1, 100)));
    world.assert_sound();
}

#[test]
fn a_replay_of_what_was_purged_waits_for_nobody() {
    // The story: after a restart the feed replayed a week that was purged, and the quarantine filled with
    // prices that had been believed for days.
    use crate::tokens::history::Retention;
    let quarantine = Ratio::times(10);
    let world =
        World::new(everything().ticks(Retention::EVERYTHING.count(1)).quarantine(quarantine));
    world.see_all(&[tick(1, 1, 1), tick(2, 2, 9), tick(3, 3, 81)]);
    world.purge(NOW, 1000);
    assert_eq!(world.see(&tick(1, 1, 1)), Recorded::BeforeHistory);
    assert_eq!(world.see(&tick(1, 7, 0)), Recorded::Quarantined, "a mark would move");
    assert_eq!(world.token().min, Some(tick(1, 1, 1)));
    let merged = world.store.tokens().accept(&key(), &tick(1, 7, 0)).unwrap();
    assert_eq!((merged.recorded, merged.token.min), (Recorded::BeforeHistory, Some(tick(1, 7, 0))));
    world.assert_sound();
}

#[test]
fn without_a_factor_a_waiting_tick_comes_in_by_itself() {
    let world = guarded();
    world.see_all(&[tick(1, 1, 1), tick(2, 2, 500)]);
    let world = world.opened_again(Some(everything()));
    assert_eq!(world.see(&tick(2, 2, 500)), Recorded::Kept);
    assert_eq!(waiting(&world), [], "it does not wait any more");
    world.assert_sound();
}

#[test]
fn a_late_tick_is_judged_by_the_price_of_its_own_time() {
    // The story: a token had risen a thousandfold. A misprint of last week looked like today's price and
    // became its high of last week, and last week's true prices waited for somebody.
    let world = guarded();
    for (n, units) in (0..).zip([10, 60, 300, 2_000, 10_000]) {
        assert_eq!(world.see(&tick(n * 100, 1, units)), Recorded::Kept);
    }
    assert_eq!(world.see(&tick(50, 1, 9_000)), Recorded::Quarantined, "it was at 10 then");
    assert_eq!(world.see(&tick(150, 1, 70)), Recorded::Kept, "between 60 and 300");
    assert_eq!(world.see(&tick(-50, 1, 9)), Recorded::Kept, "what comes next is 10");
    assert_eq!(world.see(&tick(-60, 1, 9_000)), Recorded::Quarantined);
    let snapshot = world.store.snapshot();
    let waiting = snapshot.tokens().quarantined(&key()).unwrap();
    let held: Vec<_> =
        waiting.iter().map(|waiting| (waiting.tick.observed_at, waiting.jumps_from)).collect();
    assert_eq!(held, [(at(-60), price(9)), (at(50), price(10))]);
    world.assert_sound();
}

#[test]
fn what_comes_after_the_watermark_is_held_against_the_fold() {
    use crate::tokens::history::Retention;
    let rules = everything().ticks(Retention::EVERYTHING.count(1)).quarantine(Ratio::times(10));
    let world = World::new(rules);
    world.see_all(&[tick(1, 1, 1), tick(2, 2, 9), tick(30, 3, 81), tick(40, 4, 800)]);
    world.purge(NOW, 1000);
    // Behind the watermark of 30, before the tick of 40.
    assert_eq!(world.see(&tick(35, 1, 811)), Recorded::Quarantined, "ten times 81 and one");
    assert_eq!(world.see(&tick(35, 2, 9)), Recorded::Kept);
    assert_eq!(world.see(&tick(36, 2, 91)), Recorded::Quarantined, "9 comes right before");
    // At or before the watermark the fold is all that is known.
    assert_eq!(world.see(&tick(20, 1, 811)), Recorded::Quarantined);
    assert_eq!(world.see(&tick(20, 1, 800)), Recorded::BeforeHistory);
    world.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_life_with_a_quarantine_is_that_of_a_plain_set(
        ticks in prop::collection::vec(tied_tick(), 1..40),
    ) {
        // The story: a day was replayed in order into a store that was days ahead, and nothing of it came in.
        let world = World::new(everything().quarantine(Ratio::times(2)));
        let mut kept = std::collections::BTreeSet::new();
        for tick in ticks {
            let before = kept.range(..&tick).next_back().or(kept.first());
            let units = |tick: &Tick| tick.price.units();
            let jumps = before.map(units).filter(|before| *before > 0).is_some_and(|before| {
                units(&tick) > 2 * before || before > 2 * units(&tick)
            });
            let expected = match kept.contains(&tick) {
                true => Recorded::Duplicate,
                false if jumps => Recorded::Quarantined,
                false => Recorded::Kept,
            };
            prop_assert_eq!(world.see(&tick), expected, "{:?}", tick);
            if expected == Recorded::Kept {
                kept.insert(tick);
            }
        }
        prop_assert!(world.ticks().iter().eq(kept.iter()));
        world.assert_sound();
    }
}
