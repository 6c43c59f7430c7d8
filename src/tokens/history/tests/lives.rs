//! Random lives of a token's history, held against the model, and the properties that any of them has.

use std::time::Duration;

use super::model::Model;
use super::*;
use crate::tokens::history::{Resolution, Retention, Retraction};

#[derive(Clone, Debug)]
enum Step {
    See(Tick),
    /// Takes back the n-th of the ticks that were accepted.
    Retract(prop::sample::Index),
    /// Purges at most so many rows at once.
    Purge {
        now: i64,
        limit: usize,
    },
    /// Starts anew from the files.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => tied_tick().prop_map(Step::See),
        2 => any::<prop::sample::Index>().prop_map(Step::Retract),
        1 => (-DAY..4 * DAY, 1..4usize).prop_map(|(now, limit)| Step::Purge { now, limit }),
        1 => Just(Step::Reopen),
    ]
}

fn retention(age: i64, count: usize) -> Retention {
    Retention::EVERYTHING.age(Duration::from_micros(age as u64)).count(count as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_life_is_that_of_the_model(
        steps in prop::collection::vec(step(), 1..40),
        ticks in (HOUR..3 * DAY, 1..12usize),
        candles in (HOUR..3 * DAY, 1..6usize),
    ) {
        let mut history = History::new().ticks(retention(ticks.0, ticks.1));
        for resolution in Resolution::ALL {
            history = history.candles(resolution, retention(candles.0, candles.1));
        }
        let mut world = World::new(history);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::See(tick) => prop_assert_eq!(world.see(&tick), model.see(&tick), "{:?}", tick),
                Step::Retract(which) => {
                    let accepted: Vec<Tick> = model.accepted().cloned().collect();
                    if accepted.is_empty() { continue }
                    let tick = which.get(&accepted);
                    let found = world.store.tokens().retract(&key(), tick, "wrong");
                    match found {
                        Ok(found) => {
                            prop_assert!(matches!(found, Retraction::Retracted(_)));
                            prop_assert!(model.retract(tick));
                        }
                        Err(error) => {
                            let refused = matches!(error, crate::Error::HistoryIncomplete { .. });
                            prop_assert!(refused, "{}", error);
                            prop_assert!(!model.retract(tick));
                        }
                    }
                }
                Step::Purge { now, limit } => {
                    world.purge(now, limit);
                    model.purge(now, ticks, candles);
                }
                Step::Reopen => world = world.opened_again(None),
            }
            model.check(&world);
        }
    }

    #[test]
    fn any_order_with_any_repetition_gives_the_same_rows(
        (ticks, shuffled) in prop::collection::vec(tied_tick(), 0..24).prop_flat_map(|ticks| {
            let twice = [&ticks[..], &ticks[..]].concat();
            (Just(ticks), Just(twice).prop_shuffle())
        })
    ) {
        // The story: two feeds replayed one day, and the candles differed in whichever tick came first.
        let (in_order, in_disorder) = (World::whole(), World::whole());
        in_order.see_all(&ticks);
        in_disorder.see_all(&shuffled);
        prop_assert_eq!(in_order.rows(), in_disorder.rows());
        in_order.assert_sound();
    }

    #[test]
    fn however_a_purge_is_cut_its_end_is_the_same(
        ticks in prop::collection::vec(tied_tick(), 1..24),
        now in 0..4 * DAY, age in HOUR..2 * DAY, count in 0..8usize,
        limit in 1..5usize,
    ) {
        // The story: a purge was interrupted between two ticks of one time, and the fold had one of them
        // twice.
        let mut history = everything().ticks(retention(age, count));
        for resolution in Resolution::ALL {
            history = history.candles(resolution, retention(age, count));
        }
        let (at_once, in_steps) = (World::new(history.clone()), World::new(history));
        at_once.see_all(&ticks);
        in_steps.see_all(&ticks);
        let before = at_once.token();
        at_once.purge(now, 1000);
        in_steps.purge(now, limit);
        prop_assert_eq!(at_once.rows(), in_steps.rows());
        prop_assert_eq!(at_once.token(), before, "a purge moved a mark");
    }

    #[test]
    fn what_was_taken_back_might_as_well_never_have_come(
        ticks in prop::collection::btree_set(tied_tick(), 1..16),
        which: prop::sample::Index,
        replayed in prop::bool::ANY,
    ) {
        let ticks: Vec<Tick> = ticks.into_iter().collect();
        let wrong = which.get(&ticks);
        let (world, without) = (World::whole(), World::whole());
        world.see_all(&ticks);
        without.see_all(ticks.iter().filter(|tick| *tick != wrong));
        world.store.tokens().retract(&key(), wrong, "a test price").unwrap();
        if replayed {
            let rows = world.rows();
            let seen: Vec<Recorded> = ticks.iter().map(|tick| world.see(tick)).collect();
            for (tick, recorded) in ticks.iter().zip(seen) {
                let expected =
                    if tick == wrong { Recorded::Retracted } else { Recorded::Duplicate };
                prop_assert_eq!(recorded, expected);
            }
            prop_assert_eq!(&world.rows(), &rows, "a replay brought something back");
        }
        world.assert_sound();
        let of_prices = |rows: Rows| -> Rows {
            let tables = [TICKS.0, CANDLES.0];
            rows.into_iter().filter(|((table, _), _)| tables.contains(table)).collect()
        };
        prop_assert_eq!(of_prices(world.rows()), of_prices(without.rows()));
        if ticks.len() > 1 {
            let marks = |token: Token| {
                (token.current, token.first, token.max, token.min, token.first_seen)
            };
            prop_assert_eq!(marks(world.token()), marks(without.token()));
        } else {
            prop_assert_eq!((world.token().max, world.token().first_seen), (None, None));
        }
    }
}
