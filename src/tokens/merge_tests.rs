//! Tests of the merge rules: any order of the same updates comes to the same row.

use proptest::prelude::*;

use super::*;
use crate::tokens::row;

const SIX_DECIMALS: [Option<u8>; 2] = [None, Some(6)];

fn key() -> TokenKey {
    TokenKey::new("ethereum", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2").expect("a good key")
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn price(units: u128) -> Price {
    Price::from_units(units)
}

fn update() -> Update {
    Update::new(key())
}

/// What is known after `updates` in this order, with those left out that are refused.
fn merged<'a>(updates: impl IntoIterator<Item = &'a Update>) -> State<'a> {
    updates
        .into_iter()
        .fold(State::default(), |state, update| state.join(&State::of(update)).unwrap_or(state))
}

fn changes<'a>(known: &State<'a>, update: &'a Update) -> Changes {
    let after = known.join(&State::of(update)).expect("no conflict");
    after.changes_since(Some(known))
}

/// Updates with few values of everything, so that nearly all of them tie with others.
fn tied_update(decimals: &'static [Option<u8>]) -> impl Strategy<Value = Update> {
    let time = || 0..3i64;
    let text = || prop_oneof![Just("A"), Just("B"), Just("")];
    let source = prop_oneof![Just("a"), Just("b"), Just(""), Just("mock")];
    let price_field = prop_oneof![
        1 => Just(None),
        1 => time().prop_map(|time| Some((None, time))),
        6 => (0..3u128, time()).prop_map(|(units, time)| Some((Some(units), time))),
    ];
    (
        (price_field, source, prop::option::of(0..2u64)),
        prop::option::of((text(), time())),
        prop::option::of((text(), time())),
        prop::sample::select(decimals),
        prop::option::of((0..2u128, time())),
    )
        .prop_map(|((price_field, source, seq), symbol, name, decimals, market_cap)| {
            let mut update = update().source(source);
            update.seq = seq;
            update.decimals = decimals;
            update = match price_field {
                None => update,
                Some((None, time)) => update.unavailable("no pool", at(time)),
                Some((Some(units), time)) => update.price(price(units), at(time)),
            };
            if let Some((text, time)) = symbol {
                update = update.symbol(text, at(time));
            }
            if let Some((text, time)) = name {
                update = update.name(text, at(time));
            }
            if let Some((units, time)) = market_cap {
                update = update.market_cap(price(units), at(time));
            }
            update
        })
}

fn tied_updates() -> impl Strategy<Value = Vec<Update>> {
    prop::collection::vec(tied_update(&SIX_DECIMALS), 0..12)
}

/// The rules once more, over all ticks at once: sort them, then look at the ends.
fn expected_marks(updates: &[Update]) -> Option<Marks<'_>> {
    let mut ticks: Vec<TickRef<'_>> = updates
        .iter()
        .filter_map(|update| match &update.price {
            PriceField::Given(price) if &*update.source != "mock" => {
                Some(TickRef::of(update, price))
            }
            _ => None,
        })
        .collect();
    ticks.sort_by_key(|tick| (tick.observed_at, tick.seq, tick.source, tick.price));
    let highest = ticks.iter().map(|tick| tick.price).max()?;
    let lowest = ticks.iter().map(|tick| tick.price).min()?;
    Some(Marks {
        current: *ticks.last()?,
        first: *ticks.first()?,
        max: *ticks.iter().find(|tick| tick.price == highest)?,
        min: *ticks.iter().find(|tick| tick.price == lowest)?,
    })
}

proptest! {
    #[test]
    fn any_order_with_any_repetition_gives_the_same_bytes(
        (updates, shuffled) in tied_updates().prop_flat_map(|updates| {
            let twice = [&updates[..], &updates[..]].concat();
            (Just(updates), Just(twice).prop_shuffle())
        })
    ) {
        // The story: two writers replayed one feed and ended with two different rows, because ties
        // were broken by who came first.
        let in_order = row::encode(&merged(&updates));
        prop_assert_eq!(row::encode(&merged(&shuffled)), in_order);
    }

    #[test]
    fn joining_is_commutative_associative_and_idempotent(
        one in tied_updates(), two in tied_updates(), three in tied_updates(),
    ) {
        let (a, b, c) = (merged(&one), merged(&two), merged(&three));
        let join = |left: State<'_>, right: State<'_>| row::encode(&left.join(&right).expect("joins"));
        prop_assert_eq!(join(a, b), join(b, a));
        prop_assert_eq!(a.join(&b).expect("joins").join(&c), a.join(&b.join(&c).expect("joins")));
        prop_assert_eq!(a.join(&a), Ok(a));
        prop_assert_eq!(a.join(&State::default()), Ok(a));
    }

    #[test]
    fn the_marks_are_those_of_all_ticks_sorted(updates in tied_updates()) {
        prop_assert_eq!(merged(&updates).marks, expected_marks(&updates));
    }

    #[test]
    fn the_other_fields_are_the_greatest_by_time_and_value(updates in tied_updates()) {
        let state = merged(&updates);
        let texts = |field: fn(&Update) -> &Option<Observed<Box<str>>>| {
            updates.iter().filter_map(field_of(field)).max()
        };
        prop_assert_eq!(state.symbol, texts(|update| &update.symbol));
        prop_assert_eq!(state.name, texts(|update| &update.name));
        let real = || updates.iter().filter(|update| &*update.source != "mock");
        prop_assert_eq!(state.market_cap, real().filter_map(|update| update.market_cap).max());
        prop_assert_eq!(state.decimals, updates.iter().find_map(|update| update.decimals));
        let mocks = updates.iter().filter(|update| &*update.source == "mock");
        let mocks = mocks.filter_map(|update| match &update.price {
            PriceField::Given(price) => Some(TickRef::of(update, price)),
            _ => None,
        });
        prop_assert_eq!(state.mock, mocks.max());
        let text_times = updates.iter().flat_map(|update| [&update.symbol, &update.name]);
        let text_times = text_times.flatten().map(|text| text.observed_at);
        let real_times = real().flat_map(|update| {
            let price = match &update.price {
                PriceField::NotGiven => None,
                PriceField::Given(price) => Some(price.observed_at),
                PriceField::Unavailable(reason) => Some(reason.observed_at),
            };
            [price, update.market_cap.map(|market_cap| market_cap.observed_at)]
        });
        prop_assert_eq!(state.first_seen, text_times.chain(real_times.flatten()).min());
    }

    #[test]
    fn the_mark_never_falls_and_a_repeat_changes_nothing(updates in tied_updates()) {
        let mut state = State::default();
        for update in &updates {
            let after = state.join(&State::of(update)).expect("no conflict");
            let mark = |state: &State<'_>| state.marks.map(|marks| marks.max.price);
            prop_assert!(mark(&after) >= mark(&state));
            state = after;
        }
        for update in &updates {
            prop_assert!(changes(&state, update).is_empty(), "{:?}", update);
        }
    }

    #[test]
    fn changes_name_exactly_the_fields_that_differ(
        updates in tied_updates(), last in tied_update(&SIX_DECIMALS),
    ) {
        let before = merged(&updates);
        let after = before.join(&State::of(&last)).expect("no conflict");
        let changes = after.changes_since(Some(&before));
        let (old, new) = (before.token(key()), after.token(key()));
        let expected = Changes {
            created: false,
            symbol: old.symbol != new.symbol,
            name: old.name != new.name,
            decimals: old.decimals != new.decimals,
            market_cap: old.market_cap != new.market_cap,
            first_seen: old.first_seen != new.first_seen,
            current: old.current != new.current,
            first: old.first != new.first,
            max: old.max != new.max,
            min: old.min != new.min,
            mock: old.mock != new.mock,
            missing: false,
        };
        prop_assert_eq!(changes, expected);
        prop_assert_eq!(changes.is_empty(), row::encode(&before) == row::encode(&after));
    }

    #[test]
    fn an_update_whose_decimals_conflict_leaves_nothing_behind(
        updates in prop::collection::vec(tied_update(&[None, Some(0), Some(6), Some(24)]), 0..12),
    ) {
        // Which of two that disagree comes first decides; the row is that of the accepted ones.
        let known = updates.iter().find_map(|update| update.decimals);
        let accepted = updates.iter().filter(|u| u.decimals.is_none() || u.decimals == known);
        prop_assert_eq!(merged(&updates), merged(accepted));
        prop_assert_eq!(merged(&updates).decimals, known);
    }
}

fn field_of(
    field: fn(&Update) -> &Option<Observed<Box<str>>>,
) -> impl Fn(&Update) -> Option<Observed<&str>> {
    move |update| field(update).as_ref().map(borrow)
}

#[test]
fn trades_of_one_time_and_price_are_told_apart_by_their_number() {
    // The story: a venue prints several trades in one millisecond. Without their numbers 14,515 real
    // prices vanished from one file of 69,808.
    let trade = |seq| update().price(price(7), at(1)).source("venue").seq(seq);
    let (early, late) = (trade(1), trade(2));
    let state = merged([&late, &early]);
    let marks = state.marks.expect("prices");
    assert_eq!((marks.first.seq, marks.current.seq), (Some(1), Some(2)));
    assert_eq!((marks.max.seq, marks.min.seq), (Some(1), Some(1)), "of equal ones, the earliest");
    // A tick without a number orders before any with one.
    let unnumbered = update().price(price(7), at(1)).source("venue");
    let marks = merged([&early, &unnumbered, &late]).marks.expect("prices");
    assert_eq!((marks.first.seq, marks.current.seq), (None, Some(2)));
}

#[test]
fn ticks_of_one_time_and_number_order_by_source_then_by_price() {
    let tick = |source: &str, units| update().price(price(units), at(1)).seq(1).source(source);
    let ticks = [tick("a", 9), tick("b", 3), tick("b", 4)];
    let marks = merged(ticks.iter().rev()).marks.expect("prices");
    assert_eq!((marks.first.source, marks.current.source), ("a", "b"));
    assert_eq!(marks.current.price, price(4));
    assert_eq!((marks.max.price, marks.min.price), (price(9), price(3)));
}

#[test]
fn a_price_of_zero_is_a_price() {
    // The story: a token died, and the bot went on to show its last good price.
    let (alive, dead) = (update().price(price(5), at(1)), update().price(Price::ZERO, at(2)));
    let marks = merged([&alive, &dead]).marks.expect("prices");
    assert_eq!((marks.current.price, marks.min.price), (Price::ZERO, Price::ZERO));
    assert_eq!((marks.max.price, marks.first.price), (price(5), price(5)));
}

#[test]
fn a_missing_price_touches_no_price() {
    let (known, missing) =
        (update().price(price(5), at(5)), update().unavailable("no pool", at(9)));
    assert!(changes(&merged([&known]), &missing).is_empty());
    let earlier = update().unavailable("no pool", at(1));
    let expected = Changes { first_seen: true, ..Changes::default() };
    assert_eq!(changes(&merged([&known]), &earlier), expected);
}

#[test]
fn a_synthetic_price_feeds_nothing_but_its_own_field() {
    // The story: a mock feed's test price of a million became the high-water mark.
    let real = update().price(price(5), at(5)).source("venue");
    let mock = update().price(price(1_000_000), at(1)).source("mock").market_cap(price(9), at(1));
    let expected = Changes { mock: true, ..Changes::default() };
    assert_eq!(changes(&merged([&real]), &mock), expected);
    let token = merged([&mock]).token(key());
    assert_eq!((token.current, token.max, token.first_seen), (None, None, None));
    assert_eq!(token.market_cap, None);
    assert_eq!(token.mock.map(|tick| tick.price), Some(price(1_000_000)));
    // Only exactly this source is synthetic.
    let lookalike = update().price(price(1), at(1)).source("Mock");
    assert!(merged([&lookalike]).marks.is_some());
}

#[test]
fn what_an_update_leaves_out_is_not_cleared() {
    let full = update()
        .price(price(5), at(5))
        .source("venue")
        .symbol("BTC", at(5))
        .name("Bitcoin", at(5))
        .decimals(8)
        .market_cap(price(7), at(5));
    assert!(changes(&merged([&full]), &update()).is_empty());
}

#[test]
fn decimals_are_set_once_and_zero_is_a_value() {
    // The story: a list without decimals wrote 0, and 5,924 real tokens do have 0.
    let (unsaid, zero, six) = (update(), update().decimals(0), update().decimals(6));
    assert_eq!(merged([&unsaid]).decimals, None);
    let known = merged([&unsaid, &zero]);
    assert_eq!(known.decimals, Some(0));
    assert_eq!(known.join(&State::of(&six)), Err(DecimalsDiffer { known: 0, given: 6 }));
    assert_eq!(known.join(&State::of(&unsaid)).map(|state| state.decimals), Ok(Some(0)));
}
