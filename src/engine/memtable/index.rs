//! A hash index of the memtable's keys: one look says where a key is, or for nine absent keys of ten that it is not there.
//!
//! Chained buckets: a bucket names the newest of its entries, each entry the one before it. Beside that a
//! bucket has a bit for one in thirty-two hashes; a key whose bit is not set is absent and no entry is looked at.
//! Entries are added and never removed; the index goes with its memtable. In a memtable that becomes larger than it
//! should, the entries that its buckets were not made for have buckets of their own, eight times as many each time,
//! and nothing is moved.
//!
//! One thread adds, any number of threads search. Who must find a key has learnt of its commit by the writer's lock or
//! by the visible LSN, and both come behind the bucket.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Entry;
use super::slots::Slots;
use crate::engine::sync::atomic::{AtomicU64, Ordering};

/// A bucket for so many bytes of memtable: with small rows, one or two keys have one of their own.
const BYTES_PER_BUCKET: usize = 512;
/// No more buckets than these are made before anything is in them.
const MOST_BUCKETS_AT_FIRST: usize = 1 << 20;
/// So many entries have one bucket at most, on average.
const ENTRIES_PER_BUCKET: usize = 4;
/// How many times more buckets the entries behind those of one level have.
const GROWTH: usize = 8;
/// From a single bucket up, these have room for as many entries as there are numbers.
const LEVELS: usize = 11;

/// The part of a bucket that names an entry: its number and one, or zero for none.
const NEWEST: u64 = u32::MAX as u64;

/// The hash of a key, the same in all memtables of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    /// Keys come from outside: without a secret in it, somebody could make up many that share a bucket.
    pub(super) fn of(full_key: &[u8]) -> Self {
        static SECRET: OnceLock<u64> = OnceLock::new();
        let secret = SECRET.get_or_init(|| RandomState::new().hash_one(0));
        Self(xxh3_64_with_seed(full_key, *secret))
    }

    /// What its entry keeps of it, to be told from others of its bucket.
    fn kept(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// One of the bits of a bucket that do not name an entry.
    fn bit(self) -> u64 {
        1 << (32 + (self.0 >> 59))
    }
}

/// An entry's place in the chain of its bucket.
#[derive(Debug)]
pub(super) struct Link {
    hash: u32,
    /// The entry before it, as a bucket names it.
    before: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Index {
    /// A power of two of buckets in each. All but the first are made when they are needed.
    levels: [OnceLock<Box<[AtomicU64]>>; LEVELS],
}

impl Index {
    /// An index for a memtable of up to `memtable_bytes`.
    pub(super) fn for_bytes(memtable_bytes: usize) -> Self {
        let wanted = (memtable_bytes / BYTES_PER_BUCKET).clamp(1, MOST_BUCKETS_AT_FIRST);
        let wanted = wanted.next_power_of_two();
        let levels = [const { OnceLock::new() }; LEVELS];
        levels[0].get_or_init(|| buckets(wanted));
        Self { levels }
    }

    pub(super) fn find<'a>(
        &self,
        entries: &'a Slots<Entry>,
        full_key: &[u8],
        hash: Hash,
    ) -> Option<&'a Entry> {
        let mut levels = self.levels.iter().map_while(OnceLock::get);
        levels.find_map(|level| find_in(level, entries, full_key, hash))
    }

    /// Room for the entry `number`, which has not been added yet, and how many bytes of heap were taken for it and
    /// for those to come.
    pub(super) fn room(&self, number: u32) -> (Room<'_>, usize) {
        let mut wanted = self.fixed_buckets();
        let mut places = number as usize;
        let mut nth = 0;
        while places >= ENTRIES_PER_BUCKET * wanted && nth + 1 < LEVELS {
            places -= ENTRIES_PER_BUCKET * wanted;
            wanted *= GROWTH;
            nth += 1;
        }
        let fresh = self.levels[nth].get().is_none();
        let level = self.levels[nth].get_or_init(|| buckets(wanted));
        (Room { level, number }, if fresh { size_of_val(&**level) } else { 0 })
    }

    /// What it takes where the memtable is as large as it should be.
    pub(super) fn fixed_bytes(&self) -> usize {
        self.fixed_buckets() * size_of::<AtomicU64>()
    }

    fn fixed_buckets(&self) -> usize {
        self.levels[0].get().map_or(0, |level| level.len())
    }

    /// What it takes beside.
    #[cfg(test)]
    pub(super) fn grown_bytes(&self) -> usize {
        let grown = self.levels[1..].iter().filter_map(OnceLock::get);
        grown.map(|level| size_of_val(&**level)).sum()
    }
}

fn buckets(count: usize) -> Box<[AtomicU64]> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

fn bucket(level: &[AtomicU64], hash: Hash) -> &AtomicU64 {
    &level[hash.0 as usize & (level.len() - 1)]
}

fn find_in<'a>(
    level: &[AtomicU64],
    entries: &'a Slots<Entry>,
    full_key: &[u8],
    hash: Hash,
) -> Option<&'a Entry> {
    let bucket = bucket(level, hash).load(Ordering::Acquire);
    if bucket & hash.bit() == 0 {
        return None;
    }
    let mut named = (bucket & NEWEST) as u32;
    loop {
        let entry = entries.get(named.checked_sub(1)?)?;
        if entry.link.hash == hash.kept() && entry.key.as_bytes() == full_key {
            return Some(entry);
        }
        named = entry.link.before;
    }
}

/// Where an entry will have its place. Only one thread adds at a time.
#[derive(Debug)]
pub(super) struct Room<'a> {
    level: &'a [AtomicU64],
    number: u32,
}

impl Room<'_> {
    /// The link that the entry must have.
    pub(super) fn link(&self, hash: Hash) -> Link {
        let bucket = bucket(self.level, hash).load(Ordering::Relaxed);
        Link { hash: hash.kept(), before: (bucket & NEWEST) as u32 }
    }

    /// Adds the entry, which is whole by now.
    pub(super) fn add(self, hash: Hash) {
        let bucket = bucket(self.level, hash);
        let bits = bucket.load(Ordering::Relaxed) & !NEWEST;
        let named = u64::from(self.number) + 1;
        bucket.store(bits | hash.bit() | named, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An absent key is nearly always known by its bucket alone, also where there are many more keys than expected.
    #[test]
    fn most_absent_keys_are_known_by_their_bucket() {
        let memtable_bytes = 1 << 20;
        let index = Index::for_bytes(memtable_bytes);
        let hash = |number: u32| Hash::of(&number.to_be_bytes());
        let looked_at = |number| {
            let levels = index.levels.iter().map_while(OnceLock::get);
            let buckets = levels.map(|level| bucket(level, hash(number)).load(Ordering::Relaxed));
            buckets.filter(|bucket| bucket & hash(number).bit() != 0).count()
        };
        assert!((0..10_000).all(|number| looked_at(number) == 0));
        let mut added = 0;
        for (keys, levels, most_in_vain) in
            [((memtable_bytes / 300) as u32, 1, 8_000), (200_000, 3, 35_000)]
        {
            (added..keys).for_each(|number| index.room(number).0.add(hash(number)));
            added = keys;
            assert!((0..keys).all(|number| looked_at(number) > 0));
            assert_eq!(index.levels.iter().map_while(OnceLock::get).count(), levels);
            let in_vain: usize = (keys..keys + 100_000).map(looked_at).sum();
            println!("{in_vain} buckets of 100,000 absent keys name an entry to be looked at");
            assert!(in_vain < most_in_vain, "{in_vain} of 100,000");
        }
    }

    /// There is a level for the last number there is, also where the first has one bucket.
    #[test]
    fn there_are_levels_for_all_numbers() {
        let mut places = 0;
        for level in 0..LEVELS as u32 {
            places += ENTRIES_PER_BUCKET as u64 * (GROWTH as u64).pow(level);
        }
        assert!(places > u64::from(u32::MAX));
    }
}
