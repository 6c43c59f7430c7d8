//! The rules of the journal, each with a switch.
//!
//! A rule that can be left out without a wrong run is either not needed or not tested; the teeth in
//! `protocol.rs` leave out one at a time and expect the model to notice, or say why it need not.

/// One rule of the journal and its base. The comment says what the rule demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A segment is synced to its end before the first batch of the next one is written.
    SyncAtRotation,
    /// A sync makes durable only what was written before it began.
    SyncCoversWhatWasWritten,
    /// A `Synced` commit becomes visible, and returns, only once it is synced.
    AcknowledgeAfterSync,
    /// A `Written` commit behind a `Synced` one that is still in flight waits for it.
    WrittenWaitsForSynced,
    /// A failed sync is never tried again: it poisons the store.
    FailedSyncPoisons,
    /// A poisoned store writes neither a checkpoint nor the end batch "closed".
    NeverSealPoisoned,
    /// A checkpoint holds only commits that are synced in the journal.
    CheckpointOnlySynced,
    /// A checkpoint retires the segments that the checkpoint before it covers, not its own.
    RetireOneLate,
    /// A segment's name is synced in its directory before a batch is written into it.
    SyncNameOfSegment,
    /// A recycled segment gets a new salt, so that its old batches are not read again.
    FreshSalt,
    /// Only LSNs above the checkpoint are needed at an opening.
    OnlyAboveCheckpoint,
    /// The scan goes back to the previous checkpoint's segment, as far as there are segments.
    ScanReachesBack,
    /// Below the checkpoint's segment only those count that end batches link to it: their removal
    /// may have come through in part, and older ones may have come back.
    OnlyLinkedBelowCheckpoint,
    /// The newest restart segment begins the log, whatever segments below it hold.
    RestartBeginsLog,
    /// An opening writes what it recovered into a restart segment.
    RestartSegment,
    /// So does an opening after a close, which has nothing to write anew.
    RestartAfterClose,
    /// A restart segment reaches back to the previous checkpoint, not only to the last one.
    RestartReachesBack,
    /// A restart segment is synced before it is renamed.
    SyncRestartBeforeRename,
    /// The directory is synced after the restart segment's rename, before anything is removed.
    SyncNameOfRestart,
    /// An opening retires all segments below its restart segment.
    RetireBeforeRestart,
    /// The directory is synced once they are retired, before the opening returns.
    SyncRetiring,
    /// An opening that cannot retire them, or cannot sync that, does not come about.
    OpeningNeedsRetiring,
    /// Nothing is appended to a segment behind the place where it was cut.
    NoAppendBehindCut,
    /// A close writes a checkpoint of everything before the end batch "closed".
    CheckpointBeforeClose,
    /// Between the two the base says once more what it holds, as both its checkpoints.
    SettleBeforeClose,
    /// A segment whose announcement failed is removed again, unsynced.
    FailedSegmentIsRemoved,
    /// Its number is not given out again by the same process.
    FailedNumberIsBurnt,
    /// Without a base, segments that hold nothing are a creation cut short, however many there are: the
    /// removal of earlier ones may not have come through.
    EmptySegmentsAreNoStore,
    /// Without a base, a restart segment is a store that lost it, even if no batch is in it.
    RestartMeansAStore,
    /// A new store syncs the name of its base before a batch is written.
    SyncNameOfBase,
    /// So does every opening: the process that made the store may have died before it could.
    SyncNameOfBaseAgain,
    /// A batch that cannot be read, an end batch too, ends the log only where the LSNs do not run on
    /// behind it.
    ContinuityDecides,
    /// Where the log breaks is judged by `durable_lsn` alone, not by the segment it seems to break in.
    DurableLsnAlone,
    /// A break at or below an LSN that some batch header calls durable is damage.
    DurableLsnTellsDamage,
    /// The segment that an end batch names must be there, or a restart segment behind it.
    SuccessorMustExist,
    /// Between a segment and the one it names there may be numbers that were burnt.
    BurntNumbersAreSkipped,
    /// A restart segment's header calls everything durable that was recovered.
    RestartLsnTellsDamage,
}

/// The rules a run goes by: all but those left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    left_out: &'static [Rule],
}

impl Rules {
    /// All rules.
    pub(crate) fn all() -> Self {
        Self { left_out: &[] }
    }

    /// All rules but these.
    pub(crate) fn without(left_out: &'static [Rule]) -> Self {
        Self { left_out }
    }

    /// Whether this run goes by the rule.
    pub(crate) fn keep(self, rule: Rule) -> bool {
        !self.left_out.contains(&rule)
    }
}
