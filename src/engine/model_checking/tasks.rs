//! Tasks beside threads: whoever awaits a commit is woken once it is safe, or once it never will be.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};

use super::disk::Mishap;
use super::explore;
use super::world::World;
use crate::engine::Durability::{self, Synced, Written};
use crate::engine::journal::Purpose;
use crate::engine::{Background, Error, Lsn, Ticket, WaitingTask};

fn world() -> Arc<World> {
    World::with(|options| options.background = Background::Threads)
}

/// Waits for a commit as a task does.
pub(super) fn awaited(ticket: &Ticket) -> Result<(), Error> {
    let mut task: Option<WaitingTask> = None;
    block_on(std::future::poll_fn(|context| ticket.poll(&mut task, context.waker())))
}

/// Tasks write and await, a thread writes and waits: everybody gets an answer, and it is true.
#[test]
fn a_task_is_woken_when_its_commit_is_safe() {
    explore(700, || {
        let world = world();
        let tasks = [[Synced, Written], [Written, Synced]].map(|wants: [Durability; 2]| {
            world.spawn(move |world| {
                for durability in wants {
                    world.write_and(durability, awaited).expect("the disk works");
                }
            })
        });
        let thread = world.spawn(|world| {
            world.write(Synced).expect("the disk works");
        });
        for task in tasks {
            task.join().expect("no panic");
        }
        thread.join().expect("no panic");
        world.running.close().expect("the disk works");
    });
}

/// A task is cancelled after it asked. The others are woken all the same, and nothing of it is left.
#[test]
fn a_cancelled_task_leaves_nothing_behind() {
    explore(700, || {
        let world = world();
        let cancelled = world.spawn(|world| {
            let give_up = |ticket: &Ticket| {
                let mut task = None;
                let asked = pin!(std::future::poll_fn(|context: &mut Context<'_>| {
                    // Once, whatever the answer is.
                    Poll::Ready(ticket.poll(&mut task, context.waker()).is_ready())
                }));
                block_on(asked);
                Ok(())
            };
            world.stage_and(Synced, give_up).expect("the disk works");
            let others = 1;
            assert!(world.engine().journal.group.waiting_tasks() <= others, "it is forgotten");
        });
        let other = world.spawn(|world| {
            world.write_and(Synced, awaited).expect("the disk works");
        });
        cancelled.join().expect("no panic");
        other.join().expect("no panic");
        world.running.close().expect("the disk works");
        assert_eq!(world.engine().journal.group.waiting_tasks(), 0);
    });
}

/// The journal fails under tasks: each is told, and none sleeps for ever.
#[test]
fn tasks_are_told_of_a_failure() {
    explore(700, || {
        let world = world();
        let mishap = [Mishap::SyncFails, Mishap::WriteFails, Mishap::SyncPanics];
        let mishap = mishap[thread_rng().gen_range(0..mishap.len())];
        world.disk.break_after(mishap, thread_rng().gen_range(0..3));
        let tasks = [Synced, Written].map(|durability| {
            world.spawn(move |world| -> Vec<Result<Lsn, Error>> {
                (0..2).map(|_| world.write_and(durability, awaited)).collect()
            })
        });
        for answers in tasks.map(|task| task.join().expect("no panic")) {
            let ok = answers.iter().take_while(|answer| answer.is_ok()).count();
            for told in &answers[ok..] {
                assert!(
                    matches!(told, Err(Error::Unknown { .. } | Error::Poisoned { .. })),
                    "{told:?}"
                );
            }
        }
        assert_eq!(world.running.close().is_err(), world.disk.is_broken());
        assert_eq!(world.engine().journal.group.waiting_tasks(), 0);
    });
}

/// A store is closed under a task that awaits: it is woken, its commit is in the base.
#[test]
fn a_close_wakes_tasks() {
    explore(700, || {
        let world = world();
        let task = world.spawn(|world| match world.write_and(Written, awaited) {
            Ok(lsn) => lsn,
            Err(error) => {
                assert!(matches!(error, Error::Closed), "{error:?}");
                0
            }
        });
        world.running.close().expect("the disk works");
        let done = task.join().expect("no panic");
        assert_eq!(world.disk.durable(), done, "a close makes everything durable");
    });
}

impl World {
    /// A commit that is awaited in another way than by a thread, and acknowledged when that says so.
    pub(super) fn write_and(
        &self,
        durability: Durability,
        wait: impl FnOnce(&Ticket) -> Result<(), Error>,
    ) -> Result<Lsn, Error> {
        let lsn = self.stage_and(durability, wait)?;
        self.is_safe(lsn, durability);
        Ok(lsn)
    }

    /// A commit, and what is done with its ticket.
    fn stage_and(
        &self,
        durability: Durability,
        wait: impl FnOnce(&Ticket) -> Result<(), Error>,
    ) -> Result<Lsn, Error> {
        let (lsn, ticket) = self.stage_row(durability, 1, Purpose::Ordinary)?;
        wait(&ticket)?;
        Ok(lsn)
    }
}
