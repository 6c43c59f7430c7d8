//! A real filesystem of a few MiB that fills up.
//!
//! Each test starts itself again in a namespace of its own, where it may mount one: nothing of it
//! is seen outside.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use highwater::{
    Asset, Background, Error, Mode, Options, ReadOnly, Snapshot, Store, Timestamp, TokenKey, Update,
};
use tempfile::TempDir;

use super::child::{Expected, MEMORY, Said, drive};
use crate::{Files, bytes_under, runs, skip};

const KIB: u64 = 1024;
const MOUNTED: &str = "HIGHWATER_TINY_DISK";
const MOUNT_AND_GO_ON: &str = r#"mount -t tmpfs -o size=4m highwater "$0" && exec "$@""#;

/// A filesystem with blocks and a journal of its own, for which root and a loop device are needed.
const FORMAT_AND_GO_ON: &str = r#"truncate -s 8m "$0/../image" && mkfs.ext4 -q -m 0 "$0/../image" &&
    mount -o loop "$0/../image" "$0" && exec "$@""#;

/// Runs the body of the test of this name on a filesystem in memory of 4 MiB.
pub(crate) fn on_tiny_disk(test: &str, body: impl FnOnce(&Path)) {
    on_mounted_disk(test, ["-rm", "sh", "-c", MOUNT_AND_GO_ON], body);
}

/// The same on ext4 in a file of 8 MiB.
pub(crate) fn on_loop_disk(test: &str, body: impl FnOnce(&Path)) {
    on_mounted_disk(test, ["-m", "sh", "-c", FORMAT_AND_GO_ON], body);
}

fn on_mounted_disk(test: &str, arguments: [&str; 4], body: impl FnOnce(&Path)) {
    if let Ok(directory) = std::env::var(MOUNTED) {
        return body(Path::new(&directory));
    }
    let directory = TempDir::new().unwrap();
    let mount_point = directory.path().join("mounted");
    std::fs::create_dir(&mount_point).unwrap();
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(arguments).arg(&mount_point);
        command
    };
    if let Err(why) = runs(unshare().arg("true")) {
        return skip(&format!("no filesystem can be mounted here: {why}"));
    }
    let output = unshare()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MOUNTED, &mount_point)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{test} failed; see above");
}

/// A file that takes the room away.
pub(crate) struct Ballast {
    path: PathBuf,
    file: File,
}

impl Ballast {
    /// Fills the disk but for so many bytes.
    pub(crate) fn leaving(directory: &Path, free_bytes: u64) -> Self {
        let path = directory.join("ballast");
        let options = OpenOptions::new().create(true).truncate(false).write(true).to_owned();
        let ballast = Self { file: options.open(&path).unwrap(), path };
        ballast.leave(free_bytes);
        ballast
    }

    pub(crate) fn leave(&self, free_bytes: u64) {
        let mut file = &self.file;
        while file.write_all(&[1; 4096]).is_ok() {}
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(free_bytes)).unwrap();
    }

    pub(crate) fn remove(self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

fn options() -> Options {
    let usd = Asset::new("fiat", "USD", 6).unwrap();
    Options::new(Mode::Paper, usd).segment_bytes(64 * KIB, 256 * KIB)
}

fn key(number: u64) -> TokenKey {
    TokenKey::new("tiny", &format!("{number:06}")).unwrap()
}

fn update(number: u64) -> Update {
    let price = number.to_string().parse().unwrap();
    Update::new(key(number)).price(price, Timestamp::from_micros(1))
}

/// Tokens 1 to `last` are there, all of them and no others.
fn assert_holds(store: &Store, last: u64) {
    let numbers = |snapshot: Snapshot| -> Result<Vec<u64>, Error> {
        let tokens = snapshot.tokens().chain("tiny");
        tokens.map(|token| Ok(token?.key.address().parse().unwrap())).collect()
    };
    // A checkpoint that fails ends the snapshots of its time; a new one is good.
    let found = (0..50)
        .map(|_| numbers(store.snapshot()))
        .find(|found| !matches!(found, Err(Error::SnapshotLost)))
        .expect("no snapshot lived long enough to be read")
        .unwrap();
    assert!(found.iter().copied().eq(1..=last), "{} found, {last} expected", found.len());
}

/// Commits from `next` on until one is refused. Answers the number refused.
fn commit_until_full(store: &Store, mut next: u64) -> u64 {
    loop {
        match store.tokens().upsert(&update(next)) {
            Ok(_) => next += 1,
            Err(error @ Error::Full { .. }) => {
                assert!(error.is_refused() && !error.is_outcome_unknown());
                return next;
            }
            Err(error) => panic!("commit {next}: {error:?}"),
        }
    }
}

/// A bot fills its disk. It is told so before the commit has happened, can still finish what is under
/// way and read everything, and goes on when the operator has made room, without a restart.
#[test]
fn a_full_disk_refuses_and_takes_up_again() {
    on_tiny_disk("processes::tiny_disk::a_full_disk_refuses_and_takes_up_again", |disk| {
        let path = disk.join("store");
        let store = options().open(&path).unwrap();
        store.tokens().upsert(&update(1)).unwrap();
        let ballast = Ballast::leaving(disk, 512 * KIB);

        let refused = commit_until_full(&store, 2);
        println!("full at {refused}: {:?}", store.stats());
        assert!(refused > 100);
        assert_holds(&store, refused - 1);
        assert!(store.stats().reserve_bytes > 0, "the reserve is not for ordinary writes");
        ballast.leave(0);
        assert_eq!(commit_until_full(&store, refused), refused, "nothing has made room");

        let mut next = refused;
        for _ in 0..200 {
            let finished: Result<_, Error> =
                store.write_finishing(|tx| Ok(tx.tokens().upsert(&update(next))?));
            finished.unwrap();
            next += 1;
        }
        println!("after finishing writes: {:?}", store.stats());
        assert_holds(&store, next - 1);
        assert_eq!(
            commit_until_full(&store, next),
            next,
            "the reserve goes before ordinary writes"
        );

        ballast.remove();
        for number in next..next + 3000 {
            store.tokens().upsert(&update(number)).unwrap();
        }
        next += 3000;
        assert!(store.stats().reserve_bytes > 0, "the reserve is filled again");
        store.checkpoint().unwrap();
        store.close().unwrap();
        let store = options().open(&path).unwrap();
        assert!(store.opening().clean);
        assert_holds(&store, next - 1);
    });
}

/// Room runs out under a checkpoint. Nothing is lost, reads go on while it cannot be written, and the
/// first one with room succeeds.
#[test]
fn a_checkpoint_without_room_is_tried_again() {
    on_tiny_disk("processes::tiny_disk::a_checkpoint_without_room_is_tried_again", |disk| {
        for free_bytes in [0, 4, 8, 16, 32, 64, 128, 256].map(|kib| kib * KIB) {
            let path = disk.join(format!("store-{free_bytes}"));
            let store = options().background(Background::Manual).open(&path).unwrap();
            for number in 1..=2000 {
                store.tokens().upsert(&update(number)).unwrap();
            }
            let ballast = Ballast::leaving(disk, free_bytes);
            for attempt in 0..3 {
                let result = store.checkpoint();
                println!("{free_bytes} free, attempt {attempt}: {result:?}");
                assert!(matches!(result, Ok(2000) | Err(Error::Full { .. })), "{result:?}");
                assert_holds(&store, 2000);
                assert!(store.tokens().get(&key(1000)).unwrap().is_some());
            }
            ballast.remove();
            store.tokens().upsert(&update(2001)).unwrap();
            assert_eq!(store.checkpoint().unwrap(), 2001);
            assert_holds(&store, 2001);
            store.close().unwrap();
            let store = options().open(&path).unwrap();
            assert!(store.opening().clean);
            assert_holds(&store, 2001);
            drop(store);
            std::fs::remove_dir_all(path).unwrap();
        }
    });
}

/// Memory is full because checkpoints find no room. Writes are refused for as long as that is so,
/// finishing ones and reads are not, and with room everything goes on by itself.
#[test]
fn memory_that_cannot_be_written_down_refuses_writes() {
    let test = "processes::tiny_disk::memory_that_cannot_be_written_down_refuses_writes";
    on_tiny_disk(test, |disk| {
        let path = disk.join("store");
        let store = options()
            .memory_bytes(256 * KIB)
            .stall_limit(Duration::from_millis(500))
            .open(&path)
            .unwrap();
        // Room for a good deal of journal, then none, while the base has hardly grown.
        let ballast = Ballast::leaving(disk, 1024 * KIB);
        let mut next = 1;
        let refusal = loop {
            match store.tokens().upsert(&update(next)) {
                Ok(_) => next += 1,
                Err(error) => break error,
            }
            if next == 100 {
                ballast.leave(0);
            }
        };
        println!("refused at {next}: {refusal}; {:?}", store.stats());
        assert!(refusal.is_refused(), "{refusal:?}");
        assert_holds(&store, next - 1);
        for _ in 0..20 {
            let finished: Result<_, Error> =
                store.write_finishing(|tx| Ok(tx.tokens().upsert(&update(next))?));
            finished.unwrap();
            next += 1;
        }
        assert_holds(&store, next - 1);

        ballast.remove();
        store.checkpoint().unwrap();
        for number in next..next + 1000 {
            store.tokens().upsert(&update(number)).unwrap();
        }
        store.close().unwrap();
        assert_holds(&options().open(&path).unwrap(), next + 999);
    });
}

/// The disk fills up under a store that is closed with work to do: the close may say that it could
/// not, and the next opening has everything all the same.
#[test]
fn a_close_without_room_loses_nothing() {
    on_tiny_disk("processes::tiny_disk::a_close_without_room_loses_nothing", |disk| {
        for free_bytes in [0, 4, 16, 64, 256].map(|kib| kib * KIB) {
            let path = disk.join(format!("store-{free_bytes}"));
            let store = options().open(&path).unwrap();
            for number in 1..=1000 {
                store.tokens().upsert(&update(number)).unwrap();
            }
            let ballast = Ballast::leaving(disk, free_bytes);
            let closed = store.close();
            println!("{free_bytes} free: {closed:?}");
            assert!(matches!(closed, Ok(()) | Err(Error::Full { .. })), "{closed:?}");
            assert_eq!(ReadOnly::open(&path).unwrap().tokens().iter().count(), 1000);
            ballast.remove();
            assert_holds(&options().open(&path).unwrap(), 1000);
            std::fs::remove_dir_all(path).unwrap();
        }
    });
}

/// A bot is started on a full disk. Either it opens, or it answers `Full` and has changed nothing;
/// with room it opens and has everything.
#[test]
fn opening_on_a_full_disk_changes_nothing() {
    on_tiny_disk("processes::tiny_disk::opening_on_a_full_disk_changes_nothing", |disk| {
        for closed in [true, false] {
            for free_kib in (0..=32).chain((36..=512).step_by(12)) {
                let path = disk.join("store");
                make_store(&path, closed);
                let ballast = Ballast::leaving(disk, free_kib * KIB);
                let before = bytes_under(&path);
                for attempt in 0..3 {
                    match options().open(&path) {
                        Ok(store) => {
                            assert_holds(&store, 300);
                            println!("closed {closed}, {free_kib} KiB free: opens");
                            break;
                        }
                        Err(Error::Full { .. }) => assert_same(
                            &before,
                            &bytes_under(&path),
                            &format!("closed {closed}, {free_kib} KiB free, attempt {attempt}"),
                        ),
                        Err(error) => panic!("{free_kib} KiB free: {error:?}"),
                    }
                }
                ballast.remove();
                let store = options().open(&path).unwrap();
                assert_holds(&store, 300);
                drop(store);
                std::fs::remove_dir_all(path).unwrap();
            }
        }
    });
}

/// A store of 300 tokens, closed or as a killed process leaves it.
fn make_store(path: &Path, closed: bool) {
    let store = options().background(Background::Manual).open(path).unwrap();
    for number in 1..=300 {
        store.tokens().upsert(&update(number)).unwrap();
    }
    if closed {
        store.close().unwrap();
    } else {
        let image = bytes_under(path);
        drop(store);
        std::fs::remove_dir_all(path).unwrap();
        std::fs::create_dir_all(path.join("journal")).unwrap();
        for (file, bytes) in image {
            if let Some(bytes) = bytes {
                std::fs::write(file, bytes).unwrap();
            }
        }
    }
}

/// The files are the same to the byte. What has only a temporary name counts for nothing, and may be
/// cleared away.
fn assert_same(before: &Files, after: &Files, what: &str) {
    let named = |files: &Files| -> Vec<PathBuf> {
        let paths = files.keys().cloned();
        paths.filter(|path| path.extension().is_none_or(|kind| kind != "tmp")).collect()
    };
    assert_eq!(named(before), named(after), "{what}: other files");
    for path in named(before) {
        assert!(after[&path] == before[&path], "{what}: {} was changed", path.display());
    }
}

/// A store is to be created on a full disk: it is, or the answer is `Full` and the same call works
/// once there is room.
#[test]
fn creating_on_a_full_disk_can_be_tried_again() {
    on_tiny_disk("processes::tiny_disk::creating_on_a_full_disk_can_be_tried_again", |disk| {
        let ballast = Ballast::leaving(disk, 0);
        for free_kib in (0..=32).chain((36..=512).step_by(12)) {
            let path = disk.join("store");
            ballast.leave(free_kib * KIB);
            let created = options().open(&path).map(drop);
            println!("{free_kib} KiB free: {created:?}");
            match created {
                Ok(()) => {}
                Err(Error::Full { .. }) => {
                    ballast.leave(1024 * KIB);
                    let store = options().open(&path).unwrap();
                    assert!(store.opening().created, "{free_kib} KiB: a refused store exists");
                    store.tokens().upsert(&update(1)).unwrap();
                    assert_holds(&store, 1);
                }
                Err(error) => panic!("{free_kib} KiB free: {error:?}"),
            }
            if path.exists() {
                std::fs::remove_dir_all(path).unwrap();
            }
        }
    });
}

/// A whole process that fills its disk, is refused, and is killed while it still tries; with more
/// room its successor finds everything and goes on.
#[test]
fn a_process_on_a_full_disk_loses_nothing() {
    on_tiny_disk("processes::tiny_disk::a_process_on_a_full_disk_loses_nothing", |disk| {
        let store = disk.join("store");
        let mut expected = Expected::default();
        let ballast = Ballast::leaving(disk, 1024 * KIB);
        // With its usual memory, so that the journal is what meets the end of the disk.
        let output =
            drive(&[store.to_str().unwrap(), "20000", "2"]).env_remove(MEMORY).output().unwrap();
        let said = Said::by(&output);
        println!(
            "{} acknowledged, {} refused: {:?}",
            said.acknowledged.len(),
            said.failed.len(),
            said.failed.first()
        );
        assert_eq!(said.exit, Some(2), "{}", said.complaint);
        expected.hold(&said, 2);
        ballast.remove();
        expected.hold_undisturbed(&store);
    });
}
