//! The same work on highwater and on its peers, side by side, each used as its own documentation recommends.
//!
//! ```text
//! cargo build --release --manifest-path benches/peers/Cargo.toml --features rocksdb
//! benches/peers/target/release/highwater-peers all /dev/shm/peers --large --disk DIR-ON-A-DISK --json RESULTS.jsonl
//! benches/peers/target/release/highwater-peers goals RESULTS.jsonl
//! benches/peers/target/release/highwater-peers plot RESULTS.jsonl docs
//! ```
//!
//! RocksDB is compiled from C++, for twenty minutes and more, and needs libclang; without the feature it is left out.
//!
//! Every run of an engine is a process of its own, so that its memory and its CPU time are its own; engines
//! take turns, for several rounds, and what is printed are medians over the rounds, with ratios of figures of the
//! same round. The machine's disk decides wall times, so on a tmpfs every sync takes the same time for all
//! (`--sync-us`). After each run the store is closed, opened again and compared with what it has to hold.

mod check;
mod engines;
mod goals;
mod leader;
mod list;
mod measure;
mod plot;
mod prepare;
mod record;
mod run;
mod scenarios;
mod settings;
mod spread;
mod syncs;
mod table;
mod threads;
mod turns;
mod world;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use engines::Name;
use run::Job;
use scenarios::{checkpoint, growth, read, reopen, sync, transfer, upsert};
use settings::Settings;
use table::Case;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that the goals need: with `--disk` and `--large`, all of it
    All(Settings),
    /// Prices into a store of 132,967 tokens, by 1, 8 and 32 threads and in batches
    Upsert(Settings),
    /// A source's list of tokens into an empty store, and again, with other prices, into a full one
    Sync(Settings),
    /// Point reads of decoded rows, alone and beside a writer
    Read(Settings),
    /// Transfers between accounts, by 1 and 8 threads
    Transfer(Settings),
    /// Opening a store after its process was killed, and after it was closed
    Reopen(Settings),
    /// Upserts over 10,000 to 1,000,000 tokens, with `--large` 5,000,000
    Growth(Settings),
    /// highwater's synced commits beside its checkpoints
    Checkpoint(Settings),
    /// Draws performance-threads.svg and performance-growth.svg
    Plot { results: PathBuf, dir: PathBuf },
    /// Prints the figures to reach, and what the results say of each, as a table in Markdown
    Goals { results: PathBuf },
    /// One run of one engine, for the others to start
    #[command(hide = true)]
    Once { job: String },
}

fn main() -> Outcome<()> {
    match CommandLine::parse().command {
        Command::Once { job } => once(&job),
        Command::Goals { results } => goals::print(&results),
        Command::Plot { results, dir } => plot::draw(&results, &dir),
        Command::All(settings) => compare(&settings, &all(&settings)?),
        Command::Upsert(settings) => compare(&settings, &upsert::cases(&settings)),
        Command::Sync(settings) => compare(&settings, &sync::cases(&settings)?),
        Command::Read(settings) => compare(&settings, &read::cases(&settings)),
        Command::Transfer(settings) => compare(&settings, &transfer::cases(&settings)),
        Command::Reopen(settings) => compare(&settings, &reopen::cases(&settings)),
        Command::Growth(settings) => compare(&settings, &growth::cases(&settings)),
        Command::Checkpoint(settings) => compare(&settings, &checkpoint::cases(&settings)),
    }
}

/// What all goals need. Cases that begin with the same stores stand together.
fn all(settings: &Settings) -> Outcome<Vec<Case>> {
    let mut cases = sync::cases(settings)?;
    cases.extend(transfer::cases(settings));
    cases.extend(upsert::cases(settings));
    cases.extend(read::cases(settings));
    cases.extend(checkpoint::cases(settings));
    cases.extend(reopen::cases(settings));
    cases.extend(growth::cases(settings));
    Ok(cases)
}

/// Fails at the end if any run failed.
fn compare(settings: &Settings, cases: &[Case]) -> Outcome<()> {
    for engine in Name::value_variants().iter().filter(|engine| settings.wants(**engine)) {
        println!("{engine:<18} {}", engine.settings());
    }
    // What is prepared is of this program and this version of every engine.
    prepare::remove(&settings.dir.join("prepared"))?;
    let runs = turns::take(settings, cases)?;
    growth::print_factors(&runs);
    prepare::remove(&settings.dir.join("prepared"))?;
    let failed: Vec<String> = runs
        .iter()
        .filter(|run| run.error.is_some())
        .map(|run| format!("{}, round {}: {}", run.case, run.round + 1, run.engine))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {} runs failed: {}", failed.len(), runs.len(), failed.join("; ")).into())
}

/// Does one job and prints its figures.
fn once(job: &str) -> Outcome<()> {
    let job: Job = serde_json::from_str(job)?;
    println!("{}", serde_json::to_string(&job.run()?)?);
    Ok(())
}
