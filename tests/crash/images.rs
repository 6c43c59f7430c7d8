//! The disks that may be found after a crash, and what has to be true of each of them.

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{Durability, ReadOnly};

use super::bot::Bot;
use super::history::History;
use super::promises::{End, Promises};
use super::setup::Setup;
use super::workload::Step;

/// A disk as it is found after a crash.
pub(crate) struct Image {
    pub(crate) disk: SimulatedDisk,
    pub(crate) end: End,
    /// Whether bytes that were never synced may be on it.
    pub(crate) may_be_torn: bool,
    pub(crate) label: String,
}

/// The disks that `crashed` may leave: the process killed, nothing and everything lost, and
/// `randoms` drawn ones.
pub(crate) fn images(crashed: &SimulatedDisk, seed: u64, randoms: u64) -> Vec<Image> {
    let mut images = vec![
        killed(crashed),
        power_cut(crashed, seed, CrashStyle::LoseAll),
        power_cut(crashed, seed, CrashStyle::KeepAll),
    ];
    let seeds = (0..randoms).map(|nth| seed.wrapping_mul(31).wrapping_add(nth));
    images.extend(seeds.map(|seed| power_cut(crashed, seed, CrashStyle::Random)));
    images
}

pub(crate) fn killed(crashed: &SimulatedDisk) -> Image {
    Image {
        disk: crashed.process_killed_image(),
        end: End::Killed,
        may_be_torn: true,
        label: "process killed".to_owned(),
    }
}

pub(crate) fn power_cut(crashed: &SimulatedDisk, seed: u64, style: CrashStyle) -> Image {
    Image {
        disk: crashed.crash_image(seed, style),
        end: End::PowerCut,
        may_be_torn: style != CrashStyle::LoseAll,
        label: format!("power cut, {style:?}, seed {seed}"),
    }
}

impl Image {
    /// Opens the store on a copy of this image and holds it against `promises`. Answers what is
    /// promised from then on.
    pub(crate) fn opens_as_promised(
        &self,
        setup: Setup,
        history: History,
        promises: &Promises,
    ) -> Bot {
        let mut bot = Bot::new(setup, history, self.disk.fork());
        bot.promises = promises.clone();
        bot.end = self.end;
        if let Err(stop) = bot.open() {
            panic!("{}: the store did not open: {stop:?}", self.label);
        }
        let opening = bot.store().opening();
        if let Some(cut) = &opening.cut {
            assert!(self.may_be_torn, "{}: {cut:?} of what was synced", self.label);
            let file = self.disk.read_file(&cut.file);
            let len = file.map_or(0, |bytes| bytes.len() as u64);
            assert!(cut.bytes > 0 && cut.offset + cut.bytes <= len, "{cut:?} of {len} bytes");
        }
        assert!(!opening.clean || opening.cut.is_none(), "{opening:?}");
        bot
    }

    /// The same, and then the store must work: commits, a checkpoint, a close, and all of it there
    /// again, in a store that was closed cleanly.
    pub(crate) fn works_as_promised(&self, setup: Setup, history: History, promises: &Promises) {
        let before = self.disk.calls();
        let offline = ReadOnly::open_on(&self.disk).map(|store| {
            history.commits_in(store.tokens()).expect("everything can be read offline")
        });
        assert_eq!(self.disk.calls(), before, "reading offline wrote");
        let mut bot = self.opens_as_promised(setup, history, promises);
        if let Ok(offline) = offline {
            assert_eq!(offline, bot.promises.staged(), "found offline and by opening");
        }
        let script = [
            Step::Commit(Durability::Synced),
            Step::Commit(Durability::Written),
            Step::Checkpoint,
            Step::Commit(Durability::Synced),
            Step::Reopen,
            Step::Commit(Durability::Synced),
        ];
        for step in script {
            assert_eq!(bot.step(step), Ok(()), "{}: {step:?}", self.label);
            let reopened = step == Step::Reopen;
            assert!(!reopened || bot.store().opening().clean, "closed, and not clean");
        }
        assert_eq!(bot.close(), Ok(()));
    }
}
