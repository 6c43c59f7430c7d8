//! Tests of the memtable: versions, pins, cursors, and its count of bytes.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::sync::atomic::AtomicBool;
use std::thread;

use proptest::prelude::*;

use super::*;

const TABLE: Table = Table(7);
const LIMIT_BYTES: usize = 16 * 1024;

fn row(byte: u8) -> MemoryRow {
    Some(Arc::new([byte]))
}

/// Nobody but a snapshot taken now and the given ones.
fn pins(visible: Lsn, snapshots: &[Lsn]) -> Pins<'_> {
    Pins { visible, snapshots }
}

impl Memtable {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        (0..self.len() as u32).filter_map(|number| self.entries.get(number))
    }

    /// What `bytes` should be, counted anew.
    fn counted_bytes(&self) -> usize {
        let rows = self.entries().map(|entry| {
            let key_bytes = entry.key.heap_bytes(ALLOCATION_BYTES);
            ORDER_BYTES + key_bytes + entry.chain.lock().heap_bytes()
        });
        rows.sum::<usize>() + self.entries.bytes() + self.index.grown_bytes()
    }

    fn row(&self, table: Table, key: &[u8], at: Lsn) -> Option<MemoryRow> {
        looking_up(table, key, |lookup| self.get(lookup, at))
    }

    /// The LSNs of a row's versions, newest first.
    fn lsns(&self, key: &[u8]) -> Vec<Lsn> {
        let entry = looking_up(TABLE, key, |lookup| self.find(lookup)).unwrap();
        let versions = entry.chain.lock();
        let older =
            versions.older.iter().flat_map(|older| older.iter()).rev().map(|version| version.lsn);
        [versions.newest.lsn].into_iter().chain(older).collect()
    }
}

/// A reader at an LSN sees the newest version up to it, a deletion as a deletion, and nothing at
/// all where the row came later.
#[test]
fn a_read_sees_the_newest_version_up_to_its_lsn() {
    let memtable = Memtable::new(LIMIT_BYTES);
    let keep = pins(0, &[]);
    memtable.insert(2, TABLE, b"key", row(2), &keep);
    memtable.insert(4, TABLE, b"key", None, &keep);
    memtable.insert(6, TABLE, b"key", row(6), &keep);
    let seen: Vec<_> = (1..8).map(|at| memtable.row(TABLE, b"key", at)).collect();
    let expected = [None, Some(row(2)), Some(row(2)), Some(None), Some(None)];
    assert_eq!(seen[..5], expected);
    assert_eq!(seen[5..], [Some(row(6)), Some(row(6))]);
    assert_eq!(memtable.row(Table(8), b"key", 9), None);
    assert_eq!(memtable.row(TABLE, b"ke", 9), None);
}

/// A price that ticks a million times between two checkpoints must cost two rows, not a million;
/// and the one version an old snapshot stands on must not be lost among them.
#[test]
fn a_hot_row_keeps_what_is_pinned_and_no_more() {
    let memtable = Memtable::new(LIMIT_BYTES);
    for lsn in 1..1000 {
        let snapshots: &[Lsn] = if lsn > 500 { &[500] } else { &[] };
        memtable.insert(lsn, TABLE, b"hot", row(1), &pins(lsn - 1, snapshots));
    }
    assert_eq!(memtable.lsns(b"hot"), [999, 998, 500]);
    memtable.insert(1000, TABLE, b"hot", row(1), &pins(999, &[]));
    assert_eq!(memtable.lsns(b"hot"), [1000, 999]);
    assert_eq!(memtable.len(), 1);
    assert_eq!(memtable.bytes(), memtable.counted_bytes());
}

/// Keys too long for the entries, or for the buffer on the stack, must land under the same order and the same
/// name.
#[test]
fn long_keys_are_keys_like_others() {
    let memtable = Memtable::new(LIMIT_BYTES);
    for length in 50..170 {
        memtable.insert(1, TABLE, &vec![b'k'; length], row(length as u8), &pins(0, &[]));
    }
    for length in 50..170 {
        let found = memtable.row(TABLE, &vec![b'k'; length], 1);
        assert_eq!(found, Some(row(length as u8)));
    }
    assert_eq!(memtable.len(), 120);
    let lengths = memtable.newest_rows().map(|(_, key, _)| key.len());
    assert!(lengths.eq(50..170));
    assert_eq!(memtable.bytes(), memtable.counted_bytes());
}

/// A checkpoint writes each row's newest version, deletions included, in the order the base wants.
#[test]
fn the_newest_rows_come_in_the_order_of_tables_and_keys() {
    let memtable = Memtable::new(LIMIT_BYTES);
    let keep = pins(0, &[]);
    memtable.insert(1, Table(255), b"b", row(1), &keep);
    memtable.insert(1, Table(2), b"zz", row(2), &keep);
    memtable.insert(2, Table(2), b"a", row(3), &keep);
    memtable.insert(3, Table(2), b"a", None, &keep);
    memtable.insert(4, Table(0), b"", row(4), &keep);
    let rows: Vec<_> =
        memtable.newest_rows().map(|(table, key, row)| (table.0, key.to_vec(), row)).collect();
    let expected = [
        (0, b"".to_vec(), row(4)),
        (2, b"a".to_vec(), None),
        (2, b"zz".to_vec(), row(2)),
        (255, b"b".to_vec(), row(1)),
    ];
    assert_eq!(rows, expected);
}

/// However keys come in and whoever scans in between, there are few runs, each much longer than the next, and together
/// they have every key once.
#[test]
fn scans_in_between_leave_few_runs() {
    let memtable = Memtable::new(LIMIT_BYTES);
    for number in 0..5_000_u32 {
        let key = number.wrapping_mul(2_654_435_761).to_be_bytes();
        memtable.insert(1, TABLE, &key, row(1), &pins(0, &[]));
        if number % 3 == 0 {
            let runs = memtable.order.runs(TABLE, &memtable.entries);
            let lengths: Vec<usize> = runs.iter().map(|run| run.len()).collect();
            assert_eq!(lengths.iter().sum::<usize>(), memtable.len());
            assert!(lengths.windows(2).all(|pair| pair[0] >= 8 * pair[1]), "{lengths:?}");
        }
    }
    let keys: Vec<_> = memtable.newest_rows().map(|(_, key, _)| key.to_vec()).collect();
    assert_eq!(keys.len(), 5_000);
    assert!(keys.is_sorted_by(|one, next| one < next));
}

/// What must not wait for memory makes a memtable many times larger than it should be: all of it is found, and counted.
#[test]
fn a_memtable_may_become_too_large() {
    let memtable = Memtable::new(4_096);
    let keys = 20_000_u32;
    for number in 0..keys {
        memtable.insert(1, TABLE, &number.to_be_bytes(), row(number as u8), &pins(0, &[]));
    }
    for number in 0..keys {
        let found = memtable.row(TABLE, &number.to_be_bytes(), 1);
        assert_eq!(found, Some(row(number as u8)), "{number}");
    }
    assert_eq!(memtable.row(TABLE, &keys.to_be_bytes(), 1), None);
    assert!(memtable.index.grown_bytes() > 0);
    assert_eq!(memtable.bytes(), memtable.counted_bytes());
}

/// A reader with an old view finds out from the seal that it needs a newer one.
#[test]
fn a_sealed_memtable_says_how_far_it_reaches() {
    let memtable = Memtable::new(LIMIT_BYTES);
    assert_eq!(memtable.sealed_at(), Lsn::MAX);
    memtable.seal(17);
    assert_eq!(memtable.sealed_at(), 17);
}

/// One thread writes a hot row while others read it at an LSN that is pinned: the row they see
/// may never change, and a scan may never miss it.
#[test]
fn readers_beside_a_writer_keep_their_version() {
    let memtable = Arc::new(Memtable::new(LIMIT_BYTES));
    for key in 0..200_u8 {
        memtable.insert(1, TABLE, &[key], row(key), &pins(0, &[]));
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for key in 0..200_u8 {
                        assert_eq!(memtable.row(TABLE, &[key], 1), Some(row(key)));
                    }
                    let scan = memtable.cursor(TABLE, (Bound::Unbounded, Bound::Unbounded), 1);
                    assert!(scan.eq((0..200_u8).map(|key| ([key].into(), row(key)))));
                }
            });
        }
        for lsn in 2..20_000 {
            let key = [(lsn % 200) as u8, (lsn % 7) as u8];
            let keep = pins(lsn - 1, &[1]);
            memtable.insert(lsn, TABLE, &key, row(0), &keep);
            memtable.insert(lsn, TABLE, &key[..1], row(0), &keep);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// One thread commits new keys while others scan at what is visible and one sorts everything, as a checkpoint does: each
/// scan has each key up to its LSN, and once.
#[test]
fn scans_beside_a_writer_have_each_key_once() {
    let memtable = Arc::new(Memtable::new(LIMIT_BYTES));
    let visible = AtomicU64::new(0);
    let commits: Lsn = 3_000;
    let key = |lsn: Lsn| (lsn as u32).wrapping_mul(2_654_435_761).to_be_bytes();
    let all = (Bound::Unbounded, Bound::Unbounded);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (memtable, visible) = (&memtable, &visible);
            scope.spawn(move || {
                while visible.load(Ordering::Acquire) < commits {
                    let at = visible.load(Ordering::Acquire);
                    let keys: Vec<_> =
                        memtable.cursor(TABLE, all, at).map(|(key, _)| key).collect();
                    assert!(keys.is_sorted_by(|one, next| one < next));
                    assert_eq!(keys.len() as Lsn, at);
                    if reader == 0 && at > 0 {
                        assert!(memtable.row(TABLE, &key(at), at).is_some());
                    }
                }
            });
        }
        for lsn in 1..=commits {
            memtable.insert(lsn, TABLE, &key(lsn), row(1), &pins(lsn - 1, &[]));
            memtable.insert(lsn, Table(9), &key(lsn), row(1), &pins(lsn - 1, &[]));
            visible.store(lsn, Ordering::Release);
        }
    });
    assert_eq!(memtable.newest_rows().count() as Lsn, 2 * commits);
}

/// What happens to the memtable in the property below.
#[derive(Clone, Debug)]
enum Step {
    /// A commit that writes these keys; `None` deletes.
    Commit(BTreeMap<u8, Option<u8>>),
    /// The oldest commit not visible yet becomes visible.
    Publish,
    /// A snapshot is taken at the visible LSN.
    Pin,
    /// One of the snapshots is let go.
    Unpin(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let rows =
        prop::collection::btree_map(0..12_u8, prop::option::weighted(0.8, any::<u8>()), 1..5);
    prop_oneof![
        4 => rows.prop_map(Step::Commit),
        3 => Just(Step::Publish),
        1 => Just(Step::Pin),
        1 => any::<prop::sample::Index>().prop_map(Step::Unpin),
    ]
}

/// All versions that ever were, by key.
type History = BTreeMap<u8, BTreeMap<Lsn, MemoryRow>>;

fn as_of(history: &History, key: u8, at: Lsn) -> Option<MemoryRow> {
    let (_, row) = history.get(&key)?.range(..=at).next_back()?;
    Some(row.clone())
}

/// The LSNs of the versions of `key` that somebody can read, newest first.
fn readable(history: &History, key: u8, visible: Lsn, snapshots: &[Lsn], newest: Lsn) -> Vec<Lsn> {
    let readers = (visible..=newest).chain(snapshots.iter().copied());
    let mut lsns: Vec<Lsn> =
        readers.filter_map(|at| Some(*history[&key].range(..=at).next_back()?.0)).collect();
    lsns.sort_unstable();
    lsns.dedup();
    lsns.reverse();
    lsns
}

proptest! {
    /// Pruning drops every version nobody can read and never one that somebody can: not the
    /// snapshots', and not those that are yet to become visible.
    #[test]
    fn pruning_keeps_exactly_what_can_be_read(
        steps in prop::collection::vec(step(), 1..60),
        limit_bytes in prop::sample::select(vec![0, 1 << 20]),
    ) {
        let memtable = Memtable::new(limit_bytes);
        let mut history = History::new();
        let (mut visible, mut newest) = (0, 0);
        let mut snapshots: Vec<Lsn> = Vec::new();
        for step in steps {
            match step {
                Step::Commit(rows) => {
                    newest += 1;
                    for (key, byte) in rows {
                        let row = byte.and_then(row);
                        let keep = pins(visible, &snapshots);
                        memtable.insert(newest, TABLE, &[key], row.clone(), &keep);
                        history.entry(key).or_default().insert(newest, row);
                        let expected = readable(&history, key, visible, &snapshots, newest);
                        prop_assert_eq!(memtable.lsns(&[key]), expected);
                    }
                }
                Step::Publish => visible = newest.min(visible + 1),
                Step::Pin => snapshots.push(visible),
                Step::Unpin(index) if !snapshots.is_empty() => {
                    snapshots.remove(index.index(snapshots.len()));
                }
                Step::Unpin(_) => {}
            }
            for at in (visible..=newest).chain(snapshots.iter().copied()) {
                for key in 0..12 {
                    let expected = as_of(&history, key, at);
                    prop_assert_eq!(memtable.row(TABLE, &[key], at), expected, "{} at {}", key, at);
                }
            }
            prop_assert_eq!(memtable.bytes(), memtable.counted_bytes());
        }
    }

    /// A scan drawn from both ends in any order sees each key of its range once, as of its LSN,
    /// whatever comes in beside it, and stays within its table.
    #[test]
    fn a_cursor_sees_each_key_once_from_both_ends(
        first in prop::collection::btree_map(0..400_u16, prop::option::of(any::<u8>()), 0..300),
        second in prop::collection::btree_map(0..400_u16, prop::option::of(any::<u8>()), 0..300),
        bounds in (bound(), bound()),
        table in prop::sample::select(vec![0_u8, 7, 255]),
        from_front in prop::collection::vec(any::<bool>(), 64),
        scan_every in prop::sample::select(vec![1, 7, 1_000]),
    ) {
        let table = Table(table);
        let memtable = Arc::new(Memtable::new(LIMIT_BYTES));
        let keep = pins(0, &[]);
        let neighbours = [table.0.checked_sub(1), table.0.checked_add(1)];
        for neighbour in neighbours.into_iter().flatten() {
            memtable.insert(1, Table(neighbour), &[0; 2], row(0), &keep);
            memtable.insert(1, Table(neighbour), &[0xff; 3], row(0), &keep);
        }
        let mut mixed: Vec<_> = first.iter().collect();
        mixed.sort_unstable_by_key(|(key, _)| key.wrapping_mul(40_503));
        for (number, (key, byte)) in mixed.into_iter().enumerate() {
            memtable.insert(1, table, &key.to_be_bytes(), byte.and_then(row), &keep);
            if number % scan_every == 0 {
                // Whoever looks leaves the keys sorted so far in runs.
                memtable.cursor(table, (Bound::Unbounded, Bound::Unbounded), 1).next();
            }
        }
        let bounds = (
            bounds.0.map(u16::to_be_bytes),
            bounds.1.map(u16::to_be_bytes),
        );
        let bounds = (
            bounds.0.as_ref().map(|key| &key[..]),
            bounds.1.as_ref().map(|key| &key[..]),
        );
        let mut expected = first
            .iter()
            .filter(|(key, _)| bounds.contains(&key.to_be_bytes()[..]))
            .map(|(key, byte)| (Box::from(key.to_be_bytes()), byte.and_then(row)));
        let mut cursor = memtable.cursor(table, bounds, 1);
        let mut beside = second.iter();
        for from_front in from_front.iter().cycle() {
            if let Some((key, byte)) = beside.next() {
                memtable.insert(2, table, &key.to_be_bytes(), byte.and_then(row), &keep);
            }
            let (found, expected) = if *from_front {
                (cursor.next(), expected.next())
            } else {
                (cursor.next_back(), expected.next_back())
            };
            prop_assert_eq!(&found, &expected);
            if expected.is_none() {
                break;
            }
        }
        prop_assert_eq!(cursor.next(), None);
        prop_assert_eq!(cursor.next_back(), None);
    }
}

/// Either end of a range, also one that leaves nothing.
fn bound() -> impl Strategy<Value = Bound<u16>> {
    prop_oneof![
        Just(Bound::Unbounded),
        (0..400_u16).prop_map(Bound::Included),
        (0..400_u16).prop_map(Bound::Excluded),
    ]
}
