//! Opening a store: the verdict on what the scan found, and the restart segment.
//!
//! Files are touched after the verdict, and nothing is removed before the restart segment has its name
//! for good.

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

    let is_complete = |closed_at| closed_at == state.last.lsn && closed_at + 1 == end;
    let needs_checkpoint = rules.keep(Rule::CleanNeedsCheckpoint);
    let is_clean = scan.closed_at.is_some_and(|at| !needs_checkpoint || is_complete(at));
    let plan = Plan { rules, shape, state, commits };
    if is_clean {
        open_clean(world, plan)
    } else if !rules.keep(Rule::NoAppendBehindCut) {
        Ok(open_behind_cut(world, plan, &scan))
    } else if !rules.keep(Rule::RestartSegment) {
        open_clean(world, plan)
    } else {
        open_unclean(world, plan, &scan)
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
    let holds_batches = |&number: &Number| world.segment(number).readable().next().is_some();
    if numbers.len() > 1 || numbers.iter().any(holds_batches) {
        return corrupt("segments without a base".into());
    }
    for number in numbers {
        world.remove(number)?;
    }
    let salt = world.rng.u64(1..);
    name_segment(world, (1, salt, 0), Vec::new(), true)?;
    let first = Checkpoint { lsn: 0, number: 1, salt };
    let state = State { last: first, previous: first, commits: Vec::new() };
    world.base_create(state.clone())?;
    if rules.keep(Rule::SyncNameOfBase) {
        world.base_sync_name()?;
    }
    Ok(Plan { rules, shape, state, commits: Vec::new() }.store(1))
}

fn name_segment(
    world: &mut World,
    header: (Number, u64, Lsn),
    batches: Vec<Batch>,
    syncs: bool,
) -> Result<(), Stop> {
    let count = batches.len();
    let file = world.create(header, batches, None)?;
    if syncs {
        world.sync(file, count)?;
    }
    world.rename(file, header.0)?;
    world.sync_directory()
}

fn next_number(world: &World) -> Number {
    world.numbers().last().map_or(1, |last| last + 1)
}

/// A clean opening goes on in a plain new segment.
fn open_clean(world: &mut World, plan: Plan) -> Result<Store, Refusal> {
    let number = next_number(world);
    let salt = world.rng.u64(1..);
    name_segment(world, (number, salt, 0), Vec::new(), true)?;
    let mut store = plan.store(number);
    store.retire(world)?;
    Ok(store)
}

/// Leaves nothing to what was read back: all of it is written anew into one restart segment.
fn open_unclean(world: &mut World, plan: Plan, scan: &Scan) -> Result<Store, Refusal> {
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
    let count = batches.len();
    let file = world.create((number, salt, restart_lsn), batches, None)?;
    if plan.rules.keep(Rule::SyncRestartBeforeRename) {
        world.sync(file, count)?;
    }
    world.rename(file, number)?;
    if plan.rules.keep(Rule::SyncNameOfRestart) {
        world.sync_directory()?;
    }
    for lower in world.numbers().into_iter().filter(|&lower| lower < number) {
        world.remove(lower)?;
    }
    Ok(plan.store(number))
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
