//! The inputs that a campaign begins with: small, and one of each kind, so that a fuzzer need not find
//! out by itself what a row or a damaged store looks like.

use std::collections::BTreeMap;

use super::history_rows;
use super::journal_scan::{files, rows};
use super::row_codecs::{numbered, reads};

/// How many rows are taken of one codec.
const ROWS: usize = 3;
/// How many damaged stores are taken.
const STORES: u64 = 90;
/// How many runs are taken, and by how many bytes each is longer than the one before.
const RUNS: usize = 32;
const DECISIONS_MORE: usize = 24;
/// How many zeros are tried.
const LONGEST_PLAIN: usize = 64;

/// Inputs of [`row_codecs`](super::row_codecs()), by name: rows and keys out of stores with something
/// of everything, the frames of their files, and one empty input of each codec.
pub fn row_codec_seeds() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let mut rows = rows();
    rows.extend(history_rows::rows());
    let files = files();
    let plain = plain();
    for (number, codec) in numbered() {
        let candidates = rows.iter().filter(|(table, _)| codec.tables.contains(table));
        let candidates = candidates.map(|(_, bytes)| bytes).chain(&files).chain(&plain);
        let read = candidates.filter(|bytes| reads(codec, bytes));
        let mut taken: Vec<&Vec<u8>> = Vec::new();
        for bytes in read {
            // Of the rows that are as long, one is like the other.
            if taken.len() < ROWS && taken.iter().all(|other| other.len() != bytes.len()) {
                taken.push(bytes);
            }
        }
        for (nth, bytes) in taken.into_iter().enumerate() {
            let name = format!("{}-{nth}", codec.name.replace(' ', "-"));
            seeds.insert(name, [&[number], bytes.as_slice()].concat());
        }
    }
    seeds
}

/// Rows of version 1 and nothing but zeros: most of what no store above has a row of reads one of them.
fn plain() -> Vec<Vec<u8>> {
    let zeros = (0..LONGEST_PLAIN).map(|len| [vec![1], vec![0; len]].concat());
    zeros.collect()
}

/// Inputs of [`crash_recovery`](super::crash_recovery()), by name: the decisions of some runs, by chance.
pub fn crash_recovery_seeds() -> BTreeMap<String, Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    let seeds = (1..=RUNS).map(|seed| {
        let decisions = (0..seed * DECISIONS_MORE).map(|_| random.u8(..));
        (format!("run-{seed:02}"), decisions.collect())
    });
    seeds.collect()
}

/// Inputs of [`journal_scan`](super::journal_scan()), by name: each store whole, and stores that were
/// damaged by chance.
pub fn journal_scan_seeds() -> BTreeMap<String, Vec<u8>> {
    let stores = super::journal_scan::count() as u64;
    let mut random = fastrand::Rng::with_seed(7);
    let seeds = (0..STORES).map(|seed| {
        let (store, way) = ((seed % stores) as u8, (seed / stores) as u8);
        let mut bytes = vec![store, way];
        // The first ones are whole, the last ones badly damaged.
        bytes.extend((0..(seed / stores) * 4).map(|_| random.u8(..)));
        (format!("store-{seed:03}"), bytes)
    });
    seeds.collect()
}
