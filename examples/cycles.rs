//! What money and operations cost: durable ledger transfers, and whole operations (begin, start,
//! complete), by one and by eight threads: `cycles DIR [SECONDS]`.
//!
//! Every commit is durable when its call returns. Bytes and syncs are those of the journal, from the
//! store's own figures; wall times depend on the disk.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Asset, Effect, Intent, Mode, Money, Options, Stats, Store};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: cycles DIR [SECONDS]";
    let dir = PathBuf::from(arguments.next().ok_or(usage)?);
    let seconds: f64 = match arguments.next() {
        Some(text) => text.to_str().ok_or(usage)?.parse()?,
        None => 2.0,
    };
    let span = Duration::from_secs_f64(seconds);
    println!(
        "{:<28} {:>7} {:>10} {:>12} {:>10} {:>10} {:>12}",
        "work", "threads", "per second", "commits each", "syncs each", "bytes each", "us CPU each"
    );
    for threads in [1, 8] {
        measure("transfer", &dir, threads, span, transfer)?;
        measure("begin, start, complete", &dir, threads, span, three_commits)?;
        measure("begin_and_start, complete", &dir, threads, span, two_commits)?;
    }
    Ok(())
}

fn measure(
    name: &str,
    dir: &Path,
    threads: u64,
    span: Duration,
    work: impl Fn(&Store, &Money, u64) -> Outcome<()> + Sync,
) -> Outcome<()> {
    let dir = dir.join(format!("{}-{threads}", name.replace([' ', ','], "-")));
    let usd = Asset::new("fiat", "USD", 6)?;
    let store = Options::new(Mode::Paper, usd.clone()).open(&dir)?;
    store.ledger().deposit("main", &Money::parse(&usd, "1000000000")?)?;
    let cent = Money::parse(&usd, "0.01")?;
    let before = (store.stats(), cpu_micros());
    let (done, elapsed) = run(threads, span, |number| work(&store, &cent, number))?;
    let after = (store.stats(), cpu_micros());
    let each =
        |figure: fn(&Stats) -> u64| (figure(&after.0) - figure(&before.0)) as f64 / done as f64;
    println!(
        "{name:<28} {threads:>7} {:>10.0} {:>12.2} {:>10.3} {:>10.0} {:>12}",
        done as f64 / elapsed.as_secs_f64(),
        each(|stats| stats.commits),
        each(|stats| stats.journal_syncs),
        each(|stats| stats.journal_bytes_written),
        match (before.1, after.1) {
            (Some(before), Some(after)) => format!("{:.1}", (after - before) / done as f64),
            _ => "-".to_owned(),
        }
    );
    let findings = store.snapshot().verify()?;
    store.close()?;
    std::fs::remove_dir_all(dir)?;
    if findings.is_empty() { Ok(()) } else { Err(format!("unsound: {findings:?}").into()) }
}

/// One entry between two accounts.
fn transfer(store: &Store, cent: &Money, number: u64) -> Outcome<()> {
    let to = ["a", "b", "c", "d", "e", "f", "g", "h"][number as usize % 8];
    store.ledger().transfer("main", to, cent)?;
    Ok(())
}

/// A payment to the outside, each step a commit of its own.
fn three_commits(store: &Store, cent: &Money, number: u64) -> Outcome<()> {
    let intent = Intent::deduct(number.to_be_bytes(), "main", cent.clone());
    let pending = store.operations().begin(&intent)?.into_handle().ok_or("begun before")?;
    let running = pending.start(store)?;
    running.complete(store, &Effect::new().withdraw("main", cent.clone()))?;
    Ok(())
}

/// The same, begun and started in one commit.
fn two_commits(store: &Store, cent: &Money, number: u64) -> Outcome<()> {
    let intent = Intent::deduct(number.to_be_bytes(), "main", cent.clone());
    let begun = store.operations().begin_and_start(&intent)?;
    let running = begun.into_handle().ok_or("begun before")?;
    running.complete(store, &Effect::new().withdraw("main", cent.clone()))?;
    Ok(())
}

/// Runs `work` on all threads for `span`. Answers how often, and how long it took.
fn run(
    threads: u64,
    span: Duration,
    work: impl Fn(u64) -> Outcome<()> + Sync,
) -> Outcome<(u64, Duration)> {
    let (over, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        let worker = || -> Outcome<()> {
            while !over.load(Ordering::Relaxed) {
                work(next.fetch_add(1, Ordering::Relaxed))?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        thread::sleep(span);
        over.store(true, Ordering::Relaxed);
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?)
    })?;
    Ok((next.into_inner(), begun.elapsed()))
}

/// The process's CPU time so far, where the system tells it (Linux).
fn cpu_micros() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    // A tick is a hundredth of a second on every Linux that Rust runs on.
    Some(ticks * 10_000.0)
}
