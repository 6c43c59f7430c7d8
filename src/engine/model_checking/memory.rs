//! Back-pressure: writers that wait for memory are woken by the checkpoint that makes it, or give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::explore;
use super::world::{World, options};
use crate::engine::Durability::Written;
use crate::engine::pressure::{CheckpointTotals, Pressure};
use crate::engine::{Background, EngineOptions, Error};

/// Two rows of this size fill the memtable.
const LARGE_ROW_BYTES: usize = 6_000;
const MEMTABLE_BYTES: usize = 10_000;

/// Nobody gives up here, so whoever is not woken waits for ever.
#[test]
fn whoever_waits_for_memory_is_woken() {
    explore(700, || {
        let world = World::with(|options| {
            options.memtable_bytes = MEMTABLE_BYTES;
            options.background = Background::Threads;
        });
        let writers = [(); 3].map(|()| {
            world.spawn(|world| {
                for _ in 0..2 {
                    world.write_row(Written, LARGE_ROW_BYTES).expect("there will be memory");
                }
            })
        });
        for writer in writers {
            writer.join().expect("no panic");
        }
        assert_eq!(world.look().lsn(), 6);
        world.running.close().expect("the disk works");
    });
}

/// One checkpoint makes room for all who wait, and none of those who are let go needs another one that
/// would wake the rest: so it has to wake them all.
#[test]
fn all_who_wait_for_memory_are_woken() {
    explore(700, || {
        let world = World::with(|options| {
            options.memtable_bytes = MEMTABLE_BYTES;
            options.background = Background::Threads;
        });
        let twice_the_limit = 2 * MEMTABLE_BYTES;
        world.write_row(Written, twice_the_limit).expect("there is memory");
        let writers = [(); 4].map(|()| {
            world.spawn(|world| {
                world.write(Written).expect("there will be memory");
            })
        });
        for writer in writers {
            writer.join().expect("no panic");
        }
        assert_eq!(world.look().lsn(), 5);
        world.running.close().expect("the disk works");
    });
}

/// Whoever begins to wait asks for a checkpoint. Where that wakes those who wait already, and each of
/// them asks again, they keep each other busy until it has come.
#[test]
fn those_who_wait_leave_each_other_asleep() {
    explore(700, || {
        let options = EngineOptions { background: Background::Threads, ..options() };
        let full = options.memtable_bytes;
        let pressure = Arc::new(Pressure::new(&options));
        let looks_in_vain = Arc::new(AtomicUsize::new(0));
        pressure.note_memtable(full);
        pressure.frozen(0);
        let writers = [(); 3].map(|()| {
            let (pressure, looks_in_vain) = (pressure.clone(), looks_in_vain.clone());
            thread::spawn(move || {
                // Asked by whoever has looked and found no memory.
                let hopeless = || {
                    looks_in_vain.fetch_add(1, Ordering::Relaxed);
                    false
                };
                pressure.wait_for_memory(hopeless).expect("there will be memory");
            })
        });
        for _ in 0..thread_rng().gen_range(0..100) {
            thread::yield_now();
        }
        pressure.note_memtable(0);
        pressure.checkpoint_ended(&Ok::<_, Error>(()), CheckpointTotals::default());
        for writer in writers {
            writer.join().expect("no panic");
        }
        let looks = looks_in_vain.load(Ordering::Relaxed);
        assert!(looks <= 3, "each looks in vain once, and then when there is memory");
    });
}

/// A base that cannot be written keeps the memtable: writers wait for their time and are told, what
/// was acknowledged stays, and when there is room again all goes on.
#[test]
fn whoever_waits_in_vain_gives_up() {
    explore(700, || {
        let world = World::with(|options| {
            options.memtable_bytes = MEMTABLE_BYTES;
            options.background = Background::Threads;
            options.stall_limit = Duration::from_secs(1);
        });
        // One ends the checkpoint, the next the attempts to open the base again.
        world.disk.break_base(thread_rng().gen_range(1..4), true);
        let writers = [(); 2].map(|()| {
            world.spawn(|world| {
                let answers =
                    [(); 3].map(|()| world.write_row(Written, LARGE_ROW_BYTES).map_err(given_up));
                answers.iter().filter(|answer| answer.is_ok()).count()
            })
        });
        let written: usize =
            writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
        assert_eq!(world.look().lsn(), written as u64, "whoever gave up changed nothing");
        world.disk.break_base(0, false);
        // The first of them may only bring the base in order.
        let _ = world.engine().checkpoint();
        world.engine().checkpoint().expect("there is room again");
        world.write_row(Written, LARGE_ROW_BYTES).expect("there is room again");
        world.running.close().expect("the disk works");
    });
}

fn given_up(error: Error) {
    assert!(matches!(error, Error::Stalled { .. } | Error::Full { .. }), "{error:?}");
}
