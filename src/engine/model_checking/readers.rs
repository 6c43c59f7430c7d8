//! Readers beside writers: each sees one prefix of the commits, and nothing that could be taken back.

use super::explore;
use super::world::{World, is_one_prefix};
use crate::engine::Durability::{Synced, Written};

/// A reader that sees half a commit, or one that a power cut takes back, has decided on something
/// that never was.
#[test]
fn a_snapshot_is_a_durable_prefix() {
    explore(1_000, || {
        let world = World::new();
        let writers = [[Synced, Written], [Written, Synced]].map(|wants| {
            world.spawn(move |world| {
                for durability in wants {
                    let own = world.write(durability).expect("the disk works");
                    assert!(world.look().lsn() >= own, "whoever wrote sees what it wrote");
                }
            })
        });
        let reader = world.spawn(|world| {
            let first = world.look();
            let second = world.look();
            assert!(first.lsn() <= second.lsn(), "nothing is unseen again");
            is_one_prefix(&first).expect("nobody has ended it");
        });
        reader.join().expect("no panic");
        for writer in writers {
            writer.join().expect("no panic");
        }
    });
}

/// Each update of a hot row drops the versions that nobody reads. A snapshot that is being taken has
/// to count as a reader from the moment on at which it knows its LSN.
#[test]
fn versions_are_kept_for_a_snapshot_that_is_being_taken() {
    explore(1_000, || {
        let world = World::new();
        let writer = world.spawn(|world| {
            for _ in 0..4 {
                world.write(Written).expect("the disk works");
            }
        });
        let readers = [(); 2].map(|()| {
            world.spawn(|world| {
                let snapshot = world.look();
                is_one_prefix(&snapshot).expect("nobody has ended it");
            })
        });
        for thread in readers.into_iter().chain([writer]) {
            thread.join().expect("no panic");
        }
    });
}
