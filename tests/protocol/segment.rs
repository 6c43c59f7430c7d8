//! Segments and batches, and what a sync or a power cut does to each of them.

use fastrand::Rng;

pub(crate) type Lsn = u64;
pub(crate) type Number = u64;

/// What a batch is besides its commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Commits, or none (then it only marks a new `durable_lsn`).
    Ordinary,
    /// The end batch that names the next segment.
    Next { number: Number, salt: u64 },
    /// The end batch of a clean close.
    Closed,
}

/// What a reader finds where a batch was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Whole,
    HeaderOnly,
    Nothing,
}

/// Whether bytes would survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    NotYet,
    Yes,
    /// A failed sync marked them clean: no later sync will save them.
    Never,
}

impl Saved {
    pub(crate) fn sync(&mut self, fails: bool, rng: &mut Rng) {
        if *self == Self::NotYet {
            *self = if !fails || rng.bool() { Self::Yes } else { Self::Never };
        }
    }
}

/// One batch: what a single group commit wrote. A commit is known by its own number in the run.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) first: Lsn,
    pub(crate) commits: Vec<u64>,
    pub(crate) durable_lsn: Lsn,
    pub(crate) salt: u64,
    pub(crate) kind: Kind,
    pub(crate) found: Found,
    pub(crate) saved: Saved,
}

impl Batch {
    pub(crate) fn new(
        first: Lsn,
        commits: &[u64],
        durable_lsn: Lsn,
        salt: u64,
        kind: Kind,
    ) -> Self {
        let (found, saved) = (Found::Whole, Saved::NotYet);
        Self { first, commits: commits.to_vec(), durable_lsn, salt, kind, found, saved }
    }

    pub(crate) fn power_cut(&mut self, rng: &mut Rng) {
        match self.saved {
            Saved::Yes => {}
            Saved::Never => self.found = Found::Nothing,
            Saved::NotYet => self.found = self.found.worn(rng),
        }
        self.saved = Saved::Yes;
    }
}

impl Found {
    /// What is left of bytes that nobody made sure of.
    pub(crate) fn worn(self, rng: &mut Rng) -> Self {
        match (self, rng.u8(0..4)) {
            (whole, 0..=1) => whole,
            (Self::Nothing, _) | (_, 2) => Self::Nothing,
            _ => Self::HeaderOnly,
        }
    }
}

/// A segment file: its header, its batches, and old batches behind them in a recycled file.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: Number,
    pub(crate) salt: u64,
    /// The LSN to be given out next when a restart segment was made; 0 in any other.
    pub(crate) restart_lsn: Lsn,
    pub(crate) batches: Vec<Batch>,
    pub(crate) header_is_good: bool,
    pub(crate) header_saved: Saved,
    pub(crate) left_over: Vec<Batch>,
}

impl Segment {
    /// Everything that can be read as a batch of this segment, in file order.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Batch> {
        let behind = self.left_over.iter().skip(self.batches.len());
        let all = self.batches.iter().chain(behind);
        all.filter(|batch| batch.salt == self.salt && batch.found != Found::Nothing)
    }
}
