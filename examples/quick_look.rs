//! A quick look at durable upserts, side by side with plain redb: `quick_look DIR [SECONDS]`.
//!
//! Both keep the same 10,000 rows of about 150 bytes in DIR, on the same disk, in turns, so that their
//! ratio means something even where the disk's speed drifts. Every operation is durable when it
//! returns: highwater's with `Durability::Synced`, redb's with its default commit.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use highwater::{Asset, Mode, Options, Store, Timestamp, TokenKey, Update};
use redb::{Database, TableDefinition};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const TOKENS: u64 = 10_000;
const ROUNDS: usize = 3;
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tokens");

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: quick_look DIR [SECONDS]";
    let dir = PathBuf::from(arguments.next().ok_or(usage)?);
    let seconds: f64 = match arguments.next() {
        Some(text) => text.to_str().ok_or(usage)?.parse()?,
        None => 1.0,
    };
    let span = Duration::from_secs_f64(seconds / ROUNDS as f64);
    println!(
        "{:>7} {:>14} {:>14} {:>8} {:>16}",
        "threads", "highwater /s", "redb /s", "ratio", "commits per sync"
    );
    for threads in [1, 8, 32] {
        let (mut ours, mut theirs, mut grouped) = (0.0, 0.0, 0.0);
        for round in 0..ROUNDS {
            let (rate, per_sync) =
                highwater(&dir.join(format!("hw-{threads}-{round}")), threads, span)?;
            ours += rate / ROUNDS as f64;
            grouped += per_sync / ROUNDS as f64;
            theirs +=
                redb(&dir.join(format!("redb-{threads}-{round}")), threads, span)? / ROUNDS as f64;
        }
        println!("{threads:>7} {ours:>14.0} {theirs:>14.0} {:>8.1} {grouped:>16.1}", ours / theirs);
    }
    Ok(())
}

fn highwater(dir: &Path, threads: u64, span: Duration) -> Outcome<(f64, f64)> {
    let store = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?).open(dir)?;
    let before = store.stats();
    let rate = run(threads, span, |n| upsert(&store, n))?;
    let after = store.stats();
    let syncs = (after.journal_syncs - before.journal_syncs).max(1);
    let per_sync = (after.commits - before.commits) as f64 / syncs as f64;
    store.close()?;
    std::fs::remove_dir_all(dir)?;
    Ok((rate, per_sync))
}

fn upsert(store: &Store, n: u64) -> Outcome<()> {
    let key = TokenKey::new("solana", &address(n))?;
    let price = format!("{}.{:06}", 1 + n / 1_000_000, n % 1_000_000).parse()?;
    let update =
        Update::new(key).price(price, Timestamp::from_micros(n as i64)).source("raydium").seq(n);
    store.tokens().upsert(&update)?;
    Ok(())
}

fn redb(file: &Path, threads: u64, span: Duration) -> Outcome<f64> {
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let database = Database::create(file)?;
    let rate = run(threads, span, |n| {
        let write = database.begin_write()?;
        write.open_table(TABLE)?.insert(address(n).as_str(), [n as u8; 150].as_slice())?;
        Ok(write.commit()?)
    })?;
    drop(database);
    std::fs::remove_file(file)?;
    Ok(rate)
}

/// The keys in an order that jumps about, each as long as a Solana address.
fn address(n: u64) -> String {
    format!("{:044}", n.wrapping_mul(7_919) % TOKENS)
}

/// How often per second `operation` ran, with every thread running it as fast as it can.
fn run(
    threads: u64,
    span: Duration,
    operation: impl Fn(u64) -> Outcome<()> + Sync,
) -> Outcome<f64> {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let worker = || -> Outcome<()> {
        while !stop.load(Ordering::Relaxed) {
            operation(next.fetch_add(1, Ordering::Relaxed))?;
        }
        Ok(())
    };
    let started = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        thread::sleep(span);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(_) => Err("a worker panicked".into()),
        })
    })?;
    Ok(next.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}
