//! Random campaigns: many short lives of stores on disks that fail, fill up and lose power.
//!
//! A seed decides everything: the history, the workload, which calls fail and how, how each life
//! ends and what the power cut takes. Whatever happens, every answer must have been the truth, and
//! once the disk works again so must the store.

use fastrand::Rng;
use highwater::disk::{Call, CrashStyle, Fault, FaultPlan, SimulatedDisk};

use super::bot::{Bot, Stop};
use super::history::History;
use super::images::power_cut;
use super::promises::End;
use super::seeds::each_seed;
use super::setup::Setup;
use super::workload;

/// So many campaigns there are if nothing else is asked for.
const CAMPAIGNS: u64 = 1_500;

/// Disks fail in more ways than anybody lists. Over thousands of lives no answer was a lie: what
/// was said to be durable is there, what was said not to have happened is not, a poisoned store
/// stays poisoned until it is reopened, and it always reopens once the disk works.
#[test]
fn no_answer_is_ever_a_lie() {
    each_seed("campaign", CAMPAIGNS, campaign);
}

fn campaign(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let (setup, history) = (Setup::new(seed), History::new(seed));
    let mut bot = Bot::new(setup, history, SimulatedDisk::new(seed));
    bot.trouble = true;
    for _ in 0..rng.u8(1..5) {
        plan_trouble(&mut rng, &bot.disk);
        live(&mut rng, &mut bot);
        end_life(&mut rng, &mut bot);
    }
    let style = style(&mut rng);
    let mut image = power_cut(&bot.disk, seed, style);
    bot.abandon();
    // A sync that failed may have saved a part.
    image.may_be_torn = true;
    image.disk.set_capacity(None);
    image.works_as_promised(setup, history, &bot.promises);
}

/// Opens the store, as often as that takes, and works until the store asks to be reopened.
fn live(rng: &mut Rng, bot: &mut Bot) {
    while bot.open().is_err() {
        if rng.bool() {
            repair(bot);
        }
    }
    let steps = rng.usize(5..60);
    for step in workload::random(rng, steps) {
        if !bot.is_open() {
            return;
        }
        if bot.step(step) == Err(Stop::NeedsReopening) {
            if bot.is_open() {
                bot.is_poisoned_for_good();
            }
            return;
        }
        match rng.u8(..100) {
            0 => plan_trouble(rng, &bot.disk),
            1 => repair(bot),
            2 => forget(bot),
            _ => {}
        }
    }
}

/// The disk works again.
fn repair(bot: &Bot) {
    bot.disk.clear_faults();
    bot.disk.set_capacity(None);
}

/// The system drops from memory what it believes to be on the disk.
fn forget(bot: &mut Bot) {
    bot.disk.drop_caches();
    bot.end = End::PowerCut;
}

fn end_life(rng: &mut Rng, bot: &mut Bot) {
    match rng.u8(..6) {
        0 if bot.is_open() => drop(bot.close()),
        0 | 1 => bot.drop_store(),
        2 | 3 => {
            let image = bot.disk.process_killed_image();
            bot.abandon();
            bot.disk = image;
        }
        _ => {
            let (seed, style) = (rng.u64(..), style(rng));
            let image = bot.disk.crash_image(seed, style);
            bot.abandon();
            bot.disk = image;
            bot.end = End::PowerCut;
        }
    }
    if rng.u8(..4) > 0 {
        repair(bot);
    }
}

fn style(rng: &mut Rng) -> CrashStyle {
    *rng.choice(&[CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random, CrashStyle::Random])
        .expect("there are four")
}

/// Decides which calls fail from here on, if any.
fn plan_trouble(rng: &mut Rng, disk: &SimulatedDisk) {
    for _ in 0..rng.u8(..3) {
        let fault =
            [Fault::Io, Fault::IoHalfDone, Fault::Full, Fault::FullHalfDone][rng.usize(..4)];
        let calls = [
            Call::Write,
            Call::Write,
            Call::Sync,
            Call::Sync,
            Call::Sync,
            Call::SetLen,
            Call::Create,
            Call::Rename,
            Call::SyncDir,
            Call::Remove,
            Call::Read,
            Call::Open,
        ];
        let call = calls[rng.usize(..calls.len())];
        let within = ["journal", "base", ".tmp", ".wal", ""][rng.usize(..5)];
        // Names change seldom, bytes often.
        let most = match call {
            Call::Create | Call::Rename | Call::SyncDir | Call::Remove | Call::Open => 6,
            Call::Read => 200,
            _ => 40,
        };
        let plan = FaultPlan::new(fault).on(call).within(within).at(rng.u64(1..=most));
        disk.inject(match rng.u8(..4) {
            0 => plan.for_ever(),
            1 => plan.times(rng.u64(2..6)),
            _ => plan,
        });
    }
    if rng.u8(..6) == 0 {
        let used: u64 = disk.names().iter().map(|name| len(disk, name)).sum();
        disk.set_capacity(Some(used + rng.u64(..400_000)));
    }
}

fn len(disk: &SimulatedDisk, name: &str) -> u64 {
    disk.read_file(name).map_or(0, |bytes| bytes.len() as u64)
}
