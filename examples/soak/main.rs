//! Everything a bot does, for a week of the store's clock: `soak DIR [HOURS] > soak.csv`.
//!
//! ```text
//! cargo run --release --example soak -- /dev/shm/soak > docs/soak.csv
//! ```
//!
//! Prices come in and are kept for a while, trades open and close positions, events are claimed, a source's
//! list is synced every day, somebody reads, somebody forgets a snapshot, and maintenance does what is due:
//! on three threads, with a clock that runs as fast as the work does. After every hour of that clock a line
//! is taken of memory, files and latencies; the lines come as CSV at the end, for only then it is known
//! what one trade leaves behind for ever. In the middle and at the end the store is closed, everything in it
//! is verified, and its tables are measured: one that has grown though nothing in it is kept for ever fails
//! the soak.

mod figures;
mod lines;
mod tables;
mod work;

use std::error::Error;
use std::path::{Path, PathBuf};

use highwater::{ManualClock, Store};

use crate::lines::Line;
use crate::tables::{Grown, Tables};
use crate::work::Work;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// 2024-08-09T00:00:00Z.
const START_MICROS: i64 = 1_723_161_600_000_000;
/// What is kept for a day is there in full after a day, and a little later it is purged as it comes.
const WARM_UP_HOURS: u64 = 30;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: soak DIR [HOURS]";
    let dir = PathBuf::from(arguments.next().ok_or(usage)?).join("store");
    let hours = arguments.next().map_or(Ok(168), |text| text.parse()).map_err(|_| usage)?;
    let middle = WARM_UP_HOURS.max(hours / 2);
    if hours <= middle {
        return Err(format!("{usage}: at least {} hours", WARM_UP_HOURS + 1).into());
    }
    let clock = ManualClock::new(highwater::Timestamp::from_micros(START_MICROS));
    let mut work = Work::new(clock);
    let mut lines = Vec::new();
    let before = life(&dir, &mut work, 0..middle, &mut lines)?;
    let after = life(&dir, &mut work, middle..hours, &mut lines)?;
    let trades = lines[hours as usize - 1].trades - lines[middle as usize - 1].trades;
    let grown = Grown::between(&before, &after, trades)?;
    eprint!("{grown}");
    lines::print(&lines, grown.bytes_per_trade)?;
    lines::judge(&lines, middle as usize, grown.bytes_per_trade)
}

/// Opens the store, works through these hours, closes it, and answers how large its tables are.
fn life(
    dir: &Path,
    work: &mut Work,
    hours: std::ops::Range<u64>,
    lines: &mut Vec<Line>,
) -> Outcome<Tables> {
    let store = work.options()?.open(dir)?;
    work.begin(&store)?;
    for hour in hours {
        let done = work.hour(&store, hour)?;
        let line = Line::taken(hour + 1, &store, dir, done)?;
        eprintln!("{line}");
        lines.push(line);
    }
    // Nothing is under way then that could end the snapshot which is verified.
    store.checkpoint()?;
    verify(&store)?;
    work.end();
    store.close()?;
    Tables::read(&dir.join("base.redb"))
}

fn verify(store: &Store) -> Outcome<()> {
    let findings = store.snapshot().verify()?;
    if findings.is_empty() { Ok(()) } else { Err(format!("unsound: {findings:?}").into()) }
}
