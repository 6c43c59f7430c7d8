//! Failures that were found once, each as the shortest history that shows it.

use highwater::Durability::{Synced, Written};
use highwater::Error;
use highwater::disk::{Call, CrashStyle, Disk, Fault, FaultPlan, SimulatedDisk};

use super::bot::{Bot, Stop};
use super::history::History;
use super::images::power_cut;
use super::promises::End;
use super::setup::Setup;
use super::workload::Step::{self, Checkpoint, Commit, Refuse, Reopen, Sync};

/// A bot with an open store on a disk that may fail.
fn bot(seed: u64) -> Bot {
    let mut bot = Bot::new(Setup::new(seed), History::new(seed), SimulatedDisk::new(seed));
    assert_eq!(bot.open(), Ok(()));
    bot.trouble = true;
    bot
}

/// The power goes out, and what is left must be as promised.
fn power_goes_out(mut bot: Bot, style: CrashStyle) {
    let image = power_cut(&bot.disk, 1, style);
    bot.abandon();
    image.works_as_promised(bot.setup, bot.history, &bot.promises);
}

/// A new bot's process dies between the rename that gives the base its name and the sync of its
/// directory. The next process finds the store, works, and then the power goes out: the base must
/// not be gone.
#[test]
fn a_base_whose_name_was_never_synced() {
    for call in 1.. {
        let mut first = Bot::new(Setup::new(1), History::new(1), SimulatedDisk::new(1));
        first.disk.crash_at(call);
        if first.open().is_ok() {
            return first.abandon();
        }
        let mut second = bot_on(first.disk.process_killed_image());
        assert_eq!(second.step(Commit(Synced)), Ok(()));
        power_goes_out(second, CrashStyle::LoseAll);
    }
}

fn bot_on(disk: SimulatedDisk) -> Bot {
    let mut bot = Bot::new(Setup::new(1), History::new(1), disk);
    assert_eq!(bot.open(), Ok(()));
    bot
}

/// Commits whatever that answers, with checkpoints where memory asks for them.
fn work(bot: &mut Bot, commits: u64) {
    for _ in 0..commits {
        // A call that the disk refuses is told as such; what matters comes afterwards.
        let _ = bot.step(Commit(Synced));
        if bot.store().stats().memory_bytes > 150 << 10 {
            let _ = bot.step(Checkpoint);
        }
    }
}

/// The directory cannot be synced once, just when a new segment gets its name. That segment is given
/// up and another takes its place; after a crash the one that was given up, still lying there, must
/// not be taken for damage.
#[test]
fn a_segment_that_was_given_up() {
    for commits in 20..120 {
        let mut bot = bot(1);
        bot.disk.inject(FaultPlan::new(Fault::Io).on(Call::SyncDir).within("journal"));
        work(&mut bot, commits);
        let again = bot.disk.crash_image(commits, CrashStyle::Random);
        bot.abandon();
        let image = power_cut(&again, commits, CrashStyle::KeepAll);
        image.opens_as_promised(bot.setup, bot.history, &bot.promises);
    }
}

/// No segment gets its name, for as long as the disk is ill. Bots try again and again, and that
/// alone must not fill the disk.
#[test]
fn room_that_was_given_up_is_given_back() {
    for call in [Call::Rename, Call::SyncDir, Call::Sync] {
        let mut bot = bot(1);
        let within = if call == Call::SyncDir { "journal" } else { "journal/" };
        // A sync of a batch poisons the store; only those of new room are meant.
        let within = if call == Call::Sync { ".tmp" } else { within };
        bot.disk.inject(FaultPlan::new(Fault::Io).on(call).within(within).for_ever());
        while bot.disk.faults_hit() == 0 {
            work(&mut bot, 1);
        }
        let before = bot.disk.names();
        work(&mut bot, 50);
        let names = bot.disk.names();
        assert!(names.len() <= before.len() + 1, "{call:?}: {names:?}");
        bot.disk.clear_faults();
        assert_eq!(bot.step(Commit(Synced)), Ok(()));
        power_goes_out(bot, CrashStyle::LoseAll);
    }
}

/// The process dies in its close, between a write and its sync: the system's memory shows a closed
/// journal that the disk does not have. The next process goes on behind it, and the power goes out
/// in its first commit. That commit was never acknowledged, so it is a torn tail and no damage.
#[test]
fn a_close_that_only_memory_knows_of() {
    let mut clean = 0;
    let mut call = 1;
    while let Some(first) = killed_in_its_close(call) {
        if first.store().opening().clean {
            clean += 1;
            first_commit_is_torn(call);
        }
        call += 1;
    }
    assert!(clean > 0, "no close was ever complete in memory");
}

/// A bot that took up what a kill at the `call`-th call of a close left.
fn killed_in_its_close(call: u64) -> Option<Bot> {
    let mut bot = bot(1);
    for step in [Commit(Synced), Commit(Written), Checkpoint, Commit(Synced)] {
        assert_eq!(bot.step(step), Ok(()));
    }
    bot.disk.crash_at(bot.disk.calls() + call);
    if bot.close() != Err(Stop::PowerOut) {
        return None;
    }
    bot.disk = bot.disk.process_killed_image();
    assert_eq!(bot.open(), Ok(()));
    Some(bot)
}

fn first_commit_is_torn(call: u64) {
    for last in 1..4 {
        let mut second = killed_in_its_close(call).expect("as before");
        second.disk.crash_at(second.disk.calls() + last);
        if second.step(Commit(Synced)) == Ok(()) {
            return;
        }
        for seed in 0..100 {
            let image = power_cut(&second.disk, seed, CrashStyle::Random);
            image.opens_as_promised(second.setup, second.history, &second.promises);
        }
    }
}

/// What a checkpoint wrote turns out, after a failed sync, to be in memory only. When memory forgets
/// it and the base has to be reopened, an older base comes to light; no reader and no writer may
/// take its rows for the newest.
#[test]
fn a_base_that_falls_back() {
    for (sync, times, second) in
        (1..5).flat_map(|s| (1..4).flat_map(move |t| (1..4).map(move |n| (s, t, n))))
    {
        let mut bot = bot(1);
        let fails = |nth, times| {
            FaultPlan::new(Fault::Io).on(Call::Sync).within("base").at(nth).times(times)
        };
        for step in [Commit(Synced), Checkpoint, Commit(Synced)] {
            assert_eq!(bot.step(step), Ok(()));
        }
        bot.disk.inject(fails(sync, times));
        let _ = bot.step(Checkpoint);
        bot.disk.drop_caches();
        bot.end = End::PowerCut;
        work(&mut bot, 1);
        bot.disk.inject(fails(second, 1));
        for step in [Checkpoint, Refuse, Commit(Synced), Checkpoint, Refuse, Checkpoint, Refuse] {
            let _ = bot.step(step);
        }
        bot.disk.clear_faults();
        for step in [Checkpoint, Checkpoint] {
            let _ = bot.step(step);
        }
        let found = bot.history.commits_in(bot.store().snapshot().tokens());
        assert_eq!(found.ok(), Some(bot.promises.staged()), "{sync} {times} {second}");
        power_goes_out(bot, CrashStyle::LoseAll);
    }
}

/// The base's file becomes longer behind the store's back, by another program or because a cut was
/// lost in a failed sync. redb panics twice over a file that it finds longer than it made it, which
/// ends the process; it must not come to that.
#[test]
fn a_base_that_grew_by_itself() {
    for extra in 1..40 {
        let mut bot = bot(1);
        for _ in 0..6 {
            let file = bot.disk.open("base.redb").expect("it is there");
            let len = file.len().expect("the disk works");
            file.set_len(len + extra * 16 * 1024).expect("there is room");
            work(&mut bot, 8);
            assert_eq!(bot.step(Checkpoint), Ok(()));
        }
        power_goes_out(bot, CrashStyle::LoseAll);
    }
}

/// One read of the base fails, and the disk works again. The next checkpoint opens the base anew,
/// even where there is nothing to write, and reads are answered.
#[test]
fn one_read_that_failed() {
    let mut bot = bot(1);
    work(&mut bot, 30);
    assert_eq!(bot.close(), Ok(()));
    let store = bot.setup.open(&bot.disk).expect("the disk works");
    bot.disk.inject(FaultPlan::new(Fault::Io).on(Call::Read).within("base"));
    let read = || bot.history.commits_in(store.snapshot().tokens());
    assert!(matches!(read(), Err(Error::Io { .. })));
    store.checkpoint().expect("the disk works again");
    assert_eq!(read().ok(), Some(bot.promises.staged()));
}

/// The base failed and cannot be opened again either. Every reader was told that its snapshot was
/// ended and to take a new one, which read no better: a bot that did as it was told did nothing else.
/// That the disk fails is what it has to hear; once the disk works, a checkpoint mends everything.
#[test]
fn a_base_that_cannot_be_opened_again() {
    let mut bot = bot(1);
    work(&mut bot, 30);
    assert_eq!(bot.step(Checkpoint), Ok(()));
    let before = bot.store().snapshot();
    assert_eq!(bot.step(Commit(Synced)), Ok(()));
    for call in [Call::Sync, Call::Open] {
        bot.disk.inject(FaultPlan::new(Fault::Io).on(call).within("base").for_ever());
    }
    assert!(matches!(bot.store().checkpoint(), Err(Error::Io { .. })));
    let history = bot.history;
    let read = |store: &highwater::Store| history.commits_in(store.snapshot().tokens());
    for _ in 0..2 {
        let found = read(bot.store());
        assert!(matches!(found, Err(Error::Io { .. })), "{found:?}");
        let written = bot.store().write(|tx| history.write(tx, 1_000));
        assert!(matches!(written, Err(Error::Io { .. })), "{written:?}");
    }
    let found = history.commits_in(before.tokens());
    assert!(matches!(found, Err(Error::SnapshotLost)), "taken before the base failed: {found:?}");
    bot.disk.clear_faults();
    assert_eq!(bot.step(Checkpoint), Ok(()));
    assert_eq!(read(bot.store()).ok(), Some(bot.promises.staged()));
    power_goes_out(bot, CrashStyle::LoseAll);
}

/// The disk is full. Ordinary writes say so and leave nothing behind, what finishes something goes
/// through in the room set aside, and once there is room again everything works without reopening.
#[test]
fn a_full_disk() {
    for seed in 0..20 {
        let mut bot = bot(seed);
        bot.disk.set_capacity(Some(0));
        let mut full = false;
        while !full {
            let number = bot.promises.staged();
            work(&mut bot, 1);
            full = bot.promises.staged() == number;
        }
        let reserve = bot.store().stats().reserve_bytes;
        let finished = bot.promises.staged() + 1;
        assert_eq!(bot.step(Step::Finish), Ok(()), "seed {seed}");
        assert_eq!(bot.promises.staged(), finished, "seed {seed}: {reserve} bytes of reserve");
        let answer = bot.store().write(|tx| bot.history.write(tx, finished + 1));
        assert!(matches!(answer, Err(Error::Full { .. })), "seed {seed}: {answer:?}");
        bot.disk.set_capacity(None);
        bot.trouble = false;
        for step in [Checkpoint, Commit(Synced), Reopen, Commit(Synced)] {
            assert_eq!(bot.step(step), Ok(()), "seed {seed}: {step:?}");
        }
        assert!(bot.store().stats().reserve_bytes > 0);
        power_goes_out(bot, CrashStyle::LoseAll);
    }
}

/// The sync that poisoned the store was that of the very last batch. Closing must not put a seal
/// behind it: the next opening has to look closely, and not take the store for one closed well.
#[test]
fn a_poisoned_store_is_not_sealed() {
    let mut bot = bot(1);
    for step in [Commit(Synced), Checkpoint] {
        assert_eq!(bot.step(step), Ok(()));
    }
    bot.disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync).within(".wal"));
    // Everything was synced, and it is the mark behind it that fails: whoever asked for the sync hears.
    assert_eq!(bot.step(Sync), Err(Stop::NeedsReopening));
    assert_eq!(bot.step(Sync), Err(Stop::NeedsReopening));
    assert_eq!(bot.step(Commit(Synced)), Err(Stop::NeedsReopening));
    bot.is_poisoned_for_good();
    assert_eq!(bot.close(), Ok(()), "a poisoned store can be put away");
    assert_eq!(bot.open(), Ok(()));
    assert!(!bot.store().opening().clean, "{:?}", bot.store().opening());
    power_goes_out(bot, CrashStyle::LoseAll);
}

/// Somebody deletes the segment that the store writes to. That was never an empty store.
#[test]
fn the_active_segment_is_deleted() {
    let mut bot = bot(1);
    for step in [Commit(Synced), Reopen, Commit(Synced), Commit(Synced), Sync] {
        assert_eq!(bot.step(step), Ok(()));
    }
    let image = bot.disk.crash_image(1, CrashStyle::LoseAll);
    bot.abandon();
    let newest = image.names().into_iter().rfind(|name| name.ends_with(".wal"));
    assert!(image.remove_file(&newest.expect("there is a segment")));
    let opened = bot.setup.open(&image).map(|store| store.opening());
    assert!(matches!(opened, Err(Error::Corrupt { .. })), "{opened:?}");
}
