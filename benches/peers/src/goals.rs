//! The figures to reach, each with what a file of results says of it: a list of rows, and one way to write them all.
//!
//! Nothing is left out: where there are no results the row says so, and where an engine failed its name does.
//! Ratios are of figures of the same round. Where a file has two runs of an engine in the same round of a case, the
//! later one counts.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use crate::Outcome;
use crate::engines::Name;
use crate::run::{Run, read_results};
use crate::spread::{Spread, number};
use crate::syncs::Length;
use crate::table::Better;

/// One figure to reach.
struct Row {
    work: &'static str,
    goal: &'static str,
    case: &'static str,
    figure: &'static str,
    against: Against,
    reach: Reach,
}

/// What the figure is divided by.
#[derive(Clone, Copy)]
enum Against {
    /// Nothing: it counts as it is.
    Nothing,
    /// The best figure that these have in the same round.
    BestOf(&'static [Name]),
    /// Another figure of the same run.
    Figure(&'static str),
    /// The engine's own figure in this case.
    Case(&'static str),
}

/// When the goal is reached.
#[derive(Clone, Copy, Debug)]
enum Reach {
    AtLeast(f64),
    AtMost(f64),
    /// At most one sync and so many microseconds.
    AtMostBeyondSync(f64),
    /// Nothing was promised.
    Shown(Better),
}

use Against::{BestOf, Case, Figure, Nothing};
use Reach::{AtLeast, AtMost, AtMostBeyondSync, Shown};

const FLOOR: Against = BestOf(&[Name::Floor]);
const ROCKSDB: Against = BestOf(&[Name::Rocksdb]);
const B_TREES: Against = BestOf(&[Name::SqliteFull, Name::Redb, Name::Lmdb]);

const DISK: &str = "upsert on the disk threads=1 batch=1";
const DURABLE: &str = "upsert durable threads=1 batch=1";
const DURABLE_8: &str = "upsert durable threads=8 batch=1";
const DURABLE_32: &str = "upsert durable threads=32 batch=1";
const BATCH: &str = "upsert durable threads=1 batch=1000";
const BATCH_HOT: &str = "upsert durable threads=1 batch=1000 hot=10000";
const WRITTEN: &str = "upsert written threads=1 batch=1";
const WRITTEN_HOT: &str = "upsert written threads=1 batch=1 hot=10000";
const SYNC: &str = "sync into an empty store";
const SYNC_AGAIN: &str = "sync again, with other prices";
const READ: &str = "read tokens=132967, then beside 2000 upserts/s";
const READ_HOT: &str = "read tokens=132967 hot=10000, then beside 2000 upserts/s";
const KILLED: &str = "reopen after SIGKILL";
const KILLED_5M: &str = "reopen after SIGKILL, 5,000,000 tokens";
const CLOSED_5M: &str = "reopen after a close, 5,000,000 tokens";
const GROWTH_10K: &str = "growth tokens=10000";
const GROWTH_100K: &str = "growth tokens=100000";
const GROWTH_1M: &str = "growth tokens=1000000";
const GROWTH_5M: &str = "growth tokens=5000000";
const CHECKPOINT: &str = "checkpoint threads=8 paced at 20000/s";

const fn row(
    work: &'static str,
    goal: &'static str,
    (case, figure): (&'static str, &'static str),
    against: Against,
    reach: Reach,
) -> Row {
    Row { work, goal, case, figure, against, reach }
}

#[rustfmt::skip] // a line for each
const ROWS: &[Row] = &[
    row("durable upsert, 1 thread, on a disk: bytes that reach it per commit", "one block (nearer to one than to two: <= 6,144)", (DISK, "disk_bytes"), Nothing, AtMost(6_144.0)),
    row("the same: syncs per commit", "1 (<= 1.05, as checkpoints sync too)", (DISK, "syncs_per_commit"), Nothing, AtMost(1.05)),
    row("durable upsert, 1 thread, upserts/s, share of the floor", ">= 0.98", (DURABLE, "per_s"), FLOOR, AtLeast(0.98)),
    row("the same, 8 threads, against RocksDB", ">= 1.1", (DURABLE_8, "per_s"), ROCKSDB, AtLeast(1.1)),
    row("the same, 8 threads, share of the floor", "shown", (DURABLE_8, "per_s"), FLOOR, Shown(Better::More)),
    row("the same, 32 threads, against RocksDB", ">= 1.1", (DURABLE_32, "per_s"), ROCKSDB, AtLeast(1.1)),
    row("the same, 32 threads, share of the floor", "shown", (DURABLE_32, "per_s"), FLOOR, Shown(Better::More)),
    row("`Written` upsert, 1 thread, 10,000 hot tokens, CPU us", "<= 2.5 us", (WRITTEN_HOT, "cpu_us"), Nothing, AtMost(2.5)),
    row("the same, uniform over all tokens", "<= 2.5 us", (WRITTEN, "cpu_us"), Nothing, AtMost(2.5)),
    row("1,000 upserts per durable commit, 10,000 hot tokens, CPU us per row", "<= 1.2 us", (BATCH_HOT, "cpu_us"), Nothing, AtMost(1.2)),
    row("the same, uniform over all tokens", "<= 1.2 us", (BATCH, "cpu_us"), Nothing, AtMost(1.2)),
    row("a list of 132,967 tokens, with reading it, CPU us per row", "<= 2.5 us", (SYNC, "cpu_us"), Nothing, AtMost(2.5)),
    row("the same again, as updates", "<= 2.5 us", (SYNC_AGAIN, "cpu_us"), Nothing, AtMost(2.5)),
    row("a list, peak memory over an empty process, MiB", "<= 64 MiB", (SYNC, "peak_mib"), Nothing, AtMost(64.0)),
    row("the same again, as updates", "<= 64 MiB", (SYNC_AGAIN, "peak_mib"), Nothing, AtMost(64.0)),
    row("point read of a decoded row, 10,000 hot tokens, CPU us", "<= 1.3 us", (READ_HOT, "read_cpu_us"), Nothing, AtMost(1.3)),
    row("the same, uniform over all tokens", "<= 1.3 us", (READ, "read_cpu_us"), Nothing, AtMost(1.3)),
    row("reads/s beside 2,000 upserts/s, 10,000 hot tokens, share kept", ">= 0.95", (READ_HOT, "rate_kept"), Nothing, AtLeast(0.95)),
    row("the same, uniform over all tokens", ">= 0.95", (READ, "rate_kept"), Nothing, AtLeast(0.95)),
    row("ledger transfer, 8 threads, transfers/s, share of the floor", ">= 1.0", ("transfer threads=8", "per_s"), FLOOR, AtLeast(1.0)),
    row("open and first read after SIGKILL at 200,000 upserts, ms", "<= 60 ms", (KILLED, "wall_ms"), Nothing, AtMost(60.0)),
    row("the same, 5,000,000 tokens", "<= 60 ms", (KILLED_5M, "wall_ms"), Nothing, AtMost(60.0)),
    row("open and first read after a close, 5,000,000 tokens, ms", "<= 60 ms", (CLOSED_5M, "wall_ms"), Nothing, AtMost(60.0)),
    row("CPU us per upsert, batches of 1,000, 10,000 tokens, against the best B-tree", "ahead of every B-tree", (GROWTH_10K, "cpu_us"), B_TREES, AtMost(1.0)),
    row("the same, 100,000 tokens", "ahead of every B-tree", (GROWTH_100K, "cpu_us"), B_TREES, AtMost(1.0)),
    row("the same, 1,000,000 tokens", "ahead of every B-tree", (GROWTH_1M, "cpu_us"), B_TREES, AtMost(1.0)),
    row("the same, 5,000,000 tokens", "ahead of every B-tree", (GROWTH_5M, "cpu_us"), B_TREES, AtMost(1.0)),
    row("the same, factor from 10,000 tokens to 1,000,000", "shown per budget", (GROWTH_1M, "cpu_us"), Case(GROWTH_10K), Shown(Better::Less)),
    row("the same, factor from 10,000 tokens to 5,000,000", "shown per budget", (GROWTH_5M, "cpu_us"), Case(GROWTH_10K), Shown(Better::Less)),
    row("p99 us of a `Synced` commit beside a checkpoint, against without, 8 writers", "<= 3 times", (CHECKPOINT, "during_p99_us"), Figure("without_p99_us"), AtMost(3.0)),
    row("longest wait inside the engine meanwhile, us: for memory", "<= one sync and 10 ms", (CHECKPOINT, "own_memory_wait_us"), Nothing, AtMostBeyondSync(10_000.0)),
    row("the same: for writers before", "<= one sync and 10 ms", (CHECKPOINT, "own_lock_wait_us"), Nothing, AtMostBeyondSync(10_000.0)),
    row("the same: for a sync under way", "<= one sync and 10 ms", (CHECKPOINT, "own_turn_wait_us"), Nothing, AtMostBeyondSync(10_000.0)),
];

/// The engines that have a column of their own, before the peers.
const OURS: [Name; 3] = [Name::Highwater, Name::HighwaterHistory, Name::HighwaterLarge];

/// Prints the table.
pub fn print(results: &Path) -> Outcome<()> {
    print!("{}", table(&Results::of(read_results(results)?)));
    Ok(())
}

/// Runs by case, engine and round.
struct Results(BTreeMap<(String, Name), BTreeMap<usize, Run>>);

/// What an engine's runs say of a row.
struct Said {
    /// The figure itself.
    figure: Spread,
    /// What counts: the figure, or the ratio, where there is something to divide by.
    counts: Option<Spread>,
    sync: Length,
}

fn table(results: &Results) -> String {
    let mut table = "| work | goal | highwater | with history | with 256 MiB | peers, best first | floor | reached |\n\
                     |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in ROWS {
        let [ours, history, large] = OURS.map(|engine| results.cell(row, engine));
        let (peers, floor) = (results.peers(row), results.cell(row, Name::Floor));
        let Row { work, goal, .. } = row;
        let reached = results.reached(row);
        table += &format!(
            "| {work} | {goal} | {ours} | {history} | {large} | {peers} | {floor} | {reached} |\n"
        );
    }
    table
}

impl Results {
    fn of(runs: Vec<Run>) -> Self {
        let mut all: BTreeMap<_, BTreeMap<usize, Run>> = BTreeMap::new();
        for run in runs {
            all.entry((run.case.clone(), run.engine)).or_default().insert(run.round, run);
        }
        Self(all)
    }

    fn runs(&self, case: &str, engine: Name) -> impl Iterator<Item = &Run> {
        self.0.get(&(case.to_owned(), engine)).into_iter().flat_map(BTreeMap::values)
    }

    fn figure(&self, case: &str, engine: Name, round: usize, figure: &str) -> Option<f64> {
        let run = self.runs(case, engine).find(|run| run.round == round)?;
        run.figures.get(figure).copied()
    }

    fn said(&self, row: &Row, engine: Name) -> Option<Said> {
        let runs = || self.runs(row.case, engine);
        let figures = runs().filter_map(|run| run.figures.get(row.figure).copied());
        let ratios =
            runs().filter_map(|run| Some(run.figures.get(row.figure)? / self.divisor(row, run)?));
        let counts = Spread::of(ratios.filter(|ratio| ratio.is_finite()));
        Some(Said { figure: Spread::of(figures)?, counts, sync: runs().next()?.sync })
    }

    fn divisor(&self, row: &Row, run: &Run) -> Option<f64> {
        match row.against {
            Nothing => Some(1.0),
            Figure(name) => run.figures.get(name).copied(),
            Case(case) => self.figure(case, run.engine, run.round, row.figure),
            BestOf(engines) => {
                let of = |engine: &Name| self.figure(row.case, *engine, run.round, row.figure);
                let all = engines.iter().map(of).collect::<Option<Vec<f64>>>()?;
                all.into_iter().reduce(match row.reach.better() {
                    Better::More => f64::max,
                    Better::Less => f64::min,
                })
            }
        }
    }

    /// What there is no ratio without.
    fn missing(&self, row: &Row) -> String {
        match row.against {
            BestOf(engines) => {
                let lacking = |engine: &&Name| self.said(row, **engine).is_none();
                let missing = engines.iter().filter(lacking).map(|name| format!("no {name}"));
                or_dash(missing)
            }
            Nothing | Figure(_) | Case(_) => "nothing to hold it against".to_owned(),
        }
    }

    fn failed(&self, row: &Row, engine: Name) -> usize {
        self.runs(row.case, engine).filter(|run| run.error.is_some()).count()
    }

    /// Ratio and figure, with their spreads.
    fn cell(&self, row: &Row, engine: Name) -> String {
        let said = self.said(row, engine).map(|Said { figure, counts, .. }| match row.against {
            Nothing => figure.to_string(),
            _ => counts.map_or(format!("= {figure}"), |ratio| format!("{ratio} = {figure}")),
        });
        let failed = match self.failed(row, engine) {
            0 => None,
            failed => Some(format!("failed {failed} times")),
        };
        or_dash([said, failed].into_iter().flatten())
    }

    /// What counts of each peer; at the end those of which nothing is known but that they failed.
    fn peers(&self, row: &Row) -> String {
        let peers = self.0.keys().filter(|(case, engine)| case == row.case && engine.is_peer());
        let (mut known, mut failed) = (Vec::new(), Vec::new());
        for (_, engine) in peers {
            match self.said(row, *engine) {
                Some(said) => known.push((*engine, said.counts.unwrap_or(said.figure).median)),
                None => failed.push(format!("{engine} failed")),
            }
        }
        known.sort_by(|a, b| match row.reach.better() {
            Better::More => b.1.total_cmp(&a.1),
            Better::Less => a.1.total_cmp(&b.1),
        });
        let known =
            known.into_iter().map(|(engine, figure)| format!("{engine} {}", number(figure)));
        or_dash(known.chain(failed))
    }

    fn reached(&self, row: &Row) -> String {
        let Some(said) = self.said(row, Name::Highwater) else { return "not measured".to_owned() };
        let Some(counts) = said.counts else {
            return format!("not measured: {}", self.missing(row));
        };
        row.reach.verdict(counts.median, said.sync)
    }
}

fn or_dash(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

impl Reach {
    fn better(self) -> Better {
        match self {
            AtLeast(_) => Better::More,
            AtMost(_) | AtMostBeyondSync(_) => Better::Less,
            Shown(better) => better,
        }
    }

    fn verdict(self, figure: f64, sync: Length) -> String {
        let (reached, goal) = match (self, sync) {
            (AtLeast(goal), _) => (figure >= goal, goal),
            (AtMost(goal), _) => (figure <= goal, goal),
            (AtMostBeyondSync(beyond), Length::Micros(micros)) => {
                let goal = f64::from(micros) + beyond;
                (figure <= goal, goal)
            }
            (AtMostBeyondSync(_), Length::Real) => {
                return "not measured: a sync has no length".to_owned();
            }
            (Shown(_), _) => return "-".to_owned(),
        };
        // Three places, so that what was missed by little does not read as reached.
        if reached { "yes".to_owned() } else { format!("no: {:.3} times the goal", figure / goal) }
    }
}
