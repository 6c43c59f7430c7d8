//! Tests of letting go: what goes and when, what the watermark then refuses, and that nothing is ever
//! new twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::prune::AT_ONCE;
use super::{Claim, ClaimBounds, ClaimOutcome, ClaimState, ClaimStats, ClaimsMut, Error};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::Background;
use crate::money::Asset;
use crate::store::{self, Mode, Options, Store};

const RECORDED: Claim = Claim::Duplicate(ClaimState::Done(ClaimOutcome::Recorded));

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A place to open the same store in again and again, with other bounds each time.
struct Place {
    disk: Arc<MemoryDisk>,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        Self { disk: Arc::new(MemoryDisk::new()), clock: ManualClock::new(at(0)) }
    }

    fn open(&self, bounds: ClaimBounds) -> Store {
        let usd = Asset::new("fiat", "USD", 6).unwrap();
        let options = Options::new(Mode::Paper, usd).claims("n", bounds).seed(1);
        let options = options.clock(Arc::new(self.clock.clone())).background(Background::Manual);
        options.open_on(self.disk.clone()).unwrap()
    }
}

fn count(count: u64) -> ClaimBounds {
    ClaimBounds::new().count(count)
}

fn write<T>(
    store: &Store,
    body: impl FnOnce(&mut ClaimsMut<'_>) -> Result<T, Error>,
) -> Result<T, store::Error> {
    store.write(|tx| Ok(body(&mut tx.claims())?))
}

fn claim(store: &Store, key: &str, micros: i64) -> Claim {
    store.claims().claim("n", key.as_bytes(), at(micros)).unwrap()
}

fn stats(store: &Store) -> ClaimStats {
    assert!(super::verify(store.snapshot().reader()).unwrap().is_empty());
    store.claims().stats("n").unwrap()
}

fn keys(store: &Store) -> String {
    let snapshot = store.snapshot();
    let keys = snapshot.claims().iter("n").map(|claim| claim.unwrap().key);
    keys.map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
}

/// The story: a listener fell behind and told of old trades after new ones. What was let go was what
/// had been told first, so the newest trades were copied again.
#[test]
fn the_oldest_by_the_time_of_the_event_goes() {
    let store = Place::new().open(count(2));
    for (key, micros) in [("c", 30), ("b", 20)] {
        assert_eq!(claim(&store, key, micros), Claim::New);
    }
    assert_eq!(stats(&store), ClaimStats { size: 2, oldest: Some(at(20)), ..Default::default() });
    assert_eq!(claim(&store, "d", 40), Claim::New);
    assert_eq!(keys(&store), "cd");
    let (oldest, watermark) = (Some(at(30)), Some(at(20)));
    let expected = ClaimStats { size: 2, pruned: 1, oldest, watermark, ..Default::default() };
    assert_eq!(stats(&store), expected);
    assert_eq!(claim(&store, "b", 20), Claim::TooOld);
    assert_eq!(claim(&store, "c", 30), RECORDED);
    // Later than what was let go, and older than all there is: it is new, and the first to go.
    assert_eq!(claim(&store, "a", 25), Claim::New);
    assert_eq!((keys(&store).as_str(), claim(&store, "a", 25)), ("cd", Claim::TooOld));
    assert_eq!(stats(&store).watermark, Some(at(25)));
}

/// The story: a block holds many trades of one time. One of them was let go, the others were asked for
/// again and were new: the watermark stood at their time and passed only what was before it.
#[test]
fn what_happened_at_the_same_time_is_too_old_as_well() {
    let store = Place::new().open(count(2));
    for key in ["a", "b", "c"] {
        assert_eq!(claim(&store, key, 10), Claim::New);
    }
    assert_eq!(keys(&store), "bc");
    assert_eq!(claim(&store, "a", 10), Claim::TooOld);
    assert_eq!(claim(&store, "never told", 10), Claim::TooOld);
    assert_eq!(
        claim(&store, "b", 10),
        RECORDED,
        "what is known is known, also below the watermark"
    );
    assert_eq!(claim(&store, "b", 1), RECORDED);
    assert_eq!(claim(&store, "d", 11), Claim::New);
    assert_eq!(keys(&store), "cd");
}

/// The story: an event of the year 2000 was asked for, was too old, and a moment later the clock was
/// set back; then it was refused as one from the future, which may be tried again later.
#[test]
fn too_old_is_final_whatever_the_clock_says() {
    let place = Place::new();
    let store = place.open(count(1));
    assert_eq!(claim(&store, "a", 10), Claim::New);
    assert_eq!(claim(&store, "b", 20), Claim::New);
    place.clock.set(at(-1_000_000_000));
    assert_eq!(claim(&store, "a", 10), Claim::TooOld);
    let lsn = store.snapshot().lsn();
    assert_eq!(claim(&store, "c", 5), Claim::TooOld);
    assert_eq!(store.snapshot().lsn(), lsn, "it changed nothing");
    let future = store.claims().claim("n", b"c", at(21)).unwrap_err();
    assert!(matches!(future, store::Error::EventFromTheFuture { .. }), "{future}");
}

/// The story: a namespace that nobody claims in any more kept its claims for years; and one in which
/// somebody did kept those of the other.
#[test]
fn a_horizon_is_kept_at_claims_and_by_pruning() {
    let place = Place::new();
    let store = place.open(ClaimBounds::new().horizon(Duration::from_micros(100)));
    for (key, micros) in [("a", 0), ("b", 1), ("c", 2)] {
        claim(&store, key, micros);
    }
    place.clock.set(at(100));
    assert_eq!(store.claims().prune(10).unwrap(), 0, "as old as the horizon is not older");
    place.clock.set(at(101));
    assert_eq!(claim(&store, "d", 101), Claim::New);
    assert_eq!(keys(&store), "bcd");
    place.clock.set(at(103));
    assert_eq!(store.claims().prune(1).unwrap(), 1);
    assert_eq!(keys(&store), "cd");
    assert_eq!(store.claims().prune(10).unwrap(), 1);
    assert_eq!(store.claims().prune(10).unwrap(), 0);
    let expected = ClaimStats {
        size: 1,
        pruned: 3,
        oldest: Some(at(101)),
        watermark: Some(at(2)),
        ..ClaimStats::default()
    };
    assert_eq!(stats(&store), expected);
    // An event that is past the horizon and above the watermark was never known: it is new, once.
    place.clock.set(at(1_000));
    assert_eq!(claim(&store, "late", 50), Claim::New);
    assert_eq!(claim(&store, "late", 50), Claim::TooOld);
}

/// The story: a bot with a million claims was told to keep ten, and its next claim took the disk for
/// minutes; or it went on with a million, as each claim let only one go.
#[test]
fn a_bound_that_was_lowered_is_reached_step_by_step() {
    let place = Place::new();
    let store = place.open(ClaimBounds::new());
    for key in 0..40 {
        claim(&store, &format!("{key:02}"), key);
    }
    store.close().unwrap();
    let store = place.open(count(4));
    assert_eq!(stats(&store).size, 40);
    assert_eq!(claim(&store, "40", 40), Claim::New);
    assert_eq!((stats(&store).size, stats(&store).pruned), (33, AT_ONCE as u64));
    assert_eq!(store.claims().prune(3).unwrap(), 3);
    for key in 41..46 {
        claim(&store, &key.to_string(), key);
    }
    let found = stats(&store);
    assert_eq!((found.size, found.pruned, found.oldest), (4, 42, Some(at(42))));
    store.close().unwrap();
    // Raised again: what was let go stays let go.
    let store = place.open(ClaimBounds::new());
    assert_eq!(claim(&store, "00", 0), Claim::TooOld);
    assert_eq!(claim(&store, "41", 41), Claim::TooOld);
    assert_eq!(claim(&store, "42", 42), RECORDED);
}

/// The story: a copy of a trade was in flight for an hour, its claim was let go meanwhile, and the
/// trade was copied again.
#[test]
fn what_an_operation_is_at_stays() {
    let store = Place::new().open(count(1));
    let begun = write(&store, |claims| claims.claim_for(7, "n", b"a", at(1))).unwrap();
    assert_eq!(begun, Claim::New);
    for (key, micros) in [("b", 2), ("c", 3), ("d", 4)] {
        assert_eq!(claim(&store, key, micros), Claim::New);
    }
    assert_eq!(keys(&store), "ad");
    assert_eq!(claim(&store, "a", 1), Claim::Duplicate(ClaimState::InFlight(7)));
    let found = stats(&store);
    assert_eq!((found.size, found.in_flight, found.pruned), (2, 1, 2));
    assert_eq!((found.oldest, found.watermark), (Some(at(4)), Some(at(3))));
    // At its end it is one of the others, and the oldest of them.
    write(&store, |claims| claims.finish("n", b"a", ClaimOutcome::Completed)).unwrap();
    assert_eq!(keys(&store), "d");
    assert_eq!(claim(&store, "a", 1), Claim::TooOld);
    assert_eq!(stats(&store).watermark, Some(at(3)), "which does not fall");
}

/// The story: a thousand operations were in flight. Each claim looked at all of them to find one that
/// it could let go.
#[test]
fn claims_in_flight_are_not_looked_at_to_let_others_go() {
    let store = Place::new().open(count(1));
    for number in 0..100_u64 {
        let key = number.to_be_bytes();
        write(&store, |claims| claims.claim_for(number, "n", &key, at(1))).unwrap();
    }
    let snapshot = store.snapshot();
    let listed = snapshot.reader().scan(super::CLAIM_AGES, crate::engine::KeyRange::all()).count();
    assert_eq!((listed, stats(&store).in_flight), (0, 100));
}

/// The story: a claim that had been rolled back was let go. Its operation was begun again under its
/// key, and while it ran somebody else was given the trade; or nobody ever, and the trade was lost.
#[test]
fn what_was_rolled_back_and_let_go_is_taken_over_by_its_own_operation() {
    let store = Place::new().open(count(1));
    let take_over =
        |from, to| write(&store, |claims| claims.take_over(("n", b"a"), at(1), from, to)).unwrap();
    write(&store, |claims| claims.claim_for(7, "n", b"a", at(1))).unwrap();
    write(&store, |claims| claims.finish("n", b"a", ClaimOutcome::RolledBack)).unwrap();
    claim(&store, "b", 2);
    assert_eq!(claim(&store, "a", 1), Claim::TooOld);
    assert_eq!(take_over(7, 8), Claim::New);
    assert_eq!(claim(&store, "a", 1), Claim::Duplicate(ClaimState::InFlight(8)));
    assert_eq!(stats(&store).in_flight, 1);
    write(&store, |claims| claims.finish("n", b"a", ClaimOutcome::RolledBack)).unwrap();
    assert_eq!(keys(&store), "b");
    // Somebody said that it happened later, and it was theirs.
    assert_eq!(claim(&store, "a", 9), Claim::New);
    assert_eq!(take_over(8, 9), RECORDED);
    let unknown = write(&store, |claims| claims.take_over(("n", b"z"), at(99), 1, 2)).unwrap_err();
    assert!(unknown.is_corrupt(), "what was never let go has to be there: {unknown}");
}

/// The story: an operation took over the oldest claim, and the next one to go was sought where it had
/// been.
#[test]
fn the_oldest_is_known_also_after_it_was_taken_over() {
    let store = Place::new().open(count(3));
    for (key, micros) in [("a", 1), ("b", 2), ("c", 3)] {
        let number = micros as u64;
        write(&store, |claims| claims.claim_for(number, "n", key.as_bytes(), at(micros))).unwrap();
        let outcome = ClaimOutcome::RolledBack;
        write(&store, |claims| claims.finish("n", key.as_bytes(), outcome)).unwrap();
    }
    for (key, from, oldest) in [("a", 1, Some(2)), ("c", 3, Some(2)), ("b", 2, None)] {
        let named = ("n", key.as_bytes());
        write(&store, |claims| claims.take_over(named, at(0), from, from + 10)).unwrap();
        assert_eq!(stats(&store).oldest, oldest.map(at));
    }
    assert_eq!(stats(&store).in_flight, 3);
}

/// The story: health was green while trades of the last minute were refused, because more came than
/// were kept.
#[test]
fn a_watermark_inside_the_window_is_told() {
    let place = Place::new();
    let second = Duration::from_secs(1);
    let store = place.open(count(1).acceptance_window(second));
    place.clock.set(at(2_000_000));
    let inside = || store.claims().stats("n").unwrap().inside_window;
    claim(&store, "a", 900_000);
    assert_eq!(inside(), None);
    claim(&store, "b", 1_200_000);
    assert_eq!(inside(), None, "the watermark is older than what is accepted");
    claim(&store, "c", 1_300_000);
    assert_eq!(inside(), Some(Duration::from_micros(200_000)));
    assert_eq!(store.claims().namespaces().unwrap()[0].stats.inside_window, inside());
    place.clock.set(at(2_200_001));
    assert_eq!(inside(), None);
    assert_eq!(store.snapshot().claims().stats("n").unwrap().inside_window, None);
}

#[test]
fn namespaces_are_told_apart() {
    let place = Place::new();
    let store = place.open(count(1));
    for (namespace, key, micros) in [("n", "a", 1), ("m", "a", 1), ("n", "b", 2), ("m", "b", 2)] {
        store.claims().claim(namespace, key.as_bytes(), at(micros)).unwrap();
    }
    let found = store.claims().namespaces().unwrap();
    let found: Vec<_> =
        found.iter().map(|one| (&*one.name, one.stats.size, one.stats.pruned)).collect();
    assert_eq!(found, [("m", 2, 0), ("n", 1, 1)], "n has bounds and m has none");
    assert_eq!(store.claims().stats("nobody's").unwrap(), ClaimStats::default());
    assert!(matches!(
        store.claims().stats("").unwrap_err(),
        store::Error::Processed(Error::InvalidName { .. })
    ));
}

/// What is done in a namespace.
#[derive(Clone, Debug)]
enum Step {
    Claim(u8),
    /// Claimed, finished, or taken over again after it was rolled back, as it comes.
    Operation(u8, bool),
    Prune(usize),
    Clock(i64),
    /// Closed and opened again with other bounds.
    Reopen(Option<u64>, Option<u64>),
    /// The process dies, and it is opened with the same bounds.
    Kill,
    Checkpoint,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bound = |most| prop::option::weighted(0.7, 0..most);
    prop::collection::vec(
        prop_oneof![
            12 => (0..30_u8).prop_map(Step::Claim),
            8 => (0..30_u8, any::<bool>()).prop_map(|(key, good)| Step::Operation(key, good)),
            2 => (0..12_usize).prop_map(Step::Prune),
            2 => (-100..400_i64).prop_map(Step::Clock),
            1 => (bound(12_u64), bound(200_u64)).prop_map(|(count, age)| Step::Reopen(count, age)),
            1 => Just(Step::Kill),
            1 => Just(Step::Checkpoint),
        ],
        1..120,
    )
}

/// When an event happened. Three of them share each time, and others are told in any order.
fn time_of(key: u8) -> i64 {
    i64::from(key / 3) * 20
}

/// The rules once more, in plain sets.
#[derive(Default)]
struct Model {
    settled: BTreeSet<(i64, u8)>,
    in_flight: BTreeMap<u8, u64>,
    /// The operation that had it, where it was rolled back.
    rolled_back: BTreeMap<u8, u64>,
    pruned: u64,
    watermark: Option<i64>,
    now: i64,
    count: Option<u64>,
    horizon: Option<u64>,
    /// What was ever answered to be new.
    given: BTreeSet<u8>,
    operations: u64,
}

impl Model {
    fn let_go(&mut self, limit: usize) -> usize {
        for gone in 0..limit {
            let Some(first) = self.settled.first().copied() else { return gone };
            let surplus = self.count.is_some_and(|count| self.settled.len() as u64 > count);
            let old = self.horizon.is_some_and(|horizon| first.0 < self.now - horizon as i64);
            if !surplus && !old {
                return gone;
            }
            self.settled.remove(&first);
            self.pruned += 1;
            self.watermark = self.watermark.max(Some(first.0));
        }
        limit
    }

    fn expected(&self, key: u8) -> &'static str {
        let age = (time_of(key), key);
        if self.settled.contains(&age) || self.in_flight.contains_key(&key) {
            "duplicate"
        } else if self.watermark.is_some_and(|watermark| age.0 <= watermark) {
            "too old"
        } else {
            "new"
        }
    }

    fn stats(&self) -> ClaimStats {
        ClaimStats {
            size: (self.settled.len() + self.in_flight.len()) as u64,
            in_flight: self.in_flight.len() as u64,
            pruned: self.pruned,
            oldest: self.settled.first().map(|first| at(first.0)),
            watermark: self.watermark.map(at),
            inside_window: None,
        }
    }

    fn bounds(&self) -> ClaimBounds {
        let bounds = self.count.map_or(ClaimBounds::new(), count);
        self.horizon.map_or(bounds, |micros| bounds.horizon(Duration::from_micros(micros)))
    }

    /// An event was claimed, by an operation or not. It must not have been given to anybody before.
    fn give(&mut self, key: u8, operation: Option<u64>) {
        assert!(self.given.insert(key), "event {key} was new twice");
        match operation {
            Some(operation) => _ = self.in_flight.insert(key, operation),
            None => _ = self.settled.insert((time_of(key), key)),
        }
        self.let_go(AT_ONCE);
    }
}

fn told(claim: Claim) -> &'static str {
    match claim {
        Claim::New => "new",
        Claim::Duplicate(_) => "duplicate",
        Claim::TooOld => "too old",
    }
}

/// What an operation does next about an event: claims it, ends it, or goes on with what was rolled back.
fn operate(store: &Store, model: &mut Model, key: u8, good: bool) {
    let (name, event_time) = ([key], at(time_of(key)));
    if let Some(operation) = model.in_flight.remove(&key) {
        let outcome = if good { ClaimOutcome::Completed } else { ClaimOutcome::RolledBack };
        write(store, |claims| claims.finish("n", &name, outcome)).unwrap();
        if !good {
            model.rolled_back.insert(key, operation);
        }
        model.settled.insert((time_of(key), key));
        model.let_go(AT_ONCE);
        return;
    }
    model.operations += 1;
    let operation = model.operations;
    if let Some(before) = model.rolled_back.remove(&key) {
        let claim = ("n", &name[..]);
        let taken = write(store, |claims| claims.take_over(claim, event_time, before, operation));
        assert_eq!(taken.unwrap(), Claim::New);
        let was_there = model.settled.remove(&(time_of(key), key));
        model.in_flight.insert(key, operation);
        if !was_there {
            model.let_go(AT_ONCE);
        }
        return;
    }
    let expected = model.expected(key);
    let claim = write(store, |claims| claims.claim_for(operation, "n", &name, event_time)).unwrap();
    assert_eq!(told(claim), expected);
    if claim == Claim::New {
        model.give(key, Some(operation));
    }
}

fn play(steps: &[Step]) {
    let (place, mut model) = (Place::new(), Model::default());
    let mut store = Some(place.open(model.bounds()));
    for step in steps {
        let open = store.as_ref().expect("it is open");
        match step {
            Step::Claim(key) => {
                let expected = model.expected(*key);
                let claim = open.claims().claim("n", &[*key], at(time_of(*key))).unwrap();
                assert_eq!(told(claim), expected);
                if claim == Claim::New {
                    model.give(*key, None);
                }
            }
            Step::Operation(key, good) => operate(open, &mut model, *key, *good),
            Step::Prune(limit) => {
                assert_eq!(open.claims().prune(*limit).unwrap(), model.let_go(*limit));
            }
            Step::Clock(micros) => {
                model.now = *micros;
                place.clock.set(at(*micros));
            }
            Step::Reopen(count, horizon) => {
                (model.count, model.horizon) = (*count, *horizon);
                store.take().expect("it is open").close().unwrap();
            }
            Step::Kill => store = None,
            Step::Checkpoint => _ = open.checkpoint().unwrap(),
        }
        let open = store.get_or_insert_with(|| place.open(model.bounds()));
        assert_eq!(stats(open), model.stats(), "after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// The story: any of them. Whatever order events are told in, whatever is in flight, however the
    /// bounds and the clock change and the process ends: no event is ever new twice.
    #[test]
    fn no_event_is_ever_new_twice(steps in steps()) {
        play(&steps);
    }
}
