//! Names in the journal's directory that somebody else gave.

use crate::disk::{Disk, MemoryDisk};
use crate::engine::Durability;

use super::super::segment::old_name;
use super::super::{DIRECTORY, wal_name};
use super::disk::TestDisk;
use super::{open_store, put, read_file, write_file};

/// The story: an empty file `18446744073709551615.old` lay beside the segments, and the number after it
/// ran over. A debug build panicked at every opening; a release build called its restart segment 0,
/// and the next opening passed it over with everything that was committed in it.
#[test]
fn a_number_behind_which_there_is_no_other() {
    let last = u64::MAX;
    for (ending, numbers) in
        [("wal", [last, last - 1, (1 << 62) + 1]), ("old", [last, 1 << 62, (1 << 61) + 1])]
    {
        for number in numbers {
            let memory = MemoryDisk::new();
            let disk = TestDisk::over(memory.clone());
            let engine = open_store(&disk.shared()).expect("a new store");
            put(&engine, Durability::Synced, b"key", vec![1]).expect("a store like any other");
            drop(engine);
            let stray = format!("{number:020}.{ending}");
            write_file(&memory, &format!("{DIRECTORY}/{stray}"), b"");
            for lsn in 2..5 {
                let engine = open_store(&disk.shared()).expect("the file is none of its own");
                assert_eq!(engine.opening().last, lsn - 1, "{stray}: a commit is gone");
                put(&engine, Durability::Synced, b"key", vec![2]).expect("it goes on");
            }
            let names = memory.list(DIRECTORY).expect("memory lists");
            assert!(names.contains(&stray), "{stray} is somebody else's");
        }
    }
}

/// The story: an operator had copied a retired segment back, so it was there under both names. The
/// opening retired it, removed it, and wanted to remove it once more; the store did not open.
#[test]
fn a_segment_under_both_names() {
    let memory = MemoryDisk::new();
    let disk = TestDisk::over(memory.clone());
    let engine = open_store(&disk.shared()).expect("a new store");
    put(&engine, Durability::Synced, b"key", vec![1]).expect("a store like any other");
    drop(engine);
    write_file(&memory, &old_name(1), &read_file(&memory, &wal_name(1)));
    let engine = open_store(&disk.shared()).expect("it needs neither");
    assert_eq!(engine.opening().last, 1);
    let names = memory.list(DIRECTORY).expect("memory lists");
    assert!(!names.iter().any(|name| name.ends_with(".old")), "{names:?}");
}
