//! The contract of `Disk`, held against every disk there is, and the fault model of the simulated
//! one, clause by clause.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use highwater::disk::{Disk, DiskFile, MemoryDisk, RealDisk};
use tempfile::TempDir;

/// A disk nobody used yet.
struct Fresh {
    disk: Arc<dyn Disk>,
    /// Where it lives; removed with it.
    _directory: Option<TempDir>,
}

fn real() -> Fresh {
    let directory = TempDir::new().expect("a temporary directory can be made");
    let disk = RealDisk::new(directory.path().join("store"));
    disk.make_root().expect("its directory can be made");
    Fresh { disk: Arc::new(disk), _directory: Some(directory) }
}

fn memory() -> Fresh {
    Fresh { disk: Arc::new(MemoryDisk::new()), _directory: None }
}

#[cfg(feature = "simulation")]
fn simulated() -> Fresh {
    Fresh { disk: Arc::new(highwater::disk::SimulatedDisk::new(1)), _directory: None }
}

/// One test per clause and disk.
macro_rules! hold_to_the_contract {
    ($($clause:ident)*) => {
        mod a_real_disk { $(#[test] fn $clause() { super::contract::$clause(&*super::real().disk); })* }
        mod a_memory_disk { $(#[test] fn $clause() { super::contract::$clause(&*super::memory().disk); })* }
        #[cfg(feature = "simulation")]
        mod a_simulated_disk { $(#[test] fn $clause() { super::contract::$clause(&*super::simulated().disk); })* }
    };
}

hold_to_the_contract! {
    keeps_what_is_written
    shows_gaps_as_zeros
    cuts_and_grows
    reads_to_the_end_and_not_beyond
    refuses_offsets_beyond_all_files
    behaves_like_an_array_of_bytes
    creates_only_what_is_new
    opens_only_what_is_there
    does_not_write_through_a_reading_handle
    lists_files_of_one_directory
    makes_directories_once
    puts_nothing_into_missing_directories
    renames_over_what_stood_there
    renames_and_removes_whole_directories
    goes_on_with_a_removed_file
    refuses_names_that_leave_the_store
    locks_one_writer_or_many_readers
    takes_calls_from_several_threads
}

fn whole(file: &dyn DiskFile) -> Vec<u8> {
    let len = file.len().expect("an open file has a length");
    let mut bytes = vec![0xEE; usize::try_from(len).expect("test files are small")];
    file.read_at(0, &mut bytes).expect("a file reads to its end");
    bytes
}

fn put(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Arc<dyn DiskFile> {
    let file = disk.create(name).expect("the name is free");
    file.write_at(0, bytes).expect("there is room");
    file
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

mod contract {
    use super::*;

    /// A copy is made in a directory of its own and gets its name in one step, which replaces nothing; what
    /// did not come about is removed.
    pub(super) fn renames_and_removes_whole_directories(disk: &dyn Disk) {
        disk.make_dir("made").expect("the name is free");
        disk.make_dir("made/inside").expect("the name is free");
        put(disk, "made/a", b"1");
        put(disk, "made/inside/b", b"2");
        put(disk, "madeup", b"3");
        disk.make_dir("taken").expect("the name is free");
        assert_eq!(kind(disk.rename("made", "taken")), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(disk.rename("made", "madeup")), Some(ErrorKind::AlreadyExists));
        disk.rename("made", "whole").expect("the name is free");
        disk.sync_dir("").expect("the disk is well");
        assert_eq!(whole(&*disk.open("whole/a").expect("it was moved")), b"1");
        assert_eq!(whole(&*disk.open("whole/inside/b").expect("it was moved")), b"2");
        assert_eq!(whole(&*disk.open("madeup").expect("it was not")), b"3");
        assert_eq!(kind(disk.open("made/a")), Some(ErrorKind::NotFound));
        assert!(disk.list("made").expect("it is not there").is_empty());

        assert_eq!(kind(disk.remove("whole/inside")), Some(ErrorKind::DirectoryNotEmpty));
        disk.remove("whole/inside/b").expect("it is there");
        disk.remove("whole/inside").expect("it is empty");
        assert_eq!(kind(disk.create("whole/inside/b")), Some(ErrorKind::NotFound));
        disk.remove("whole/a").expect("it is there");
        disk.remove("whole").expect("it is empty");
        disk.remove("taken").expect("it is empty");
        assert_eq!(kind(disk.remove("taken")), Some(ErrorKind::NotFound));
    }

    /// The least a disk can do: another handle reads what the first one wrote and synced.
    pub(super) fn keeps_what_is_written(disk: &dyn Disk) {
        disk.make_root().expect("making it where it exists does nothing");
        let file = put(disk, "a", b"first words");
        file.write_at(6, b"bytes").expect("there is room");
        file.sync().expect("the disk is well");
        disk.sync_dir("").expect("the disk is well");
        assert_eq!(whole(&*disk.open("a").expect("it was made")), b"first bytes");
        assert!(!file.is_empty().expect("it has a length"));
        assert!(!disk.label().is_empty());
    }

    /// The journal preallocates and redb grows its file by writing behind the end; what lies between
    /// must not show old memory.
    pub(super) fn shows_gaps_as_zeros(disk: &dyn Disk) {
        let file = put(disk, "a", b"x");
        file.write_at(5_000, b"y").expect("there is room");
        let mut expected = vec![0; 5_001];
        (expected[0], expected[5_000]) = (b'x', b'y');
        assert!(whole(&*file) == expected);
        file.write_at(9_000, b"").expect("nothing to write");
        assert_eq!(file.len().expect("it is open"), 5_001, "an empty write grew the file");
    }

    /// Bytes that were cut away must not come back when the file grows again: the journal would take
    /// them for batches.
    pub(super) fn cuts_and_grows(disk: &dyn Disk) {
        let file = put(disk, "a", &[7; 10_000]);
        file.set_len(5_001).expect("it can be cut");
        assert!(whole(&*file) == [7; 5_001]);
        file.set_len(9_000).expect("it can grow");
        let mut expected = vec![7; 5_001];
        expected.resize(9_000, 0);
        assert!(whole(&*file) == expected);
        file.set_len(0).expect("it can be emptied");
        assert!(file.is_empty().expect("it is open"));
    }

    /// A short read is an error of its own kind, so that "the file is shorter than it says" is never
    /// taken for a failing disk.
    pub(super) fn reads_to_the_end_and_not_beyond(disk: &dyn Disk) {
        let file = put(disk, "a", b"four");
        let mut two = [0; 2];
        file.read_at(2, &mut two).expect("it is inside");
        assert_eq!(&two, b"ur");
        assert_eq!(kind(file.read_at(3, &mut two)), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(file.read_at(900, &mut two)), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(file.read_at(u64::MAX - 2, &mut two)), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(file.read_at(4, &mut [])), None);
    }

    /// Offsets come from bytes on disk as well. One that overflows is an error, never a panic and
    /// never a write somewhere else.
    pub(super) fn refuses_offsets_beyond_all_files(disk: &dyn Disk) {
        let file = put(disk, "a", b"four");
        assert!(file.write_at(u64::MAX, b"xy").is_err());
        assert!(file.read_at(u64::MAX, &mut [0; 2]).is_err());
        assert_eq!(whole(&*file), b"four");
    }

    /// Random writes, cuts and reads against a plain array: pages and sectors must not show.
    pub(super) fn behaves_like_an_array_of_bytes(disk: &dyn Disk) {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let name = format!("model-{seed}");
            let file = disk.create(&name).expect("the name is free");
            let mut model: Vec<u8> = Vec::new();
            for _ in 0..60 {
                match rng.u8(..8) {
                    0 => {
                        let len = rng.usize(..30_000);
                        file.set_len(len as u64).expect("there is room");
                        model.resize(len, 0);
                    }
                    1 => file.sync().expect("the disk is well"),
                    _ => {
                        let offset = rng.usize(..20_000);
                        let bytes = vec![rng.u8(1..); rng.usize(1..9_000)];
                        file.write_at(offset as u64, &bytes).expect("there is room");
                        model.resize(model.len().max(offset + bytes.len()), 0);
                        model[offset..offset + bytes.len()].copy_from_slice(&bytes);
                    }
                }
                let start = rng.usize(..=model.len());
                let mut part = vec![0xEE; rng.usize(..=model.len() - start)];
                file.read_at(start as u64, &mut part).expect("it is inside the file");
                assert!(
                    part == model[start..start + part.len()],
                    "seed {seed}: byte {start} on differ"
                );
            }
            let again = disk.open(&name).expect("it was made");
            assert!(whole(&*again) == model, "seed {seed}: another handle sees something else");
        }
    }

    /// Files are made whole under a new name; creating must never open what somebody else made.
    pub(super) fn creates_only_what_is_new(disk: &dyn Disk) {
        put(disk, "a", b"mine");
        disk.make_dir("d").expect("the name is free");
        assert_eq!(kind(disk.create("a")), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(disk.create("d")), Some(ErrorKind::AlreadyExists));
        assert_eq!(whole(&*disk.open("a").expect("it was made")), b"mine");
    }

    /// Opening never makes a file: a missing one must be seen as missing.
    pub(super) fn opens_only_what_is_there(disk: &dyn Disk) {
        assert_eq!(kind(disk.open("a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.open_read_only("a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.open("d/a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.lock_shared("a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.remove("a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.rename("a", "b")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.sync_dir("d")), Some(ErrorKind::NotFound));
        assert!(disk.list("").expect("the root is there").is_empty());
    }

    /// Offline tools open for reading and must not be able to change a byte, even by mistake.
    pub(super) fn does_not_write_through_a_reading_handle(disk: &dyn Disk) {
        put(disk, "a", b"kept");
        let file = disk.open_read_only("a").expect("it was made");
        assert!(file.write_at(0, b"x").is_err());
        assert!(file.set_len(0).is_err());
        assert_eq!(whole(&*file), b"kept");
    }

    /// The journal finds its segments by listing: sorted, bare, and only those of its directory.
    pub(super) fn lists_files_of_one_directory(disk: &dyn Disk) {
        disk.make_dir("d").expect("the name is free");
        for name in ["d/2", "d/10", "d/1", "base", "d.file", "LOCK"] {
            put(disk, name, b"");
        }
        assert_eq!(disk.list("").expect("it is there"), ["LOCK", "base", "d.file"]);
        assert_eq!(disk.list("d").expect("it is there"), ["1", "10", "2"]);
        assert!(disk.list("missing").expect("answers nothing").is_empty());
    }

    /// Every opening makes the directories it needs, most of the time a second time.
    pub(super) fn makes_directories_once(disk: &dyn Disk) {
        disk.make_dir("d").expect("the name is free");
        put(disk, "d/a", b"kept");
        disk.make_dir("d").expect("making it again does nothing");
        disk.sync_dir("d").expect("the disk is well");
        disk.sync_dir("").expect("the disk is well");
        assert_eq!(disk.list("d").expect("it is there"), ["a"]);
        put(disk, "file", b"");
        assert!(disk.make_dir("file").is_err(), "a file was taken for a directory");
    }

    /// A directory is made on purpose or not at all.
    pub(super) fn puts_nothing_into_missing_directories(disk: &dyn Disk) {
        put(disk, "a", b"stays");
        assert_eq!(kind(disk.create("d/a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.make_dir("d/e")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.rename("a", "d/a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.lock("d/LOCK")), Some(ErrorKind::NotFound));
        assert_eq!(disk.list("").expect("it is there"), ["a"]);
    }

    /// A store is created, and a segment taken into use, by a rename. It replaces the target, and
    /// handles follow the file and not the name.
    pub(super) fn renames_over_what_stood_there(disk: &dyn Disk) {
        disk.make_dir("d").expect("the name is free");
        let old = put(disk, "d/b", b"old");
        let new = put(disk, "a", b"new");
        disk.rename("a", "d/b").expect("both names are fine");
        new.write_at(3, b"er").expect("there is room");
        assert_eq!(whole(&*disk.open("d/b").expect("it was renamed")), b"newer");
        assert_eq!(whole(&*old), b"old");
        assert_eq!(kind(disk.open("a")), Some(ErrorKind::NotFound));
        disk.rename("d/b", "d/b").expect("onto itself does nothing");
        assert_eq!(disk.list("d").expect("it is there"), ["b"]);
    }

    /// A checkpoint retires segments that somebody may still read.
    pub(super) fn goes_on_with_a_removed_file(disk: &dyn Disk) {
        let file = put(disk, "a", b"read on");
        disk.remove("a").expect("it was made");
        disk.sync_dir("").expect("the disk is well");
        assert!(disk.list("").expect("it is there").is_empty());
        assert_eq!(whole(&*file), b"read on");
        file.write_at(0, b"R").expect("the handle is good");
        put(disk, "a", b"another file");
        assert_eq!(whole(&*file), b"Read on");
    }

    /// Names are joined to a path. None may lead out of the store or to a different file elsewhere.
    pub(super) fn refuses_names_that_leave_the_store(disk: &dyn Disk) {
        put(disk, "good", b"");
        let bad = [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../a",
            "a/../../b",
            ".",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "C:",
            "C:a",
            "a\0b",
        ];
        for name in bad {
            let refused = Some(ErrorKind::InvalidInput);
            assert_eq!(kind(disk.create(name)), refused, "create {name:?}");
            assert_eq!(kind(disk.open(name)), refused, "open {name:?}");
            assert_eq!(kind(disk.open_read_only(name)), refused, "open_read_only {name:?}");
            assert_eq!(kind(disk.make_dir(name)), refused, "make_dir {name:?}");
            assert_eq!(kind(disk.rename("good", name)), refused, "rename to {name:?}");
            assert_eq!(kind(disk.rename(name, "good")), refused, "rename from {name:?}");
            assert_eq!(kind(disk.remove(name)), refused, "remove {name:?}");
            assert_eq!(kind(disk.lock(name)), refused, "lock {name:?}");
            assert_eq!(kind(disk.lock_shared(name)), refused, "lock_shared {name:?}");
            if !name.is_empty() {
                assert_eq!(kind(disk.list(name)), refused, "list {name:?}");
                assert_eq!(kind(disk.sync_dir(name)), refused, "sync_dir {name:?}");
            }
        }
        assert_eq!(disk.list("").expect("it is there"), ["good"]);
    }

    /// One owner: the second opener is told at once, also inside one process, and the lock is free
    /// again with the holder gone.
    pub(super) fn locks_one_writer_or_many_readers(disk: &dyn Disk) {
        let busy = Some(ErrorKind::WouldBlock);
        let writer = disk.lock("LOCK").expect("nobody holds it");
        assert_eq!(kind(disk.lock("LOCK")), busy);
        assert_eq!(kind(disk.lock_shared("LOCK")), busy);
        drop(disk.lock("OTHER").expect("another name is another lock"));
        drop(writer);
        let first = disk.lock_shared("LOCK").expect("the writer is gone");
        let second = disk.lock_shared("LOCK").expect("readers share");
        assert_eq!(kind(disk.lock("LOCK")), busy);
        drop(first);
        assert_eq!(kind(disk.lock("LOCK")), busy, "one reader is left");
        drop(second);
        disk.lock("LOCK").expect("the readers are gone");
        assert_eq!(disk.list("").expect("it is there"), ["LOCK", "OTHER"]);
    }

    /// The journal's writer, the checkpoint and readers use a disk at the same time.
    pub(super) fn takes_calls_from_several_threads(disk: &dyn Disk) {
        let file = put(disk, "a", &[0; 4 * 1_000]);
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let file = &file;
                scope.spawn(move || {
                    for step in 0..1_000 {
                        let offset = u64::from(thread) + step * 4;
                        file.write_at(offset, &[thread + 1]).expect("there is room");
                        let mut byte = [0];
                        file.read_at(offset, &mut byte).expect("it is inside");
                        assert_eq!(byte, [thread + 1]);
                    }
                });
            }
        });
        assert!(whole(&*file).chunks(4).all(|four| four == [1, 2, 3, 4]));
    }
}

/// What only a disk of the operating system can get wrong.
mod only_on_a_real_disk {
    use super::*;

    /// A bot's balances are nobody else's business.
    #[cfg(unix)]
    #[test]
    fn files_belong_to_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let parent = TempDir::new().expect("a temporary directory can be made");
        let root = parent.path().join("deep/store");
        let disk = RealDisk::new(&root);
        disk.make_root().expect("missing parents are made");
        disk.make_dir("d").expect("the name is free");
        put(&disk, "d/a", b"secret");
        drop(disk.lock("LOCK").expect("nobody holds it"));
        for (path, mode) in [("", 0o700), ("d", 0o700), ("d/a", 0o600), ("LOCK", 0o600)] {
            let found = root.join(path).metadata().expect("it was made").permissions().mode();
            assert_eq!(found & 0o777, mode, "{path:?} has the wrong mode");
        }
    }

    /// A bot may be started anywhere, with a path relative to where it is, and again and again.
    #[test]
    fn the_root_can_be_made_twice_and_not_over_a_file() {
        let parent = TempDir::new().expect("a temporary directory can be made");
        let disk = RealDisk::new(parent.path().join("store/"));
        disk.make_root().expect("it can be made");
        put(&disk, "a", b"kept");
        disk.make_root().expect("making it again does nothing");
        assert_eq!(whole(&*disk.open("a").expect("it was made")), b"kept");
        let over_a_file = RealDisk::new(parent.path().join("store/a"));
        assert!(over_a_file.make_root().is_err());
        assert!(RealDisk::new("").make_root().is_err());
    }

    /// "No such file" alone sends an operator hunting. Errors say which file.
    #[test]
    fn errors_name_the_path() {
        let Fresh { disk, _directory } = real();
        put(&*disk, "short", b"x");
        let file = disk.open("short").expect("it was made");
        let _lock = disk.lock("LOCK").expect("nobody holds it");
        let errors = [
            (disk.open("gone").err(), "store/gone"),
            (disk.create("short").err(), "store/short"),
            (disk.rename("gone", "short").err(), "store/gone"),
            (disk.sync_dir("gone").err(), "store/gone"),
            (disk.lock("LOCK").err(), "store/LOCK"),
            (file.read_at(7, &mut [0]).err(), "offset 7 of"),
            (file.read_at(7, &mut [0]).err(), "store/short"),
        ];
        for (error, part) in errors {
            let message = error.expect("it cannot work").to_string();
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }

    /// Inspection may look at a store of which nothing may change, so opening, listing and locking
    /// it for reading must not make a file.
    #[test]
    fn reading_leaves_no_trace() {
        let Fresh { disk, _directory } = real();
        put(&*disk, "LOCK", b"");
        put(&*disk, "a", b"read me");
        let before = disk.list("").expect("it is there");
        let lock = disk.lock_shared("LOCK").expect("nobody holds it");
        assert_eq!(whole(&*disk.open_read_only("a").expect("it was made")), b"read me");
        drop(lock);
        assert_eq!(disk.list("").expect("it is there"), before);
    }

    /// A full disk has to be told from a failing one: room may come back. `/dev/full` answers every
    /// write with ENOSPC.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_recognisable() {
        let parent = TempDir::new().expect("a temporary directory can be made");
        let root = parent.path().join("store");
        let disk = RealDisk::new(&root);
        disk.make_root().expect("it can be made");
        std::os::unix::fs::symlink("/dev/full", root.join("full")).expect("a link can be made");
        let file = disk.open("full").expect("the device opens");
        assert_eq!(kind(file.write_at(0, b"x")), Some(ErrorKind::StorageFull));
    }
}

#[cfg(feature = "simulation")]
#[path = "disk/fault_model.rs"]
mod fault_model;
