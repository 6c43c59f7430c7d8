//! Tests of the base: round trips, damage, a failing disk, and handles after one another.

use super::snapshot::BaseRange;
use super::testing::{Content, TestFile, meta, new_file, open};
use super::*;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

const EVERYTHING: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// All rows of a state, by table and key.
type State = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A checkpoint's rows; `None` deletes one.
type Changes = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

fn changes(count: u64, seed: u64) -> Changes {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count)
        .map(|_| {
            let table = Table(random.u8(1..4));
            let key = random.u16(0..400).to_be_bytes().to_vec();
            let length = random.usize(0..90);
            let row = (random.u8(0..5) > 0).then(|| (0..length).map(|_| random.u8(..)).collect());
            ((table, key), row)
        })
        .collect()
}

fn apply(base: &Base, checkpoint: u64, changes: &Changes) -> Result<(), Error> {
    let rows = changes.iter().map(|((table, key), row)| (*table, key, row.as_ref()));
    base.apply(&meta(checkpoint), rows, &mut || ())
}

fn change(state: &mut State, changes: &Changes) {
    for (place, row) in changes {
        match row {
            Some(row) => drop(state.insert(place.clone(), row.clone())),
            None => drop(state.remove(place)),
        }
    }
}

fn read(snapshot: &BaseSnapshot) -> Result<State, Error> {
    let mut state = State::new();
    for table in snapshot.tables() {
        for row in snapshot.range(table, EVERYTHING)? {
            let (key, row) = row?;
            state.insert((table, key.into()), row.bytes().to_vec());
        }
    }
    Ok(state)
}

/// What a checkpoint wrote is there after reopening, row for row, whichever way it is read.
#[test]
fn a_checkpoint_is_read_back_after_reopening() {
    let file = new_file();
    let mut state = State::new();
    for checkpoint in 1..6 {
        let base = open(&file);
        assert_eq!(base.meta().unwrap(), meta(checkpoint - 1));
        let changes = changes(300, checkpoint);
        apply(&base, checkpoint, &changes).unwrap();
        change(&mut state, &changes);
        base.close().unwrap();
    }
    let base = open(&file);
    let snapshot = base.snapshot().unwrap();
    assert_eq!(snapshot.meta(), &meta(5));
    assert_eq!(read(&snapshot).unwrap(), state);
    for table in (0..6).map(Table) {
        let rows: Vec<_> = state.range((table, vec![])..(Table(table.0 + 1), vec![])).collect();
        assert_eq!(snapshot.len(table).unwrap(), rows.len() as u64);
        let backwards = snapshot.range(table, EVERYTHING).unwrap().rev();
        for (found, ((_, key), row)) in backwards.map(Result::unwrap).zip(rows.iter().rev()) {
            assert_eq!((&*found.0, found.1.bytes()), (&**key, &***row));
        }
        for key in 0..400_u16 {
            let key = key.to_be_bytes().to_vec();
            let found = snapshot.get(table, &key).unwrap();
            let found = found.as_ref().map(|row| row.bytes());
            assert_eq!(found, state.get(&(table, key)).map(Vec::as_slice));
        }
    }
    let total = snapshot.verify(&mut |error| panic!("{error}")).unwrap();
    assert_eq!(total, state.len() as u64);
}

/// A checkpoint beside a reader must neither change what the reader sees nor take a row from under
/// its hands, even if it lets go of the snapshot and keeps the row.
#[test]
fn a_snapshot_and_its_rows_outlive_checkpoints() {
    let file = new_file();
    let base = open(&file);
    apply(&base, 1, &changes(300, 1)).unwrap();
    let snapshot = base.snapshot().unwrap();
    let state = read(&snapshot).unwrap();
    let ((table, key), expected) = state.first_key_value().unwrap();
    let row = snapshot.get(*table, key).unwrap().unwrap();
    let mut rest = snapshot.range(*table, EVERYTHING).unwrap();
    for checkpoint in 2..12 {
        apply(&base, checkpoint, &changes(300, checkpoint)).unwrap();
    }
    assert_eq!(read(&snapshot).unwrap(), state);
    drop(snapshot);
    for checkpoint in 12..22 {
        apply(&base, checkpoint, &changes(300, checkpoint)).unwrap();
    }
    assert_eq!(row.bytes(), expected);
    let (last, row) = rest.next_back().unwrap().unwrap();
    assert_eq!(state[&(*table, last.to_vec())], row.bytes());
}

/// The engine paces a checkpoint from this callback; a long one must not run away with the disk.
#[test]
fn the_caller_can_pause_a_checkpoint() {
    let file = new_file();
    let base = open(&file);
    let rows = (0..1000_u16).map(|key| (Table((key / 400) as u8), key.to_be_bytes(), Some([1])));
    let mut pauses = 0;
    base.apply(&meta(1), rows, &mut || pauses += 1).unwrap();
    assert_eq!(pauses, 3);
    assert_eq!(read(&base.snapshot().unwrap()).unwrap().len(), 1000);
}

/// A new base costs no sync of its own, and opens in both ways.
#[test]
fn a_new_base_is_whole_and_unsynced() {
    let file = new_file();
    assert_eq!(file.syncs.load(Ordering::Relaxed), 0);
    for integrity in [Integrity::Check, Integrity::Trust] {
        let file = TestFile::new(file.content());
        let base = Base::open(file, 1 << 20, integrity).unwrap();
        let snapshot = base.snapshot().unwrap();
        assert_eq!(snapshot.meta(), &meta(0));
        assert_eq!(snapshot.tables().count(), 0);
        assert!(snapshot.get(Table(9), b"key").unwrap().is_none());
        assert_eq!(snapshot.range(Table(9), EVERYTHING).unwrap().count(), 0);
        base.close().unwrap();
    }
}

/// redb makes a new database of an empty file. An emptied base must not become an empty store.
#[test]
fn an_empty_or_foreign_file_is_damaged() {
    let foreign = {
        let file = TestFile::of(&[]);
        let backend = FileBackend::new(file.clone()).unwrap();
        drop(Builder::new().create_with_backend(backend).unwrap());
        file.content().bytes().collect()
    };
    let short = new_file().content().bytes().take(100).collect();
    for bytes in [vec![], vec![0; 5000], b"short".to_vec(), short, foreign] {
        for integrity in [Integrity::Check, Integrity::Trust] {
            let file = TestFile::of(&bytes);
            assert!(matches!(
                Base::open(file.clone(), 1 << 20, integrity),
                Err(Error::Corrupt { .. })
            ));
            // What was empty is still empty.
            assert!(!bytes.is_empty() || file.content() == Content::default());
        }
    }
}

/// The disk fills up, or fails, at any point of a checkpoint: the error says so, and reopening
/// gives the state before or after, whole.
#[test]
fn a_failed_checkpoint_leaves_one_state_or_the_other() {
    let before = new_file();
    let base = open(&before);
    apply(&base, 1, &changes(300, 1)).unwrap();
    base.close().unwrap();
    let mut states = [State::new(), State::new()];
    change(&mut states[0], &changes(300, 1));
    states[1] = states[0].clone();
    change(&mut states[1], &changes(300, 2));
    let mut failures = 0;
    loop {
        let file = TestFile::new(before.content());
        let base = open(&file);
        file.fail_after(failures);
        let result = apply(&base, 2, &changes(300, 2));
        if let Err(error) = &result {
            assert!(error.is_full(), "{error}");
            match base.snapshot().and_then(|snapshot| read(&snapshot)) {
                Ok(found) => assert_eq!(found, states[0]),
                Err(error) => assert!(matches!(error, Error::Io { .. }), "{error}"),
            }
            assert!(base.close().is_err());
        }
        file.fail_after(u64::MAX);
        let base = open(&file);
        let found = base.meta().unwrap();
        let state = &states[usize::from(found == meta(2))];
        assert_eq!(&read(&base.snapshot().unwrap()).unwrap(), state);
        if result.is_ok() {
            assert_eq!(found, meta(2));
            break;
        }
        failures += 1;
    }
    assert!(failures > 10, "only {failures} calls could fail");
}

/// After a failed checkpoint the engine closes the handle and opens another while snapshots of the
/// old one are still held. They must say that they are lost, and letting go of them must not touch
/// the file that now belongs to the new handle.
#[test]
fn a_snapshot_of_a_closed_handle_is_lost_and_harmless() {
    let file = new_file();
    let old = open(&file);
    apply(&old, 1, &changes(300, 1)).unwrap();
    let snapshot = old.snapshot().unwrap();
    let mut range = snapshot.range(Table(1), EVERYTHING).unwrap();
    range.next().unwrap().unwrap();
    file.fail_after(1);
    assert!(apply(&old, 2, &changes(300, 2)).is_err());
    assert!(old.close().is_err());
    file.fail_after(u64::MAX);

    let new = open(&file);
    apply(&new, 2, &changes(300, 2)).unwrap();
    assert!(matches!(read(&snapshot), Err(Error::Closed)));
    let rest: Vec<_> = range.by_ref().collect();
    assert!(matches!(rest.last(), Some(Err(Error::Closed))));
    let content = file.content();
    drop((range, snapshot));
    assert!(file.content() == content);
    assert_eq!(new.meta().unwrap(), meta(2));
}

/// redb checks nothing when it reads. A changed row, and a sound row under a key or in a table
/// that is not its own, must be named and never handed out.
#[test]
fn a_row_that_does_not_match_its_checksum_is_named() {
    let mut stored = Vec::new();
    row::encode(Table(3), b"key", b"row", &mut stored);
    let mut changed = stored.clone();
    changed[1] ^= 1;
    for (table, key, stored) in [
        (Table(3), "key", &changed[..]),
        (Table(3), "kez", &stored),
        (Table(4), "key", &stored),
        (Table(3), "key", &stored[..3]),
    ] {
        let file = new_file();
        let backend = FileBackend::new(file.clone()).unwrap();
        let database = Builder::new().create_with_backend(backend).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(RowTable::new(&row::table_name(table)))
            .unwrap()
            .insert(key.as_bytes(), stored)
            .unwrap();
        transaction.commit().unwrap();
        database.close().unwrap();

        let base = open(&file);
        let snapshot = base.snapshot().unwrap();
        let range = || snapshot.range(table, EVERYTHING).unwrap();
        let mut forwards = range();
        for error in [
            snapshot.get(table, key.as_bytes()).err(),
            forwards.next().unwrap().err(),
            range().next_back().unwrap().err(),
            verified(&snapshot).1.pop(),
        ] {
            let Some(Error::Corrupt { damage: Damage::Row { table: found_table, key: found_key } }) =
                error
            else {
                panic!("{error:?}");
            };
            assert_eq!((found_table, &*found_key), (table, key.as_bytes()));
        }
        assert!(forwards.next().is_none());
    }
}

/// What verification says of a state: how many rows are sound, and what is damaged.
fn verified(snapshot: &BaseSnapshot) -> (u64, Vec<Error>) {
    let mut damaged = Vec::new();
    let sound = snapshot.verify(&mut |error| damaged.push(error)).unwrap();
    (sound, damaged)
}

/// The story: one damaged row ended the verification, and the second, worse one was found a week
/// later. Both are found at once, every other row is read, from either end.
#[test]
fn verification_goes_on_behind_damaged_rows() {
    let file = new_file();
    let base = open(&file);
    let table = Table(1);
    let rows = (0..1000_u16).map(|key| (table, key.to_be_bytes(), Some([1; 40])));
    base.apply(&meta(1), rows, &mut || ()).unwrap();
    base.close().unwrap();
    let backend = FileBackend::new(file.clone()).unwrap();
    let database = Builder::new().create_with_backend(backend).unwrap();
    let transaction = database.begin_write().unwrap();
    for key in [0_u16, 500, 501, 999] {
        let name = row::table_name(table);
        let mut open = transaction.open_table(RowTable::new(&name)).unwrap();
        open.insert(key.to_be_bytes().as_slice(), [0; 44].as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    database.close().unwrap();

    let base = self::open(&file);
    let snapshot = base.snapshot().unwrap();
    let (sound, damaged) = verified(&snapshot);
    let keys = damaged.iter().map(|error| match error {
        Error::Corrupt { damage: Damage::Row { key, .. } } => key.to_vec(),
        error => panic!("{error}"),
    });
    let expected = [0_u16, 500, 501, 999].map(|key| key.to_be_bytes().to_vec());
    assert_eq!((sound, keys.collect::<Vec<_>>()), (996, expected.to_vec()));
    let tolerant = || snapshot.range_tolerant(table, EVERYTHING);
    assert_eq!(tolerant().map(Result::unwrap).count(), 996);
    assert_eq!(tolerant().rev().map(Result::unwrap).count(), 996);
    let mut both = tolerant();
    let mut met = 0;
    while both.next().is_some() {
        met += 1 + usize::from(both.next_back().is_some());
    }
    assert_eq!(met, 996);
    let first = 500_u16.to_be_bytes();
    assert!(snapshot.get_tolerant(table, &first).unwrap().is_none());
}

/// Every byte of a small base is damaged, one at a time. Opened with a check, the base is either
/// refused as damaged or holds a checkpoint as it was written, row for row. A panic inside redb
/// must not get out, and no length in the file may be believed.
#[test]
fn no_damaged_byte_gets_past_the_check() {
    for image in images() {
        for damaged in image.damaged() {
            match Base::open(damaged.file(), 1 << 20, Integrity::Check) {
                Ok(base) => image.assert_holds(&base),
                Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{damaged:?}"),
            }
        }
    }
}

/// The same, with every third byte, as a large base is opened: without the check. Whatever is handed out is a row that was
/// written under that key at some time. The first write is preceded by the check and finds what
/// opening would have found; a damaged base is not written to, not even when it is closed. And
/// where rows are hidden, their number gives it away.
#[test]
fn no_damaged_byte_gets_past_the_later_check() {
    let mut hidden = 0;
    for image in images() {
        for damaged in image.damaged().step_by(3) {
            let file = damaged.file();
            let Ok(base) = Base::open(file.clone(), 1 << 20, Integrity::Trust) else {
                continue;
            };
            image.assert_invents_nothing(&base);
            let opened = file.content();
            let found = base.snapshot().and_then(|snapshot| read(&snapshot));
            let found_damaged = base.snapshot().map(|snapshot| verified(&snapshot).1);
            for error in found_damaged.into_iter().flatten() {
                if let Error::Corrupt { damage: Damage::Rows { recorded, reached, .. } } = error {
                    assert_ne!(recorded, reached);
                    hidden += 1;
                }
            }
            match apply(&base, 3, &changes(40, 3)) {
                Ok(()) => {
                    let mut expected = found.unwrap();
                    assert!(image.states.values().any(|state| *state == expected));
                    change(&mut expected, &changes(40, 3));
                    assert_eq!(read(&base.snapshot().unwrap()).unwrap(), expected);
                    base.close().unwrap();
                }
                Err(error) => {
                    assert!(matches!(error, Error::Corrupt { .. }), "{damaged:?}: {error}");
                    base.close().unwrap();
                    assert!(file.content() == opened, "{damaged:?}");
                }
            }
        }
    }
    assert!(hidden > 0, "no damage hid a row");
}

/// The check reads the file anew, and judges what this handle reads: should it find another
/// checkpoint there, this handle stands on something that does not hold.
#[test]
fn a_check_is_about_the_state_that_is_read() {
    let file = new_file();
    let before = file.content();
    let base = open(&file);
    apply(&base, 1, &changes(40, 1)).unwrap();
    drop(base);
    let base = Base::open(file.clone(), 1 << 20, Integrity::Trust).unwrap();
    let content = file.content();
    file.replace(before);
    assert!(matches!(base.check(), Err(Error::Corrupt { damage: Damage::Meta })));
    assert!(!base.is_checked());
    file.replace(content);
    base.check().unwrap();
    assert!(base.is_checked());
    apply(&base, 2, &changes(40, 2)).unwrap();
    base.close().unwrap();
}

/// A file's bytes at some moment, and what may be read from them, by checkpoint.
struct Image {
    content: Content,
    states: BTreeMap<u64, State>,
}

impl Image {
    /// The image with one byte damaged: every byte that stands for something in turn, and a few
    /// of those that do not.
    fn damaged(&self) -> impl Iterator<Item = Damaged<'_>> {
        let pages = self.content.pages().enumerate();
        let places = pages.flat_map(|(page, bytes)| {
            let zeros = bytes.iter().rev().take_while(|&&byte| byte == 0);
            let used = bytes.len() - zeros.count();
            (4096 * page..).zip(bytes).take(used.max(1))
        });
        places.map(|(place, byte)| Damaged {
            image: &self.content,
            place,
            // Sometimes a bit, sometimes all of them.
            byte: byte ^ if place % 2 == 0 { 0xff } else { 1 << (place % 8) },
        })
    }

    fn assert_holds(&self, base: &Base) {
        let snapshot = base.snapshot().unwrap();
        let expected = &self.states[&snapshot.meta().checkpoint];
        assert_eq!(&read(&snapshot).unwrap(), expected);
    }

    fn assert_invents_nothing(&self, base: &Base) {
        let Ok(snapshot) = base.snapshot() else {
            return;
        };
        for table in snapshot.tables() {
            let rows = snapshot.range(table, EVERYTHING).into_iter().flatten();
            for (key, row) in rows.filter_map(Result::ok) {
                self.assert_written(table, &key, row.bytes());
            }
            for key in (0..400_u16).step_by(7).map(u16::to_be_bytes) {
                if let Ok(Some(row)) = snapshot.get(table, &key) {
                    self.assert_written(table, &key, row.bytes());
                }
            }
        }
    }

    fn assert_written(&self, table: Table, key: &[u8], row: &[u8]) {
        let place = (table, key.to_vec());
        let mut rows = self.states.values().filter_map(|state| state.get(&place));
        assert!(rows.any(|known| known == row), "{place:?} {row:?}");
    }
}

/// An image with one byte damaged.
struct Damaged<'a> {
    image: &'a Content,
    place: usize,
    byte: u8,
}

impl Damaged<'_> {
    fn file(&self) -> Arc<TestFile> {
        let mut content = self.image.clone();
        content.write(self.place, &[self.byte]);
        TestFile::new(content)
    }
}

impl fmt::Debug for Damaged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} made {:#x}", self.place, self.byte)
    }
}

/// Two checkpoints, closed; and the same cut off where the process was killed.
fn images() -> [Image; 2] {
    let file = new_file();
    let base = open(&file);
    let mut states = BTreeMap::from([(0, State::new())]);
    let mut state = State::new();
    for checkpoint in 1..3 {
        let changes = changes(40, checkpoint);
        apply(&base, checkpoint, &changes).unwrap();
        change(&mut state, &changes);
        states.insert(checkpoint, state.clone());
    }
    let killed = Image { content: file.content(), states: states.clone() };
    base.close().unwrap();
    let closed = Image { content: file.content(), states };
    [closed, killed]
}

/// Dropping a handle must be no different from the death of the process: nothing is written, and
/// everything that was applied is there.
#[test]
fn a_dropped_base_writes_nothing_and_loses_nothing() {
    let file = new_file();
    let base = open(&file);
    apply(&base, 1, &changes(40, 1)).unwrap();
    let state = read(&base.snapshot().unwrap()).unwrap();
    let content = file.content();
    drop(base);
    assert!(file.content() == content);
    let base = Base::open(file, 1 << 20, Integrity::Trust).unwrap();
    assert_eq!(read(&base.snapshot().unwrap()).unwrap(), state);
}

/// redb's own tables, and names that only look like ours, are not the engine's.
#[test]
fn only_numbered_tables_hold_rows() {
    for number in 0..=u8::MAX {
        let name = row::table_name(Table(number));
        assert_eq!(row::table_of(&name), Some(Table(number)));
    }
    for name in ["meta", "rows-1", "rows-+01", "rows-256", "rows-0001", "rows-"] {
        assert_eq!(row::table_of(name), None, "{name}");
    }
}

/// A page that leads back to where a scan was. Nobody checks the pages of a large base before they are read,
/// so a scan has to notice by itself: it ends, and hands out no key twice. Every number of a page in a
/// branch of the tree is put in the place of every other.
#[test]
fn a_tree_that_leads_back_ends_every_scan() {
    let file = new_file();
    let base = open(&file);
    let rows = (0..400_u16).map(|number| (Table(1), number.to_be_bytes(), Some([7; 100])));
    base.apply(&meta(1), rows, &mut || ()).unwrap();
    base.close().unwrap();
    let bytes: Vec<u8> = file.content().bytes().collect();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let branches = (4096..bytes.len()).step_by(4096).filter(|page| bytes[*page] == 2);
    let numbers = branches.map(|page| {
        let words = (page + 8..page + 4096).step_by(8);
        words.filter(|at| (1..1 << 16).contains(&word(*at))).collect::<Vec<_>>()
    });
    let numbers: Vec<Vec<usize>> = numbers.collect();
    let (mut led_back, mut tried) = (0, 0);
    for page in &numbers {
        for (from, to) in page.iter().flat_map(|from| page.iter().map(move |to| (*from, *to))) {
            let mut content = file.content();
            content.write(to, &bytes[from..from + 8]);
            let Ok(base) = Base::open(TestFile::new(content), 1 << 20, Integrity::Trust) else {
                continue;
            };
            let Ok(snapshot) = base.snapshot() else { continue };
            let ends =
                [|rows: &mut BaseRange| rows.next(), |rows: &mut BaseRange| rows.next_back()];
            for step in ends {
                let Ok(mut rows) = snapshot.range(Table(1), EVERYTHING) else { continue };
                let drawn: Vec<_> = std::iter::from_fn(|| step(&mut rows)).take(1_000).collect();
                assert!(drawn.len() <= 401, "a scan of 400 rows does not end");
                let keys: Vec<_> = drawn.iter().flatten().map(|(key, _)| key.clone()).collect();
                let rises = keys.is_sorted_by(|one, next| one < next);
                assert!(rises || keys.is_sorted_by(|one, next| one > next), "a key came twice");
                let order = |row: &Result<_, Error>| {
                    matches!(
                        row,
                        Err(Error::Corrupt { damage: Damage::Order { table: Table(1), .. } })
                    )
                };
                led_back += usize::from(drawn.iter().any(order));
            }
            tried += 1;
        }
    }
    assert!(tried > 50 && led_back > 10, "{led_back} of {tried}");
}
