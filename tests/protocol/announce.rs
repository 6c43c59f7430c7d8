//! Announcing a segment: how a file that was made whole gets its number, and what an error leaves.
//!
//! A segment counts from its rename and the directory's sync on. Where one of the steps fails the file
//! is removed again, and that is left unsynced: the disk may show it all the same.

use super::rules::{Rule, Rules};
use super::segment::{Batch, Lsn, Number};
use super::world::{FileId, Stop, World};

/// What a new segment says of itself, and what it holds from the beginning.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) number: Number,
    pub(crate) salt: u64,
    /// The LSN to be given out next in a restart segment; 0 in any other.
    pub(crate) restart_lsn: Lsn,
    pub(crate) batches: Vec<Batch>,
}

impl Announcement {
    /// A segment that holds nothing yet.
    pub(crate) fn plain(number: Number, salt: u64) -> Self {
        Self { number, salt, restart_lsn: 0, batches: Vec::new() }
    }
}

/// One above the highest number that the directory shows.
pub(crate) fn next_number(world: &World) -> Number {
    world.numbers().last().map_or(1, |last| last + 1)
}

/// Makes a segment whole and durable, in a recycled file if there is one.
pub(crate) fn announce(
    world: &mut World,
    rules: Rules,
    what: Announcement,
    recycled: Option<FileId>,
) -> Result<(), Stop> {
    let number = what.number;
    let given = give_name(world, rules, what, recycled);
    if given == Err(Stop::Failed) && rules.keep(Rule::FailedSegmentIsRemoved) {
        match world.remove(number) {
            // What cannot be removed stays; nobody asks why.
            Ok(_) | Err(Stop::Failed) => {}
            Err(stop) => return Err(stop),
        }
    }
    given
}

fn give_name(
    world: &mut World,
    rules: Rules,
    what: Announcement,
    recycled: Option<FileId>,
) -> Result<(), Stop> {
    let Announcement { number, salt, restart_lsn, batches } = what;
    let is_restart = restart_lsn > 0;
    let count = batches.len();
    let file = world.create((number, salt, restart_lsn), batches, recycled)?;
    if !is_restart || rules.keep(Rule::SyncRestartBeforeRename) {
        world.sync(file, count)?;
    }
    world.rename(file, number)?;
    let rule = if is_restart { Rule::SyncNameOfRestart } else { Rule::SyncNameOfSegment };
    if rules.keep(rule) { world.sync_directory() } else { Ok(()) }
}
