//! Which keys there may be: a key that was never added is known to be absent at the price of one load.
//!
//! A Bloom filter in blocks of one word: a key's hash names a word and four bits in it. Bits are set and never
//! cleared; the filter goes with its memtable. So a key that was added is never denied, whatever else was.
//!
//! One thread adds, any number of threads ask. Who must find a key has learnt of its commit by the writer's lock or
//! by the visible LSN, and both come behind the bits.

use xxhash_rust::xxh3::xxh3_64;

use crate::engine::sync::atomic::{AtomicU64, Ordering};

/// A word of the filter for so many bytes of memtable. A key with a small row takes about 200 bytes, which leaves
/// it a dozen bits: one absent key in a hundred is searched for in vain.
const BYTES_PER_WORD: usize = 1024;

/// The fingerprints of all keys that were added.
#[derive(Debug)]
pub(super) struct Fingerprints {
    /// A power of two of them.
    words: Box<[AtomicU64]>,
}

/// The fingerprint of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(full_key: &[u8]) -> Self {
        Self(xxh3_64(full_key))
    }

    /// Four bits of a word, or fewer where two fall together.
    fn bits(self) -> u64 {
        [40, 46, 52, 58].into_iter().fold(0, |bits, shift| bits | 1 << ((self.0 >> shift) & 63))
    }
}

impl Fingerprints {
    /// None yet, for a memtable of up to `memtable_bytes`; more only makes it deny less.
    pub(super) fn for_bytes(memtable_bytes: usize) -> Self {
        let words = (memtable_bytes / BYTES_PER_WORD).max(1).next_power_of_two();
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Only one thread adds at a time.
    pub(super) fn add(&self, key: Fingerprint) {
        let word = self.word(key);
        word.store(word.load(Ordering::Relaxed) | key.bits(), Ordering::Relaxed);
    }

    /// False only for a key that was never added.
    pub(super) fn may_have(&self, key: Fingerprint) -> bool {
        self.word(key).load(Ordering::Relaxed) & key.bits() == key.bits()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    fn word(&self, key: Fingerprint) -> &AtomicU64 {
        &self.words[key.0 as usize & (self.words.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A key that was added is never denied: whoever asks behind that must find its row.
        #[test]
        fn a_key_that_was_added_is_never_denied(
            keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..300),
            memtable_bytes in prop::sample::select(vec![0, 1, 4096, 1 << 20]),
        ) {
            let fingerprints = Fingerprints::for_bytes(memtable_bytes);
            for (index, key) in keys.iter().enumerate() {
                fingerprints.add(Fingerprint::of(key));
                for added in &keys[..=index] {
                    prop_assert!(fingerprints.may_have(Fingerprint::of(added)));
                }
            }
        }
    }

    /// An empty one denies everything, and one of the size that it is meant for denies nearly everything else.
    #[test]
    fn most_absent_keys_are_denied() {
        let memtable_bytes = 1 << 20;
        let fingerprints = Fingerprints::for_bytes(memtable_bytes);
        let key = |number: usize| Fingerprint::of(&number.to_be_bytes());
        assert!((0..10_000).all(|number| !fingerprints.may_have(key(number))));
        let added: BTreeSet<usize> = (0..memtable_bytes / 200).collect();
        added.iter().for_each(|&number| fingerprints.add(key(number)));
        let absent = added.len()..added.len() + 100_000;
        let taken_for_present = absent.filter(|&number| fingerprints.may_have(key(number))).count();
        println!("{taken_for_present} of 100,000 absent keys were not denied");
        assert!(taken_for_present < 3_000, "{taken_for_present} of 100,000");
    }
}
