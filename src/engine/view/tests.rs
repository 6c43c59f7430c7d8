//! Tests of the view: scans merged from staged rows, memtables and base, against plain maps.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use proptest::prelude::*;

use super::*;
use crate::engine::base::Base;
use crate::engine::base::testing::{TestFile, meta, new_file, open};
use crate::engine::memtable::Pins;

const TABLES: u8 = 3;

/// Rows of one commit or one state, by table and key.
type Rows<R> = BTreeMap<(u8, u8), R>;

fn memory_row(byte: u8) -> MemoryRow {
    Some(Arc::new([byte]))
}

/// Either end of a range, also one that leaves nothing.
fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        Just(Bound::Unbounded),
        (0..20_u8).prop_map(Bound::Included),
        (0..20_u8).prop_map(Bound::Excluded),
    ]
}

fn key_range((start, end): (Bound<u8>, Bound<u8>)) -> KeyRange {
    KeyRange { start: start.map(|key| vec![key]), end: end.map(|key| vec![key]) }
}

fn commit_rows() -> impl Strategy<Value = Rows<Option<u8>>> {
    prop::collection::btree_map(
        (0..TABLES, 0..20_u8),
        prop::option::weighted(0.7, any::<u8>()),
        1..8,
    )
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Rows<Option<u8>>),
    Freeze,
    Checkpoint,
    Snapshot,
    Release(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => commit_rows().prop_map(Step::Commit),
        1 => Just(Step::Freeze),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Snapshot),
        1 => any::<prop::sample::Index>().prop_map(Step::Release),
    ]
}

/// Just enough of an engine: commits, freezes, checkpoints and snapshots, each commit visible at
/// once; and beside it the state after every commit.
struct Engine {
    base: Base,
    view: View,
    states: Vec<Rows<u8>>,
    snapshots: Vec<(View, Lsn)>,
}

impl Engine {
    fn new() -> Self {
        let file: Arc<TestFile> = new_file();
        let base = open(&file);
        let view = View {
            active: Arc::new(Memtable::new(4096)),
            frozen: None,
            base: Arc::new(base.snapshot().unwrap()),
            base_written_bytes: 0,
        };
        Self { base, view, states: vec![Rows::new()], snapshots: Vec::new() }
    }

    fn visible(&self) -> Lsn {
        self.states.len() as Lsn - 1
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit(rows) => self.commit(&rows),
            Step::Freeze if self.view.frozen.is_none() => {
                self.view.active.seal(self.visible());
                let full = std::mem::replace(&mut self.view.active, Arc::new(Memtable::new(4096)));
                self.view.frozen = Some(full);
            }
            Step::Checkpoint => self.checkpoint(),
            Step::Snapshot => self.snapshots.push((self.view.clone(), self.visible())),
            Step::Release(index) if !self.snapshots.is_empty() => {
                self.snapshots.remove(index.index(self.snapshots.len()));
            }
            Step::Freeze | Step::Release(_) => {}
        }
    }

    fn commit(&mut self, rows: &Rows<Option<u8>>) {
        let snapshots: Vec<Lsn> = self.snapshots.iter().map(|(_, lsn)| *lsn).collect();
        let keep = Pins { visible: self.visible(), snapshots: &snapshots };
        let mut state = self.states.last().unwrap().clone();
        for (&(table, key), &row) in rows {
            let memory_row = row.and_then(memory_row);
            let lsn = self.visible() + 1;
            self.view.active.insert(lsn, Table(table), &[key], memory_row, &keep);
            match row {
                Some(byte) => drop(state.insert((table, key), byte)),
                None => drop(state.remove(&(table, key))),
            }
        }
        self.states.push(state);
    }

    fn checkpoint(&mut self) {
        if let Some(frozen) = self.view.frozen.take() {
            let lsn = frozen.sealed_at();
            self.base.apply(&meta(lsn), frozen.newest_rows(), &mut || ()).unwrap();
            self.view.base = Arc::new(self.base.snapshot().unwrap());
        }
    }

    /// Everything that can be read now, with the LSN to read it at.
    fn readers(&self) -> impl Iterator<Item = (&View, Lsn)> {
        let snapshots = self.snapshots.iter().map(|(view, lsn)| (view, *lsn));
        snapshots.chain([(&self.view, self.visible())])
    }
}

/// Draws a scan from both ends as told and compares it, step by step, with a table of the state.
fn assert_scan(
    mut scan: MergedScan<'_>,
    state: &Rows<u8>,
    table: u8,
    range: &KeyRange,
    from_front: &[bool],
) {
    let mut expected = state
        .range((table, 0)..=(table, u8::MAX))
        .map(|(&(_, key), &row)| (key, row))
        .filter(|(key, _)| range.bounds().contains(&[*key][..]));
    for from_front in from_front.iter().chain([&true, &false]) {
        let (found, expected) = if *from_front {
            (scan.next(), expected.next())
        } else {
            (scan.next_back(), expected.next_back())
        };
        let found = found.transpose().unwrap();
        assert_eq!(found.map(|(key, row)| (key[0], row[0])), expected);
    }
}

proptest! {
    /// Whatever is spread over two memtables and the base, with checkpoints moving it while
    /// snapshots stand still: every reader sees exactly the state of its LSN, by key and by scan,
    /// from both ends.
    #[test]
    fn every_reader_sees_the_state_of_its_lsn(
        steps in prop::collection::vec(step(), 1..40),
        bounds in (bound(), bound()),
        staged in commit_rows(),
        from_front in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut engine = Engine::new();
        for step in steps {
            engine.step(step);
        }
        let range = key_range(bounds);
        for (view, lsn) in engine.readers() {
            let state = &engine.states[lsn as usize];
            for (table, key) in (0..TABLES).flat_map(|table| (0..20).map(move |key| (table, key))) {
                let found = view.get(Table(table), &[key], lsn).unwrap();
                prop_assert_eq!(found.map(|row| row[0]), state.get(&(table, key)).copied());
            }
            for table in 0..TABLES {
                let scan = view.scan(Table(table), &range, lsn);
                assert_scan(scan, state, table, &range, &from_front);

                let mut seen = state.clone();
                let mut rows = StagedRows::new();
                for (&(_, key), &byte) in staged.range((table, 0)..=(table, u8::MAX)) {
                    rows.insert([key].into(), byte.and_then(memory_row));
                    seen.remove(&(table, key));
                    seen.extend(byte.map(|byte| ((table, key), byte)));
                }
                let scan = view.scan_over(&rows, Table(table), &range, lsn);
                assert_scan(scan, &seen, table, &range, &from_front);
            }
        }
    }
}

/// A base whose handle was closed under a view must not look like an empty one.
#[test]
fn a_lost_base_is_an_error_and_not_an_empty_scan() {
    let file = new_file();
    let base = open(&file);
    let rows = (0..2000_u16).map(|key| (Table(1), key.to_be_bytes(), Some([0; 32])));
    base.apply(&meta(1), rows, &mut || ()).unwrap();
    let view = View {
        active: Arc::new(Memtable::new(4096)),
        frozen: None,
        base: Arc::new(base.snapshot().unwrap()),
        base_written_bytes: 0,
    };
    let keep = Pins { visible: 1, snapshots: &[] };
    view.active.insert(2, Table(1), &[0xff; 2], memory_row(1), &keep);
    base.close().unwrap();
    let all = KeyRange::all();
    assert!(matches!(view.scan(Table(1), &all, 2).find(Result::is_err), Some(Err(Error::Closed))));
    assert!(matches!(view.get(Table(1), &[0, 7], 2), Err(Error::Closed)));
    // What is in memory is still there.
    assert!(view.get(Table(1), &[0xff; 2], 2).unwrap().is_some());
}
