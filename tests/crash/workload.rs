//! What a bot does with its store: steps, and the scripts made of them.
//!
//! This module must not know what a step promises.

use fastrand::Rng;
use highwater::Durability::{self, Synced, Written};

/// One thing that a bot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Commits, and waits as long as that takes.
    Commit(Durability),
    /// Commits and waits later, or never.
    Ticket(Durability),
    /// Waits for all tickets.
    Wait,
    /// Commits as a write that finishes something.
    Finish,
    /// Looks at the newest state and refuses.
    Refuse,
    Sync,
    Checkpoint,
    /// Closes the store and opens it again.
    Reopen,
}

/// About fifty commits with everything in between: several batches, rotations and checkpoints, all
/// kinds of waiting, a close and an opening in the middle, and an end without a close.
pub(crate) fn scripted() -> Vec<Step> {
    use Step::*;
    let first: [Step; 28] = [
        Commit(Synced),
        Commit(Written),
        Commit(Written),
        Commit(Synced),
        Ticket(Synced),
        Ticket(Written),
        Refuse,
        Commit(Written),
        Sync,
        Ticket(Synced),
        Ticket(Synced),
        Wait,
        Checkpoint,
        Commit(Written),
        Commit(Synced),
        Commit(Synced),
        Finish,
        Commit(Written),
        Ticket(Synced),
        Commit(Written),
        Commit(Synced),
        Checkpoint,
        Commit(Synced),
        Commit(Written),
        Commit(Written),
        Sync,
        Commit(Written),
        Checkpoint,
    ];
    let mut script = first.to_vec();
    script.extend([Commit(Synced), Commit(Written), Reopen, Refuse]);
    script.extend(first);
    script.extend([Commit(Synced); 4]);
    script.extend([Ticket(Synced), Commit(Written), Commit(Written), Commit(Written)]);
    script
}

/// `steps` steps drawn from `rng`.
pub(crate) fn random(rng: &mut Rng, steps: usize) -> Vec<Step> {
    (0..steps).map(|_| random_step(rng)).collect()
}

fn random_step(rng: &mut Rng) -> Step {
    let durability = if rng.bool() { Synced } else { Written };
    match rng.u8(..100) {
        ..50 => Step::Commit(durability),
        50..65 => Step::Ticket(durability),
        65..70 => Step::Wait,
        70..75 => Step::Finish,
        75..80 => Step::Refuse,
        80..86 => Step::Sync,
        86..97 => Step::Checkpoint,
        _ => Step::Reopen,
    }
}
