//! Upserts of prices, one or many to a commit, by one or many threads, into a store full of tokens: drawn among all
//! of them, and among those alone that a bot looks at all the time.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check;
use crate::engines::Name;
use crate::prepare::{self, Contents};
use crate::run::{Figures, Job, Work, figures, latencies, own};
use crate::scenarios::hot_name;
use crate::syncs::Length;
use crate::table::{Better, Case};
use crate::threads;
use crate::world::{Feed, HOT, TOKENS, World};
use crate::{Outcome, Settings};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    pub threads: u64,
    /// Of each thread.
    pub commits: u64,
    /// Upserts in a commit.
    pub batch: u64,
    /// Only so many of the tokens are drawn.
    pub hot: Option<usize>,
}

const ALONE: &[Name] = &[
    Name::Nothing,
    Name::Floor,
    Name::Memory,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];
const TOGETHER: &[Name] = &[
    Name::Floor,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteFull,
    Name::Redb,
    Name::RedbLed,
    Name::Lmdb,
    Name::LmdbLed,
    Name::Fjall,
    Name::FjallLed,
    Name::Rocksdb,
];
const WRITTEN: &[Name] = &[
    Name::Nothing,
    Name::Floor,
    Name::Memory,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteNormal,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

pub fn cases(settings: &Settings) -> Vec<Case> {
    let durable = [
        (1, 6_000, 1, None),
        (8, 3_000, 1, None),
        (32, 1_500, 1, None),
        (1, 400, 50, None),
        (1, 200, 1_000, None),
        (1, 200, 1_000, Some(HOT)),
    ];
    let written = [(1, 200_000, 1, None), (1, 200_000, 1, Some(HOT)), (4, 50_000, 1, None)];
    let durable = durable.map(|size| (true, size));
    let written = written.map(|size| (false, size));
    let all = durable.into_iter().chain(written);
    let mut cases: Vec<Case> = all
        .map(|(durable, (threads, commits, batch, hot))| {
            let size = Size { threads, commits: settings.scaled(commits), batch, hot };
            case(settings, durable, size)
        })
        .collect();
    cases.extend(settings.disk.as_ref().map(|disk| on_disk(settings, disk)));
    cases
}

/// One thread on a real disk, with real syncs: how many bytes reach it.
fn on_disk(settings: &Settings, disk: &Path) -> Case {
    let size = Size { threads: 1, commits: settings.scaled(1_000), batch: 1, hot: None };
    let mut case = case(settings, true, size);
    case.name = "upsert on the disk threads=1 batch=1".to_owned();
    for job in &mut case.jobs {
        (job.dir, job.sync) = (disk.join("run"), Length::Real);
    }
    case
}

fn case(settings: &Settings, durable: bool, size: Size) -> Case {
    let Size { threads, batch, hot, .. } = size;
    let engines = match (durable, threads) {
        (true, 1) => ALONE,
        (true, _) => TOGETHER,
        (false, _) => WRITTEN,
    };
    let level = if durable { "durable" } else { "written" };
    let by_throughput = durable && batch == 1;
    Case {
        name: format!("upsert {level} threads={threads} batch={batch}{}", hot_name(hot)),
        primary: if by_throughput { "per_s" } else { "cpu_us" },
        better: if by_throughput { Better::More } else { Better::Less },
        columns: &[
            "per_s",
            "cpu_us",
            "net",
            "bytes_per_commit",
            "disk_bytes",
            "syncs_per_commit",
            "p50_us",
            "p99_us",
            "p999_us",
            "peak_mib",
            "disk_mib",
        ],
        contents: Contents::Tokens(TOKENS),
        large: false,
        jobs: engines
            .iter()
            .map(|engine| settings.job(*engine, durable, TOKENS, Work::Upsert(size)))
            .collect(),
    }
}

pub fn run(job: &Job, size: Size) -> Outcome<Figures> {
    let world = World::new(job.tokens)?;
    let engine = job.engine.open(&job.dir, job.purpose)?;
    if job.engine == Name::Memory {
        prepare::fill_tokens(&*engine, world)?;
    }
    let feed = Feed { world, threads: size.threads, seed: 1, hot: size.hot };
    prepare::warm_up(&*engine, feed)?;
    let before = engine.figures();
    let (used, nanos) = threads::measured(
        &*engine,
        &job.dir,
        size.threads,
        size.commits,
        |session, thread, commit| {
            let numbers = commit * size.batch..(commit + 1) * size.batch;
            if size.batch == 1 {
                return session.upsert(&[feed.change(thread, commit)]);
            }
            let changes: Vec<_> = numbers.map(|number| feed.change(thread, number)).collect();
            session.upsert(&changes)
        },
    )?;
    let after = engine.figures();
    let commits = size.threads * size.commits;
    let mut figures = figures(used, commits * size.batch, commits, &job.dir)?;
    latencies(&mut figures, nanos);
    own(&mut figures, &before, &after);
    let changes = size.commits * size.batch;
    check::tokens(engine, job.engine, &job.dir, job.purpose, feed, changes)?;
    Ok(figures)
}
