//! Damage: after a power cut one more thing breaks that nobody may lose in silence.
//!
//! What has to be said about it is worked out here from the files as they were, without the scan.

use fastrand::Rng;

use super::base::{Base, Checkpoint};
use super::segment::{Found, Kind, Lsn, Number};
use super::world::World;

/// What an opening has to answer after the damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// The opening must refuse.
    Refuse,
    /// The opening must refuse, or else find everything that was promised.
    Tell,
    /// The opening must succeed, and find everything that was promised.
    Open,
}

/// Breaks something at random in a store that was opened last in this segment. Answers nothing where
/// what broke may or may not have been synced.
pub(crate) fn damage(world: &mut World, opened_in: Option<Number>) -> Option<Demand> {
    let checkpoint = world.base.state()?.last;
    let log = log(world, checkpoint);
    if world.one_in(10) {
        world.base = Base::default();
        return Some(Demand::Tell);
    }
    let &number = choose(&mut world.rng, &log)?;
    if world.rng.u8(0..4) == 0 {
        let begins = Some(number) == opened_in || number == checkpoint.number;
        let demand = if begins { Demand::Refuse } else { demand_for_segment(world, &log, number) };
        return world.remove(number).ok().map(|_| demand);
    }
    let readable = world.segment(number).readable().count();
    if readable == 0 {
        return None;
    }
    let index = world.rng.usize(0..readable);
    let demand = demand_for_batch(world, &log, (number, index), checkpoint.lsn)?;
    let found = if world.rng.bool() { Found::HeaderOnly } else { Found::Nothing };
    world.break_batch(number, index, found);
    Some(demand)
}

fn choose<'a, T>(rng: &mut Rng, from: &'a [T]) -> Option<&'a T> {
    if from.is_empty() { None } else { from.get(rng.usize(0..from.len())) }
}

/// The segments that count: from the newest restart segment on, or from the checkpoint's.
fn log(world: &World, checkpoint: Checkpoint) -> Vec<Number> {
    let numbers = world.numbers();
    let is_restart = |number: &Number| world.segment(*number).restart_lsn > 0;
    let restart = numbers.iter().copied().rfind(is_restart).unwrap_or(0);
    let from = restart.max(checkpoint.number);
    numbers.into_iter().filter(|&number| number >= from).collect()
}

/// A segment that another one names must be missed. Of the others, which the base or a finished opening
/// do not depend on, nothing may have been promised.
fn demand_for_segment(world: &World, log: &[Number], number: Number) -> Demand {
    let names = |from: &Number| {
        let mut whole = world.segment(*from).readable().filter(|one| one.found == Found::Whole);
        whole.any(|one| matches!(one.kind, Kind::Next { number: next, .. } if next == number))
    };
    if log.iter().any(names) { Demand::Refuse } else { Demand::Tell }
}

/// A batch that another header calls durable must be missed; one that the base holds must not.
fn demand_for_batch(
    world: &World,
    log: &[Number],
    broken: (Number, usize),
    checkpoint_lsn: Lsn,
) -> Option<Demand> {
    let batch = world.segment(broken.0).readable().nth(broken.1)?;
    let last = batch.first + batch.commits.len() as Lsn - 1;
    if last <= checkpoint_lsn || batch.commits.is_empty() {
        return Some(Demand::Open);
    }
    let others = log.iter().flat_map(|&number| {
        let batches = world.segment(number).readable().enumerate();
        batches.filter(move |(index, _)| (number, *index) != broken)
    });
    let told = others.map(|(_, other)| other.durable_lsn).max().unwrap_or(0);
    let recovered = world.segment(log[0]).restart_lsn.saturating_sub(1);
    let needed = batch.first.max(checkpoint_lsn + 1);
    (needed <= told.max(recovered)).then_some(Demand::Refuse)
}
