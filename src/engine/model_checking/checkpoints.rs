//! Checkpoints beside writers and readers: a row is in the memtable, in the frozen one or in the base,
//! and whoever looks sees it once.

use super::explore;
use super::world::{World, is_one_prefix};
use crate::engine::Durability::{Synced, Written};
use crate::engine::Error;

/// The rows move from one place to another while everybody goes on. Whoever looks in the middle must
/// not miss them, see them twice, or see more than what is durable; and what was seen before stays.
#[test]
fn rows_are_handed_over_whole() {
    explore(1_000, || {
        let world = World::new();
        world.write(Synced).expect("the disk works");
        let before = world.look();
        let writer = world.spawn(|world| {
            for durability in [Written, Synced, Written] {
                let own = world.write(durability).expect("the disk works");
                assert!(world.look().lsn() >= own, "whoever wrote sees what it wrote");
            }
        });
        let checkpointer = world.spawn(|world| {
            for _ in 0..2 {
                let lsn = world.engine().checkpoint().expect("the disk works");
                assert!(world.disk.durable() >= lsn, "a base holds what is durable, and no more");
            }
        });
        let reader = world.spawn(|world| {
            let first = world.look();
            let second = world.look();
            assert!(first.lsn() <= second.lsn(), "nothing is unseen again");
            is_one_prefix(&first).expect("nobody has ended it");
        });
        for thread in [writer, checkpointer, reader] {
            thread.join().expect("no panic");
        }
        is_one_prefix(&before).expect("nobody has ended it");
        assert_eq!(world.look().lsn(), 4);
    });
}

/// A base that answered with an error is closed and opened again under everybody's feet: readers are
/// told that their snapshot is lost, and are never shown something else; no row is.
#[test]
fn a_base_that_fails_takes_nothing_along() {
    explore(1_000, || {
        let world = World::new();
        world.write(Synced).expect("the disk works");
        world.engine().checkpoint().expect("the disk works");
        world.write(Synced).expect("the disk works");
        world.disk.break_base(1, false);
        let writer = world.spawn(|world| {
            for durability in [Written, Synced] {
                world.write(durability).expect("the journal works");
            }
        });
        let checkpointer = world.spawn(|world| {
            // It fails, or it had happened before the error and the base says so.
            let _ = world.engine().checkpoint();
            assert!(world.disk.base_has_failed());
            world.engine().checkpoint().expect("the disk works again");
        });
        let reader = world.spawn(|world| {
            let snapshot = world.engine().snapshot();
            let seen = is_one_prefix(&snapshot);
            assert!(matches!(seen, Ok(()) | Err(Error::SnapshotLost)), "{seen:?}");
        });
        for thread in [writer, checkpointer, reader] {
            thread.join().expect("no panic");
        }
        assert_eq!(world.look().lsn(), 4);
    });
}
