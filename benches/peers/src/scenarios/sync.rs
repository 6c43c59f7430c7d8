//! A source's list of tokens into an empty store, and again, with other prices, into a full one.
//!
//! From opening to closing the store, the reading of the list included; the engine that does nothing reads it too.

use std::path::Path;

use crate::engines::{BATCH_ROWS, Name};
use crate::measure::Meter;
use crate::prepare::Contents;
use crate::run::{Figures, Job, Work, figures};
use crate::table::{Better, Case};
use crate::{Outcome, Settings, list};

const ENGINES: &[Name] = &[
    Name::Nothing,
    Name::Floor,
    Name::Memory,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::SqliteFull,
    Name::SqliteNormal,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

pub fn cases(settings: &Settings) -> Outcome<Vec<Case>> {
    let list = settings.list()?;
    let sessions = [
        (0, "into an empty store", Contents::Nothing),
        (1, "again, with other prices", Contents::List(list.clone())),
    ];
    let case = |(session, name, contents): (u64, &str, Contents)| Case {
        name: format!("sync {name}"),
        primary: "cpu_us",
        better: Better::Less,
        columns: &["per_s", "cpu_us", "net", "bytes", "syncs_per_commit", "peak_mib", "disk_mib"],
        contents,
        large: false,
        jobs: ENGINES
            .iter()
            // What is kept nowhere has no second time.
            .filter(|engine| session == 0 || **engine != Name::Memory)
            .map(|engine| {
                settings.job(*engine, true, 0, Work::Sync { list: list.clone(), session })
            })
            .collect(),
    };
    Ok(sessions.map(case).into())
}

pub fn run(job: &Job, list: &Path, session: u64) -> Outcome<Figures> {
    let meter = Meter::start(&job.dir)?;
    let engine = job.engine.open(&job.dir, job.purpose)?;
    let counts = engine.sync(session, &mut list::rows(list, session)?)?;
    engine.close()?;
    let used = meter.stop()?;
    let figures = figures(used, counts.rows, counts.rows.div_ceil(BATCH_ROWS as u64), &job.dir)?;
    if !matches!(job.engine, Name::Nothing | Name::Memory) {
        let engine = job.engine.open(&job.dir, job.purpose)?;
        let (tokens, kept) = (engine.tokens()?, counts.rows - counts.refused);
        if tokens.is_some_and(|tokens| tokens != kept) {
            return Err(format!("{} has {tokens:?} tokens of {kept}", job.engine).into());
        }
        engine.close()?;
    }
    Ok(figures)
}
