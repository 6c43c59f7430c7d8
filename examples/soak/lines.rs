//! A line of the curve for every hour, and what the curve has to look like.

use std::fmt;
use std::path::Path;

use highwater::Store;

use crate::figures::{Latencies, bytes_below, vm_rss_kib};
use crate::work::Done;
use crate::{Outcome, WARM_UP_HOURS};

/// How it stood after an hour. `trades` counts from the beginning, latencies are those of the hour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    hour: u64,
    pub(crate) trades: u64,
    commits: u64,
    vm_rss_kib: u64,
    memory_bytes: u64,
    journal_bytes: u64,
    base_bytes: u64,
    snapshots: u64,
    synced: Latencies,
}

impl Line {
    pub(crate) fn taken(hour: u64, store: &Store, dir: &Path, done: Done) -> Outcome<Self> {
        let stats = store.stats();
        Ok(Self {
            hour,
            trades: done.trades,
            commits: stats.commits,
            vm_rss_kib: vm_rss_kib()?,
            memory_bytes: stats.memory_bytes,
            journal_bytes: bytes_below(&dir.join("journal"))?,
            base_bytes: stats.base_disk_bytes,
            snapshots: stats.snapshots,
            synced: Latencies::of(done.synced_micros),
        })
    }

    fn kept_for_ever(&self, bytes_per_trade: u64) -> u64 {
        self.trades * bytes_per_trade
    }

    fn base_without_what_is_kept(&self, bytes_per_trade: u64) -> u64 {
        self.base_bytes.saturating_sub(self.kept_for_ever(bytes_per_trade))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "hour {:>4}: {} trades, {} KiB, base {}, journal {}, {:?}",
            self.hour,
            self.trades,
            self.vm_rss_kib,
            self.base_bytes,
            self.journal_bytes,
            self.synced
        )
    }
}

/// Prints all of them as CSV.
pub(crate) fn print(lines: &[Line], bytes_per_trade: u64) -> Outcome<()> {
    println!(
        "hour,trades,commits_since_opening,vm_rss_kib,memory_bytes,journal_bytes,base_bytes,\
         kept_for_ever_bytes,base_without_bytes,snapshots,synced_p50_us,synced_p99_us,synced_max_us"
    );
    for line in lines {
        println!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{}",
            line.hour,
            line.trades,
            line.commits,
            line.vm_rss_kib,
            line.memory_bytes,
            line.journal_bytes,
            line.base_bytes,
            line.kept_for_ever(bytes_per_trade),
            line.base_without_what_is_kept(bytes_per_trade),
            line.snapshots,
            line.synced.p50,
            line.synced.p99,
            line.synced.max
        );
    }
    Ok(())
}

/// After the warm-up nothing may grow: of each life of the store, what its last hours need is held against
/// what its first did. The base's file is as large as a power of two, so it may double once; that nothing
/// in it grows that need not is what the tables tell.
pub(crate) fn judge(lines: &[Line], middle: usize, bytes_per_trade: u64) -> Outcome<()> {
    let lives = [&lines[WARM_UP_HOURS as usize..middle], &lines[middle..]];
    for life in lives.iter().filter(|life| life.len() >= 10) {
        let (first, last) = life.split_at(life.len() / 2);
        let most = |of: &[Line], figure: &dyn Fn(&Line) -> u64| of.iter().map(figure).max();
        let held = |what: &str, figure: &dyn Fn(&Line) -> u64, slack: u64| -> Outcome<()> {
            let (before, after) = (most(first, figure), most(last, figure));
            let (before, after) = (before.unwrap_or(0), after.unwrap_or(0));
            eprintln!(
                "{what}: at most {before} in the first half of a life, {after} in the second"
            );
            if after <= before + before / 4 + slack {
                return Ok(());
            }
            Err(format!("{what} grew: {before}, then {after}").into())
        };
        held("resident memory, KiB", &|line| line.vm_rss_kib, 2_048)?;
        held("memory by the store's count", &|line| line.memory_bytes, 0)?;
        held("journal", &|line| line.journal_bytes, 1 << 20)?;
        held(
            "base without what is kept for ever",
            &|line| line.base_without_what_is_kept(bytes_per_trade),
            most(first, &|line| line.base_bytes).unwrap_or(0),
        )?;
    }
    Ok(())
}
