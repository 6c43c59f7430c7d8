//! Looking at a store without opening it: whatever state its files are in, not a byte of them changes.

use std::path::{Path, PathBuf};

use highwater::inspect::{LogEnd, Report};
use highwater::{Error, Mode, ReadOnly};
use tempfile::TempDir;

use crate::{files, key, killed_image, manual, options, price, update, usd};

/// A store of 20 tokens as the death of its process leaves it, half of them in the base; behind
/// them one commit that no later batch vouches for.
fn crashed(directory: &Path) -> PathBuf {
    let (open, image) = (directory.join("open"), directory.join("crashed"));
    let store = manual().open(&open).unwrap();
    for number in 1..=20 {
        if number == 11 {
            store.checkpoint().unwrap();
        }
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    killed_image(&open, &image);
    image
}

fn closed(directory: &Path) -> PathBuf {
    let path = directory.join("closed");
    let store = options().open(&path).unwrap();
    for number in 1..=20 {
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    store.close().unwrap();
    path
}

/// The journal's file that holds this token, and where in it the token's key stands.
fn place_of(store: &Path, number: u64) -> (PathBuf, usize) {
    let address = key(number).address().as_bytes().to_vec();
    files(store)
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|kind| kind == "wal"))
        .find_map(|(path, bytes)| {
            let at = bytes?.windows(address.len()).position(|window| window == address)?;
            Some((path, at))
        })
        .expect("the journal holds the token")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// An operator looks at a closed store and at a crashed one, in every way there is.
#[test]
fn reading_changes_no_byte() {
    let directory = TempDir::new().unwrap();
    for path in [closed(directory.path()), crashed(directory.path())] {
        let before = files(&path);
        for _ in 0..2 {
            let read = ReadOnly::open(&path).unwrap();
            let again = ReadOnly::open(&path).unwrap();
            assert_eq!((read.lsn(), again.lsn()), (20, 20));
            assert_eq!(read.identity().unwrap().reference, usd());
            assert_eq!(read.tokens().iter().filter_map(Result::ok).count(), 20);
            let token = read.tokens().get(&key(15)).unwrap().unwrap();
            assert_eq!(token.max.unwrap().price, price(15));
            assert_eq!(Report::read(&path).unwrap().format_version, 1);
        }
        assert!(files(&path) == before, "{}", path.display());

        let read = ReadOnly::open(&path).unwrap();
        assert!(matches!(options().open(&path), Err(Error::Locked { .. })), "it is being read");
        drop(read);
        assert_eq!(options().open(&path).unwrap().opening().last_lsn, 20);
    }
}

/// What `highwater info` prints of a store that was closed.
#[test]
fn a_report_of_a_closed_store() {
    let directory = TempDir::new().unwrap();
    let report = Report::read(closed(directory.path())).unwrap();
    assert_eq!(report.ending, LogEnd::Closed);
    assert!(!report.has_torn_tail());
    assert_eq!(
        (report.last_lsn, report.checkpoint_lsn, report.previous_checkpoint_lsn),
        (20, 20, 20)
    );
    assert_eq!(report.mode.as_deref(), Some(Mode::Paper.to_string().as_str()));
    assert_eq!(report.reference.as_deref(), Some("fiat/USD:6"));
    assert_eq!(report.store_id.len(), 32);
    assert!(report.last_commit_at.is_some());
    let tables: Vec<_> = report.tables.iter().map(|table| (table.name, table.rows)).collect();
    assert_eq!(tables, [("tokens", 20), ("store", 1)]);
    assert!(report.stepped_over.is_empty() && report.base_bytes > 0);
}

/// Of a crashed store: what the base has, what only the journal has, and that it was not closed.
#[test]
fn a_report_of_a_crashed_store() {
    let directory = TempDir::new().unwrap();
    let path = crashed(directory.path());
    let report = Report::read(&path).unwrap();
    assert_eq!(report.ending, LogEnd::Unclosed);
    assert_eq!((report.last_lsn, report.checkpoint_lsn, report.durable_lsn), (20, 10, 19));
    assert_eq!(report.tables[0].rows, 20);
    let segment = report.segments.last().unwrap();
    assert_eq!((segment.last_lsn, segment.restart), (Some(20), false));

    let store = options().open(&path).unwrap();
    assert!(!store.opening().clean);
    store.close().unwrap();
    let report = Report::read(&path).unwrap();
    assert_eq!((report.ending, report.last_lsn, report.checkpoint_lsn), (LogEnd::Closed, 20, 20));
}

/// The power went out inside the last batch. It was never acknowledged as synced as far as the disk
/// knows, so it is cut, and everybody is told the same of it: the report, the reader, the opening.
#[test]
fn a_torn_tail_is_told_and_cut() {
    let directory = TempDir::new().unwrap();
    let path = crashed(directory.path());
    let (segment, at) = place_of(&path, 20);
    flip(&segment, at);
    let before = files(&path);

    let report = Report::read(&path).unwrap();
    assert!(report.has_torn_tail());
    assert_eq!(report.last_lsn, 19);
    let LogEnd::TornTail { file, offset, bytes } = report.ending else { panic!("{report:?}") };
    assert!(segment.ends_with(&file), "{file}");
    let begins = usize::try_from(offset).unwrap();
    assert!(begins < at && at < begins + usize::try_from(bytes).unwrap());
    let read = ReadOnly::open(&path).unwrap();
    assert_eq!((read.lsn(), read.tokens().get(&key(20)).unwrap()), (19, None));
    drop(read);
    assert!(files(&path) == before);

    let store = options().open(&path).unwrap();
    let opening = store.opening();
    let cut = opening.cut.unwrap();
    assert_eq!((cut.file, cut.offset, cut.bytes), (file, offset, bytes));
    assert_eq!((opening.last_lsn, opening.clean, opening.created), (19, false, false));
    assert_eq!(store.tokens().get(&key(20)).unwrap(), None);
    store.tokens().upsert(&update(21, 21)).unwrap();
    store.close().unwrap();
    assert_eq!(options().open(&path).unwrap().opening().cut, None);
}

/// The same bit flips in a batch that a later one vouches for. That is damage: nobody opens the store,
/// all name the place, and nothing is touched.
#[test]
fn damage_is_told_and_nothing_is_touched() {
    let directory = TempDir::new().unwrap();
    let path = crashed(directory.path());
    let (segment, at) = place_of(&path, 15);
    flip(&segment, at);
    let before = files(&path);
    let opened = [
        options().open(&path).map(drop),
        ReadOnly::open(&path).map(drop),
        Report::read(&path).map(drop),
    ];
    for error in opened.map(Result::unwrap_err) {
        assert!(error.is_corrupt() && !error.is_refused(), "{error:?}");
        let Error::Corrupt { file, offset, lsn, .. } = &error else { panic!("{error:?}") };
        assert!(segment.ends_with(file), "{file}");
        assert_eq!(*lsn, Some(15));
        let offset = usize::try_from(offset.unwrap()).unwrap();
        assert!(offset < at && at < offset + 400, "{offset}, but the flip is at {at}");
        assert!(error.to_string().contains(file.as_str()), "{error}");
    }
    assert!(files(&path) == before);
    flip(&segment, at);
    assert_eq!(options().open(&path).unwrap().opening().last_lsn, 20);
}

/// Damage to what the base has already matters to nobody: it is stepped over, and counted.
#[test]
fn damage_below_the_checkpoint_is_stepped_over() {
    let directory = TempDir::new().unwrap();
    let path = crashed(directory.path());
    let (segment, at) = place_of(&path, 5);
    flip(&segment, at);
    let report = Report::read(&path).unwrap();
    assert_eq!((report.stepped_over.len(), report.last_lsn), (1, 20));
    assert!(segment.ends_with(&report.stepped_over[0].file));
    let store = options().open(&path).unwrap();
    assert_eq!((store.opening().stepped_over, store.opening().last_lsn), (1, 20));
    assert!(store.tokens().get(&key(5)).unwrap().is_some());
}

/// There is nothing, and looking makes nothing.
#[test]
fn a_missing_store_stays_missing() {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for path in [directory.path().join("nowhere"), empty] {
        for error in [ReadOnly::open(&path).err(), Report::read(&path).err()] {
            assert!(
                matches!(&error, Some(Error::Missing { path: at }) if *at == path),
                "{error:?}"
            );
        }
    }
    assert_eq!(files(directory.path()).len(), 1);
}

/// Its files change under the eyes of whoever reads them: a store that is open is not read. What is left
/// of a creation that was cut short is no store, and whoever wants an old one gets no new one instead.
#[test]
fn a_store_in_use_is_not_read_and_half_a_creation_is_missing() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = manual().open(&path).unwrap();
    for error in [ReadOnly::open(&path).err(), Report::read(&path).err()] {
        assert!(matches!(&error, Some(Error::Locked { path: at }) if *at == path), "{error:?}");
    }
    store.close().unwrap();
    assert_eq!(ReadOnly::open(&path).unwrap().lsn(), 0);
    std::fs::remove_file(path.join("base.redb")).unwrap();
    std::fs::remove_dir_all(path.join("journal")).unwrap();
    assert!(files(&path).into_keys().eq([path.join("LOCK")]));
    let error = manual().create(false).open(&path).err();
    assert!(matches!(&error, Some(Error::Missing { path: at }) if *at == path), "{error:?}");
}

/// A store that lost its journal, or its base, is not taken for a new one.
#[test]
fn half_a_store_is_damage() {
    let directory = TempDir::new().unwrap();
    for half in ["journal", "base.redb"] {
        let path = directory.path().join(half.replace('.', "-"));
        killed_image(&crashed(&path), &path.join("half"));
        let path = path.join("half");
        if half == "journal" {
            std::fs::remove_dir_all(path.join(half)).unwrap();
        } else {
            std::fs::remove_file(path.join(half)).unwrap();
        }
        let before = files(&path);
        for error in [options().open(&path).map(drop), Report::read(&path).map(drop)] {
            let error = error.unwrap_err();
            assert!(error.is_corrupt(), "without {half}: {error:?}");
        }
        assert!(files(&path) == before, "without {half}");
    }
}
