//! Opening a store: the verdict on what the scan found, and the restart segment.
//!
//! Files are touched after the verdict, and nothing is removed before the restart segment has its name
//! for good. Whether the store had been closed makes no difference to any of it.

use super::announce::{Announcement, announce, next_number};
use super::base::{Checkpoint, State};
use super::rules::{Rule, Rules};
use super::scan::{Refusal, Scan, corrupt};
use super::segment::{Batch, Kind, Lsn, Number};
use super::store::{Shape, Store};
use super::world::{Stop, World};

/// Opens the store as it stands, making a new one where there is none.
pub(crate) fn open(world: &mut World, rules: Rules, shape: Shape) -> Result<Store, Refusal> {
    world.call()?;
    match world.base.state().cloned() {
        Some(state) => open_existing(world, rules, shape, state),
        None => create(world, rules, shape),
    }
}

fn open_existing(
    world: &mut World,
    rules: Rules,
    shape: Shape,
    state: State,
) -> Result<Store, Refusal> {
    let scan = Scan::read(world, rules, &state)?;
    let end = scan.end();
    if rules.keep(Rule::DurableLsnTellsDamage) && end <= scan.durable_lsn {
        return corrupt(format!("LSN {end} is missing, {} was durable", scan.durable_lsn));
    }
    if !rules.keep(Rule::DurableLsnAlone) && scan.goes_on_in_later_segment {
        return corrupt(format!("LSN {end} is missing in a segment before the last"));
    }
    if rules.keep(Rule::SyncNameOfBaseAgain) {
        world.base_sync_name()?;
    }
    let mut commits = state.commits.clone();
    let run = (scan.begin..end).zip(&scan.run);
    commits.extend(run.filter(|(lsn, _)| *lsn > state.last.lsn).map(|(_, commit)| commit));

    let was_closed = scan.closed_at == Some(state.last.lsn) && state.last.lsn + 1 == end;
    let plain_after_close = was_closed && !rules.keep(Rule::RestartAfterClose);
    let plan = Plan { rules, shape, state, commits };
    if !rules.keep(Rule::NoAppendBehindCut) {
        Ok(open_behind_cut(world, plan, &scan))
    } else if plain_after_close || !rules.keep(Rule::RestartSegment) {
        open_plain(world, plan)
    } else {
        open_by_restart(world, plan, &scan)
    }
}

/// What an opening goes on with once its verdict is reached.
struct Plan {
    rules: Rules,
    shape: Shape,
    state: State,
    commits: Vec<u64>,
}

impl Plan {
    fn store(&self, active: Number) -> Store {
        Store::opened(self.rules, self.shape, active, &self.state, self.commits.clone())
    }
}

/// A new store: the first segment, then the base, whose name makes it a store.
fn create(world: &mut World, rules: Rules, shape: Shape) -> Result<Store, Refusal> {
    let numbers = world.numbers();
    let is_of_a_store = |&number: &Number| {
        let segment = world.segment(number);
        let restarts = segment.restart_lsn > 0 && rules.keep(Rule::RestartMeansAStore);
        restarts || segment.readable().next().is_some()
    };
    let too_many = numbers.len() > 1 && !rules.keep(Rule::EmptySegmentsAreNoStore);
    if too_many || numbers.iter().any(is_of_a_store) {
        return corrupt("segments without a base".into());
    }
    let number = next_number(world);
    for &number in &numbers {
        world.remove(number)?;
    }
    let salt = world.rng.u64(1..);
    announce(world, rules, Announcement::plain(number, salt), None)?;
    let first = Checkpoint { lsn: 0, number, salt };
    let state = State { last: first, previous: first, commits: Vec::new() };
    world.base_create(state.clone())?;
    if rules.keep(Rule::SyncNameOfBase) {
        world.base_sync_name()?;
    }
    Ok(Plan { rules, shape, state, commits: Vec::new() }.store(number))
}

/// What the rules forbid: a segment that stands for nothing but itself.
fn open_plain(world: &mut World, plan: Plan) -> Result<Store, Refusal> {
    let number = next_number(world);
    let salt = world.rng.u64(1..);
    announce(world, plan.rules, Announcement::plain(number, salt), None)?;
    let mut store = plan.store(number);
    store.retire(world)?;
    Ok(store)
}

/// Leaves nothing to what was read back: all of it is written anew into one restart segment.
fn open_by_restart(world: &mut World, plan: Plan, scan: &Scan) -> Result<Store, Refusal> {
    let number = next_number(world);
    let salt = world.rng.u64(1..);
    let reaches_back = plan.rules.keep(Rule::RestartReachesBack);
    let from = if reaches_back { plan.state.previous.lsn } else { plan.state.last.lsn } + 1;
    let from = from.max(scan.begin);
    let mut batches = Vec::new();
    let mut first = from;
    while first <= plan.commits.len() as Lsn {
        let upto = world.rng.u64(first..=plan.commits.len() as Lsn);
        let commits = &plan.commits[first as usize - 1..upto as usize];
        batches.push(Batch::new(first, commits, 0, salt, Kind::Ordinary));
        first = upto + 1;
    }
    let restart_lsn = plan.commits.len() as Lsn + 1;
    announce(world, plan.rules, Announcement { number, salt, restart_lsn, batches }, None)?;
    let mut store = plan.store(number);
    match retire_what_was_before(world, &mut store) {
        Err(Stop::Failed) if !plan.rules.keep(Rule::OpeningNeedsRetiring) => {}
        retired => retired?,
    }
    Ok(store)
}

/// While the segments before the restart segment are there, a store that lost that one looks like a
/// store that was never opened again.
fn retire_what_was_before(world: &mut World, store: &mut Store) -> Result<(), Stop> {
    if !store.rules.keep(Rule::RetireBeforeRestart) {
        return Ok(());
    }
    let mut removed = Vec::new();
    for lower in world.numbers().into_iter().filter(|&lower| lower < store.active) {
        removed.extend(world.remove(lower)?);
    }
    if store.rules.keep(Rule::SyncRetiring) {
        world.sync_directory()?;
        if store.shape.recycles {
            store.retired = removed;
        }
    }
    Ok(())
}

/// What the rules forbid: the last segment is cut where the run ends and written on.
fn open_behind_cut(world: &mut World, plan: Plan, scan: &Scan) -> Store {
    let (number, kept) = scan.last.map_or((scan.start, 0), |(number, index)| (number, index + 1));
    world.segment_mut(number).batches.truncate(kept);
    for later in world.numbers().into_iter().filter(|&later| later > number) {
        let _ = world.remove(later);
    }
    plan.store(number)
}
