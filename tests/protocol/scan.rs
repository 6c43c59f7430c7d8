//! The scan: which segments are the log, where it ends, and what its headers say was durable.
//!
//! It only reads, and decides nothing but that a file is missing.

use super::base::{Checkpoint, State};
use super::rules::{Rule, Rules};
use super::segment::{Batch, Found, Kind, Lsn, Number};
use super::world::{Stop, World};

/// Why an opening did not end with an open store.
#[derive(Debug)]
pub enum Refusal {
    Stopped(Stop),
    Corrupt(String),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

pub fn corrupt<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal::Corrupt(why))
}

/// What reading the log found.
#[derive(Debug)]
pub struct Scan {
    rules: Rules,
    /// Only LSNs above this one are needed.
    needed: Lsn,
    /// The segment that begins the log.
    pub start: Number,
    /// The commits from the LSN `begin` on, without a gap.
    pub begin: Lsn,
    pub run: Vec<u64>,
    /// The segment and the batch in it that the run ends with.
    pub last: Option<(Number, usize)>,
    /// The highest `durable_lsn` in any header, also behind a break.
    pub durable_lsn: Lsn,
    /// The last LSN before the end batch "closed", if nothing stands behind that.
    pub closed_at: Option<Lsn>,
    /// Some batch stands behind the segment in which the run seems to end.
    pub goes_on_in_later_segment: bool,
    ends_with_end_batch: bool,
    broken: bool,
}

impl Scan {
    /// Reads the log that belongs to this state of the base.
    pub fn read(world: &World, rules: Rules, state: &State) -> Result<Self, Refusal> {
        let log = segments_of_log(world, rules, state)?;
        let late = rules.keep(Rule::OnlyAboveCheckpoint);
        let needed = if late { state.last.lsn } else { state.previous.lsn };
        let recovered = world.segment(log[0]).restart_lsn.saturating_sub(1);
        let tells = rules.keep(Rule::RestartLsnTellsDamage);
        let mut scan = Self {
            rules,
            needed,
            start: log[0],
            begin: 0,
            run: Vec::new(),
            last: None,
            durable_lsn: if tells { recovered } else { 0 },
            closed_at: None,
            goes_on_in_later_segment: false,
            ends_with_end_batch: false,
            broken: false,
        };
        for number in log {
            for (index, batch) in world.segment(number).readable().enumerate() {
                scan.durable_lsn = scan.durable_lsn.max(batch.durable_lsn);
                if number >= state.last.number && rules.keep(Rule::SuccessorMustExist) {
                    check_successor(world, batch)?;
                }
                if !scan.accept(batch, (number, index)) {
                    scan.meet_break(batch, number);
                }
            }
        }
        Ok(scan)
    }

    /// The first LSN above the needed ones without a valid batch.
    pub fn end(&self) -> Lsn {
        let end = self.next();
        if self.begin <= self.needed + 1 { end.max(self.needed + 1) } else { self.needed + 1 }
    }

    fn next(&self) -> Lsn {
        self.begin + self.run.len() as Lsn
    }

    /// Takes a batch that goes on where the run ends, or begins the run anew behind a gap in LSNs that
    /// are not needed. Tells whether it did.
    fn accept(&mut self, batch: &Batch, place: (Number, usize)) -> bool {
        let begins = self.run.is_empty();
        let follows = begins || batch.first == self.next();
        let steps_over = self.next() <= self.needed && batch.first <= self.needed + 1;
        let steps_over = steps_over && !batch.commits.is_empty();
        if self.broken || batch.found != Found::Whole || !(follows || steps_over) {
            return false;
        }
        if !batch.commits.is_empty() && (begins || !follows) {
            self.begin = batch.first;
            self.run.clear();
        }
        self.run.extend(&batch.commits);
        self.last = Some(place);
        self.ends_with_end_batch = batch.kind != Kind::Ordinary;
        self.closed_at = (batch.kind == Kind::Closed).then(|| batch.first - 1);
        true
    }

    fn meet_break(&mut self, batch: &Batch, number: Number) {
        let unreadable = batch.found != Found::Whole;
        let harmless = unreadable && self.rules.keep(Rule::ContinuityDecides);
        self.broken |= self.next() > self.needed && !harmless;
        if self.rules.keep(Rule::CleanNeedsNothingBehind) {
            self.closed_at = None;
        }
        let is_later = self.last.is_some_and(|(last, _)| last != number);
        self.goes_on_in_later_segment |= self.broken && is_later && !self.ends_with_end_batch;
    }
}

/// The segments of the log in order: the newest restart segment or else the previous checkpoint's
/// begins it, so that a base that falls back later still finds what it needs.
fn segments_of_log(world: &World, rules: Rules, state: &State) -> Result<Vec<Number>, Refusal> {
    let Checkpoint { number: named, salt, .. } = state.last;
    let is_good = |number: Number| {
        let segment = world.segment(number);
        segment.header_is_good && segment.number == number
    };
    let reaches_back = rules.keep(Rule::ScanReachesBack);
    let from = if reaches_back { state.previous.number } else { named };
    let mut numbers = world.numbers();
    numbers.retain(|&number| number >= named || (number >= from && is_good(number)));
    if let Some(bad) = numbers.iter().find(|&&number| !is_good(number)) {
        return corrupt(format!("segment {bad} has a bad header"));
    }
    let is_restart = |&number: &Number| world.segment(number).restart_lsn > 0;
    let restart = numbers.iter().copied().rfind(is_restart);
    if let Some(restart) = restart.filter(|_| rules.keep(Rule::RestartBeginsLog)) {
        numbers.retain(|&number| number >= restart);
        if restart > named {
            return Ok(numbers);
        }
    }
    if !numbers.contains(&named) || world.segment(named).salt != salt {
        return corrupt(format!("segment {named} of the checkpoint is not there"));
    }
    Ok(numbers)
}

fn check_successor(world: &World, batch: &Batch) -> Result<(), Refusal> {
    let Kind::Next { number, salt } = batch.kind else {
        return Ok(());
    };
    if batch.found != Found::Whole {
        return Ok(());
    }
    if !world.numbers().contains(&number) || world.segment(number).salt != salt {
        return corrupt(format!("segment {number} was named and is not there"));
    }
    Ok(())
}
