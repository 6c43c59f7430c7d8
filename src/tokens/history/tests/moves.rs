//! The greatest rises and falls, by hand and against every pair of prices.

use super::*;
use crate::money::Ratio;
use crate::tokens::history::{Move, Retention};

fn pumps(world: &World) -> Vec<Move> {
    world.store.snapshot().tokens().pumps(.., Ratio::times(0), 10).unwrap()
}

fn drawdowns(world: &World) -> Vec<Move> {
    world.store.snapshot().tokens().drawdowns(.., Ratio::times(0), 10).unwrap()
}

fn of_prices(prices: &[u128]) -> World {
    let world = World::whole();
    for (n, units) in (0..).zip(prices) {
        world.see(&tick(n, n as u64, *units));
    }
    world
}

#[test]
fn a_pump_is_a_low_before_a_high() {
    // The story: highest by lowest called every token that died a pump.
    let world = of_prices(&[10, 1, 9]);
    let pump = &pumps(&world)[0];
    assert_eq!((pump.from.price, pump.to.price), (price(1), price(9)));
    assert_eq!((pump.from.at, pump.to.at, pump.ratio), (at(1), at(2), Ratio::times(9)));

    let world = of_prices(&[10, 2]);
    let snapshot = world.store.snapshot();
    let tokens = snapshot.tokens();
    assert_eq!(tokens.pumps(.., Ratio::times(1), 10).unwrap(), []);
    assert_eq!(drawdowns(&world)[0].ratio, Ratio::percent(80));
    assert_eq!(tokens.drawdowns(.., Ratio::percent(81), 10).unwrap(), []);
    assert_eq!(tokens.drawdowns(.., Ratio::percent(80), 0).unwrap(), []);
}

#[test]
fn nothing_rises_from_zero_and_everything_falls_to_it() {
    let world = of_prices(&[0, 0, 5, 0]);
    assert_eq!(
        pumps(&world)[0].ratio,
        Ratio::times(0),
        "5 to 0 is the only pair that has a beginning"
    );
    assert_eq!(drawdowns(&world)[0].ratio, Ratio::times(1));
    assert_eq!(pumps(&of_prices(&[0, 7])), []);
    assert_eq!(drawdowns(&of_prices(&[0, 7])), []);
}

#[test]
fn only_the_window_counts() {
    let world = of_prices(&[1, 4, 8]);
    let snapshot = world.store.snapshot();
    let pumps = |from, to| snapshot.tokens().pumps(at(from)..=at(to), Ratio::times(1), 10).unwrap();
    assert_eq!(pumps(1, 2)[0].ratio, Ratio::times(2));
    assert_eq!(pumps(0, 1)[0].ratio, Ratio::times(4));
    assert_eq!(pumps(2, 2), []);
}

#[test]
fn of_a_purged_time_only_what_is_certain_counts() {
    // The story: a candle's low and high were taken for a rise, though the high had come first.
    let world = World::new(everything().ticks(Retention::EVERYTHING.count(1)));
    let prices = [(1, 8), (2, 1), (MINUTE, 3), (MINUTE + 1, 2), (MINUTE + 2, 5)];
    for (micros, units) in prices {
        world.see(&tick(micros, 1, units));
    }
    assert_eq!(pumps(&world)[0].ratio, Ratio::times(5), "1 to 5, by the ticks");
    world.purge(NOW, 1000);
    // Minute one: 1 to 8. Minute two, straddling: 2 to 5. The tick: 5.
    let pump = &pumps(&world)[0];
    assert_eq!((pump.from.price, pump.to.price), (price(1), price(5)));
    assert_eq!(pump.from.at, at(0));
    let fall = &drawdowns(&world)[0];
    assert_eq!((fall.from.price, fall.to.price), (price(8), price(2)));
    let early = world.store.snapshot();
    let early = early.tokens().drawdowns(..=at(MINUTE + 10), Ratio::times(0), 1).unwrap();
    assert_eq!(
        early[0].to.price,
        price(5),
        "a minute that goes on behind the window does not count"
    );
    // The low of the straddling minute may be behind the tick that is left: no rise from it.
    world.see(&tick(MINUTE + 3, 1, 7));
    let snapshot = world.store.snapshot();
    let later = snapshot.tokens().pumps(at(MINUTE).., Ratio::times(0), 1).unwrap();
    assert_eq!((later[0].from.price, later[0].to.price), (price(5), price(7)));
}

#[test]
fn two_feeds_of_one_moment_are_no_rise() {
    // The story: two venues quoted 1 and 3 in the same second, and the token had tripled.
    let world = World::whole();
    let of = |source: &str, seq, units| Tick { source: source.into(), seq, ..tick(5, 0, units) };
    world.see_all(&[of("a", Some(1), 1), of("b", Some(2), 3), of("a", None, 9), of("b", None, 2)]);
    assert_eq!((pumps(&world), drawdowns(&world)), (Vec::new(), Vec::new()));
    world.see(&of("b", Some(9), 6));
    let pump = &pumps(&world)[0];
    assert_eq!((pump.from.price, pump.to.price), (price(3), price(6)), "its own numbers say so");
    world.see(&of("b", Some(9), 7));
    assert_eq!(pumps(&world)[0].ratio, Ratio::new(7, 3).unwrap());
    assert_eq!(drawdowns(&world)[0].ratio, Ratio::times(0));
    let world = World::whole();
    world.see_all(&[of("b", Some(9), 6), of("b", Some(9), 7)]);
    assert_eq!(pumps(&world), [], "two prices of one number");
}

#[test]
fn a_price_that_was_taken_back_is_no_pump() {
    // The story: a wrong price was taken back, and the candle that held it reached below the watermark and
    // kept it: the token stayed the pump of the week.
    let world = World::new(everything().ticks(Retention::EVERYTHING.count(2)));
    world.see_all(&[tick(1, 1, 2), tick(MINUTE, 2, 4), tick(MINUTE + 1, 3, 900)]);
    world.see(&tick(2 * MINUTE, 4, 6));
    world.purge(NOW, 1000);
    assert_eq!(pumps(&world)[0].to.price, price(900));
    world.store.tokens().retract(&key(), &tick(MINUTE + 1, 3, 900), "wrong").unwrap();
    let pump = &pumps(&world)[0];
    assert_eq!((pump.from.price, pump.to.price), (price(2), price(6)));
    // One that is neither the high nor the low of its candle takes nothing with it.
    world.see(&tick(2 * MINUTE + 1, 5, 8));
    world.see_all(&[tick(2 * MINUTE + 2, 6, 7), tick(2 * MINUTE + 3, 7, 7)]);
    world.purge(NOW, 1000);
    world.store.tokens().retract(&key(), &tick(2 * MINUTE + 3, 7, 7), "wrong").unwrap();
    assert_eq!(pumps(&world)[0].to.price, price(8));
}

#[test]
fn hours_stand_for_minutes_that_are_gone() {
    use crate::tokens::history::Resolution;
    let none = Retention::EVERYTHING.count(0);
    let history = everything().ticks(none).candles(Resolution::Minute, none);
    let world = World::new(history);
    world.see_all(&[tick(1, 1, 2), tick(2, 1, 5), tick(HOUR, 1, 8), tick(HOUR + MINUTE, 1, 6)]);
    world.purge(NOW, 3);
    let pump = &pumps(&world)[0];
    assert_eq!((pump.from.price, pump.to.price), (price(2), price(8)));
    assert_eq!((pump.from.at, pump.to.at), (at(0), at(HOUR)));
    assert_eq!(drawdowns(&world)[0].ratio, Ratio::times(0), "5 to 6 is no fall");
}

#[test]
fn the_best_are_kept_in_their_order() {
    let world = World::whole();
    for token in 1..20u128 {
        let key = TokenKey::new("chain", &format!("{token:02}")).unwrap();
        for (micros, units) in [(1, 1), (2, token % 10 + 1)] {
            let update = Update::new(key.clone()).price(price(units), at(micros));
            world.store.tokens().upsert(&update).unwrap();
        }
    }
    let snapshot = world.store.snapshot();
    let best = snapshot.tokens().pumps(.., Ratio::times(2), 3).unwrap();
    let best: Vec<_> = best.iter().map(|best| best.key.address()).collect();
    assert_eq!(best, ["09", "19", "08"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_greatest_move_is_the_greatest_of_all_pairs(
        prices in prop::collection::vec(prop_oneof![0..6u128, Just(u128::MAX), any::<u128>()], 0..12),
    ) {
        let pairs = || (0..prices.len()).flat_map(|i| (i + 1..prices.len()).map(move |j| (i, j)));
        let pairs = || pairs().map(|(i, j)| (prices[i], prices[j]));
        let rise = pairs().filter_map(|(from, to)| Ratio::new(to, from)).max();
        let fall = pairs().filter_map(|(from, to)| Ratio::new(from.saturating_sub(to), from)).max();
        let world = of_prices(&prices);
        prop_assert_eq!(pumps(&world).first().map(|one| one.ratio), rise);
        prop_assert_eq!(drawdowns(&world).first().map(|one| one.ratio), fall);
    }

    #[test]
    fn of_ticks_of_one_time_only_a_venues_own_numbers_say_which_came_first(
        ticks in prop::collection::btree_set(tied_tick(), 0..16),
        instants in 1..4i64,
    ) {
        let of_few_instants = |tick: Tick| {
            let instant = tick.observed_at.as_micros().rem_euclid(instants);
            Tick { observed_at: at(instant), ..tick }
        };
        let ticks: std::collections::BTreeSet<_> = ticks.into_iter().map(of_few_instants).collect();
        let follows = |tick: &Tick, before: &Tick| {
            let same_venue = before.source == tick.source;
            let numbered = before.seq.is_some() && tick.seq.is_some() && before.seq < tick.seq;
            before.observed_at < tick.observed_at
                || before.observed_at == tick.observed_at && same_venue && numbered
        };
        let pairs = || ticks.iter().flat_map(|from| ticks.iter().map(move |to| (from, to)));
        let pairs = || pairs().filter(|(from, to)| follows(to, from));
        let pairs = || pairs().map(|(from, to)| (from.price.units(), to.price.units()));
        let rise = pairs().filter_map(|(from, to)| Ratio::new(to, from)).max();
        let fall = pairs().filter_map(|(from, to)| Ratio::new(from.saturating_sub(to), from)).max();
        let world = World::whole();
        world.see_all(&ticks);
        prop_assert_eq!(pumps(&world).first().map(|one| one.ratio), rise);
        prop_assert_eq!(drawdowns(&world).first().map(|one| one.ratio), fall);
    }
}
