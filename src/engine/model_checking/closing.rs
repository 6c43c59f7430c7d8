//! The background, and a close beside everything: nobody is left behind, nothing acknowledged is lost.

use super::explore;
use super::world::World;
use crate::engine::Durability::{Synced, Written};
use crate::engine::{Background, Error};

/// Nobody waits for a `Written` commit to be synced, so somebody has to think of it: not once, but
/// each time that the store had come to rest before.
#[test]
fn what_is_written_is_synced_in_the_background() {
    explore(700, || {
        let world = World::with(|options| options.background = Background::Threads);
        let writers = [(); 2].map(|()| {
            world.spawn(|world| {
                for _ in 0..2 {
                    let lsn = world.write(Written).expect("the disk works");
                    world.disk.until_durable(lsn);
                }
            })
        });
        for writer in writers {
            writer.join().expect("no panic");
        }
        world.running.close().expect("the disk works");
    });
}

/// A store is closed while its bot still writes, syncs and checkpoints: each write is done or was
/// refused, and what was done is in the base.
#[test]
fn a_close_leaves_nobody_behind() {
    explore(700, || {
        let world = World::with(|options| options.background = Background::Threads);
        let writers = [[Synced; 2], [Written; 2]].map(|wants| {
            world.spawn(move |world| {
                let mut done = 0;
                for durability in wants {
                    match world.write(durability) {
                        Ok(_) => done += 1,
                        Err(error) => assert!(matches!(error, Error::Closed), "{error:?}"),
                    }
                }
                done
            })
        });
        let syncer = world.spawn(|world| {
            world.engine().sync().expect("the disk works");
        });
        world.running.close().expect("the disk works");
        let done: u64 = writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
        syncer.join().expect("no panic");
        assert!(matches!(world.running.close(), Err(Error::Closed)));
        assert_eq!(world.disk.durable(), done, "a close makes everything durable");
        let disk = world.disk.clone();
        drop(world);
        assert_eq!(World::again(disk).look().lsn(), done, "and it is there afterwards");
    });
}
