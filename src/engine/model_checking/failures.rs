//! The journal fails in the middle of everything: everybody is woken and told the truth, once.

use std::sync::Arc;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::JoinHandle;

use super::disk::Mishap;
use super::explore;
use super::tasks::awaited;
use super::world::World;
use crate::engine::Durability::{Synced, Written};
use crate::engine::journal::Poison;
use crate::engine::{Background, Durability, Error, Lsn};

/// What became of a thread's writes, in their order.
type Answers = Vec<Result<Lsn, Error>>;

/// What somebody was told to be the cause.
fn cause(answer: &Result<Lsn, Error>) -> Option<Arc<Poison>> {
    match answer {
        Ok(_) => None,
        Err(Error::Unknown { cause } | Error::Poisoned { cause }) => Some(cause.clone()),
        Err(error) => panic!("a writer was told {error:?}"),
    }
}

/// Until the failure all is well; what is in flight then is unknown; and after that nothing is tried.
fn are_true(world: &World, answers: &Answers) {
    let mut over = false;
    for answer in answers {
        match answer {
            Ok(_) => assert!(!over, "acknowledged after the store was poisoned: {answers:?}"),
            Err(Error::Unknown { .. }) => assert!(!over, "tried once more: {answers:?}"),
            Err(_) => {}
        }
        over |= answer.is_err();
    }
    let poison = world.engine().journal.group.poison();
    for told in answers.iter().filter_map(cause) {
        let poison = poison.as_ref().expect("whoever is told so is right");
        assert!(Arc::ptr_eq(&told, poison), "a store is poisoned once, by one cause");
    }
}

fn write_all(world: &World, wants: &[Durability]) -> Answers {
    wants.iter().map(|durability| world.write(*durability)).collect()
}

/// Writers, a waiting checkpoint, a background that waits for work, and a reader, when `mishap` comes
/// over the journal.
fn everybody_is_told(mishap: Mishap) {
    let world = World::new();
    world.disk.break_after(mishap, thread_rng().gen_range(0..3));
    let background = world.spawn(|world| {
        let interval = world.engine().options.sync_interval;
        world.engine().journal.group.run_background(interval, || ());
    });
    let writers: [JoinHandle<Answers>; 3] = [[Synced; 2], [Written, Synced], [Written; 2]]
        .map(|wants| world.spawn(move |world| write_all(world, &wants)));
    let checkpointer = world.spawn(|world| match world.engine().checkpoint() {
        Ok(lsn) => assert!(lsn <= world.disk.durable()),
        Err(error) => assert!(matches!(error, Error::Poisoned { .. }), "{error:?}"),
    });
    let reader = world.spawn(|world| drop(world.look()));
    let answers = writers.map(|writer| writer.join().expect("no panic"));
    checkpointer.join().expect("no panic");
    reader.join().expect("no panic");
    for answers in &answers {
        are_true(&world, answers);
    }
    world.look();
    if world.disk.is_broken() {
        let late = world.write(Written);
        assert!(matches!(late, Err(Error::Poisoned { .. })), "{late:?}");
        let checkpoint = world.engine().checkpoint();
        assert!(matches!(checkpoint, Err(Error::Poisoned { .. })), "{checkpoint:?}");
        let refused = world.refuse();
        assert!(matches!(refused, Err(Error::Poisoned { .. })), "{refused:?}");
    }
    world.engine().journal.group.stop();
    background.join().expect("no panic");
    let closed = world.running.close();
    assert_eq!(
        closed.is_err(),
        world.disk.is_broken(),
        "a poisoned store is not sealed: {closed:?}"
    );
}

/// Writers that wait for memory wait for a checkpoint that will not come once the journal has failed.
#[test]
fn whoever_waits_for_memory_is_told_as_well() {
    explore(700, || {
        let world = World::with(|options| {
            options.memtable_bytes = 10_000;
            options.background = Background::Threads;
        });
        world.disk.break_after(Mishap::SyncFails, thread_rng().gen_range(0..5));
        let writers = [Synced, Written, Written].map(|durability| {
            world.spawn(move |world| -> Answers {
                [11_000; 4].map(|bytes| world.write_row(durability, bytes)).into()
            })
        });
        for answers in writers.map(|writer| writer.join().expect("no panic")) {
            are_true(&world, &answers);
        }
        let closed = world.running.close();
        assert_eq!(closed.is_err(), world.disk.is_broken(), "{closed:?}");
    });
}

/// A commit panics behind its LSN, beside turns that go well: whoever waits for the next turn waits in
/// vain, for nobody leads it any more. The panic is left out, what a commit does about it is done.
#[test]
fn a_commit_panics_beside_a_turn() {
    explore(700, || {
        let world = World::with(|options| options.background = Background::Threads);
        let writers: [JoinHandle<Answers>; 2] = [[Synced; 2], [Written, Synced]]
            .map(|wants| world.spawn(move |world| write_all(world, &wants)));
        let task = world.spawn(|world| -> Answers { [world.write_and(Synced, awaited)].into() });
        let panicking = world.spawn(|world| {
            let group = &world.engine().journal.group;
            let writer = world.engine().lock_writer().expect("nothing else fails");
            let aftermath = group.poison_after_panic("staging a commit failed");
            drop(writer);
            group.tell_aftermath(aftermath);
        });
        panicking.join().expect("no panic");
        for answers in writers.into_iter().chain([task]) {
            are_true(&world, &answers.join().expect("no panic"));
        }
        let closed = world.running.close();
        assert!(matches!(closed, Err(Error::Poisoned { .. })), "{closed:?}");
        assert_eq!(world.engine().journal.group.waiting_tasks(), 0);
    });
}

/// After a failed sync nobody knows what is on the disk, so nobody may be told that it is there.
#[test]
fn a_sync_fails() {
    explore(700, || everybody_is_told(Mishap::SyncFails));
}

/// A batch that was written in part is the end of what can be read back.
#[test]
fn a_write_fails() {
    explore(700, || everybody_is_told(Mishap::WriteFails));
}

/// A leader that panics has others' commits in its hands: they must not wait for it for ever.
#[test]
fn a_leader_panics_in_a_sync() {
    explore(700, || everybody_is_told(Mishap::SyncPanics));
}

/// The same, with nothing on the disk yet.
#[test]
fn a_leader_panics_in_a_write() {
    explore(700, || everybody_is_told(Mishap::WritePanics));
}
