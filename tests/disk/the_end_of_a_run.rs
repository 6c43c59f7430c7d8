//! How a run ends and the next one begins: power cuts at a call, kills, copies, seeds.

use super::*;

/// One of each call that can change something, in a fixed order.
fn workload(disk: &SimulatedDisk) -> io::Result<()> {
    disk.make_dir("d")?;
    disk.sync_dir("")?;
    let file = disk.create("d/new")?;
    file.set_len(4_000)?;
    file.write_at(100, b"words")?;
    file.read_at(100, &mut [0; 5])?;
    file.sync()?;
    disk.rename("d/new", "d/a")?;
    disk.sync_dir("d")?;
    disk.remove("d/a")
}

/// Crashing at every call in turn needs each to be counted once, and reads not at all.
#[test]
fn calls_are_counted() {
    let disk = SimulatedDisk::new(3);
    workload(&disk).expect("nothing goes wrong");
    assert_eq!(disk.calls(), 9);
    assert_eq!(disk.reads(), 1);
    assert_eq!((disk.syncs(), disk.directory_syncs()), (1, 2));
    let image = disk.crash_image(1, CrashStyle::KeepAll);
    assert_eq!((image.calls(), image.reads(), image.syncs()), (0, 0, 0));
}

/// Whatever the call, the power can go out in it, and from then on nothing works.
#[test]
fn the_power_goes_out_at_every_call() {
    for nth in 1..=9 {
        let disk = SimulatedDisk::new(nth);
        disk.crash_at(nth);
        workload(&disk).expect_err("the power went out");
        assert!(disk.is_powered_off(), "call {nth}");
        assert_eq!(disk.calls(), nth);
        assert!(disk.make_root().is_err());
        assert!(disk.make_dir("e").is_err());
        assert!(disk.create("e").is_err());
        assert!(disk.list("").is_err());
        assert!(disk.open("d/a").is_err());
        assert!(disk.lock("LOCK").is_err());
        assert!(disk.lock_shared("LOCK").is_err());
        assert!(disk.sync_dir("").is_err());
        assert_eq!(disk.calls(), nth, "a call without power was counted");
    }
    let disk = SimulatedDisk::new(1);
    disk.crash_at(10);
    workload(&disk).expect("the tenth call never comes");
    assert!(!disk.is_powered_off());
}

/// The call in which the power goes out may be done, not done, or torn.
#[test]
fn the_last_call_may_be_done_in_part() {
    let disk = disk_with(&[b'o'; 1_024]);
    let file = disk.open("a").expect("it is there");
    disk.crash_at(1);
    assert!(file.write_at(0, &[b'n'; 1_024]).is_err());
    let found = after_cuts(&disk, "a");
    for expected in [some(&[b'o'; 1_024]), some(&[b'n'; 1_024])] {
        assert!(found.contains(&expected));
    }
    assert!(found.len() > 20, "a torn write has many ways to be torn");
    let image = |style| disk.crash_image(1, style).read_file("a");
    assert_eq!(image(CrashStyle::LoseAll), some(&[b'o'; 1_024]));
    assert_eq!(image(CrashStyle::KeepAll), some(&[b'n'; 1_024]));

    let renamed = |seed| {
        let disk = SimulatedDisk::new(seed);
        disk.write_file("a", b"x");
        disk.crash_at(1);
        assert!(disk.rename("a", "b").is_err());
        disk.crash_image(seed, CrashStyle::KeepAll).names()
    };
    let found: BTreeSet<_> = (0..50).map(renamed).collect();
    assert_eq!(found, [vec!["a".to_owned()], vec!["b".to_owned()]].into());
}

/// After a power cut the machine starts again: same disk, nothing of the old process alive.
#[test]
fn power_comes_back_and_old_handles_stay_dead() {
    let disk = disk_with(b"kept");
    let file = disk.open("a").expect("it is there");
    let lock = disk.lock("LOCK").expect("nobody holds it");
    disk.sync_dir("").expect("it works");
    disk.crash();
    assert!(file.len().is_err());
    disk.power_on();
    let calls = disk.calls();
    assert!(file.len().is_err());
    assert!(file.read_at(0, &mut [0]).is_err());
    assert!(file.write_at(0, b"ghost").is_err());
    assert!(file.sync().is_err());
    assert_eq!(disk.calls(), calls, "a ghost's call was counted");
    let again = disk.lock("LOCK").expect("its holder is dead");
    drop(lock);
    assert_eq!(kind(disk.lock("LOCK")), Some(ErrorKind::WouldBlock), "a ghost let it go");
    drop(again);
    drop(file);
    assert_eq!(whole(&*disk.open("a").expect("it is there")), b"kept");
    disk.power_on();
    assert_eq!(whole(&*disk.open("a").expect("it is there")), b"kept");
}

/// A kill loses nothing the system has cached, but it is not a sync: a power cut afterwards does.
#[test]
fn a_killed_process_loses_nothing_yet() {
    let disk = disk_with(b"old");
    let file = disk.open("a").expect("it is there");
    let _lock = disk.lock("LOCK").expect("nobody holds it");
    file.write_at(0, b"new").expect("it works");
    put(&disk, "b", b"too");
    let image = disk.process_killed_image();
    image.lock("LOCK").expect("its holder is dead");
    assert_eq!(whole(&*image.open("a").expect("it is there")), b"new");
    assert_eq!(image.read_file("b"), some(b"too"));
    assert!(image.unsynced("a") && image.unsynced("b"));
    let cut = image.crash_image(1, CrashStyle::LoseAll);
    assert_eq!((cut.names(), cut.read_file("a")), (vec!["a".to_owned()], some(b"old")));
}

/// Killed in the middle of a write, a process leaves its first bytes.
#[test]
fn a_kill_inside_a_write_leaves_a_prefix() {
    let found: BTreeSet<_> = (0..100)
        .map(|seed| {
            let disk = SimulatedDisk::new(seed);
            disk.write_file("a", b"....");
            let file = disk.open("a").expect("it is there");
            disk.crash_at(1);
            assert!(file.write_at(0, b"1234").is_err());
            let image = disk.process_killed_image();
            assert!(!image.is_powered_off());
            image.read_file("a").expect("it is there")
        })
        .collect();
    let expected = [b"....", b"1...", b"12..", b"123.", b"1234"].map(|bytes| bytes.to_vec());
    assert_eq!(found, expected.into());
}

/// Campaigns copy a disk at every step of one run. A copy goes its own way and leaves locks and
/// open files with the original.
#[test]
fn a_fork_goes_its_own_way() {
    let disk = disk_with(b"both");
    let file = disk.open("a").expect("it is there");
    let _lock = disk.lock("LOCK").expect("nobody holds it");
    file.write_at(0, b"B").expect("it works");
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Create));
    let fork = disk.fork();
    assert_eq!(fork.calls(), disk.calls());
    assert!(fork.unsynced("a"));
    fork.lock("LOCK").expect("the holder has the other disk");
    assert!(fork.create("b").is_err(), "plans are copied");
    assert_eq!((fork.faults_hit(), disk.faults_hit()), (1, 0));
    file.write_at(0, b"C").expect("it works");
    file.sync().expect("it works");
    assert_eq!(fork.read_file("a"), some(b"Both"));
    assert_eq!(fork.durable_bytes("a"), some(b"both"));
    fork.crash();
    assert!(!disk.is_powered_off());
}

/// A failure that cannot be had again cannot be mended. The same seed gives the same bytes.
#[test]
fn one_seed_gives_one_history() {
    let run = |seed: u64| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = SimulatedDisk::new(seed);
        disk.inject(FaultPlan::new(Fault::IoHalfDone).on(Call::Write).at(7).for_ever());
        disk.inject(FaultPlan::new(Fault::Misplaced).on(Call::Write).at(3));
        let file = put(&disk, "a", &[9; 5_000]);
        for step in 0..20 {
            let bytes = vec![step; rng.usize(..3_000)];
            let _ = file.write_at(rng.u64(..5_000), &bytes);
        }
        disk.crash_at(disk.calls() + 1);
        let _ = file.set_len(6_000);
        let image = disk.crash_image(seed, CrashStyle::Random).read_file("a");
        disk.power_on();
        (image, disk.process_killed_image().read_file("a"))
    };
    let histories: BTreeSet<_> = (0..20).map(run).collect();
    assert!(histories.len() > 10, "the seed makes no difference");
    for seed in 0..20 {
        assert!(histories.contains(&run(seed)), "seed {seed} went another way");
    }
}
