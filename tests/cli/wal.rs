//! The log from the command line: what is printed, what is never written, and how it exits.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use highwater::{
    Asset, Background, Effect, Fill, Intent, ManualClock, Mode, Money, NewPosition, Options, Store,
    Timestamp, TokenKey, Update,
};

use crate::cli::place::{Ran, highwater};

const COMMANDS: [&[&str]; 10] = [
    &["wal", "list"],
    &["wal", "list", "--reverse", "--json"],
    &["wal", "dump", "--raw"],
    &["wal", "dump", "--json"],
    &["wal", "stats"],
    &["wal", "stats", "--json"],
    &["wal", "verify"],
    &["wal", "verify", "--json"],
    &["wal", "follow", "--all", "--for", "0"],
    &["repair", "--dry-run"],
];

fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).unwrap()
}

fn open(path: &Path) -> Store {
    let clock = ManualClock::new(Timestamp::from_micros(1_723_161_255_342_000));
    let options = Options::new(Mode::Paper, usd()).background(Background::Manual);
    options.clock(Arc::new(clock)).seed(7).open(path).unwrap()
}

/// A price, a deposit and a trade: six commits that are the same every time.
fn trade(store: &Store) {
    let bonk = Asset::new("solana", "BONK", 5).unwrap();
    let money = |asset: &Asset, text| Money::parse(asset, text).unwrap();
    let at = Timestamp::from_micros(1_723_161_255_342_000);
    let update = Update::new(TokenKey::new("solana", "BONK").unwrap()).symbol("BONK", at);
    store.tokens().upsert(&update.price("0.00002".parse().unwrap(), at)).unwrap();
    store.ledger().deposit("main", &money(&usd(), "100")).unwrap();
    let position = NewPosition::new("main", bonk.clone(), usd());
    let intent = Intent::open("copy 1", position).hold(money(&usd(), "50"));
    let order = store.operations().begin(&intent).unwrap().into_handle().unwrap();
    let order = order.start(store).unwrap();
    let position = order.position().unwrap();
    let fill = Fill::new("raydium", "F1", money(&bonk, "1400000"), money(&usd(), "52"));
    let bought = fill.fee(money(&usd(), "1"));
    order.complete(store, &Effect::new().buy(position, bought)).unwrap();
    store.ledger().withdraw("main", &money(&usd(), "7.5")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn files(of: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![of.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// Stores by what became of them, each with the exit code of what reads its log.
struct Stores {
    directory: tempfile::TempDir,
}

impl Stores {
    fn new() -> Self {
        let stores = Self { directory: tempfile::tempdir().unwrap() };
        let store = open(&stores.path("clean"));
        trade(&store);
        copy(&stores.path("clean"), &stores.path("crashed"));
        store.close().unwrap();
        for (name, commit) in [("torn", 6), ("damaged", 4)] {
            copy(&stores.path("crashed"), &stores.path(name));
            stores.flip(name, commit);
        }
        stores
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        Ran::of(highwater().args(arguments).arg("--store").arg(self.path(name)))
    }

    fn segment(&self, name: &str) -> PathBuf {
        self.path(name).join("journal/00000000000000000001.wal")
    }

    /// Flips a bit in the payload of a commit.
    fn flip(&self, name: &str, commit: u64) {
        let line = self.run(name, &["wal", "list", "--json"]);
        let line = line.lines().into_iter().find(|line| line["lsn"] == commit).unwrap();
        let at = line["offset"].as_u64().unwrap() as usize + 60;
        let mut bytes = fs::read(self.segment(name)).unwrap();
        bytes[at] ^= 1;
        fs::write(self.segment(name), bytes).unwrap();
    }
}

const ALL: [(&str, i32); 4] = [("clean", 0), ("crashed", 0), ("torn", 2), ("damaged", 3)];

/// A torn tail is nothing to repair, and whoever follows takes it for what is being written.
fn expected(command: &[&str], code: i32) -> i32 {
    let takes_a_torn_tail = command[0] == "repair" || command[1] == "follow";
    if takes_a_torn_tail && code == 2 { 0 } else { code }
}

/// Whoever looks at the only copy of a crashed bot's files must not change a byte of it, whatever state
/// they are in, also where nothing can be written at all. And a script tells the four apart by the exit
/// code alone.
#[test]
fn nothing_is_written_and_the_exit_code_tells() {
    let stores = Stores::new();
    for (name, code) in ALL {
        let before = files(&stores.path(name));
        for command in COMMANDS {
            let ran = stores.run(name, command);
            ran.exits(expected(command, code));
            assert_eq!(files(&stores.path(name)), before, "{name}: {command:?}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let journal = stores.path(name).join("journal");
            for directory in [&journal, &stores.path(name)] {
                fs::set_permissions(directory, fs::Permissions::from_mode(0o500)).unwrap();
            }
            for command in COMMANDS {
                stores.run(name, command).exits(expected(command, code));
            }
            for directory in [&stores.path(name), &journal] {
                fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
            }
        }
        let segment = stores.segment(name);
        let ran = Ran::of(highwater().args(["wal", "verify"]).arg(&segment));
        ran.exits(code);
    }
}

/// What the program prints is read by people who are tired and by scripts: it stays as it is. With
/// `HIGHWATER_SNAPSHOTS=write` it is written anew, to be looked at.
#[test]
fn what_is_printed() {
    let stores = Stores::new();
    let shown: [(&str, &str, &[&str]); 9] = [
        ("list", "clean", &["wal", "list"]),
        ("list-damaged", "damaged", &["wal", "list", "--reverse"]),
        ("list-json", "torn", &["wal", "list", "--json", "--from", "5"]),
        ("dump", "clean", &["wal", "dump"]),
        ("dump-json", "clean", &["wal", "dump", "--json", "--table", "accounts", "--limit", "1"]),
        ("stats", "clean", &["wal", "stats"]),
        ("verify-torn", "torn", &["wal", "verify"]),
        ("verify-damaged", "damaged", &["wal", "verify"]),
        ("repair", "damaged", &["repair", "--dry-run"]),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    for (name, store, command) in shown {
        let ran = stores.run(store, command);
        let place = stores.directory.path().display().to_string();
        let text = format!("{}{}", ran.out, ran.err).replace(&place, "<place>");
        let path = folder.join(format!("wal-{name}.txt"));
        if std::env::var("HIGHWATER_SNAPSHOTS").is_ok_and(|value| value == "write") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{name} differs from {}", path.display());
    }
}

/// Every filter finds what it names and nothing else.
#[test]
fn filters_choose_commits_and_rows() {
    let stores = Stores::new();
    let listed = |arguments: &[&str]| {
        let ran = stores.run("clean", &[&["wal", "dump", "--json"], arguments].concat());
        let lines = ran.exits(0).lines();
        let lsn = |line: &serde_json::Value| line["lsn"].as_u64().unwrap();
        let rows =
            lines.iter().map(|line| line["changes"].as_array().unwrap().len()).sum::<usize>();
        (lines.iter().map(lsn).collect::<Vec<_>>(), rows)
    };
    let all = listed(&[]);
    assert_eq!(all.0, [1, 2, 3, 4, 5, 6]);
    assert_eq!(listed(&["--from", "2", "--to", "4"]).0, [2, 3, 4]);
    assert_eq!(listed(&["--from", "2", "--to", "4", "--reverse"]).0, [4, 3, 2]);
    assert_eq!(listed(&["--limit", "2", "--reverse"]).0, [6, 5]);
    assert_eq!(listed(&["--table", "tokens"]), (vec![1], 1));
    assert_eq!(listed(&["--table", "1"]), (vec![1], 1));
    assert_eq!(listed(&["--operation", "1"]).0, [3, 4, 5]);
    assert_eq!(listed(&["--operation", "#1"]), listed(&["--operation", "1"]));
    assert_eq!(listed(&["--key", "solana/BO", "--table", "tokens"]).0, [1]);
    assert_eq!(listed(&["--account", "main", "--table", "accounts"]).0, [2, 3, 5, 6]);
    assert_eq!(listed(&["--since", "2024-08-09T00:00:00Z"]).0, Vec::<u64>::new());
    assert_eq!(listed(&["--until", "2024-08-09T00:00:00Z"]).0, all.0);
    for token in ["BONK", "solana/BONK"] {
        let (lsns, rows) = listed(&["--token", token]);
        assert_eq!(lsns.first(), Some(&1), "{token}");
        assert!(lsns.contains(&5) && !lsns.contains(&6) && rows < all.1, "{token}: {lsns:?}");
    }
    stores
        .run("clean", &["wal", "list", "--table", "nothing"])
        .exits(1)
        .says("nothing is no table");
}

/// Errors of usage, of the machine and of the version have codes of their own, and say what to do.
#[test]
fn what_is_no_log_is_told() {
    let stores = Stores::new();
    stores.run("nowhere", &["wal", "list"]).exits(1);
    fs::create_dir(stores.path("empty")).unwrap();
    stores.run("empty", &["wal", "verify"]).exits(1).says("there is no log at");
    stores.run("clean", &["wal", "list", "--since", "yesterday"]).exits(1);
    stores.run("clean", &["repair"]).exits(1);
    // A later release wrote it: version 2, under the right checksum.
    let mut bytes = fs::read(stores.segment("crashed")).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..76]);
    bytes[76..80].copy_from_slice(&crc.to_le_bytes());
    fs::write(stores.segment("crashed"), bytes).unwrap();
    for command in COMMANDS {
        stores.run("crashed", command).exits(5).says("version 2");
    }
}

/// Whoever reads the first line and goes away is no error.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let stores = Stores::new();
    let mut child = highwater()
        .args(["wal", "dump", "--raw", "--store"])
        .arg(stores.path("clean"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A bot runs, and what it commits is printed as it comes; nothing keeps the bot from going on.
#[test]
fn a_running_bot_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bot");
    let store = open(&path);
    trade(&store);
    let mut child = highwater()
        .args(["wal", "follow", "--all", "--rows", "--until-lsn", "9", "--for", "60", "--store"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dollar = Money::parse(&usd(), "1").unwrap();
    while store.snapshot().lsn() < 9 {
        store.ledger().deposit("side", &dollar).unwrap();
        // The reader has begun once its pipe says anything; until then there is more to come.
        if store.snapshot().lsn() == 8 {
            let mut byte = [0];
            child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        }
    }
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(rest.contains("account side"), "{rest}");
    let ran = Ran::of(highwater().args(["wal", "verify", "--json", "--store"]).arg(&path));
    assert_eq!(ran.exits(0).lines().last().unwrap()["store"]["kind"], "in_use");
    let ran = Ran::of(highwater().args(["repair", "--dry-run", "--store"]).arg(&path));
    ran.exits(5).says("open elsewhere");
    store.close().unwrap();
}

/// A repair from the command line: told, done, and done once.
#[test]
fn a_damaged_store_is_repaired() {
    let stores = Stores::new();
    let planned = stores.run("damaged", &["repair", "--dry-run", "--json"]);
    let lines = planned.exits(3).lines();
    assert_eq!(lines.iter().filter(|line| line["kind"] == "lost").count(), 2);
    let plan = lines.last().unwrap();
    assert_eq!((&plan["last_lsn"], &plan["first_lost"]), (&3.into(), &4.into()));
    let done = stores.run("damaged", &["repair", "--write", "--json"]);
    let kept = done.exits(0).lines().last().unwrap()["kept_in"].as_str().unwrap().to_owned();
    assert!(stores.path("damaged").join(kept).join("REPORT").is_file());
    stores.run("damaged", &["wal", "verify"]).exits(0);
    stores.run("damaged", &["info"]).exits(0);
    stores.run("damaged", &["repair", "--write"]).exits(0);
    assert_eq!(open(&stores.path("damaged")).snapshot().lsn(), 3);
    // Without its base nothing is made up, and the log is told all the same.
    fs::remove_file(stores.path("crashed").join("base.redb")).unwrap();
    stores
        .run("crashed", &["repair", "--write"])
        .exits(3)
        .says("restore the directory from a copy");
    assert_eq!(stores.run("crashed", &["wal", "list", "--json"]).exits(0).lines().len(), 6);
}

/// Which rows two commits are apart, and that a state which the files do not tell is not made up.
#[test]
fn two_states_are_compared() {
    let stores = Stores::new();
    let rows = |from: &str, to: &str| {
        let path = stores.path("crashed");
        let ran = Ran::of(highwater().arg("diff").arg(path).args([from, to, "--json"]));
        ran.exits(0).lines()
    };
    let cash = |line: &&serde_json::Value| line["key"]["kind"] == "cash";
    let changed = rows("2", "6");
    let line = changed.iter().find(cash).unwrap();
    assert_eq!((&line["before"]["balance"]["amount"], &line["lsn"]), (&"100".into(), &6.into()));
    assert_eq!(line["after"]["balance"]["amount"], "39.5");
    // A hold that came and went between the two is no difference.
    assert!(changed.iter().all(|line| line["name"] != "holds"), "{changed:?}");
    assert!(rows("3", "3").is_empty());
    assert!(rows("0", "6").iter().all(|line| line["before"].is_null()));
    let ran = Ran::of(highwater().arg("diff").arg(stores.path("crashed")).args(["2", "7"]));
    ran.exits(1).says("from commit 0 to commit 6, and 7 was asked for");
    let ran = Ran::of(highwater().arg("diff").arg(stores.path("damaged")).args(["2", "6"]));
    ran.exits(3).says("which rows changed there cannot be told");
}

/// However long the log is, reading it takes no more memory: here 48 MiB of it, by hand as many as
/// `HIGHWATER_LOG_MIB` says, in `HIGHWATER_LOG_DIR` where that is given.
#[cfg(target_os = "linux")]
#[test]
fn a_long_log_is_read_in_little_memory() {
    let place = tempfile::tempdir().unwrap();
    let said = |name: &str| std::env::var(name).ok();
    let mib = said("HIGHWATER_LOG_MIB").map_or(48, |mib| mib.parse::<u64>().unwrap());
    let path = said("HIGHWATER_LOG_DIR").map_or(place.path().join("long"), PathBuf::from);
    let keep = highwater::KeepLog { bytes: u64::MAX, age: std::time::Duration::from_secs(9_999) };
    let options = Options::new(Mode::Paper, usd()).keep_log(keep).seed(1);
    let store = options.durability(highwater::Durability::Written).open(&path).unwrap();
    let mut value = vec![7; 4_000];
    for commit in 0..mib * 27 {
        value[..8].copy_from_slice(&commit.to_be_bytes());
        let set = store.write(|tx| {
            for cursor in 0..10u8 {
                let name = cursor.to_string();
                let before = tx.cursors().get(&name)?;
                tx.cursors().set(&name, before.as_deref(), &value)?;
            }
            Ok::<_, highwater::Error>(())
        });
        set.unwrap();
    }
    store.close().unwrap();
    for command in ["stats", "verify"] {
        let ran = Ran::of(highwater().args(["wal", command, "--json"]).arg(&path));
        let lines = ran.exits(0).lines();
        let Some(peak) = lines[0]["peak_memory_bytes"].as_u64() else { continue };
        println!("{command} {mib} MiB of log: {} KiB at its peak", peak / 1024);
        assert!(lines[0]["bytes"].as_u64().unwrap() > mib << 20);
        assert!(peak < 32 << 20, "{peak} bytes");
    }
}
