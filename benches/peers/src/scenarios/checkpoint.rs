//! highwater alone: what a synced commit waits while a checkpoint runs, and while none does.
//!
//! Eight writers commit durable upserts, each at its own pace and on time, as a bot with many feeds does. A watcher
//! reads the store's figures every millisecond: a checkpoint that ended since took as long as it says, so it is
//! known which commits ran beside it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::engines::{Engine, Name};
use crate::measure::Meter;
use crate::prepare::Contents;
use crate::run::{Figures, Job, Work, figures, latencies, own};
use crate::table::{Better, Case};
use crate::world::{Feed, TOKENS, World};
use crate::{Outcome, Settings, check, prepare};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    pub threads: u64,
    pub per_s: u64,
    pub seconds: u64,
}

/// When a commit began and what it took, in nanoseconds of the run.
type Took = (u64, u32);

pub fn cases(settings: &Settings) -> Vec<Case> {
    let size = Size { threads: 8, per_s: 20_000, seconds: settings.scaled(20).max(4) };
    vec![Case {
        name: format!("checkpoint threads={} paced at {}/s", size.threads, size.per_s),
        primary: "during_p99_us",
        better: Better::Less,
        columns: &[
            "per_s",
            "cpu_us",
            "during_share",
            "during_p50_us",
            "during_p99_us",
            "during_max_us",
            "without_p50_us",
            "without_p99_us",
            "without_max_us",
            "own_checkpoints",
            "own_writes_waited",
            "own_memory_wait_us",
            "own_lock_wait_us",
            "own_turn_wait_us",
            "peak_mib",
        ],
        contents: Contents::Tokens(TOKENS),
        large: false,
        jobs: [Name::Highwater, Name::HighwaterHistory, Name::HighwaterLarge]
            .map(|engine| settings.job(engine, true, TOKENS, Work::Checkpoint(size)))
            .into(),
    }]
}

pub fn run(job: &Job, size: Size) -> Outcome<Figures> {
    let world = World::new(job.tokens)?;
    let feed = Feed { world, threads: size.threads, seed: 1, hot: None };
    let engine = job.engine.open(&job.dir, job.purpose)?;
    prepare::warm_up(&*engine, feed)?;
    let each = size.per_s * size.seconds / size.threads;
    let (begun, stop) = (Instant::now(), AtomicBool::new(false));
    let before = engine.figures();
    let meter = Meter::start(&job.dir)?;
    let (commits, windows) = std::thread::scope(|scope| {
        let writer = |thread| {
            let engine = &*engine;
            scope.spawn(move || write(engine, feed, thread, each, size, begun))
        };
        let writers: Vec<_> = (0..size.threads).map(writer).collect();
        let watcher = scope.spawn(|| watch(&*engine, begun, &stop));
        let mut commits = Vec::new();
        for writer in writers {
            commits.extend(writer.join().map_err(|_| "a writer panicked")??);
        }
        stop.store(true, Ordering::Relaxed);
        Outcome::Ok((commits, watcher.join().map_err(|_| "the watcher panicked")?))
    })?;
    let used = meter.stop()?;
    let after = engine.figures();

    let all = each * size.threads;
    let mut figures = figures(used, all, all, &job.dir)?;
    let beside = |&(from, took): &Took| {
        windows.iter().any(|window| from < window.1 && from + u64::from(took) > window.0)
    };
    let (during, without): (Vec<Took>, Vec<Took>) = commits.into_iter().partition(beside);
    figures.insert("during_share".to_owned(), during.len() as f64 / all as f64);
    for (when, commits) in [("during", during), ("without", without)] {
        let mut its = Figures::new();
        latencies(&mut its, commits.into_iter().map(|(_, took)| took).collect());
        figures.extend(its.into_iter().map(|(name, figure)| (format!("{when}_{name}"), figure)));
    }
    own(&mut figures, &before, &after);
    check::tokens(engine, job.engine, &job.dir, job.purpose, feed, each)?;
    Ok(figures)
}

fn write(
    engine: &dyn Engine,
    feed: Feed,
    thread: u64,
    commits: u64,
    size: Size,
    begun: Instant,
) -> Outcome<Vec<Took>> {
    let mut session = engine.session()?;
    let mut took = Vec::with_capacity(commits as usize);
    for number in 0..commits {
        let nth = number * size.threads + thread;
        let due = Duration::from_nanos(1_000_000_000 / size.per_s * nth);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let from = begun.elapsed();
        session.upsert(&[feed.change(thread, number)])?;
        took.push((from.as_nanos() as u64, (begun.elapsed() - from).as_nanos() as u32));
    }
    Ok(took)
}

/// From when to when checkpoints ran.
fn watch(engine: &dyn Engine, begun: Instant, stop: &AtomicBool) -> Vec<(u64, u64)> {
    let figure = |name| {
        let figures = engine.figures();
        figures.iter().find(|figure| figure.0 == name).map_or(0.0, |figure| figure.1)
    };
    let mut windows = Vec::new();
    let (mut count, mut micros) = (figure("checkpoints"), figure("checkpoint_micros"));
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(1));
        let (now, ended) = (figure("checkpoints"), begun.elapsed().as_nanos() as u64);
        if now > count {
            let all = figure("checkpoint_micros");
            let took = ((all - micros) * 1e3) as u64;
            windows.push((ended.saturating_sub(took), ended));
            (count, micros) = (now, all);
        }
    }
    windows
}
