//! The ticket: a commit on its way to the disk, waited for by a thread or awaited by a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::engine::{self, Lsn, WaitingTask};

use super::Error;

/// A commit on its way to the disk: wait for it, or await it.
///
/// Awaited, it blocks no thread: the store's background writes and syncs for it at once, together with
/// whatever else is queued, and wakes the task. It needs no particular runtime. With
/// [`Background::Manual`](crate::Background::Manual) there is no background, and polling it does the
/// work itself.
///
/// Dropping the ticket, or a future that awaits it, takes nothing back: the commit becomes durable with
/// the next one that somebody waits for, or in the background. So a task that was cancelled says
/// nothing of its commit; ask the store.
///
/// ```
/// use highwater::{Asset, Durability, Error, Mode, Price, Store, Timestamp, TokenKey, Update};
///
/// async fn tick(store: &Store, update: &Update) -> Result<Price, Error> {
///     let (merged, ticket) = store.write_ticket(Durability::Synced, |tx| {
///         tx.tokens().upsert(update).map_err(Error::from)
///     })?;
///     ticket.await?; // now it survives power loss
///     Ok(merged.token.max.map_or(Price::ZERO, |tick| tick.price))
/// }
/// ```
#[derive(Debug)]
#[must_use = "the commit is durable only once the ticket was waited for"]
pub struct Ticket {
    inner: engine::Ticket,
    task: Option<WaitingTask>,
}

impl Ticket {
    pub(super) fn new(inner: engine::Ticket) -> Self {
        Self { inner, task: None }
    }

    /// Waits until the commit is visible to everybody and as durable as was asked.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] where the store failed while the commit was in flight, [`Error::Poisoned`]
    /// where the call wrote nothing but what it read will never be durable.
    pub fn wait(self) -> Result<(), Error> {
        Ok(self.inner.wait()?)
    }

    /// The commit's LSN, or that of the newest commit it could read where it changed nothing.
    pub fn lsn(&self) -> Lsn {
        self.inner.lsn()
    }
}

impl Clone for Ticket {
    /// Another one for the same commit, to be waited for by itself.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl Future for Ticket {
    type Output = Result<(), Error>;

    /// As [`Ticket::wait`]. Once ready, it answers the same again.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, task } = &mut *self;
        let answer = inner.poll(task, context.waker());
        if answer.is_ready() {
            *task = None;
        }
        answer.map(|waited| Ok(waited?))
    }
}
