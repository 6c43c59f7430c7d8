//! A crash at every call that changes the disk, and again at every call of the recovery from it.

use highwater::Durability;
use highwater::disk::{CrashStyle, SimulatedDisk};

use super::bot::{Bot, Stop};
use super::history::History;
use super::images::{Image, images, killed, power_cut};
use super::promises::{End, Promises};
use super::seeds::each;
use super::setup::Setup;
use super::workload::{self, Step};

/// One workload that is crashed again and again.
struct Workload {
    setup: Setup,
    history: History,
    script: Vec<Step>,
}

/// The disk at the moment of the crash, and what had been promised by then.
struct Crashed {
    disk: SimulatedDisk,
    promises: Promises,
}

impl Workload {
    fn scripted(seed: u64) -> Self {
        Self { setup: Setup::new(seed), history: History::new(seed), script: workload::scripted() }
    }

    fn long(seed: u64) -> Self {
        let mut script = Vec::new();
        for _ in 0..7 {
            script.extend(workload::scripted());
            script.push(Step::Reopen);
        }
        Self { script, ..Self::scripted(seed) }
    }

    /// How many calls a whole run makes.
    fn calls(&self) -> u64 {
        let mut bot = Bot::new(self.setup, self.history, SimulatedDisk::new(self.setup.seed));
        assert_eq!(bot.run(&self.script), Ok(()));
        let calls = bot.disk.calls();
        assert!(bot.promises.staged() >= 50, "{} commits", bot.promises.staged());
        let segments = bot.disk.names().iter().filter_map(|name| number(name)).max();
        assert!(segments >= Some(4), "too few rotations: the last segment is {segments:?}");
        bot.abandon();
        calls
    }

    /// Runs until the power goes out at call `nth`.
    fn crash_at(&self, nth: u64) -> Crashed {
        let disk = SimulatedDisk::new(self.setup.seed);
        disk.crash_at(nth);
        let mut bot = Bot::new(self.setup, self.history, disk);
        assert_eq!(bot.run(&self.script), Err(Stop::PowerOut), "call {nth}");
        bot.drop_store();
        Crashed { disk: bot.disk, promises: bot.promises }
    }
}

/// The number of a segment.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix("journal/")?.strip_suffix(".wal")?.parse().ok()
}

/// A bot's machine may stop at any moment. Whatever call of the store was under way, the store opens
/// again, nothing that was acknowledged is missing, nothing is there by half, and it works.
#[test]
fn a_crash_at_every_call_loses_nothing() {
    // One that keeps retired segments, and one that recycles them.
    for seed in [7, 8] {
        let workload = Workload::scripted(seed);
        each("every call", 1..workload.calls() + 1, |nth| {
            let crashed = workload.crash_at(nth);
            for image in images(&crashed.disk, nth, 3) {
                image.works_as_promised(workload.setup, workload.history, &crashed.promises);
            }
        });
    }
}

/// A machine that failed once fails again, first of all while the store recovers. What the first
/// crash could not take, no number of crashes may take.
#[test]
fn a_crash_at_every_call_of_the_recovery_loses_nothing() {
    let workload = Workload::scripted(8);
    each("every call of the recovery", 1..workload.calls() + 1, |nth| {
        let crashed = workload.crash_at(nth);
        let first = match nth % 3 {
            0 => killed(&crashed.disk),
            1 => power_cut(&crashed.disk, nth, CrashStyle::Random),
            _ => power_cut(&crashed.disk, nth, CrashStyle::KeepAll),
        };
        crash_the_recovery(&workload, &first, &crashed.promises, 1);
    });
}

/// The same at some points of a longer life, with several checkpoints, rotations and closes behind.
#[test]
fn a_crash_in_the_recovery_of_a_long_life_loses_nothing() {
    let workload = Workload::long(3);
    let calls = workload.calls();
    each("recovery of a long life", 0..16, |point| {
        let nth = fastrand::Rng::with_seed(point).u64(1..=calls);
        let crashed = workload.crash_at(nth);
        let first = power_cut(&crashed.disk, point, CrashStyle::Random);
        crash_the_recovery(&workload, &first, &crashed.promises, 5);
    });
}

/// Takes `first` up again and again, crashing at every `stride`-th call of the opening and of the
/// first commits behind it in turn.
fn crash_the_recovery(workload: &Workload, first: &Image, promises: &Promises, stride: usize) {
    let script = [Step::Commit(Durability::Synced), Step::Commit(Durability::Written)];
    for nth in (1..).step_by(stride) {
        let mut bot = Bot::new(workload.setup, workload.history, first.disk.fork());
        bot.promises = promises.clone();
        bot.end = first.end;
        bot.disk.crash_at(nth);
        if bot.run(&script) == Ok(()) {
            return bot.abandon();
        }
        let again = if nth % 2 == 0 { End::Killed } else { End::PowerCut };
        // A second crash gives nothing back that the first one took.
        let end = if bot.end == End::Killed { again } else { End::PowerCut };
        bot.drop_store();
        let disk = match again {
            End::Killed => killed(&bot.disk),
            End::PowerCut => power_cut(&bot.disk, nth, CrashStyle::Random),
        };
        let label = format!("{}, at call {nth} of the next life {}", first.label, disk.label);
        let image = Image { end, label, ..disk };
        image.opens_as_promised(workload.setup, workload.history, &bot.promises).abandon();
    }
}
