//! A list of tokens into an empty store, and again into a full one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::engines::{Counts, Engine};
use crate::list;
use crate::measure::{Meter, Used};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The list, as `tests/sync/pool_list.py` writes it
    list: PathBuf,
    /// Where stores are made and removed again
    dir: PathBuf,
    /// How often each engine has its turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Prints every run as a line of JSON, too
    #[arg(long)]
    json: bool,
}

/// One run: the engine from opening to closing its store.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    engine: Engine,
    session: u64,
    counts: Counts,
    used: Used,
}

/// Does the work in this process and prints what it took.
pub fn once(engine: Engine, list: &Path, dir: &Path, session: u64) -> Outcome<()> {
    let meter = Meter::start()?;
    let counts = engine.sync(dir, session, list::rows(list, session)?)?;
    let run = Run { engine, session, counts, used: meter.stop()? };
    let kept = counts.rows - counts.refused;
    if let Some(tokens) = engine.tokens(dir)?.filter(|tokens| *tokens != kept) {
        return Err(format!("{engine:?} has {tokens} tokens of {kept}").into());
    }
    println!("{}", serde_json::to_string(&run)?);
    Ok(())
}

/// Lets the engines take turns and prints the medians.
pub fn compare(arguments: &Arguments) -> Outcome<()> {
    let mut runs = Vec::new();
    for round in 0..arguments.rounds {
        for &engine in Engine::value_variants() {
            let dir = arguments.dir.join(format!("{engine:?}-{round}"));
            for session in [0, 1] {
                let run = apart(engine, &arguments.list, &dir, session)?;
                if arguments.json {
                    println!("{}", serde_json::to_string(&run)?);
                }
                runs.push(run);
            }
            if dir.exists() {
                fs::remove_dir_all(dir)?;
            }
        }
    }
    for session in [0, 1] {
        println!(
            "{}",
            if session == 0 { "into an empty store" } else { "again, with other prices" }
        );
        println!(
            "{:<14} {:>8} {:>7} {:>8} {:>9} {:>12} {:>9} {:>10}",
            "engine", "rows", "refused", "seconds", "rows/s", "CPU us/row", "MiB", "peak MiB"
        );
        for &engine in Engine::value_variants() {
            let of: Vec<&Run> =
                runs.iter().filter(|run| (run.engine, run.session) == (engine, session)).collect();
            print_line(engine, &of)?;
        }
    }
    Ok(())
}

/// A run in a process of its own.
fn apart(engine: Engine, list: &Path, dir: &Path, session: u64) -> Outcome<Run> {
    let name = engine.to_possible_value().ok_or("an engine without a name")?;
    let ran = Command::new(std::env::current_exe()?)
        .args(["sync-once", name.get_name()])
        .args([list, dir])
        .arg(session.to_string())
        .stderr(Stdio::inherit())
        .output()?;
    if !ran.status.success() {
        return Err(format!("{engine:?} failed: {}", ran.status).into());
    }
    Ok(serde_json::from_slice(&ran.stdout)?)
}

fn print_line(engine: Engine, runs: &[&Run]) -> Outcome<()> {
    let counts = runs.first().ok_or("no round")?.counts;
    if runs.iter().any(|run| run.counts != counts) {
        return Err(format!("{engine:?} counted differently in another round").into());
    }
    let median = |figure: &dyn Fn(&Used) -> u64| {
        let mut figures: Vec<u64> = runs.iter().map(|run| figure(&run.used)).collect();
        figures.sort_unstable();
        figures[figures.len() / 2] as f64
    };
    let (rows, wall) = (counts.rows as f64, median(&|used| used.wall_micros));
    println!(
        "{:<14} {:>8} {:>7} {:>8.2} {:>9.0} {:>12.2} {:>9.1} {:>10.1}",
        format!("{engine:?}"),
        counts.rows,
        counts.refused,
        wall / 1e6,
        rows / wall * 1e6,
        median(&|used| used.cpu_micros) / rows,
        median(&|used| used.written_bytes) / f64::from(1 << 20),
        median(&|used| used.peak_kib) / 1024.0
    );
    Ok(())
}
