//! What happens to a store: a line of a script, or a misfortune.

use serde::{Deserialize, Serialize};

use super::script::Line;
use crate::disk::{CrashStyle, FaultPlan};

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Somebody does something.
    Line(Box<Line>),
    /// The process dies between two calls. The plans are for the opening that follows.
    Kill { trouble: Vec<FaultPlan> },
    /// The power goes out at the disk's so-manieth call from here on.
    PowerCut(PowerCut),
    /// From here on the disk fails as planned.
    Trouble(FaultPlan),
    /// From here on so many bytes fit on the disk and no more.
    LittleRoom(u64),
    /// The disk works again, and there is room.
    Repair,
    /// The system drops from memory what it believes to be on the disk.
    Forget,
    /// Somebody takes a snapshot and keeps it.
    TakeSnapshot,
    /// Somebody reads all of one that was kept.
    ReadSnapshot(usize),
    /// Somebody lets go of one.
    DropSnapshot(usize),
    /// A copy of the files is damaged and opened.
    Damage(Damage),
    /// On a copy the disk lies, and what is left is opened.
    Lie(Lie),
}

/// A power cut to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PowerCut {
    pub(crate) calls: u64,
    /// The call of the opening that follows at which the power goes out again; 0 for none.
    pub(crate) again: u64,
    pub(crate) style: CrashStyle,
    pub(crate) seed: u64,
    pub(crate) trouble: Vec<FaultPlan>,
}

/// Damage to the files of a store that nobody has open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Damage {
    /// Whether the store was closed before.
    pub(crate) closed: bool,
    /// The so-manieth file, counted around.
    pub(crate) file: usize,
    pub(crate) what: Harm,
}

/// What is done to a file. Places are counted in 65,536ths of what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Harm {
    FlipBit {
        place: u16,
        bit: u8,
    },
    Overwrite {
        place: u16,
        bytes: u16,
        with: u8,
    },
    CutAt {
        place: u16,
    },
    Delete,
    /// With the so-manieth other file.
    ExchangeWith(usize),
    /// The number in the header that says which version of the format it is.
    OtherVersion,
}

/// A disk that says it wrote what it did not write, or wrote elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lie {
    /// Whether it wrote elsewhere.
    pub(crate) misplaced: bool,
    /// Whether it is about the base; else about the journal.
    pub(crate) base: bool,
    pub(crate) nth: u64,
}
