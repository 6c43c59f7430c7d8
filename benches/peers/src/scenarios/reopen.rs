//! Opening a store whose process was killed, and one that was closed: until the first row was read.
//!
//! The killed process acknowledges durable upserts one by one, and is killed after so many of them, while it goes on.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engines::Name;
use crate::measure::{Meter, micros};
use crate::prepare::Contents;
use crate::run::{Figures, Job, Work};
use crate::syncs::Length;
use crate::table::{Better, Case};
use crate::world::{Feed, LARGE, TOKENS, World};
use crate::{Outcome, Settings};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    /// After how many acknowledged upserts the process is killed; none where it was closed.
    pub kill_after: Option<u64>,
}

/// How many are acknowledged at once to the process that kills.
const TOLD: u64 = 1_000;

const ENGINES: &[Name] = &[
    Name::Floor,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

pub fn cases(settings: &Settings) -> Vec<Case> {
    let killed = Size { kill_after: Some(settings.scaled(200_000)) };
    let closed = Size { kill_after: None };
    // A history of every token takes several times the room.
    let fits = |engine: Name, tokens| tokens <= TOKENS || engine != Name::HighwaterHistory;
    let case = |name: &str, tokens: usize, contents, size| Case {
        name: format!("reopen {name}"),
        primary: "wall_ms",
        better: Better::Less,
        columns: &["wall_ms", "cpu_ms", "bytes_mib", "peak_mib"],
        contents,
        large: tokens == LARGE,
        jobs: ENGINES
            .iter()
            .filter(|engine| fits(**engine, tokens))
            .map(|engine| settings.job(*engine, true, tokens, Work::Reopen(size)))
            .collect(),
    };
    let mut cases = vec![
        case("after SIGKILL", TOKENS, Contents::Nothing, killed),
        case("after a close", TOKENS, Contents::Tokens(TOKENS), closed),
    ];
    if settings.large {
        let full = || Contents::Tokens(LARGE);
        cases.push(case("after SIGKILL, 5,000,000 tokens", LARGE, full(), killed));
        cases.push(case("after a close, 5,000,000 tokens", LARGE, full(), closed));
    }
    cases
}

/// The process that is killed. Syncs take no time: it is not what is measured.
pub fn write(job: &Job, most: u64) -> Outcome<Figures> {
    let world = World::new(job.tokens)?;
    let feed = Feed { world, threads: 1, seed: 3, hot: None };
    let engine = job.engine.open(&job.dir, job.purpose)?;
    let mut session = engine.session()?;
    let mut out = std::io::stdout().lock();
    for number in 0..most {
        let change = feed.change(0, number);
        session.upsert(&[crate::world::Change { told: true, ..change }])?;
        if (number + 1) % TOLD == 0 {
            writeln!(out, "{}", number + 1)?;
            out.flush()?;
        }
    }
    Err("nobody killed it".into())
}

pub fn run(job: &Job, size: Size) -> Outcome<Figures> {
    let acknowledged = size.kill_after.map(|after| killed(job, after)).transpose()?;
    let world = World::new(job.tokens)?;
    let token = &world.tokens[0];

    let meter = Meter::start(&job.dir)?;
    let begun = Instant::now();
    let engine = job.engine.open(&job.dir, job.purpose)?;
    let seen = engine.session()?.read(token)?;
    let wall = begun.elapsed();
    let used = meter.stop()?;

    match acknowledged {
        None if seen.is_none() => return Err("the first token is not there".into()),
        None => {}
        Some(acknowledged) => {
            let feed = Feed { world, threads: 1, seed: 3, hot: None };
            let mut session = engine.session()?;
            for (number, least) in feed.model(false, acknowledged, 100) {
                let seen = session.read(&world.tokens[number])?.ok_or("a token is lost")?;
                let marks = seen.marks;
                if marks.high.price < least.high.price || marks.current.at < least.current.at {
                    return Err(format!("{}: token {number} is lost", job.engine).into());
                }
            }
        }
    }
    engine.close()?;
    let figures = [
        ("wall_ms", micros(wall) / 1e3),
        ("cpu_ms", used.cpu_micros / 1e3),
        ("bytes_mib", used.written_bytes / f64::from(1 << 20)),
        ("peak_mib", used.peak_kib / 1024.0),
        ("acknowledged", acknowledged.unwrap_or(0) as f64),
    ];
    Ok(figures.map(|(name, figure)| (name.to_owned(), figure)).into())
}

/// Starts a process that writes, and kills it. Answers how many upserts it had acknowledged.
fn killed(job: &Job, after: u64) -> Outcome<u64> {
    let writing = Job { sync: Length::Micros(0), work: Work::Write(after * 2), ..job.clone() };
    let mut process = writing.command()?.stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(process.stdout.take().ok_or("no output")?).lines();
    let mut acknowledged = 0;
    for line in lines {
        acknowledged = line?.parse()?;
        if acknowledged >= after {
            process.kill()?;
            break;
        }
    }
    process.wait()?;
    if acknowledged < after {
        return Err(format!("{} stopped at {acknowledged}", job.engine).into());
    }
    Ok(acknowledged)
}
