//! Segments and batches, and what a sync or a power cut does to each of them.

use fastrand::Rng;

pub type Lsn = u64;
pub type Number = u64;

/// What a batch is besides its commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commits, or none (then it only marks a new `durable_lsn`).
    Ordinary,
    /// The end batch that names the next segment.
    Next { number: Number, salt: u64 },
    /// The end batch of a clean close.
    Closed,
}

/// What a reader finds where a batch was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Whole,
    HeaderOnly,
    Nothing,
}

/// Whether bytes would survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    NotYet,
    Yes,
    /// A failed sync marked them clean: no later sync will save them.
    Never,
}

impl Saved {
    pub fn sync(&mut self, fails: bool, rng: &mut Rng) {
        if *self == Self::NotYet {
            *self = if !fails || rng.bool() { Self::Yes } else { Self::Never };
        }
    }
}

/// One batch: what a single group commit wrote. A commit is known by its own number in the run.
#[derive(Clone, Debug)]
pub struct Batch {
    pub first: Lsn,
    pub commits: Vec<u64>,
    pub durable_lsn: Lsn,
    pub salt: u64,
    pub kind: Kind,
    pub found: Found,
    pub saved: Saved,
}

impl Batch {
    pub fn new(first: Lsn, commits: &[u64], durable_lsn: Lsn, salt: u64, kind: Kind) -> Self {
        let (found, saved) = (Found::Whole, Saved::NotYet);
        Self { first, commits: commits.to_vec(), durable_lsn, salt, kind, found, saved }
    }

    pub fn power_cut(&mut self, rng: &mut Rng) {
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
    pub fn worn(self, rng: &mut Rng) -> Self {
        match (self, rng.u8(0..4)) {
            (whole, 0..=1) => whole,
            (Self::Nothing, _) | (_, 2) => Self::Nothing,
            _ => Self::HeaderOnly,
        }
    }
}

/// A segment file: its header, its batches, and old batches behind them in a recycled file.
#[derive(Clone, Debug)]
pub struct Segment {
    pub number: Number,
    pub salt: u64,
    /// The LSN to be given out next when a restart segment was made; 0 in any other.
    pub restart_lsn: Lsn,
    pub batches: Vec<Batch>,
    pub header_is_good: bool,
    pub header_saved: Saved,
    pub left_over: Vec<Batch>,
}

impl Segment {
    /// Everything that can be read as a batch of this segment, in file order.
    pub fn readable(&self) -> impl Iterator<Item = &Batch> {
        let behind = self.left_over.iter().skip(self.batches.len());
        let all = self.batches.iter().chain(behind);
        all.filter(|batch| batch.salt == self.salt && batch.found != Found::Nothing)
    }
}
