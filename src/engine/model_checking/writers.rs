//! Writers side by side: each has what it asked for when it is answered, and none waits for ever.

use super::explore;
use super::world::World;
use crate::engine::Durability::{Synced, Written};

/// Whoever leads has others' commits in its hands: each has to be told when its own is safe, in the
/// order of the commits, whatever the others asked for. (One sync at a time, one batch for a leader:
/// the disk watches.)
#[test]
fn every_writer_gets_what_it_asked_for() {
    explore(1_000, || {
        let world = World::new();
        let writers = [[Synced, Synced], [Written, Synced], [Written, Written]].map(|wants| {
            world.spawn(move |world| {
                let lsns = wants.map(|durability| world.write(durability).expect("the disk works"));
                assert!(lsns[0] < lsns[1]);
                lsns
            })
        });
        let mut lsns = writers.map(|writer| writer.join().expect("no panic")).concat();
        lsns.sort_unstable();
        assert_eq!(lsns, [1, 2, 3, 4, 5, 6], "every commit has an LSN of its own");
        assert_eq!(world.look().lsn(), 6);
    });
}

/// A bot that is told "it is there already" acts on it, so what is there must not be taken back by a
/// power cut afterwards, even though the refused call itself wrote nothing.
#[test]
fn a_refusal_waits_for_what_it_read() {
    explore(1_000, || {
        let world = World::new();
        let writers = [Synced, Written].map(|durability| {
            world.spawn(move |world| {
                world.write(durability).expect("the disk works");
                world.refuse().expect("the disk works");
            })
        });
        let found = world.refuse().expect("the disk works");
        assert!(world.look().lsn() >= found);
        for writer in writers {
            writer.join().expect("no panic");
        }
    });
}
