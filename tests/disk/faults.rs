//! Calls that fail, and calls that lie.

use super::*;

/// The fault that loses acknowledged commits in the field: the sync fails once, the system takes
/// the pages for clean, everything reads well, later syncs succeed, and the power cut shows it.
#[test]
fn a_failed_sync_loses_what_it_was_for() {
    let disk = disk_with(b"old1 old2");
    let file = disk.open("a").expect("it is there");
    file.write_at(0, b"new1 new2, longer").expect("it works");
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync));
    file.sync().expect_err("the plan hits it");
    assert_eq!(whole(&*file), b"new1 new2, longer");
    file.sync().expect("only one sync fails");
    assert!(disk.unsynced("a"), "a later sync cannot save it");
    assert_eq!(after_cuts(&disk, "a"), [some(b"old1 old2")].into());

    // It survives a kill as well: a new process reads what is not there.
    let image = disk.process_killed_image();
    assert_eq!(image.read_file("a"), some(b"new1 new2, longer"));
    assert_eq!(after_cuts(&image, "a"), [some(b"old1 old2")].into());
    image.drop_caches();
    assert_eq!(image.read_file("a"), some(b"old1 old2"));

    file.write_at(5, b"new2").expect("it works");
    file.sync().expect("only one sync fails");
    assert_eq!(after_cuts(&disk, "a"), [some(b"old1 new2")].into());
}

/// A failed sync may also have saved some sectors, and nobody can say which.
#[test]
fn a_failed_sync_may_save_a_part() {
    let found: BTreeSet<_> = (0..100)
        .map(|seed| {
            let disk = SimulatedDisk::new(seed);
            disk.write_file("a", &[b'o'; 1_024]);
            let file = disk.open("a").expect("it is there");
            file.write_at(0, &[b'n'; 1_024]).expect("it works");
            disk.inject(FaultPlan::new(Fault::FullHalfDone).on(Call::Sync));
            assert_eq!(kind(file.sync()), Some(ErrorKind::StorageFull));
            file.sync().expect("only one sync fails");
            let bytes = disk.crash_image(seed, CrashStyle::KeepAll).read_file("a");
            let bytes = bytes.expect("it is there");
            (bytes[0], bytes[512])
        })
        .collect();
    assert_eq!(found.len(), 4, "only these came up: {found:?}");
}

/// Every kind of call can fail, and what fails is not done.
#[test]
fn any_call_can_fail() {
    let disk = disk_with(b"kept");
    disk.make_dir("d").expect("it works");
    let file = disk.open("a").expect("it is there");
    let before = disk.names();
    let attempt = |call: Call| match call {
        Call::Create => disk.create("new").map(drop),
        Call::Write => file.write_at(0, b"lost"),
        Call::SetLen => file.set_len(1),
        Call::Sync => file.sync(),
        Call::Rename => disk.rename("a", "b"),
        Call::Remove => disk.remove("a"),
        Call::MakeDir => disk.make_dir("e"),
        Call::SyncDir => disk.sync_dir(""),
        Call::Read => file.read_at(0, &mut [0]),
        _ => disk.open("a").map(drop),
    };
    let calls = [
        Call::Create,
        Call::Write,
        Call::SetLen,
        Call::Sync,
        Call::Rename,
        Call::Remove,
        Call::MakeDir,
        Call::SyncDir,
        Call::Read,
        Call::Open,
    ];
    for call in calls {
        for (fault, full) in [(Fault::Io, false), (Fault::Full, true)] {
            disk.inject(FaultPlan::new(fault).on(call));
            let kind = kind(attempt(call)).expect("the plan hits it");
            assert_eq!(kind == ErrorKind::StorageFull, full, "{call:?}");
            assert_eq!(disk.names(), before, "{call:?} was done");
            assert_eq!(disk.read_file("a"), some(b"kept"), "{call:?} was done");
            disk.clear_faults();
        }
    }
    assert_eq!(disk.faults_hit(), 20);
    assert!(disk.make_dir("d/e").is_ok(), "no plan is left");
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Create).within("LOCK"));
    assert!(disk.lock("LOCK").is_err(), "taking a lock creates its file");
}

/// "The disk fills up at the third write to the journal" is one line of a test.
#[test]
fn a_plan_hits_what_it_is_aimed_at() {
    let disk = SimulatedDisk::new(3);
    disk.make_dir("journal").expect("it works");
    let base = put(&disk, "base.redb", b"x");
    let journal = put(&disk, "journal/1.tmp", b"x");
    disk.rename("journal/1.tmp", "journal/1.wal").expect("it works");
    disk.inject(FaultPlan::new(Fault::Full).on(Call::Write).within(".wal").at(3).times(2));
    for nth in 1..=6 {
        base.write_at(0, b"y").expect("the plan is for the journal");
        base.sync().expect("the plan is for the journal");
        journal.sync().expect("the plan is for writes");
        let hit = kind(journal.write_at(0, b"y")) == Some(ErrorKind::StorageFull);
        assert_eq!(hit, nth == 3 || nth == 4, "write {nth}");
    }
    disk.clear_faults();
    disk.inject(FaultPlan::new(Fault::Io).at(2).for_ever());
    base.sync().expect("the first call of any kind");
    base.read_at(0, &mut [0]).expect("reads do not count here");
    assert!(base.sync().is_err());
    assert!(disk.sync_dir("").is_err());
    assert!(journal.write_at(0, b"z").is_err());
}

/// A write that fails half-way has done its first bytes, a rename that fails may be done.
#[test]
fn calls_fail_half_done() {
    let mut lengths = BTreeSet::new();
    let mut names = BTreeSet::new();
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        disk.write_file("a", b"");
        disk.inject(FaultPlan::new(Fault::IoHalfDone).for_ever());
        let file = disk.open("a").expect("opening changes nothing");
        assert!(file.write_at(0, b"1234").is_err());
        let written = disk.read_file("a").expect("it is there");
        assert!(b"1234".starts_with(&written[..]), "seed {seed}: {written:?}");
        lengths.insert(written.len());
        assert!(disk.rename("a", "b").is_err());
        names.insert(disk.names());
    }
    assert_eq!(lengths.len(), 5);
    assert_eq!(names, [vec!["a".to_owned()], vec!["b".to_owned()]].into());
}

/// The worst disk is the one that says Ok. What it lost shows with the power cut, or as soon as
/// the system has forgotten it.
#[test]
fn a_write_is_claimed_and_not_done() {
    let disk = disk_with(b"old");
    let file = disk.open("a").expect("it is there");
    disk.inject(FaultPlan::new(Fault::Lost).on(Call::Write));
    file.write_at(0, b"new").expect("it says so");
    file.sync().expect("there is nothing to save");
    assert_eq!((whole(&*file), disk.faults_hit()), (b"new".to_vec(), 1));
    assert_eq!(after_cuts(&disk, "a"), [some(b"old")].into());
    disk.drop_caches();
    assert_eq!(whole(&*file), b"old");
}

/// A sync that lies leaves everything as un-synced as it was; an honest one saves it after all.
#[test]
fn a_sync_is_claimed_and_not_done() {
    let disk = SimulatedDisk::new(3);
    let file = put(&disk, "a", b"new");
    disk.inject(FaultPlan::new(Fault::Lost).on(Call::Sync));
    disk.inject(FaultPlan::new(Fault::Lost).on(Call::SyncDir));
    file.sync().expect("it says so");
    disk.sync_dir("").expect("it says so");
    assert_eq!(disk.crash_image(1, CrashStyle::LoseAll).names(), [""; 0]);
    file.sync().expect("it works");
    disk.sync_dir("").expect("it works");
    assert_eq!(disk.durable_bytes("a"), some(b"new"));
}

/// A name can be lost as well: the rename was answered, seen, synced, and is gone.
#[test]
fn a_rename_is_claimed_and_not_done() {
    let disk = disk_with(b"x");
    disk.inject(FaultPlan::new(Fault::Lost).on(Call::Rename));
    disk.rename("a", "b").expect("it says so");
    disk.sync_dir("").expect("it works");
    assert_eq!(disk.names(), ["b"]);
    assert_eq!(disk.crash_image(1, CrashStyle::KeepAll).names(), ["a"]);
}

/// A misplaced write does two kinds of damage: its bytes are missing, and others are gone.
#[test]
fn a_write_goes_to_the_wrong_place() {
    for seed in 0..50 {
        let disk = SimulatedDisk::new(seed);
        disk.write_file("a", &[b'o'; 4_096]);
        let file = disk.open("a").expect("it is there");
        disk.inject(FaultPlan::new(Fault::Misplaced));
        file.write_at(1_024, &[b'n'; 512]).expect("it says so");
        file.sync().expect("it works");
        let seen = whole(&*file);
        assert!(seen[1_024..1_536] == [b'n'; 512], "seed {seed}: reads show it in place");
        let found = disk.crash_image(seed, CrashStyle::KeepAll).read_file("a");
        let found = found.expect("it is there");
        assert!(found[1_024..1_536] == [b'o'; 512], "seed {seed}: it was put in place");
        let new = found.iter().filter(|byte| **byte == b'n').count();
        assert_eq!(new, 512, "seed {seed}: it was put nowhere");
    }
}

/// Bits rot under a closed store. Nobody is told.
#[test]
fn a_bit_flips() {
    let disk = disk_with(&[0; 3]);
    let calls = disk.calls();
    assert!(disk.flip_bit("a", 1, 6));
    assert_eq!(disk.read_file("a"), some(&[0, 64, 0]));
    assert_eq!(disk.crash_image(1, CrashStyle::LoseAll).read_file("a"), some(&[0, 64, 0]));
    assert!(!disk.flip_bit("a", 3, 0), "the file ends before");
    assert!(!disk.flip_bit("b", 0, 0), "there is no such file");
    assert_eq!((disk.calls(), disk.read_file("a")), (calls, some(&[0, 64, 0])));
}

/// A preallocated segment takes writes on a full disk; growing does not work until there is room
/// again.
#[test]
fn a_full_disk_takes_what_needs_no_room() {
    let disk = disk_with(&[b'o'; 600]);
    let full = Some(ErrorKind::StorageFull);
    disk.set_capacity(Some(1_000));
    let file = disk.open("a").expect("it is there");
    file.write_at(0, &[b'n'; 600]).expect("it needs no room");
    let other = disk.create("b").expect("names need no room");
    assert_eq!(kind(other.write_at(0, &[1; 500])), full);
    assert_eq!(disk.read_file("b"), some(&[1; 400]), "what fits is written");
    assert_eq!(kind(file.set_len(601)), full);
    file.set_len(500).expect("cutting needs no room");
    file.set_len(600).expect("there is room for it again");
    assert_eq!(kind(file.write_at(599, b"12")), full);
    assert_eq!(kind(file.write_at(700, b"1")), full);
    assert_eq!(file.len().expect("it is open"), 600);
    disk.remove("b").expect("it is there");
    assert_eq!(kind(file.set_len(1_000)), full, "b is still open");
    drop(other);
    file.set_len(1_000).expect("b is gone");
    disk.set_capacity(None);
    file.set_len(5_000).expect("there is no limit");
}
