//! A store driven from outside: commits numbered rows and says of each when it is durable, so that
//! whoever kills this program knows what must still be there.
//!
//! ```text
//! cargo run --example drive -- DIR N [THREADS]
//! ```
//!
//! Every number is one token and one commit. A number is taken inside the write's closure, as the
//! first one that is free there: what did not happen leaves no hole, and the order of the numbers
//! is the order of the commits.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use highwater::{Asset, Error, KeepLog, Mode, Options, Store, Timestamp, TokenKey, Update};

const HELP: &str = "\
usage: drive DIR N [THREADS]

Opens or creates the store in DIR, prints `RECOVERED k` (rows 1 to k are all there), then makes N
commits from THREADS threads (default 1). Prints `ACK i` once row i is durable, and `ERR i message`
where a commit failed; i is 0 where it failed before it had a number.

HIGHWATER_DRIVE_MEMORY=BYTES sets the store's memory, makes its segments fit, and keeps nothing of
its past journal, so that a few hundred commits see rotations, checkpoints and recycled segments.

exits 0 if every commit was acknowledged, 2 if one was not, 1 on wrong arguments or where the store
cannot be opened or closed";

fn main() -> ExitCode {
    ExitCode::from(run(std::env::args().skip(1)))
}

/// The whole program, without its name among the arguments. Answers the exit code.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> u8 {
    match Plan::of(arguments).and_then(|plan| plan.carry_out()) {
        Ok(true) => 0,
        Ok(false) => 2,
        Err(problem) => {
            eprintln!("drive: {problem}");
            1
        }
    }
}

struct Plan {
    directory: PathBuf,
    commits: u64,
    threads: u64,
    memory_bytes: Option<u64>,
}

impl Plan {
    fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let directory = arguments.next().ok_or("DIR is missing; try --help")?;
        if directory == "--help" {
            println!("{HELP}");
            std::process::exit(0);
        }
        let commits = arguments.next().ok_or("N is missing; try --help")?;
        let threads = arguments.next().unwrap_or_else(|| "1".to_owned());
        if let Some(more) = arguments.next() {
            return Err(format!("{more:?} is one argument too many; try --help"));
        }
        let memory = std::env::var("HIGHWATER_DRIVE_MEMORY").ok();
        let plan = Self {
            directory: directory.into(),
            commits: number("N", &commits)?,
            threads: number("THREADS", &threads)?,
            memory_bytes: memory
                .map(|bytes| number("HIGHWATER_DRIVE_MEMORY", &bytes))
                .transpose()?,
        };
        if plan.threads == 0 {
            return Err("THREADS is 0, and nobody would commit anything".to_owned());
        }
        Ok(plan)
    }

    /// Whether everything was acknowledged.
    fn carry_out(&self) -> Result<bool, String> {
        let store = self
            .options()?
            .open(&self.directory)
            .map_err(|error| format!("cannot open the store: {}", whole(&error)))?;
        let recovered = recovered(&store)?;
        say(&format!("RECOVERED {recovered}"))?;

        let free_from = AtomicU64::new(recovered + 1);
        let left = AtomicU64::new(self.commits);
        let take = |left: u64| left.checked_sub(1);
        let commit_all = || -> Result<bool, String> {
            let mut all = true;
            while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                all &= commit(&store, &free_from)?;
            }
            Ok(all)
        };
        let all_acknowledged = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(commit_all)).collect();
            threads.into_iter().try_fold(true, |all, thread| {
                let joined = thread.join().map_err(|_| "a thread panicked")?;
                joined.map(|thread_all| all && thread_all)
            })
        })?;
        let closed = store.close();
        if all_acknowledged {
            closed.map_err(|error| format!("cannot close the store: {}", whole(&error)))?;
        }
        Ok(all_acknowledged)
    }

    fn options(&self) -> Result<Options, String> {
        let usd = Asset::new("fiat", "USD", 6).map_err(|error| error.to_string())?;
        let options = Options::new(Mode::Paper, usd);
        Ok(match self.memory_bytes {
            None => options,
            Some(bytes) => options
                .memory_bytes(bytes)
                .segment_bytes(bytes / 4, bytes / 4)
                .keep_log(KeepLog { bytes: 0, age: Duration::ZERO }),
        })
    }
}

/// The highest number in the store, all of whose predecessors are there and right.
fn recovered(store: &Store) -> Result<u64, String> {
    let snapshot = store.snapshot();
    let mut highest = 0;
    for token in snapshot.tokens().chain("drive") {
        let token = token.map_err(|error| format!("a row cannot be read: {}", whole(&error)))?;
        highest += 1;
        let price = token.max.map(|tick| tick.price.to_string());
        if token.key.address() != address(highest) || price != Some(highest.to_string()) {
            return Err(format!("row {highest} is missing or wrong"));
        }
    }
    Ok(highest)
}

/// One commit of one row. False where it failed, which was said.
fn commit(store: &Store, free_from: &AtomicU64) -> Result<bool, String> {
    let mut taken = 0;
    let committed = store.write(|tx| {
        let mut number = free_from.load(Relaxed);
        while tx.tokens().get(&key(number)?)?.is_some() {
            number += 1;
        }
        free_from.store(number, Relaxed);
        taken = number;
        let price = number.to_string().parse()?;
        let update = Update::new(key(number)?).price(price, Timestamp::from_micros(1));
        tx.tokens().apply(&update)?;
        Ok::<(), Error>(())
    });
    match committed {
        Ok(()) => say(&format!("ACK {taken}")).map(|()| true),
        Err(error) => say(&format!("ERR {taken} {}", whole(&error))).map(|()| false),
    }
}

fn key(number: u64) -> Result<TokenKey, Error> {
    Ok(TokenKey::new("drive", &address(number))?)
}

fn address(number: u64) -> String {
    format!("{number:020}")
}

/// Prints a line with one call, so that a kill leaves whole lines only.
fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| format!("cannot print: {error}"))
}

/// The error with all its causes, on one line.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn number(name: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{name} is {text:?}, not a whole number; try --help"))
}
