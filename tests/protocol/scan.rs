//! The scan: which segments are the log, where it ends, and what its headers say was durable.
//!
//! It only reads, and decides nothing but that a file is missing.

use super::base::{Checkpoint, State};
use super::rules::{Rule, Rules};
use super::segment::{Batch, Found, Kind, Lsn, Number};
use super::world::{Stop, World};

/// Why an opening did not end with an open store.
#[derive(Debug)]
pub(crate) enum Refusal {
    Stopped(Stop),
    Corrupt(String),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

pub(crate) fn corrupt<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal::Corrupt(why))
}

/// What reading the log found.
#[derive(Debug)]
pub(crate) struct Scan {
    rules: Rules,
    /// Only LSNs above this one are needed.
    needed: Lsn,
    /// The segment that begins the log.
    pub(crate) start: Number,
    /// The commits from the LSN `begin` on, without a gap.
    pub(crate) begin: Lsn,
    pub(crate) run: Vec<u64>,
    /// The segment and the batch in it that the run ends with.
    pub(crate) last: Option<(Number, usize)>,
    /// The highest `durable_lsn` in any header, also behind a break.
    pub(crate) durable_lsn: Lsn,
    /// The last LSN before the end batch "closed", if nothing stands behind that.
    pub(crate) closed_at: Option<Lsn>,
    /// Some batch stands behind the segment in which the run seems to end.
    pub(crate) goes_on_in_later_segment: bool,
    ends_with_end_batch: bool,
    broken: bool,
}

impl Scan {
    /// Reads the log that belongs to this state of the base.
    pub(crate) fn read(world: &World, rules: Rules, state: &State) -> Result<Self, Refusal> {
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
                check_successor(world, rules, (number, batch))?;
                if !scan.accept(batch, (number, index)) {
                    scan.meet_break(batch, number);
                }
            }
        }
        Ok(scan)
    }

    /// The first LSN above the needed ones without a valid batch.
    pub(crate) fn end(&self) -> Lsn {
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
        self.closed_at = None;
        let is_later = self.last.is_some_and(|(last, _)| last != number);
        self.goes_on_in_later_segment |= self.broken && is_later && !self.ends_with_end_batch;
    }
}

/// The segments of the log in order. It begins with the newest restart segment, if that is later than
/// the checkpoint's, or else with the checkpoint's and what is linked to it from before, so that a
/// restart segment can reach back to where the base may still fall.
fn segments_of_log(world: &World, rules: Rules, state: &State) -> Result<Vec<Number>, Refusal> {
    let Checkpoint { number: named, salt, .. } = state.last;
    let mut log: Vec<_> = world.numbers().into_iter().filter(|&one| one >= named).collect();
    if let Some(bad) = log.iter().find(|&&one| !is_good(world, one)) {
        return corrupt(format!("segment {bad} has a bad header"));
    }
    let is_restart = |&one: &Number| world.segment(one).restart_lsn > 0;
    let restart = log.iter().copied().rfind(is_restart);
    if let Some(restart) = restart.filter(|_| rules.keep(Rule::RestartBeginsLog)) {
        log.retain(|&one| one >= restart);
        if restart > named {
            return Ok(log);
        }
    }
    if log.first() != Some(&named) || world.segment(named).salt != salt {
        return corrupt(format!("segment {named} of the checkpoint is not there"));
    }
    if rules.keep(Rule::ScanReachesBack) {
        reach_back(world, rules, &mut log, state.previous.number);
    }
    Ok(log)
}

/// Puts in front what leads to the first segment, down to a restart segment or to `lowest`.
fn reach_back(world: &World, rules: Rules, log: &mut Vec<Number>, lowest: Number) {
    while world.segment(log[0]).restart_lsn == 0 {
        let earlier = world.numbers().into_iter().filter(|&one| one >= lowest && one < log[0]);
        let mut earlier = earlier.filter(|&one| is_good(world, one));
        let linked = rules.keep(Rule::OnlyLinkedBelowCheckpoint);
        let Some(before) = earlier.rfind(|&one| !linked || leads_to(world, one, log[0])) else {
            return;
        };
        log.insert(0, before);
    }
}

fn is_good(world: &World, number: Number) -> bool {
    let segment = world.segment(number);
    segment.header_is_good && segment.number == number
}

/// Whether the segment ends with an end batch that names the other.
fn leads_to(world: &World, number: Number, other: Number) -> bool {
    let next = Kind::Next { number: other, salt: world.segment(other).salt };
    let last = world.segment(number).readable().last();
    last.is_some_and(|last| last.found == Found::Whole && last.kind == next)
}

/// A segment that an end batch names must be there. Between the two there may be others: numbers that
/// were burnt when making them failed, which hold nothing.
fn check_successor(
    world: &World,
    rules: Rules,
    (number, batch): (Number, &Batch),
) -> Result<(), Refusal> {
    let Kind::Next { number: named, salt } = batch.kind else {
        return Ok(());
    };
    if batch.found != Found::Whole || !rules.keep(Rule::SuccessorMustExist) {
        return Ok(());
    }
    let mut later = world.numbers().into_iter().filter(|&later| later > number);
    let found = if rules.keep(Rule::BurntNumbersAreSkipped) {
        later.find(|&later| later == named)
    } else {
        later.next().filter(|&later| later == named)
    };
    if found.is_none_or(|found| world.segment(found).salt != salt) {
        return corrupt(format!("segment {named} was named and is not there"));
    }
    Ok(())
}
