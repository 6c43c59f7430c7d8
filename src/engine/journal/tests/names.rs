//! Names in the journal's directory that look like the store's and cannot be.

use crate::disk::{Disk, MemoryDisk};
use crate::engine::Durability;

use super::super::DIRECTORY;
use super::disk::TestDisk;
use super::{open_store, put, write_file};

/// The story: an empty file `18446744073709551615.old` lay beside the segments, and the number after it
/// ran over. A debug build panicked at every opening; a release build called its restart segment 0,
/// and the next opening passed it over with everything that was committed in it.
#[test]
fn a_number_behind_which_there_is_no_other() {
    for number in [u64::MAX, u64::MAX - 1, (1 << 62) + 1] {
        for ending in ["old", "wal"] {
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
