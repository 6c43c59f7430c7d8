//! Point reads of decoded rows, alone and then beside a writer: of all tokens, and of the hot ones alone.
//!
//! The writer is the same for all: so many durable upserts a second, each begun on time, as long as the reader reads.
//! CPU is the reading thread's own, so that no background work counts; of it there is a share that is kept as well,
//! which does not depend on how many cores are free.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::engines::{Engine, Name, Session};
use crate::measure::{micros, thread_cpu};
use crate::prepare::{self, Contents};
use crate::run::{Figures, Job, Work};
use crate::scenarios::hot_name;
use crate::table::{Better, Case};
use crate::world::{Feed, HOT, TOKENS, World, mix};
use crate::{Outcome, Settings};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    pub reads: u64,
    pub writes_per_s: u64,
    /// Only so many of the tokens are read, and written.
    pub hot: Option<usize>,
}

const ENGINES: &[Name] = &[
    Name::Nothing,
    Name::Memory,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

pub fn cases(settings: &Settings) -> Vec<Case> {
    [None, Some(HOT)].map(|hot| case(settings, hot)).into()
}

fn case(settings: &Settings, hot: Option<usize>) -> Case {
    let size = Size { reads: settings.scaled(400_000), writes_per_s: 2_000, hot };
    let (hot, writes) = (hot_name(hot), size.writes_per_s);
    Case {
        name: format!("read tokens={TOKENS}{hot}, then beside {writes} upserts/s"),
        primary: "read_cpu_us",
        better: Better::Less,
        columns: &[
            "read_cpu_us",
            "reads_per_s",
            "beside_cpu_us",
            "beside_per_s",
            "rate_kept",
            "cpu_kept",
            "writes_per_s",
        ],
        contents: Contents::Tokens(TOKENS),
        large: false,
        jobs: ENGINES
            .iter()
            .map(|engine| settings.job(*engine, true, TOKENS, Work::Read(size)))
            .collect(),
    }
}

pub fn run(job: &Job, size: Size) -> Outcome<Figures> {
    let world = World::new(job.tokens)?;
    let engine = job.engine.open(&job.dir, job.purpose)?;
    if job.engine == Name::Memory {
        prepare::fill_tokens(&*engine, world)?;
    }
    let reader = Reader { world, size, none: job.engine == Name::Nothing };
    reader.all(&mut *engine.session()?)?; // now everything is warm that can be
    let alone = reader.measured(&mut *engine.session()?)?;

    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let beside = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(&*engine, world, size, &stop, &written));
        let begun = Instant::now();
        let figures = reader.measured(&mut *engine.session()?);
        let seconds = begun.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        writing.join().map_err(|_| "the writer panicked")??;
        let writes = written.load(Ordering::Relaxed) as f64 / seconds;
        figures.map(|(cpu, rate)| (cpu, rate, writes))
    })?;
    engine.close()?;
    let figures = [
        ("read_cpu_us", alone.0),
        ("reads_per_s", alone.1),
        ("beside_cpu_us", beside.0),
        ("beside_per_s", beside.1),
        ("rate_kept", beside.1 / alone.1),
        ("cpu_kept", alone.0 / beside.0),
        ("writes_per_s", beside.2),
    ];
    Ok(figures.map(|(name, figure)| (name.to_owned(), figure)).into())
}

struct Reader {
    world: &'static World,
    size: Size,
    none: bool,
}

impl Reader {
    fn all(&self, session: &mut dyn Session) -> Outcome<()> {
        for nth in 0..self.size.hot.unwrap_or(self.world.tokens.len()) {
            let token = &self.world.tokens[self.world.nth(nth, self.size.hot)];
            let seen = session.read(token)?;
            if !self.none && seen.is_none_or(|seen| seen.texts != token.texts) {
                return Err("a token is not what it was".into());
            }
        }
        Ok(())
    }

    /// Microseconds of CPU for a read, and reads per second.
    fn measured(&self, session: &mut dyn Session) -> Outcome<(f64, f64)> {
        let (begun, cpu) = (Instant::now(), thread_cpu()?);
        let mut found = 0;
        let Size { reads, hot, .. } = self.size;
        for number in 0..reads {
            let token = &self.world.tokens[self.world.draw(mix(number), hot)];
            found += u64::from(black_box(session.read(token)?).is_some());
        }
        let (cpu, wall) = (thread_cpu()? - cpu, begun.elapsed());
        if !self.none && found != reads {
            return Err("a token is not there".into());
        }
        Ok((micros(cpu) / reads as f64, reads as f64 / wall.as_secs_f64()))
    }
}

fn write(
    engine: &dyn Engine,
    world: &'static World,
    size: Size,
    stop: &AtomicBool,
    written: &AtomicU64,
) -> Outcome<()> {
    let mut session = engine.session()?;
    let (feed, begun) = (Feed { world, threads: 1, seed: 2, hot: size.hot }, Instant::now());
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = Duration::from_nanos(1_000_000_000 / size.writes_per_s * number);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        session.upsert(&[feed.change(0, number)])?;
        number += 1;
        written.store(number, Ordering::Relaxed);
    }
    Ok(())
}
