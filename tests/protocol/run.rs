//! One run: a store lives, dies and is opened again many times, and the oracle looks on.

use fastrand::Rng;

use super::damage::{Demand, damage};
use super::opening::open;
use super::promises::Promises;
use super::rules::Rules;
use super::scan::Refusal;
use super::segment::Number;
use super::store::{Durability, Shape, Store};
use super::world::{Odds, Stop, World};

/// How many lives a store has in one run, and how many steps in each at most.
const LIVES: u32 = 12;
const STEPS: u32 = 60;

/// What a run tells of its steps, for whoever follows a failing seed.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(String);

/// A store on its way through its lives.
pub(crate) struct Run {
    world: World,
    rules: Rules,
    shape: Shape,
    promises: Promises,
    commits: u64,
    /// The segment that the last opening went on in.
    opened_in: Option<Number>,
}

/// Runs the store of this seed through its lives. The error says what went wrong in which life.
pub(crate) fn run(rules: Rules, seed: u64, tell: Tell) -> Result<(), String> {
    let mut run = Run::new(rules, seed);
    for life in 0..LIVES {
        let ended = run.life(tell).map_err(|error| format!("life {life}: {error}"))?;
        tell(format!("life {life} ended: {ended:?}"));
        run.die(ended, tell);
    }
    Ok(())
}

/// Runs a store until a power cut somewhere, damages it, and opens it once more. A failed sync of the
/// directory leaves names as unsynced as they were.
pub(crate) fn run_damaged(rules: Rules, seed: u64, tell: Tell) -> Result<(), String> {
    let mut run = Run::new(rules, seed);
    run.world.forgets_names = false;
    run.live_and_break(tell)
}

/// The same where a later sync does not make up for a failed one.
pub(crate) fn run_damaged_forgetting_names(
    rules: Rules,
    seed: u64,
    tell: Tell,
) -> Result<(), String> {
    Run::new(rules, seed).live_and_break(tell)
}

impl Run {
    fn new(rules: Rules, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let shape = Shape {
            segment_batches: rng.usize(1..6),
            writes_beside_sync: rng.bool(),
            recycles: rng.bool(),
        };
        let (world, promises) = (World::new(rng), Promises::default());
        Self { world, rules, shape, promises, commits: 0, opened_in: None }
    }

    /// One life of the store, from its opening to whatever ends it.
    fn life(&mut self, tell: Tell) -> Result<Result<(), Stop>, String> {
        self.world.odds = odds(&mut self.world.rng);
        self.tell_files(tell);
        match open(&mut self.world, self.rules, self.shape) {
            Ok(store) => {
                tell(format!("opened: {:?}, active segment {}", store.commits, store.active));
                self.promises.opened(&store.commits)?;
                self.opened_in = Some(store.active);
                Ok(self.work(store, tell))
            }
            Err(Refusal::Stopped(stop)) => Ok(Err(stop)),
            Err(Refusal::Corrupt(why)) => Err(format!("corrupt: {why}")),
        }
    }

    fn live_and_break(mut self, tell: Tell) -> Result<(), String> {
        for _ in 0..self.world.rng.u32(1..LIVES) {
            let ended = self.life(tell)?;
            self.die(ended, tell);
        }
        self.die(Err(Stop::PowerCut), tell);
        self.tell_files(tell);
        self.world.odds = Odds::default();
        let Some(demand) = damage(&mut self.world, self.opened_in) else {
            return Ok(());
        };
        tell(format!("damaged; must {demand:?}"));
        self.tell_files(tell);
        match (demand, open(&mut self.world, self.rules, self.shape)) {
            (Demand::Refuse, Err(Refusal::Corrupt(_))) => Ok(()),
            (Demand::Refuse, Ok(store)) => {
                Err(format!("damage not told, found {:?}", store.commits))
            }
            (Demand::Tell, Err(Refusal::Corrupt(_))) => Ok(()),
            (Demand::Tell | Demand::Open, Ok(store)) => self.promises.opened(&store.commits),
            (_, Err(refusal)) => Err(format!("refused for no reason: {refusal:?}")),
        }
    }

    fn die(&mut self, ended: Result<(), Stop>, tell: Tell) {
        let dark = ended == Err(Stop::PowerCut) || self.world.rng.u8(0..4) == 0;
        if dark {
            tell("the power is cut".into());
            self.world.power_cut();
            self.promises.power_was_cut();
        } else {
            self.world.kill();
        }
    }

    fn tell_files(&self, tell: Tell) {
        tell(format!("base: {:?}", self.world.base.state()));
        for number in self.world.numbers() {
            tell(format!("segment {number}: {:?}", self.world.segment(number)));
        }
    }

    /// The steps of one life; a close, if it comes to that, ends it.
    fn work(&mut self, mut store: Store, tell: Tell) -> Result<(), Stop> {
        let (world, promises) = (&mut self.world, &mut self.promises);
        let steps = world.rng.u32(0..STEPS);
        let checkpoints = world.rng.bool();
        for _ in 0..steps {
            match world.rng.u8(0..12) {
                0..=3 => {
                    self.commits += 1;
                    promises.order.push(self.commits);
                    store.stage(self.commits, durability(&mut world.rng));
                }
                4..=5 => drop(store.write(world, promises)?),
                6 => store.begin_sync(world, promises),
                7 => store.end_sync(world, promises)?,
                8 => store.mark(world, promises)?,
                9 => store.prepare(world)?,
                _ if checkpoints => store.checkpoint(world, promises)?,
                _ => {}
            }
            tell(format!("{store:?}"));
        }
        if world.rng.bool() {
            tell("close".into());
            store.finish(world, promises)?;
            world.odds = odds_of_the_seal(&mut world.rng, world.odds);
            store.seal(world, promises)?;
        }
        Ok(())
    }
}

fn durability(rng: &mut Rng) -> Durability {
    if rng.bool() { Durability::Synced } else { Durability::Written }
}

fn odds(rng: &mut Rng) -> Odds {
    let mut one_in = || if rng.bool() { 0 } else { rng.u32(4..80) };
    Odds { power_cut: one_in(), kill: one_in(), failure: one_in() }
}

/// A seal that does not come through has its own dangers, and is seldom met by chance.
fn odds_of_the_seal(rng: &mut Rng, odds: Odds) -> Odds {
    match rng.u8(0..3) {
        0 => odds,
        1 => Odds { kill: 3, ..odds },
        _ => Odds { failure: 3, ..odds },
    }
}
