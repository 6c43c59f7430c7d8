//! What runs met with: a campaign that never met a fault says nothing of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::disk::{Call, Fault, SimulatedDisk};
use crate::store::{Error, Opening};

/// What runs met with. A campaign adds up those of all its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// The runs.
    pub runs: u64,
    /// What was done and suffered in them.
    pub events: u64,
    /// The disks found after a crash, a kill or a reopening that were opened and held against what had
    /// been promised, in all they show.
    pub crash_points: u64,
    pub(super) found: BTreeMap<Found, u64>,
    pub(super) fates: BTreeMap<Fate, u64>,
    faults: BTreeMap<(Fault, Call), u64>,
    answers: BTreeMap<&'static str, u64>,
}

/// The state in which an opening found a store: the cases of the recovery table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Found {
    Nothing,
    CreationCutShort,
    Closed,
    Unclosed,
    TornTail,
    SteppedOver,
    BaseAhead,
    Damaged,
    FileMissing,
    OtherVersion,
    UnreadableOrUnwritable,
}

/// What else happens in runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Killed,
    Closed,
    LeftOpen,
    CutAgain,
    Kept,
    Undone,
    SnapshotKept,
    SnapshotLost,
    DamageRefused,
    DamageHarmless,
    LieRefused,
    LieHarmless,
}

impl Found {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Nothing, "nothing there: made"),
        (Self::CreationCutShort, "creation cut short: made anew"),
        (Self::Closed, "closed"),
        (Self::Unclosed, "not closed, valid to its end"),
        (Self::TornTail, "torn tail: cut and reported"),
        (Self::SteppedOver, "break below the checkpoint: stepped over"),
        (Self::BaseAhead, "base ahead of the journal"),
        (Self::Damaged, "acknowledged data damaged: refused"),
        (Self::FileMissing, "a file is missing: refused"),
        (Self::OtherVersion, "another version: refused"),
        (Self::UnreadableOrUnwritable, "the machine fails: said so"),
    ];
}

impl Fate {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Killed, "process killed"),
        (Self::Closed, "closed well"),
        (Self::LeftOpen, "left without a close"),
        (Self::CutAgain, "power cut in the recovery"),
        (Self::Kept, "commit in flight kept"),
        (Self::Undone, "commit in flight undone"),
        (Self::SnapshotKept, "old snapshot read"),
        (Self::SnapshotLost, "old snapshot ended"),
        (Self::DamageRefused, "damage refused"),
        (Self::DamageHarmless, "damage without harm"),
        (Self::LieRefused, "lie refused"),
        (Self::LieHarmless, "lie without harm"),
    ];
}

/// The faults that runs plan, each with the calls it is planned for.
pub(super) const PLANNED: [(Fault, &[Call]); 6] = [
    (Fault::Io, &ALL_CALLS),
    (Fault::IoHalfDone, &CHANGES),
    (Fault::Full, &CHANGES),
    (Fault::FullHalfDone, &CHANGES),
    (Fault::Lost, &[Call::Write]),
    (Fault::Misplaced, &[Call::Write]),
];

pub(super) const CHANGES: [Call; 7] = [
    Call::Write,
    Call::Sync,
    Call::SetLen,
    Call::Create,
    Call::Rename,
    Call::SyncDir,
    Call::Remove,
];

const ALL_CALLS: [Call; 9] = [
    Call::Write,
    Call::Sync,
    Call::SetLen,
    Call::Create,
    Call::Rename,
    Call::SyncDir,
    Call::Remove,
    Call::Read,
    Call::Open,
];

impl Coverage {
    /// Takes in what another run met with.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.crash_points += other.crash_points;
        add(&mut self.found, &other.found);
        add(&mut self.fates, &other.fates);
        add(&mut self.faults, &other.faults);
        add(&mut self.answers, &other.answers);
    }

    /// What was never met: the cases of recovery, fates and faults that a whole campaign has to show.
    pub fn missing(&self) -> Vec<String> {
        let found = Found::ALL.iter().filter(|(one, _)| !self.found.contains_key(one));
        let fates = Fate::ALL.iter().filter(|(one, _)| !self.fates.contains_key(one));
        let planned = PLANNED
            .iter()
            .flat_map(|(fault, calls)| calls.iter().map(move |call| (*fault, *call)))
            .filter(|one| !self.faults.contains_key(one));
        let named = |(_, name): &(_, &str)| (*name).to_owned();
        found
            .map(|(_, name)| (*name).to_owned())
            .chain(fates.map(|one: &(Fate, &str)| named(&((), one.1))))
            .chain(planned.map(|(fault, call)| format!("{fault:?} in {call:?}")))
            .collect()
    }

    /// How many faults were met.
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    pub(super) fn found(&mut self, what: Found) {
        *self.found.entry(what).or_default() += 1;
    }

    pub(super) fn met(&mut self, fate: Fate) {
        *self.fates.entry(fate).or_default() += 1;
    }

    /// Takes in what hit a disk that is given up.
    pub(super) fn hits(&mut self, disk: &SimulatedDisk) {
        for (fault, call, times) in disk.hits() {
            *self.faults.entry((fault, call)).or_default() += times;
        }
    }

    pub(super) fn answered(&mut self, error: &Error) {
        let name = match error {
            Error::Full { .. } => "Full",
            Error::Io { .. } => "Io",
            Error::Unknown { .. } => "Unknown",
            Error::Poisoned { .. } => "Poisoned",
            Error::Stalled { .. } => "Stalled",
            _ => "others",
        };
        *self.answers.entry(name).or_default() += 1;
    }

    /// A store was opened where these files were.
    pub(super) fn opened(&mut self, files: &[String], opening: &Opening) {
        let some_there = files.iter().any(|name| name != "LOCK");
        self.found(match opening {
            Opening { created: true, .. } if some_there => Found::CreationCutShort,
            Opening { created: true, .. } => Found::Nothing,
            Opening { clean: true, .. } => Found::Closed,
            Opening { cut: Some(_), .. } => Found::TornTail,
            _ => Found::Unclosed,
        });
    }
}

fn add<K: Copy + Ord>(sums: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    for (key, count) in others {
        *sums.entry(*key).or_default() += count;
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12} runs", self.runs)?;
        writeln!(f, "{:>12} events", self.events)?;
        writeln!(f, "{:>12} crash points", self.crash_points)?;
        writeln!(f, "found by openings:")?;
        for (found, name) in Found::ALL {
            writeln!(f, "{:>12} {name}", self.found.get(&found).unwrap_or(&0))?;
        }
        writeln!(f, "on the way:")?;
        for (fate, name) in Fate::ALL {
            writeln!(f, "{:>12} {name}", self.fates.get(&fate).unwrap_or(&0))?;
        }
        writeln!(f, "calls that failed:")?;
        for (name, times) in &self.answers {
            writeln!(f, "{times:>12} {name}")?;
        }
        writeln!(f, "faults of the disk:")?;
        for (fault, calls) in PLANNED {
            let times = |call: &Call| self.faults.get(&(fault, *call)).unwrap_or(&0);
            let each: Vec<_> =
                calls.iter().map(|call| format!("{call:?} {}", times(call))).collect();
            writeln!(
                f,
                "{:>12} {fault:?} ({})",
                calls.iter().map(times).sum::<u64>(),
                each.join(", ")
            )?;
        }
        Ok(())
    }
}
