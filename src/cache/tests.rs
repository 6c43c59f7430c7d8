//! The cache against a model of it that is a list, and the corners by name.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::money::Ratio;

const SECOND: i64 = 1_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cache of numbers whose weight is the value, beside what every entry weighs.
fn cache(options: CacheOptions) -> (Cache<u8, usize>, ManualClock) {
    let clock = ManualClock::new(Timestamp::from_micros(50 * SECOND));
    (Cache::new(options, Arc::new(clock.clone()), |_, value| *value), clock)
}

fn weight(value: usize) -> u64 {
    ENTRY_OVERHEAD_BYTES + 1 + 8 + value as u64
}

mod model {
    //! A cache as it is told to a person: a list, the least recently used in front.

    use super::*;

    #[derive(Debug)]
    pub(super) struct Item {
        pub(super) key: u8,
        pub(super) value: usize,
        pub(super) age: i64,
    }

    #[derive(Debug, Default)]
    pub(super) struct Model {
        pub(super) items: Vec<Item>,
        pub(super) entries: usize,
        pub(super) bytes: u64,
        pub(super) ttl: i64,
        pub(super) stats: CacheStats,
    }

    impl Model {
        pub(super) fn weight(&self) -> u64 {
            self.items.iter().map(|item| weight(item.value)).sum()
        }

        pub(super) fn pass(&mut self, micros: i64) {
            for item in &mut self.items {
                item.age += micros;
            }
            let before = self.items.len();
            self.items.retain(|item| item.age < self.ttl);
            self.stats.expirations += (before - self.items.len()) as u64;
        }

        pub(super) fn insert(&mut self, key: u8, value: usize) -> Insertion {
            let was_there = self.remove(key);
            if weight(value) > self.bytes {
                self.stats.too_heavy += 1;
                return Insertion::TooHeavy { bytes: weight(value), max_bytes: self.bytes };
            }
            self.items.push(Item { key, value, age: 0 });
            while self.items.len() > self.entries || self.weight() > self.bytes {
                self.items.remove(0);
                self.stats.evictions += 1;
            }
            if was_there { Insertion::Replaced } else { Insertion::New }
        }

        pub(super) fn get(&mut self, key: u8) -> Option<usize> {
            self.stats.requests += 1;
            let at = self.items.iter().position(|item| item.key == key)?;
            self.stats.hits += 1;
            let item = self.items.remove(at);
            let value = item.value;
            self.items.push(item);
            Some(value)
        }

        pub(super) fn peek(&self, key: u8) -> Option<usize> {
            self.items.iter().find(|item| item.key == key).map(|item| item.value)
        }

        pub(super) fn remove(&mut self, key: u8) -> bool {
            let before = self.items.len();
            self.items.retain(|item| item.key != key);
            self.items.len() < before
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u8, usize),
    Get(u8),
    Peek(u8),
    Load(u8, usize),
    /// A load during which somebody deletes another key.
    LoadBesideAChange(u8, usize),
    Remove(u8),
    Clear,
    Purge,
    Wait(i64),
    /// The machine sleeps: the wall clock goes on, the monotonic time does not.
    Sleep(i64),
    /// The wall clock hangs.
    Hang(i64),
    /// The wall clock is set back.
    SetBack(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..12_u8;
    let value = || prop_oneof![8 => 0..200_usize, 1 => 900..3_000_usize];
    // A clock that falls behind by more than a second was set; less is left alone.
    let while_apart = || SECOND + 1..4 * SECOND;
    prop_oneof![
        6 => (key(), value()).prop_map(|(key, value)| Step::Insert(key, value)),
        6 => key().prop_map(Step::Get),
        1 => key().prop_map(Step::Peek),
        2 => (key(), value()).prop_map(|(key, value)| Step::Load(key, value)),
        1 => (key(), value()).prop_map(|(key, value)| Step::LoadBesideAChange(key, value)),
        1 => key().prop_map(Step::Remove),
        1 => prop_oneof![8 => Just(Step::Purge), 1 => Just(Step::Clear)],
        3 => prop_oneof![Just(SECOND), 0..3 * SECOND].prop_map(Step::Wait),
        1 => prop_oneof![
            while_apart().prop_map(Step::Sleep),
            while_apart().prop_map(Step::Hang),
            (while_apart(), 1..1_000_i64).prop_map(|(by, times)| Step::SetBack(by * times)),
        ],
    ]
}

fn play(cache: &Cache<u8, usize>, clock: &ManualClock, model: &mut model::Model, step: Step) {
    let load = |value: usize| move |_: &u8| Ok::<_, ()>(value);
    match step {
        Step::Insert(key, value) => {
            assert_eq!(cache.insert(key, value), model.insert(key, value));
        }
        Step::Get(key) => assert_eq!(cache.get(&key), model.get(key)),
        Step::Peek(key) => assert_eq!(cache.peek(&key), model.peek(key)),
        Step::Load(key, value) => {
            let found = model.get(key);
            if found.is_none() {
                model.insert(key, value);
            }
            assert_eq!(cache.get_or_load(key, load(value)), Ok(found.unwrap_or(value)));
        }
        Step::LoadBesideAChange(key, value) => {
            let found = model.get(key);
            let answer = cache.get_or_load(key, |_| {
                cache.remove(&200);
                Ok::<_, ()>(value)
            });
            assert_eq!(answer, Ok(found.unwrap_or(value)));
        }
        Step::Remove(key) => assert_eq!(cache.remove(&key), model.remove(key)),
        Step::Clear => {
            cache.clear();
            model.items.clear();
        }
        Step::Purge => assert_eq!(cache.purge_expired(), 0, "every call before let go of them"),
        Step::Wait(micros) => {
            clock.advance_micros(micros);
            model.pass(micros);
        }
        Step::Sleep(micros) => {
            clock.set(clock.now().saturating_add_micros(micros));
            model.pass(micros);
        }
        Step::Hang(micros) => {
            clock.advance_monotonic(Duration::from_micros(micros.unsigned_abs()));
            model.pass(micros);
        }
        Step::SetBack(micros) => clock.set(clock.now().saturating_add_micros(-micros)),
    }
}

fn compare(cache: &Cache<u8, usize>, model: &model::Model) {
    let stats = cache.stats();
    let oldest = model.items.iter().map(|item| item.age).max();
    let expected = CacheStats {
        entries: model.items.len(),
        max_entries: model.entries,
        bytes: model.weight(),
        max_bytes: model.bytes,
        ttl: Duration::from_micros(model.ttl.unsigned_abs()),
        oldest_age: oldest.map(|age| Duration::from_micros(age.unsigned_abs())),
        ..model.stats
    };
    assert_eq!(stats, expected);
    assert!(stats.entries <= stats.max_entries && stats.bytes <= stats.max_bytes);
    for key in 0..12 {
        assert_eq!(cache.peek(&key), model.peek(key), "key {key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The story: four caches of a bot each had a bound, and each broke it in another way: one counted
    /// entries before it inserted, one evicted when it updated, one handed out what was expired, and
    /// one threw away what was used most.
    #[test]
    fn the_cache_is_the_list_that_the_model_is(
        entries in 1..9_usize,
        bytes in 200..3_000_u64,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let ttl = 5 * SECOND;
        let options = CacheOptions::new().entries(entries).bytes(bytes).ttl(seconds(5));
        let (cache, clock) = cache(options);
        let mut model = model::Model { entries, bytes, ttl, ..model::Model::default() };
        for step in steps {
            play(&cache, &clock, &mut model, step);
            compare(&cache, &model);
        }
    }
}

#[test]
fn an_age_that_equals_the_time_to_live_is_expired() {
    let (cache, clock) = cache(CacheOptions::new().ttl(seconds(5)));
    cache.insert(1, 0);
    clock.advance_micros(5 * SECOND - 1);
    assert_eq!(cache.peek(&1), Some(0));
    clock.advance_micros(1);
    assert_eq!((cache.get(&1), cache.stats().expirations), (None, 1));
}

#[test]
fn an_update_of_a_full_cache_evicts_nothing() {
    let (cache, _) = cache(CacheOptions::new().entries(2).bytes(2 * weight(10)));
    cache.insert(1, 10);
    cache.insert(2, 10);
    assert_eq!(cache.insert(1, 10), Insertion::Replaced);
    assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(10), Some(10)));
    assert_eq!(cache.stats().evictions, 0);
    // One that needs more bytes takes them from the others, and never from itself.
    assert_eq!(cache.insert(1, 11), Insertion::Replaced);
    assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(11), None));
}

#[test]
fn what_is_expired_goes_before_what_is_used_least() {
    let (cache, clock) = cache(CacheOptions::new().entries(2).ttl(seconds(5)));
    cache.insert(1, 0);
    clock.advance_micros(3 * SECOND);
    cache.insert(2, 0);
    cache.get(&1); // used last, and old
    clock.advance_micros(2 * SECOND);
    cache.insert(3, 0);
    assert_eq!((cache.peek(&1), cache.peek(&2), cache.peek(&3)), (None, Some(0), Some(0)));
    assert_eq!((cache.stats().expirations, cache.stats().evictions), (1, 0));
}

#[test]
fn what_is_heavier_than_the_whole_cache_is_refused_and_leaves_nothing_stale() {
    let (cache, _) = cache(CacheOptions::new().bytes(weight(100)));
    cache.insert(1, 50);
    let refused = Insertion::TooHeavy { bytes: weight(101), max_bytes: weight(100) };
    assert_eq!(cache.insert(1, 101), refused);
    assert!(!refused.is_kept());
    assert_eq!((cache.peek(&1), cache.stats().too_heavy, cache.stats().bytes), (None, 1, 0));
    assert_eq!(cache.insert(2, 100), Insertion::New);
    let huge = Cache::new(CacheOptions::new(), Arc::new(ManualClock::default()), |_, _| usize::MAX);
    let max_bytes = 1 << 20;
    assert_eq!(huge.insert(1, 1), Insertion::TooHeavy { bytes: u64::MAX, max_bytes });
}

#[test]
fn a_time_to_live_is_half_an_hour_at_most_and_says_so() {
    let (cache, clock) = cache(CacheOptions::new().ttl(seconds(3_600)));
    let stats = cache.stats();
    assert_eq!((stats.ttl, stats.clamped_ttl), (LONGEST_TTL, Some(seconds(3_600))));
    cache.insert(1, 0);
    clock.advance_micros(30 * 60 * SECOND);
    assert_eq!(cache.get(&1), None);
    assert_eq!(CacheOptions::new().ttl(LONGEST_TTL).clamped_ttl(), None);
}

#[test]
fn a_cache_without_time_or_room_is_off() {
    for options in [CacheOptions::new().ttl(Duration::ZERO), CacheOptions::new().entries(0)] {
        let (cache, _) = cache(options);
        assert_eq!(cache.insert(1, 0), Insertion::Off);
        assert_eq!(cache.get_or_load(1, |_| Ok::<_, ()>(7)), Ok(7));
        assert_eq!((cache.get(&1), cache.len()), (None, 0));
    }
    // Less than the clock can show is not nothing.
    let (cache, clock) = cache(CacheOptions::new().ttl(Duration::from_nanos(1)));
    cache.insert(1, 0);
    assert_eq!(cache.get(&1), Some(0));
    clock.advance_micros(1);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn the_counters_stop_at_their_end() {
    let (cache, clock) = cache(CacheOptions::new().entries(1).ttl(seconds(1)));
    cache.lock(&mut Vec::new()).exhaust_counters();
    cache.insert(1, 0);
    cache.insert(2, 0);
    cache.get(&2);
    clock.advance_micros(SECOND);
    cache.insert(1, usize::MAX);
    let stats = cache.stats();
    let most = u64::MAX;
    assert_eq!((stats.requests, stats.hits, stats.evictions), (most, most, most));
    assert_eq!((stats.expirations, stats.too_heavy), (most, most));
    assert_eq!(stats.hit_ratio(), Some(Ratio::times(1)));
}

#[test]
fn the_presets_are_what_the_table_says() {
    let is = |options: CacheOptions| {
        (options.max_entries(), options.max_bytes() >> 10, options.used_ttl().as_secs())
    };
    assert_eq!(is(CacheOptions::new()), (1_000, 1_024, 60));
    assert_eq!(is(CacheOptions::prices()), (500, 256, 30));
    assert_eq!(is(CacheOptions::positions()), (500, 1_024, 60));
    assert_eq!(is(CacheOptions::transactions()), (10_000, 4_096, 1_800));
    assert_eq!(CacheOptions::transactions().clamped_ttl(), None);
}

#[test]
fn a_value_that_was_read_before_a_change_is_not_kept_behind_it() {
    // The story: a reader missed, read the old row, and was held up; the writer committed and deleted
    // the copy; then the reader put the old row back, and it stayed for its whole time to live.
    let (cache, _) = cache(CacheOptions::new());
    let old = cache.get_or_load(1, |key| {
        cache.remove(key);
        Ok::<_, ()>(7)
    });
    assert_eq!((old, cache.get(&1)), (Ok(7), None));
    let beside = cache.get_or_load(1, |key| {
        cache.insert(*key, 8);
        Ok::<_, ()>(7)
    });
    assert_eq!((beside, cache.get(&1)), (Ok(7), Some(8)));
    assert_eq!(cache.get_or_load(2, |_| Err("down")), Err("down"));
    assert_eq!(cache.get(&2), None);
}

#[test]
fn a_key_that_panics_empties_the_cache_and_nothing_more() {
    static ANGRY: AtomicBool = AtomicBool::new(false);
    #[derive(Debug, PartialEq, Eq)]
    struct Key(u8);
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            assert!(!ANGRY.load(Ordering::Relaxed), "a key that panics");
            self.0.hash(state);
        }
    }
    let clock = Arc::new(ManualClock::default());
    let cache = Cache::new(CacheOptions::new(), clock, |_: &Key, _: &String| 0);
    cache.insert(Key(1), "a".to_owned());
    ANGRY.store(true, Ordering::Relaxed);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.insert(Key(2), "b".to_owned()))).is_err());
    ANGRY.store(false, Ordering::Relaxed);
    assert_eq!((cache.get(&Key(1)), cache.stats().bytes), (None, 0));
    assert_eq!(cache.insert(Key(1), "c".to_owned()), Insertion::New);
    assert_eq!(cache.get(&Key(1)), Some("c".to_owned()));
}

#[test]
fn values_are_dropped_outside_of_the_lock() {
    // A value whose end asks the cache again: under the lock it would wait for ever.
    struct Asks(Option<Arc<Cache<u8, Arc<Asks>>>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            if let Some(cache) = &self.0 {
                cache.len();
            }
        }
    }
    let clock = Arc::new(ManualClock::default());
    let cache = Arc::new(Cache::new(CacheOptions::new().entries(1), clock, |_: &u8, _: &_| 0));
    for key in 0..3 {
        cache.insert(key, Arc::new(Asks(Some(cache.clone()))));
    }
    cache.remove(&2);
    cache.insert(3, Arc::new(Asks(Some(cache.clone()))));
    cache.clear();
    assert_eq!(cache.stats().evictions, 2);
}

#[test]
fn threads_share_one_cache_within_its_bounds() {
    let (cache, _) = cache(CacheOptions::new().entries(5));
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for step in 0..2_000_u32 {
                    let key = (step.wrapping_mul(31) as u8).wrapping_add(thread) % 16;
                    let other = key ^ 1;
                    cache.insert(key, usize::from(key));
                    assert!(cache.get(&other).is_none_or(|value| value == usize::from(other)));
                    assert!(cache.len() <= 5);
                }
            });
        }
    });
    let stats = cache.stats();
    assert_eq!((stats.requests, stats.entries), (8_000, 5));
}
