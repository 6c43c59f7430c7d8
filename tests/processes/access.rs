//! Who may open a store, and what its files may be read by: locks, permissions, odd paths.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::inspect::Report;
use highwater::{
    Asset, Background, Error, Mode, Options, ReadOnly, Store, Timestamp, TokenKey, Update,
};
use tempfile::TempDir;

use super::child::{Said, drive, drive_behind};
use super::tiny_disk::on_tiny_disk;
use crate::{bytes_under, runs, skip};

/// How often a store is closed and opened beside programs that are started: before locks were given back
/// by a call, this failed within six in each of five runs.
const OPENINGS: usize = 300;

fn options() -> Options {
    Options::new(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap())
}

fn update(number: u64) -> Update {
    let key = TokenKey::new("access", &number.to_string()).unwrap();
    Update::new(key).price(number.to_string().parse().unwrap(), Timestamp::from_micros(1))
}

/// Whether permission bits bind this user; they do not bind root.
fn permissions_bind(directory: &Path) -> bool {
    let closed = directory.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let bind = std::fs::read_dir(&closed).is_err();
    std::fs::remove_dir(&closed).unwrap();
    bind
}

/// Somebody starts the bot twice. The second is refused at once, told where, and the first does not
/// notice.
#[test]
fn a_second_process_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let path_text = path.to_str().unwrap();
    let store = options().open(&path).unwrap();
    store.tokens().upsert(&update(1)).unwrap();

    let said = Said::by(&drive(&[path_text, "1"]).output().unwrap());
    assert_eq!(said.exit, Some(1), "{said:?}");
    assert!(said.recovered.is_none(), "{said:?}");
    assert!(said.complaint.contains(path_text), "{}", said.complaint);
    assert!(said.complaint.contains("open elsewhere"), "{}", said.complaint);
    for refused in [ReadOnly::open(&path).err(), Report::read(&path).err()] {
        assert!(matches!(&refused, Some(Error::Locked { path: at }) if *at == path), "{refused:?}");
    }

    store.tokens().upsert(&update(2)).unwrap();
    store.close().unwrap();
    let said = Said::by(&drive(&[path_text, "1"]).output().unwrap());
    assert_eq!(said.exit, Some(0), "{said:?}");
}

/// The other way round: a store that a process has open is refused here, with its path, and is free
/// the moment that process is killed. A lock file that is left behind means nothing.
#[test]
fn a_killed_process_leaves_no_lock() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let mut child = drive(&[path.to_str().unwrap(), "1000000"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("ACK")));

    let refused = options().open(&path).unwrap_err();
    assert!(matches!(&refused, Error::Locked { path: at } if *at == path), "{refused:?}");
    assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(path.join("LOCK").exists());
    let store = options().open(&path).unwrap();
    assert!(!store.opening().clean && store.opening().last_lsn > 0);
}

/// Nobody else may read what a bot holds: whatever the process allows by its umask, files are the
/// owner's alone, those of a killed process and those of a recovery included.
#[test]
fn files_are_readable_by_their_owner_only() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("above/store");
    let path_text = path.to_str().unwrap();
    let shell = ["sh", "-c", "umask 000; exec \"$@\"", "sh"];
    let check = || {
        let mut checked = vec![(path.clone(), 0o700)];
        for (file, bytes) in bytes_under(&path) {
            checked.push((file, if bytes.is_none() { 0o700 } else { 0o600 }));
        }
        for (file, expected) in &checked {
            let mode = file.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, *expected, "{} has mode {mode:o}", file.display());
        }
        checked.len()
    };

    let mut child = drive_behind(&shell, &[path_text, "1000000"]).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Behind a rotation and a checkpoint.
    assert_eq!(
        lines.map(Result::unwrap).filter(|line| line.starts_with("ACK")).take(900).count(),
        900
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(check() >= 6, "{:?}", bytes_under(&path).keys());

    let said = Said::by(&drive_behind(&shell, &[path_text, "1"]).output().unwrap());
    assert_eq!(said.exit, Some(0), "{said:?}");
    check();
}

/// The path given is a file. That is said, with the path, and the file is left alone.
#[test]
fn a_path_that_is_a_file_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    std::fs::write(&path, "precious").unwrap();
    for beside in [path.clone(), path.join("inside")] {
        let error = options().open(&beside).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(cause.contains(path.to_str().unwrap()), "{error}: {cause}");
        assert!(ReadOnly::open(&beside).is_err());
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

/// The directory belongs to somebody else. The store is not opened and nothing in it changes.
#[test]
fn a_directory_without_permission_is_refused() {
    let directory = TempDir::new().unwrap();
    if !permissions_bind(directory.path()) {
        return skip("permissions do not bind this user, who is probably root");
    }
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    let path = directory.path().join("store");
    let store = options().open(&path).unwrap();
    store.tokens().upsert(&update(1)).unwrap();
    store.close().unwrap();
    let before = bytes_under(&path);

    for (file, mode, usual) in [
        (path.clone(), 0o000, 0o700),
        (path.join("journal"), 0o000, 0o700),
        (path.join("journal"), 0o500, 0o700),
        (path.join("LOCK"), 0o000, 0o600),
        (path.join("base.redb"), 0o000, 0o600),
    ] {
        set(&file, mode);
        let opened = options().open(&path).map(drop);
        set(&file, usual);
        let what = format!("{} with mode {mode:o}: {opened:?}", file.display());
        assert!(matches!(opened, Err(Error::Io { .. })), "{what}");
        assert!(bytes_under(&path) == before, "{what}");
    }

    set(directory.path(), 0o500);
    let created = options().open(directory.path().join("new")).map(drop);
    set(directory.path(), 0o700);
    assert!(matches!(created, Err(Error::Io { .. })), "{created:?}");
    assert_eq!(options().open(&path).unwrap().opening().last_lsn, 1);
}

/// What makes a process that runs as root run as nobody.
const AS_NOBODY: [&str; 5] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
const NOBODY: &str = "HIGHWATER_ACCESS_AS_NOBODY";

/// The store's directory and all in it is read-only, as on a medium that somebody locked. Opening it
/// says what could not be done and changes nothing; reading it works, closed or crashed.
#[test]
fn a_read_only_directory_is_read() {
    if let Ok(directory) = std::env::var(NOBODY) {
        return read_only_directories(Path::new(&directory));
    }
    let directory = TempDir::new().unwrap();
    if permissions_bind(directory.path()) {
        return read_only_directories(directory.path());
    }
    let nobody = || {
        let mut command = Command::new(AS_NOBODY[0]);
        command.args(&AS_NOBODY[1..]);
        command
    };
    let exe = std::env::current_exe().unwrap();
    let place = directory.path().join("of-nobody");
    std::fs::create_dir(&place).unwrap();
    for path in [directory.path(), &place] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    if let Err(why) = runs(nobody().arg(&exe).arg("--list")) {
        return skip(&format!("root cannot become nobody here: {why}"));
    }
    let output = nobody()
        .arg(&exe)
        .args(["--exact", "processes::access::a_read_only_directory_is_read", "--nocapture"])
        .env(NOBODY, &place)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{complaint}");
}

fn read_only_directories(directory: &Path) {
    let closed = directory.join("closed");
    let store = options().background(Background::Manual).open(&closed).unwrap();
    store.tokens().upsert(&update(1)).unwrap();
    let crashed = directory.join("crashed");
    let cp = Command::new("cp").arg("-r").args([&closed, &crashed]).status().unwrap();
    assert!(cp.success());
    store.close().unwrap();
    for path in [closed, crashed] {
        let allow = |file_mode, directory_mode| {
            for (file, bytes) in bytes_under(&path).into_iter().chain([(path.clone(), None)]) {
                let mode = if bytes.is_none() { directory_mode } else { file_mode };
                std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            }
        };
        allow(0o400, 0o500);
        let before = bytes_under(&path);
        let refused = options().open(&path).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Io { .. }), "{refused:?}");
        let causes = std::iter::successors(std::error::Error::source(&refused), |e| e.source());
        let text = causes.fold(refused.to_string(), |text, cause| format!("{text}: {cause}"));
        assert!(text.contains("ermission denied"), "{text}");
        let read = ReadOnly::open(&path).unwrap();
        assert_eq!((read.lsn(), read.tokens().iter().count()), (1, 1));
        assert_eq!(Report::read(&path).unwrap().last_lsn, 1);
        drop(read);
        assert!(bytes_under(&path) == before, "{text}");
        allow(0o600, 0o700);
        assert_eq!(options().open(&path).unwrap().opening().last_lsn, 1);
    }
}

/// A backup is mounted read-only. It cannot be opened for writing, which is said; reading it works,
/// closed or crashed.
#[test]
fn a_read_only_filesystem_is_read() {
    on_tiny_disk("processes::access::a_read_only_filesystem_is_read", |disk| {
        let closed = disk.join("closed");
        let store = options().open(&closed).unwrap();
        store.tokens().upsert(&update(1)).unwrap();
        store.close().unwrap();

        let crashed = disk.join("crashed");
        let store = options().background(Background::Manual).open(disk.join("open")).unwrap();
        store.tokens().upsert(&update(1)).unwrap();
        let cp =
            Command::new("cp").arg("-r").args([&disk.join("open"), &crashed]).status().unwrap();
        assert!(cp.success());
        store.close().unwrap();

        let remount =
            Command::new("mount").args(["-o", "bind,remount,ro"]).arg(disk).status().unwrap();
        assert!(remount.success());
        let before = bytes_under(disk);
        for path in [closed, crashed] {
            let opened = options().open(&path).map(drop);
            assert!(matches!(opened, Err(Error::Io { .. })), "{opened:?}");
            let read = ReadOnly::open(&path).unwrap();
            assert_eq!((read.lsn(), read.tokens().iter().count()), (1, 1));
            assert_eq!(Report::read(&path).unwrap().last_lsn, 1);
        }
        let created = options().open(disk.join("new")).map(drop);
        assert!(matches!(created, Err(Error::Io { .. })), "{created:?}");
        assert!(bytes_under(disk) == before);
    });
}

/// The bot starts other programs while it closes a store and opens it again. What is started has copies
/// of all open files until its own program is loaded, and must not keep the lock with them.
#[test]
fn a_closed_store_is_free_while_programs_are_started() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let starter = || {
            while !done.load(Ordering::Relaxed) {
                assert!(Command::new("true").status().unwrap().success());
            }
        };
        for _ in 0..2 {
            scope.spawn(starter);
        }
        let refused = (0..OPENINGS).find_map(|_| {
            let store = options().background(Background::Manual).open(&path);
            store.and_then(Store::close).err()
        });
        done.store(true, Ordering::Relaxed);
        assert!(refused.is_none(), "{refused:?}");
    });
}

/// A store is moved to another path and a link leads to it: it is the same store, and is locked under
/// both names.
#[test]
fn a_link_leads_to_the_same_store() {
    let directory = TempDir::new().unwrap();
    let (path, link): (PathBuf, PathBuf) =
        (directory.path().join("store"), directory.path().join("link"));
    options().open(&path).unwrap().tokens().upsert(&update(1)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = options().open(&link).unwrap();
    assert_eq!(store.opening().last_lsn, 1);
    assert!(matches!(options().open(&path), Err(Error::Locked { .. })));
}
