//! Counts the instructions of each piece of work and holds them against those of `instructions.txt`.
//!
//! ```text
//! cargo bench --bench instructions              # compares
//! cargo bench --bench instructions -- --write   # writes the file anew
//! ```
//!
//! Wall times differ from machine to machine and from minute to minute; what valgrind's callgrind counts differs
//! by parts in a thousand. So a change that makes a path dearer is seen where no stopwatch would show it. Only
//! the caller's thread is counted, and nothing of the kernel. Where valgrind is missing, this says so and
//! compares nothing.

mod work;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use work::{Bench, Work, benches};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
/// By how many hundredths a count may grow before that is a failure.
const TOLERANCE_PERCENT: u64 = 5;
/// What callgrind is told to count within.
const MEASURED: &str = "*highwater_measured*";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--one", name, dir] => one(name, Path::new(dir)),
        [] => compare(),
        ["--write"] => write(),
        _ => Err(format!("what is {words:?}? There is --write and nothing else").into()),
    }
}

/// Does one piece of work, as callgrind watches.
fn one(name: &str, dir: &Path) -> Outcome<ExitCode> {
    let bench = benches().into_iter().find(|bench| bench.name == name);
    let bench = bench.ok_or_else(|| format!("there is no {name}"))?;
    let mut work = (bench.set_up)(dir);
    work.prepare();
    work.run();
    for _ in 0..bench.runs {
        work.prepare();
        highwater_measured(work.as_mut());
    }
    Ok(ExitCode::SUCCESS)
}

#[inline(never)]
fn highwater_measured(work: &mut dyn Work) {
    work.run();
    std::hint::black_box(work);
}

fn compare() -> Outcome<ExitCode> {
    if !valgrind_is_there() {
        println!("SKIPPED: valgrind is not installed, so no instructions are counted");
        return Ok(ExitCode::SUCCESS);
    }
    let recorded = recorded()?;
    let mut dearer = Vec::new();
    println!("{:<34} {:>10} {:>10} {:>8}", "instructions of", "recorded", "counted", "change");
    for bench in benches() {
        let counted = count(&bench)?;
        let Some(&before) = recorded.get(bench.name) else {
            println!("{:<34} {:>10} {counted:>10}", bench.name, "none");
            dearer.push(format!("{} is not recorded", bench.name));
            continue;
        };
        let change = (counted as f64 / before as f64 - 1.0) * 100.0;
        println!("{:<34} {before:>10} {counted:>10} {change:>+7.1}%", bench.name);
        if counted * 100 > before * (100 + TOLERANCE_PERCENT) {
            dearer.push(format!("{} takes {change:.1} % more", bench.name));
        }
    }
    if dearer.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("more than {TOLERANCE_PERCENT} % more instructions than {RECORDED} has:");
    dearer.iter().for_each(|what| println!("- {what}"));
    println!("if it is worth it: cargo bench --bench instructions -- --write");
    Ok(ExitCode::FAILURE)
}

fn write() -> Outcome<ExitCode> {
    let mut text = String::from("# Instructions of each piece of work; see instructions.rs.\n");
    for bench in benches() {
        let counted = count(&bench)?;
        println!("{:<34} {counted:>10}", bench.name);
        writeln!(text, "{:<34} {counted:>10}", bench.name)?;
    }
    fs::write(RECORDED, text)?;
    Ok(ExitCode::SUCCESS)
}

/// The counts of the file, by name.
fn recorded() -> Outcome<BTreeMap<String, u64>> {
    let text = fs::read_to_string(RECORDED)?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = lines.map(|line| {
        let (name, count) = line.rsplit_once(' ').ok_or("a line without a count")?;
        Ok((name.trim().to_owned(), count.parse()?))
    });
    read.collect()
}

fn valgrind_is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|ran| ran.status.success())
}

/// The instructions of one unit of the work.
fn count(bench: &Bench) -> Outcome<u64> {
    let dir = tempfile::tempdir()?;
    let profile = dir.path().join("callgrind.out");
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--one", bench.name])
        .arg(dir.path().join("store"))
        .output()?;
    if !ran.status.success() {
        return Err(format!("{}: {}", bench.name, String::from_utf8_lossy(&ran.stderr)).into());
    }
    let profile = fs::read_to_string(profile)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.ok_or("callgrind counted nothing")?.trim().parse()?;
    Ok(total / (bench.runs * bench.units))
}
