//! Transfers between accounts: two balances read, checked and changed, and an entry appended, in a durable commit.
//!
//! highwater uses its own ledger, which does more: see its engine.

use serde::{Deserialize, Serialize};

use crate::check;
use crate::engines::Name;
use crate::prepare::Contents;
use crate::run::{Figures, Job, Work, figures, latencies};
use crate::table::{Better, Case};
use crate::{Outcome, Settings, prepare, threads, world};

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Size {
    pub threads: u64,
    /// Of each thread.
    pub transfers: u64,
}

const ALONE: &[Name] = &[
    Name::Floor,
    Name::Highwater,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];
const LED: &[Name] = &[Name::RedbLed, Name::LmdbLed, Name::FjallLed];

pub fn cases(settings: &Settings) -> Vec<Case> {
    let case = |(threads, transfers)| {
        let size = Size { threads, transfers: settings.scaled(transfers) };
        let job = |engine: &Name| Job {
            purpose: crate::engines::Purpose { durable: true, transfers: true },
            ..settings.job(*engine, true, 0, Work::Transfer(size))
        };
        Case {
            name: format!("transfer threads={threads}"),
            primary: "per_s",
            better: Better::More,
            columns: &[
                "per_s",
                "cpu_us",
                "bytes_per_commit",
                "syncs_per_commit",
                "p50_us",
                "p99_us",
                "p999_us",
                "peak_mib",
                "disk_mib",
            ],
            contents: Contents::Accounts,
            large: false,
            jobs: ALONE.iter().chain(LED.iter().filter(|_| threads > 1)).map(job).collect(),
        }
    };
    [(1, 6_000), (8, 3_000)].map(case).into()
}

pub fn run(job: &Job, size: Size) -> Outcome<Figures> {
    let engine = job.engine.open(&job.dir, job.purpose)?;
    prepare::warm_up_accounts(&*engine)?;
    let (used, nanos) = threads::measured(
        &*engine,
        &job.dir,
        size.threads,
        size.transfers,
        |session, thread, number| session.transfer(&[world::transfer(thread, number)]),
    )?;
    let all = size.threads * size.transfers;
    let mut figures = figures(used, all, all, &job.dir)?;
    latencies(&mut figures, nanos);
    check::balances(engine, job.engine, &job.dir, job.purpose, size.threads, size.transfers)?;
    Ok(figures)
}
