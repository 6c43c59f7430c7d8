//! Missing prices through a store: what sets, counts and clears them, whatever comes in whatever order,
//! and what is due when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use highwater::disk::MemoryDisk;
use highwater::{
    Asset, Background, Claim, ClaimBounds, Error, Filter, History, Intent, Level, ManualClock,
    Missing, Mode, Money, Options, Price, PriceBackoff, PriceOf, Ratio, Reason, Store, SyncRow,
    Tick, Timestamp, TokenKey, TokenSync, Update,
};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
const START: i64 = 1_700_000_000 * SECOND;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START + seconds * SECOND)
}

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).expect("an asset")
}

fn key(number: u8) -> TokenKey {
    TokenKey::new("chain", &format!("token-{number}")).expect("a key")
}

/// A store without jitter whose first pause is 10 seconds and whose longest is 40, and its clock, which
/// shows `at(0)`.
fn open(more: impl FnOnce(Options) -> Options) -> (Store, ManualClock) {
    let clock = ManualClock::new(at(0));
    let backoff = PriceBackoff::new()
        .base(Duration::from_secs(10))
        .cap(Duration::from_secs(40))
        .jitter_percent(0);
    let options = Options::new(Mode::Paper, usd())
        .clock(Arc::new(clock.clone()))
        .background(Background::Manual)
        .price_backoff(backoff);
    let store = more(options).open_on(Arc::new(MemoryDisk::new())).expect("opens");
    (store, clock)
}

fn nothing(number: u8, seconds: i64) -> Update {
    Update::new(key(number)).unavailable("no pool", at(seconds))
}

fn price(number: u8, seconds: i64) -> Update {
    Update::new(key(number)).price(Price::from_units(7), at(seconds)).source("venue")
}

fn upsert(store: &Store, update: &Update) -> Option<Missing> {
    let merged = store.tokens().upsert(update).expect("accepted");
    let snapshot = store.snapshot();
    assert_eq!(snapshot.tokens().missing(update.key()).expect("reads"), merged.missing);
    assert_eq!(snapshot.verify().expect("reads"), []);
    merged.missing
}

/// What is due, by name, when the clock shows so many seconds.
fn due(store: &Store, seconds: i64, limit: usize) -> Vec<String> {
    let due = store.snapshot().due_price_updates(at(seconds), limit).expect("reads");
    due.into_iter().map(|price| price.of.to_string()).collect()
}

/// A token loses its price, is asked for with longer and longer pauses, and gets one.
#[test]
fn a_missing_price_is_due_again_and_again_until_there_is_one() {
    let (store, clock) = open(|options| options);
    let missing = upsert(&store, &nothing(1, 0)).expect("missing");
    assert_eq!((missing.since, missing.attempts, missing.next_attempt_at), (at(0), 1, at(10)));
    assert_eq!(due(&store, 9, 10), [""; 0]);
    let mut now = 0;
    for (attempts, pause) in [(2, 20), (3, 40), (4, 40)] {
        let next = upsert(&store, &Update::new(key(1))).expect("missing").next_attempt_at;
        now = (next.as_micros() - START) / SECOND;
        clock.set(next);
        assert_eq!(due(&store, now, 10), ["chain:token-1"]);
        let missing = upsert(&store, &nothing(1, now)).expect("missing");
        assert_eq!((missing.since, missing.attempts), (at(0), attempts));
        assert_eq!(missing.next_attempt_at, at(now + pause));
    }
    let found = store.tokens().upsert(&price(1, now)).expect("accepted");
    assert!(found.changes.missing && found.missing.is_none());
    assert_eq!(due(&store, 1_000_000, 10), [""; 0]);
    assert_eq!(store.snapshot().missing_prices().count(), 0);
}

/// What ends it is a real price of the time since when it is missing, or later, and nothing else.
#[test]
fn only_a_real_price_observed_since_then_ends_it() {
    let (store, _clock) = open(|options| options);
    upsert(&store, &nothing(1, 0)).expect("missing");
    assert!(upsert(&store, &price(1, -1)).is_some(), "of before");
    assert!(upsert(&store, &price(1, 0).source("mock")).is_some(), "made up");
    assert!(upsert(&store, &Update::new(key(1)).symbol("ONE", at(1))).is_some());
    assert_eq!(upsert(&store, &price(1, 0)), None, "of that very moment");
    // News of a time at which a price is known says nothing new, whether it is late or not.
    let commits = store.stats().commits;
    assert_eq!(upsert(&store, &nothing(1, 0)), None);
    assert_eq!(upsert(&store, &nothing(1, -1)), None);
    let late = store.tokens().upsert(&nothing(1, 0)).expect("accepted");
    assert!(late.changes.is_empty());
    assert_eq!(store.stats().commits, commits);
    // What nobody makes up any more is not missing.
    assert_eq!(upsert(&store, &nothing(1, 9).source("mock")), None);
    assert!(upsert(&store, &nothing(1, 9)).is_some());
    // A price of zero is one.
    let dead = Update::new(key(1)).price(Price::ZERO, at(9)).source("venue");
    assert_eq!(upsert(&store, &dead), None);
}

/// A commit that is refused changes nothing of it, and one that says it twice counts it once.
#[test]
fn it_is_part_of_the_commit() {
    let (store, _clock) = open(|options| options);
    let refused: Result<(), Error> = store.write(|tx| {
        tx.tokens().upsert(&nothing(1, 0))?;
        assert!(tx.tokens().missing(&key(1))?.is_some());
        tx.tokens().upsert(&Update::new(key(2)).decimals(99))?;
        Ok(())
    });
    refused.expect_err("99 decimals");
    assert_eq!(store.snapshot().missing_prices().count(), 0);
    let twice: Result<(), Error> = store.write(|tx| {
        tx.tokens().upsert(&nothing(1, 0))?;
        let again = tx.tokens().upsert(&nothing(1, 0))?;
        assert!(again.changes.is_empty());
        // Lost and found within one commit leaves nothing behind.
        tx.tokens().upsert(&nothing(2, 0))?;
        tx.tokens().upsert(&price(2, 0))?;
        Ok(())
    });
    twice.expect("accepted");
    assert_eq!(due(&store, 10, 10), ["chain:token-1"]);
    assert_eq!(store.snapshot().verify().expect("reads"), []);
    let too_soon = store.tokens().upsert(&nothing(1, 301)).expect_err("of the future");
    assert!(matches!(too_soon, Error::FromTheFuture { .. }));
}

/// A price that is kept aside is none yet; taken in later, it ends it as it would have at once.
#[test]
fn a_price_from_the_quarantine_or_from_a_list_ends_it() {
    let rules = History::new().quarantine(Ratio::times(10));
    let (store, _clock) = open(|options| options.history(rules));
    upsert(&store, &price(1, -5));
    upsert(&store, &nothing(1, -3)).expect("missing");
    let tick = Tick {
        observed_at: at(-2),
        seq: None,
        source: "venue".into(),
        price: Price::from_units(7_000),
    };
    let jump = Update::new(key(1)).price(tick.price, tick.observed_at).source("venue");
    assert!(upsert(&store, &jump).is_some(), "it waits in quarantine");
    let accepted = store.tokens().accept(&key(1), &tick).expect("accepted");
    assert!(accepted.changes.missing && accepted.missing.is_none());
    // Taken back, it is not missing again: who takes it back says so.
    store.tokens().retract(&key(1), &tick, "a wrong one").expect("retracted");
    assert_eq!(store.snapshot().tokens().missing(&key(1)).expect("reads"), None);
    assert!(upsert(&store, &nothing(1, -2)).is_some());
    assert_eq!(store.snapshot().verify().expect("reads"), []);

    upsert(&store, &nothing(2, 0)).expect("missing");
    let rows = [price(1, -1), price(2, 0), nothing(3, 0)].map(SyncRow::Update);
    let sync = TokenSync::new("lists", "monday", Filter::All);
    store.tokens().sync(sync, rows).expect("synced");
    let missing: Vec<_> =
        store.snapshot().missing_prices().map(|price| price.expect("reads").of).collect();
    assert_eq!(missing, [PriceOf::Token(key(3))]);
}

/// Claims are asked for like tokens, until somebody says that the price is found.
#[test]
fn a_claimed_event_without_a_price_is_due_until_it_is_found() {
    let (store, clock) = open(|options| options);
    let claims = store.claims();
    assert_eq!(claims.price_unavailable("swaps", b"1", at(0)).expect("reads"), None);
    assert_eq!(store.stats().commits, 0, "there is no such claim");
    let claimed: Result<(), Error> = store.write(|tx| {
        assert_eq!(tx.claims().claim("swaps", b"1", at(-9))?, Claim::New);
        tx.claims().price_unavailable("swaps", b"1", at(0))?;
        Ok(())
    });
    claimed.expect("claimed");
    upsert(&store, &nothing(1, 0));
    assert_eq!(due(&store, 10, 10), ["chain:token-1", "1 in swaps"], "tokens first");
    assert_eq!(due(&store, 10, 1), ["chain:token-1"]);
    assert_eq!(due(&store, 10, 0), [""; 0]);
    clock.set(at(10));
    let again = claims.price_unavailable("swaps", b"1", at(10)).expect("reads").expect("claimed");
    assert_eq!((again.attempts, again.next_attempt_at), (2, at(30)));
    assert_eq!(store.snapshot().claims().missing("swaps", b"1").expect("reads"), Some(again));
    assert_eq!(store.snapshot().verify().expect("reads"), []);
    let too_soon = claims.price_unavailable("swaps", b"1", at(1_000)).expect_err("of the future");
    assert!(matches!(too_soon, Error::EventFromTheFuture { .. }));
    assert!(claims.price_found("swaps", b"1").expect("reads"));
    let commits = store.stats().commits;
    assert!(!claims.price_found("swaps", b"1").expect("reads"), "once");
    assert_eq!(store.stats().commits, commits);
    assert_eq!(due(&store, 1_000, 10), ["chain:token-1"]);
    claims.price_found("", b"1").expect_err("no namespace");
    claims.price_unavailable("swaps", b"", at(0)).expect_err("no key");
}

/// What is let go is asked for no more: nothing piles up behind the bounds of a namespace.
#[test]
fn a_claim_that_is_let_go_takes_its_missing_price_with_it() {
    let bounds = ClaimBounds::new().count(2);
    let (store, _clock) = open(|options| options.claims("swaps", bounds));
    for number in 0..20u8 {
        store.claims().claim("swaps", &[number], at(i64::from(number) - 50)).expect("claimed");
        store.claims().price_unavailable("swaps", &[number], at(0)).expect("reads");
        let snapshot = store.snapshot();
        assert!(snapshot.missing_prices().count() <= 2);
        assert_eq!(snapshot.verify().expect("reads"), []);
    }
    let asked = store.claims().price_unavailable("swaps", &[3], at(0)).expect("reads");
    assert_eq!(asked, None, "long gone");
    // One of an operation is there as long as the operation is at it, and goes with its end where it is
    // the oldest.
    let between = at(-33).saturating_add_micros(SECOND / 2);
    let dollar = Money::parse(&usd(), "1").expect("money");
    store.ledger().deposit("main", &dollar).expect("deposited");
    let intent = Intent::deduct("a deal", "main", dollar).claim("swaps", b"held", between);
    let pending = store.operations().begin(&intent).expect("begun").into_handle().expect("new");
    store.claims().price_unavailable("swaps", b"held", at(0)).expect("reads").expect("claimed");
    assert_eq!(store.snapshot().missing_prices().count(), 3);
    pending.cancel(&store).expect("cancelled");
    assert_eq!(store.snapshot().missing_prices().count(), 2);
    assert_eq!(store.snapshot().verify().expect("reads"), []);
}

/// A backoff that cannot be opens nothing, and the message says what is wrong with it.
#[test]
fn a_store_does_not_open_with_a_backoff_that_cannot_be() {
    let disk = Arc::new(MemoryDisk::new());
    let backoff = PriceBackoff::new().base(Duration::ZERO);
    let options = Options::new(Mode::Paper, usd()).price_backoff(backoff);
    let error = options.open_on(disk.clone()).expect_err("refused");
    assert!(error.is_refused() && matches!(error, Error::InvalidPriceBackoff { .. }));
    assert!(error.to_string().contains("begins with less than a millisecond"), "{error}");
    Options::new(Mode::Paper, usd()).open_on(disk).expect("nothing was made");
}

/// A bot stopped asking: health says so from a quarter of an hour on, with the first, until it asks.
#[test]
fn prices_that_nobody_asks_for_are_told() {
    let (store, clock) = open(|options| options);
    upsert(&store, &nothing(7, 0));
    upsert(&store, &nothing(8, 0));
    let told = || -> Vec<Reason> { store.health().reasons };
    clock.set(at(10 + 899));
    assert_eq!(told(), []);
    clock.set(at(10 + 900));
    let health = store.health();
    let [reason @ Reason::PricesOverdue { prices: 2, since, .. }] = &health.reasons[..] else {
        panic!("{health}");
    };
    assert_eq!((health.level, reason.name(), *since), (Level::Warning, "prices_overdue", at(10)));
    assert!(reason.to_string().contains("chain:token-7"), "{reason}");
    upsert(&store, &nothing(7, 910));
    assert!(
        matches!(&told()[..], [Reason::PricesOverdue { prices: 1, first, .. }] if first.contains("8"))
    );
    upsert(&store, &price(8, 910));
    assert_eq!(told(), []);
}

/// One word about a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Nothing(i64),
    Price(i64),
    MadeUp(i64),
}

fn update(word: Word) -> Update {
    match word {
        Word::Nothing(seconds) => nothing(1, seconds),
        Word::Price(seconds) => price(1, seconds),
        Word::MadeUp(seconds) => price(1, seconds).source("mock"),
    }
}

fn words(most: usize) -> impl Strategy<Value = Vec<Word>> {
    let word = prop_oneof![
        3 => (-9i64..9).prop_map(Word::Nothing),
        2 => (-9i64..9).prop_map(Word::Price),
        1 => (-9i64..9).prop_map(Word::MadeUp),
    ];
    prop::collection::vec(word, 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// In whatever order words come: missing is never what is known since, `since` is always one of the
    /// times at which there was nothing; and where all prices are older than that, or one is as late as
    /// all of it, every order comes to the same.
    #[test]
    fn any_order_of_words_keeps_what_is_missing_true(
        (said, order) in words(10).prop_flat_map(|said| {
            (Just(said.clone()), Just(said).prop_shuffle())
        }),
    ) {
        let (store, _clock) = open(|options| options);
        let (mut known, mut asked) = (None, Vec::new());
        for word in &order {
            match word {
                Word::Price(seconds) => known = known.max(Some(*seconds)),
                Word::Nothing(seconds) => asked.push(*seconds),
                Word::MadeUp(_) => {}
            }
            if let Some(missing) = upsert(&store, &update(*word)) {
                let since = (missing.since.as_micros() - START) / SECOND;
                prop_assert!(asked.contains(&since));
                prop_assert!(known.is_none_or(|known| known < since));
                prop_assert!(missing.attempts <= asked.len() as u64);
            }
        }
        let missing = store.snapshot().tokens().missing(&key(1)).expect("reads");
        let (first, last) = (asked.iter().min(), asked.iter().max());
        if known.is_none_or(|known| first.is_some_and(|first| known < *first)) {
            prop_assert_eq!(missing.map(|one| one.since), first.map(|first| at(*first)));
            prop_assert_eq!(missing.map(|one| one.last_attempt_at), last.map(|last| at(*last)));
        }
        if last.is_none_or(|last| known.is_some_and(|known| known >= *last)) {
            prop_assert_eq!(missing, None);
        }
        // The token itself is the same in every order, to the last word.
        let (other, _clock) = open(|options| options);
        for word in &said {
            upsert(&other, &update(*word));
        }
        let token = |store: &Store| store.tokens().get(&key(1)).expect("reads");
        prop_assert_eq!(token(&store), token(&other));
        // And saying all of it again says nothing new of what is not missing.
        let before = store.stats().commits;
        if missing.is_none() && last.is_none_or(|last| known.is_some_and(|known| known >= *last)) {
            for word in &order {
                prop_assert!(store.tokens().upsert(&update(*word)).expect("accepted").changes.is_empty());
            }
            prop_assert_eq!(store.stats().commits, before);
        }
    }

    /// What is due is what a look at everything finds to be due, in the order of time, and as many as
    /// are wanted.
    #[test]
    fn what_is_due_is_what_a_scan_finds(
        steps in prop::collection::vec((0u8..6, 0u8..4, 0i64..30), 1..40), limit in 0usize..8,
    ) {
        let (store, clock) = open(|options| options.claims("swaps", ClaimBounds::new().count(3)));
        let mut now = 0;
        for (number, what, passed) in steps {
            now += passed;
            clock.set(at(now));
            match what {
                0 => drop(upsert(&store, &price(number, now))),
                1 | 2 => drop(upsert(&store, &nothing(number, now))),
                _ if number == 0 => {
                    store.claims().price_found("swaps", &[1]).expect("reads");
                }
                _ => {
                    store.claims().claim("swaps", &[number], at(now - 60)).expect("claimed");
                    store.claims().price_unavailable("swaps", &[number], at(now)).expect("reads");
                }
            }
            let snapshot = store.snapshot();
            prop_assert_eq!(snapshot.verify().expect("reads"), []);
            let mut all = BTreeMap::new();
            for price in snapshot.missing_prices() {
                let price = price.expect("reads");
                if price.missing.next_attempt_at <= at(now) {
                    all.insert((price.missing.next_attempt_at, price.of), price.missing);
                }
            }
            let due = snapshot.due_price_updates(at(now), limit).expect("reads");
            let due: Vec<_> =
                due.into_iter().map(|price| ((price.missing.next_attempt_at, price.of), price.missing)).collect();
            prop_assert_eq!(due, all.into_iter().take(limit).collect::<Vec<_>>());
        }
    }
}
