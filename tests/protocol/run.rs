//! One run: a store lives, dies and is opened again many times, and the oracle looks on.

use fastrand::Rng;

use super::damage::{Demand, damage};
use super::opening::open;
use super::promises::Promises;
use super::rules::Rules;
use super::scan::Refusal;
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

/// Runs a store until a power cut somewhere, damages it, and opens it once more.
pub(crate) fn run_damaged(rules: Rules, seed: u64, tell: Tell) -> Result<(), String> {
    let mut run = Run::new(rules, seed);
    for _ in 0..run.world.rng.u32(1..LIVES) {
        let ended = run.life(tell)?;
        run.die(ended, tell);
    }
    run.die(Err(Stop::PowerCut), tell);
    run.tell_files(tell);
    let Some(demand) = damage(&mut run.world) else {
        return Ok(());
    };
    tell(format!("damaged; must {demand:?}"));
    run.tell_files(tell);
    run.world.odds = Odds::default();
    match (demand, open(&mut run.world, run.rules, run.shape)) {
        (Demand::Refuse, Err(Refusal::Corrupt(_))) => Ok(()),
        (Demand::Refuse, Ok(store)) => Err(format!("damage not told, found {:?}", store.commits)),
        (Demand::Open, Ok(store)) => run.promises.opened(&store.commits),
        (_, Err(refusal)) => Err(format!("refused for no reason: {refusal:?}")),
    }
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
        Self { world, rules, shape, promises, commits: 0 }
    }

    /// One life of the store, from its opening to whatever ends it.
    fn life(&mut self, tell: Tell) -> Result<Result<(), Stop>, String> {
        self.world.odds = odds(&mut self.world.rng);
        self.tell_files(tell);
        match open(&mut self.world, self.rules, self.shape) {
            Ok(store) => {
                tell(format!("opened: {:?}, active segment {}", store.commits, store.active));
                self.promises.opened(&store.commits)?;
                Ok(self.work(store, tell))
            }
            Err(Refusal::Stopped(stop)) => Ok(Err(stop)),
            Err(Refusal::Corrupt(why)) => Err(format!("corrupt: {why}")),
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
