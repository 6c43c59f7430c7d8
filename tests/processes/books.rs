//! A bot with money and orders, killed at every n-th system call and on disks that are full: what its
//! books show is what they showed after one of its commits, and recovery ends what was under way.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::disk::MemoryDisk;
use highwater::{
    Background, Begun, Durability, Effect, Error, Failure, Fill, InProgress, Intent, KeepLog, Lsn,
    ManualClock, Mode, NewPosition, Options, ReadOnly, RollBack, Snapshot, Store, Timestamp,
    TokenKey, Update, Verdict,
};

use super::child::quick_directory;
use crate::history::{Shown, coins, show, usd};
use crate::{runs, skip};

/// Where a child's store is; without it, a process is no child.
const STORE: &str = "HIGHWATER_BOOKS_STORE";
const ROUNDS: u64 = 24;

/// Every call by which the store changes something, or makes it durable.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "openat", "unlink", "mkdir"];

/// As small as can be, so that a short life sees rotations, checkpoints and recycled segments, and
/// without threads or chance, so that one life is like the other.
pub(crate) fn options() -> Options {
    Options::new(Mode::Paper, usd(0).asset().clone())
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(at(1_000))))
        .seed(5)
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 64 * 1024)
        .keep_log(KeepLog { bytes: 0, age: Duration::ZERO })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000)
}

/// One round of the bot's life: each call is one commit at most, and `said` hears of each.
pub(crate) fn round(store: &Store, round: u64, said: &mut dyn FnMut()) -> Result<(), Error> {
    store.ledger().deposit("main", &usd(10_000))?;
    said();
    store.write_with(Durability::Written, |tx| {
        let key = TokenKey::new("solana", "bonk")?;
        let price = (round % 7 + 1).to_string().parse()?;
        tx.tokens().upsert(&Update::new(key).price(price, at(round as i64))).map_err(Error::from)
    })?;
    said();
    let feed = |value: u64| vec![value as u8; 3_000];
    let before = (round > 1).then(|| feed(round - 1));
    store.cursors().set("feed", before.as_deref(), &feed(round))?;
    said();
    let position = NewPosition::new("main", coins(0).asset().clone(), usd(0).asset().clone());
    let intent = Intent::open(format!("order {round}"), position.tag(format!("{round}")));
    let intent = intent.hold(usd(700)).claim("seen", round.to_be_bytes(), at(1));
    let Begun::New(pending) = store.operations().begin(&intent)? else {
        panic!("order {round} was begun before");
    };
    said();
    let order = pending.start(store)?;
    said();
    finish(store, order, round, said)?;
    if round.is_multiple_of(5) {
        store.checkpoint()?;
    }
    Ok(())
}

/// Orders end in every way, and some do not.
fn finish(
    store: &Store,
    order: InProgress,
    round: u64,
    said: &mut dyn FnMut(),
) -> Result<(), Error> {
    let position = order.position().expect("it opens one");
    let fill = Fill::new("venue", format!("F{round}"), coins(5), usd(600)).fee(usd(1));
    match round % 4 {
        0 => drop(order.fail(store, Failure::ambiguous("no answer"))?),
        1 => drop(order.record(store, &Effect::new().buy(position, fill))?),
        2 => {
            let failed = order.fail(store, Failure::definite("refused"))?;
            said();
            failed.roll_back(store, RollBack::new("refused"))?;
        }
        _ => drop(order.complete(store, &Effect::new().buy(position, fill))?),
    }
    said();
    Ok(())
}

pub(crate) fn text_of(snapshot: &Snapshot) -> String {
    let shown = Shown {
        tokens: snapshot.tokens(),
        ledger: snapshot.ledger(),
        operations: snapshot.operations(),
        claims: snapshot.claims(),
        cursors: snapshot.cursors(),
    };
    show(shown).expect("a sound store reads")
}

/// What such a life shows after each of its commits.
fn states() -> BTreeMap<Lsn, String> {
    let store = options().open_on(Arc::new(MemoryDisk::new())).unwrap();
    let mut states = BTreeMap::from([(0, text_of(&store.snapshot()))]);
    for nth in 1..=ROUNDS {
        round(&store, nth, &mut || {
            let snapshot = store.snapshot();
            states.insert(snapshot.lsn(), text_of(&snapshot));
        })
        .unwrap();
    }
    states
}

/// Started with a store in the environment this is the bot; without, it holds that two lives are
/// alike, which everything here stands on.
#[test]
fn books_process() {
    let Ok(path) = std::env::var(STORE) else {
        let states = states();
        assert!(states.len() as u64 > 6 * ROUNDS, "each call is a commit of its own");
        return assert!(states == self::states());
    };
    let store = options().open(path).unwrap();
    for nth in 1..=ROUNDS {
        round(&store, nth, &mut || println!("LSN {}", store.snapshot().lsn())).unwrap();
    }
    store.close().unwrap();
    println!("CLOSED");
}

/// The last LSN that a bot said before it was killed at its `nth` call of a kind, and whether it was.
fn killed_at(call: &str, nth: u64, store: &Path) -> (Lsn, bool) {
    let inject = format!("inject={call}:signal=SIGKILL:when={nth}");
    let trace = format!("trace={call}");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "processes::books::books_process", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let lsns = said.lines().filter_map(|line| line.strip_prefix("LSN ")?.parse().ok());
    let ended = output.status.code().is_some();
    assert_eq!(ended, said.contains("CLOSED"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    (lsns.max().unwrap_or(0), !ended)
}

/// Opens a store whose process was killed: its output ends a moment before its lock goes.
fn once_let_go<T>(open: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(Error::Locked { .. }) if begun.elapsed() < Duration::from_secs(60) => {
                std::thread::yield_now();
            }
            opened => return opened,
        }
    }
}

/// A bot that trades is killed at any call that touches its disk. What it had been told is there, at
/// most with the one commit more that was under way, the books verify, and recovery ends what the
/// dead process had begun.
#[test]
fn killed_at_every_call_with_books() {
    if let Err(why) = runs(Command::new("strace").args(["-f", "-o", "/dev/null", "true"])) {
        return skip(&format!("strace does not run here: {why}"));
    }
    let every = std::env::var("HIGHWATER_PROCESSES_EVERY").is_ok();
    let states = states();
    let directory = quick_directory();
    let mut random = fastrand::Rng::with_seed(6);
    let (mut kills, mut in_flight, mut decided) = (0, 0, 0);
    for call in CALLS {
        let mut nth = 1;
        loop {
            let path = directory.path().join(format!("{call}-{nth}"));
            let (told, killed) = killed_at(call, nth, &path);
            let (found, cases) = hold(&path, told, &states);
            in_flight += u64::from(found > told);
            decided += cases;
            std::fs::remove_dir_all(&path).unwrap();
            if !killed {
                break;
            }
            kills += 1;
            nth += if every || nth < 4 { 1 } else { random.u64(1..=nth) };
        }
        println!("{call}: up to {nth}");
    }
    println!("{kills} kills, {in_flight} with a commit in flight found, {decided} cases decided");
    assert!(kills > 40 && decided > 20, "the kills came too early to show anything");
}

/// Holds what lies at `path` against the lives that there can be. Answers the last commit, and how
/// many cases recovery had to decide.
fn hold(path: &Path, told: Lsn, states: &BTreeMap<Lsn, String>) -> (Lsn, u64) {
    let offline = once_let_go(|| ReadOnly::open(path)).map(|store| store.lsn());
    let store = once_let_go(|| options().open(path)).unwrap();
    let snapshot = store.snapshot();
    let found = snapshot.lsn();
    assert!((told..=told + 1).contains(&found), "{found} is found, {told} was told");
    match offline {
        Ok(offline) => assert_eq!(offline, found),
        Err(Error::Missing { .. }) => assert!(store.opening().created),
        Err(error) => panic!("{error:?}"),
    }
    assert!(text_of(&snapshot) == states[&found], "not as it was after commit {found}");
    assert_eq!(snapshot.verify().unwrap(), []);
    let with_fills = |case: &highwater::Case| {
        let snapshot = store.snapshot();
        snapshot.ledger().entries_of(case.id()).next().is_some()
    };
    let report = store.recover(|case| {
        Ok::<_, Error>(match with_fills(case) {
            true => Verdict::Complete(Effect::new()),
            false => Verdict::roll_back("the venue does not know it"),
        })
    });
    let report = report.unwrap();
    let snapshot = store.snapshot();
    assert_eq!((report.errors, report.panicked, report.left), (0, 0, 0), "{report:?}");
    assert_eq!(snapshot.operations().unfinished().unwrap(), []);
    assert_eq!(snapshot.ledger().holds().unwrap(), []);
    assert_eq!(snapshot.verify().unwrap(), []);
    store.ledger().deposit("main", &usd(1)).unwrap();
    store.close().unwrap();
    (found, report.found())
}
