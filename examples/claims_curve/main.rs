//! How a store behaves that claims far more events than it keeps: `claims_curve DIR [CLAIMS] [KEEP]`.
//!
//! Claims 10,000,000 events, or so many, in a namespace that keeps 50,000, or so many, a thousand to a
//! commit. Events come a little out of order and some of them twice, as a feed tells them. Prints a
//! line of CSV every 250,000 claims: speed, memory, bytes on disk and rows must not grow with what was
//! ever claimed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use highwater::{Asset, Claim, ClaimBounds, KeepLog, Mode, Options, Store, Timestamp};

type Outcome<T> = Result<T, Box<dyn Error>>;

const COMMIT: u64 = 1_000;
const LINE: u64 = 250_000;
/// An event comes at most so many places late.
const JITTER: u64 = 500;
/// One in so many is told again.
const AGAIN: u64 = 10;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("usage: claims_curve DIR [CLAIMS] [KEEP]")?);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse());
    let (claims, keep): (u64, u64) = (number(10_000_000)?, number(50_000)?);
    let options = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?)
        .claims("copied", ClaimBounds::new().count(keep))
        .keep_log(KeepLog { bytes: 0, age: std::time::Duration::ZERO });
    let store = options.open(&dir)?;
    println!("claims,seconds,claims_per_s,vm_rss_kib,journal_bytes,base_bytes,rows,pruned");
    let (begin, mut line_begin) = (Instant::now(), Instant::now());
    for first in (0..claims).step_by(COMMIT as usize) {
        commit(&store, first..(first + COMMIT).min(claims))?;
        let done = first + COMMIT;
        if done.is_multiple_of(LINE) || done >= claims {
            let per_second = LINE as f64 / line_begin.elapsed().as_secs_f64();
            line(&store, &dir, done, begin.elapsed().as_secs_f64(), per_second)?;
            line_begin = Instant::now();
        }
    }
    let stats = store.claims().stats("copied")?;
    assert_eq!((stats.size, stats.pruned), (keep.min(claims), claims.saturating_sub(keep)));
    store.close()?;
    Ok(())
}

/// Claims new events in one commit, and some that are known.
fn commit(store: &Store, events: std::ops::Range<u64>) -> Outcome<()> {
    store.write(|tx| {
        for event in events {
            let claim = tx.claims().claim("copied", key(event).as_bytes(), time(event))?;
            assert_eq!(claim, Claim::New, "event {event}");
            if event % AGAIN == 0 {
                let again = tx.claims().claim("copied", key(event).as_bytes(), time(event))?;
                assert_ne!(again, Claim::New, "event {event}");
            }
        }
        Ok::<_, highwater::Error>(())
    })?;
    Ok(())
}

/// As long as a transaction's signature with an event's index.
fn key(event: u64) -> String {
    format!(
        "{:064x}:{}",
        u128::from(event).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        event % 3
    )
}

/// A millisecond after the other, but for those that come late.
fn time(event: u64) -> Timestamp {
    let late = event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let place = event + JITTER - late % JITTER;
    Timestamp::from_micros(1_700_000_000_000_000 + place as i64 * 1_000)
}

fn line(store: &Store, dir: &Path, done: u64, seconds: f64, per_second: f64) -> Outcome<()> {
    let stats = store.claims().stats("copied")?;
    let (rss, journal) = (vm_rss_kib()?, bytes_below(&dir.join("journal"))?);
    let base = fs::metadata(dir.join("base.redb"))?.len();
    let (rows, pruned) = (stats.size, stats.pruned);
    println!("{done},{seconds:.1},{per_second:.0},{rss},{journal},{base},{rows},{pruned}");
    Ok(())
}

fn bytes_below(directory: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        // A segment can be retired between the two.
        bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(bytes)
}

/// The memory that the process has, where the system tells it.
fn vm_rss_kib() -> Outcome<u64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.map_or(Ok(0), str::parse)?)
}
