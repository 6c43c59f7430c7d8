//! Starts the bot, sees it die, starts it again, until a life comes to its end by itself.
//!
//! Most lives end at a marked point, a quarter of them at one of the first, which is inside the
//! recovery from the death before; every sixth is ended from outside, at whatever moment.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::arguments::Arguments;

/// How a life is to end.
#[derive(Clone, Copy)]
enum End {
    AtPoint(u64),
    After(Duration),
    ByItself,
}

/// What was seen over all lives.
#[derive(Default)]
struct Seen {
    lives: u64,
    /// The row of the input at which the last one died.
    row: u64,
    /// How many rows and points lie behind the lives that died at a marked point.
    passed: (u64, u64),
    deaths: BTreeMap<String, u64>,
    decisions: BTreeMap<String, u64>,
}

/// Answers whether the last life proved its books.
pub(crate) fn until_done(arguments: &Arguments, kills: u64) -> Result<bool, Box<dyn Error>> {
    let started = Instant::now();
    let rows = arguments.input(0)?.count() as u64;
    println!("input     {rows} trades of {}, seed {}", arguments.feed(), arguments.seed);
    println!("store     {}", arguments.directory.display());
    let mut random = Rng::with_seed(arguments.seed);
    let mut seen = Seen::default();
    loop {
        let end = match kills.saturating_sub(seen.kills()) {
            0 => End::ByItself,
            left => End::draw(&mut random, seen.points_left(rows) / (left + 1)),
        };
        if let Some(is_proven) = live(arguments, end, &mut seen, started)? {
            return Ok(is_proven);
        }
    }
}

/// One life in a process of its own. Answers how its proof came out, or nothing if it was killed.
fn live(
    arguments: &Arguments,
    end: End,
    seen: &mut Seen,
    started: Instant,
) -> Result<Option<bool>, Box<dyn Error>> {
    let kill_after = if let End::AtPoint(points) = end { Some(points) } else { None };
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments.again(kill_after))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    seen.lives += 1;
    if let End::After(time) = end {
        std::thread::sleep(time);
        child.kill()?;
    }
    let (kills_before, row_before) = (seen.kills(), seen.row);
    let mut head = format!("life {}", seen.lives);
    let mut is_done = false;
    let output = child.stdout.take().ok_or("the child has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line.starts_with("done") {
            if let End::After(_) = end {
                break;
            }
            is_done = true;
            seen.sum_up(started.elapsed());
        }
        if is_done {
            println!("{line}");
        } else {
            println!("{:<10}{line}", std::mem::take(&mut head));
        }
        seen.take(&line);
    }
    let status = child.wait()?;
    match (status.code(), end) {
        (None, _) => {}
        // It came to its end before it was killed, or while. The next life says what this one did.
        (Some(_), End::After(_)) => return Ok(None),
        (Some(code), _) => return Ok(Some(code == 0)),
    }
    if let End::After(time) = end {
        let line = format!("killed    {} us after its start, from outside", time.as_micros());
        println!("{head:<10}{line}");
        seen.take(&line);
    }
    if let Some(points) = kill_after {
        seen.passed.0 += seen.row.saturating_sub(row_before);
        seen.passed.1 += points;
    }
    if seen.kills() == kills_before {
        return Err(format!("life {} died, and nobody had killed it: {status}", seen.lives).into());
    }
    Ok(None)
}

impl End {
    fn draw(random: &mut Rng, points_per_life: u64) -> Self {
        match random.u8(..12) {
            0..2 => Self::After(Duration::from_micros(random.u64(..50_000))),
            2..5 => Self::AtPoint(random.u64(1..=8)),
            // The short lives leave more to the others.
            _ => Self::AtPoint(random.u64(1..=points_per_life.saturating_mul(3) + 8)),
        }
    }
}

impl Seen {
    fn take(&mut self, line: &str) {
        let counted = match (line.strip_prefix("killed"), line.rsplit_once(" -> ")) {
            (Some(death), _) => death.split_once(", ").map(|(_, place)| (&mut self.deaths, place)),
            (None, decided) => decided.map(|(_, decision)| (&mut self.decisions, decision)),
        };
        let row = line.strip_prefix("killed    at row ").and_then(|rest| rest.split_once(", "));
        if let Some(row) = row.and_then(|(row, _)| row.parse().ok()) {
            self.row = self.row.max(row);
        }
        if let Some((counts, what)) = counted {
            *counts.entry(what.to_owned()).or_default() += 1;
        }
    }

    /// About how many marked points are left of an input of so many rows: as many for each row as
    /// there were so far.
    fn points_left(&self, rows: u64) -> u64 {
        let (rows_passed, points_passed) = self.passed;
        rows.saturating_sub(self.row) * (points_passed + 4) / (rows_passed + 1)
    }

    fn kills(&self) -> u64 {
        self.deaths.values().sum()
    }

    fn sum_up(&self, time: Duration) {
        let (lives, kills, seconds) = (self.lives, self.kills(), time.as_secs_f64());
        println!("\nlives     {lives} lives, {kills} kills, {seconds:.1} s");
        for (head, counts) in [("killed", &self.deaths), ("recovery", &self.decisions)] {
            let mut head = head;
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (what, count) in counts {
                println!("{:<10}{count:>4}  {what}", std::mem::take(&mut head));
            }
        }
        println!();
    }
}
