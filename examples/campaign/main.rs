//! A fault campaign: simulated lives of stores on all processors, for as long as it is told to, and an
//! account of what they met with.
//!
//! ```sh
//! cargo run --release --features simulation --example campaign -- --minutes 10
//! cargo run --release --features simulation --example campaign -- --seed 1129
//! ```
//!
//! Exit code 0: nothing was violated and everything there is to meet was met. 1: a promise was not
//! kept; what is printed is a test that shows it. 2: the arguments make no sense. 3: nothing was
//! violated, but something was never met, so that the campaign was too short to tell.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use highwater::simulation::{Coverage, Failure, Simulation};

const USAGE: &str = "\
usage: campaign [--minutes N] [--crash-points N] [--seed S] [--events N]

  --minutes N        how long; 1 if nothing is said
  --crash-points N   or until so many disks found after a crash were opened and held to account
  --seed S           the run of this seed alone; with --minutes: the first seed
  --events N         what happens in one run; 120 if nothing is said";

struct Arguments {
    time: Option<Duration>,
    crash_points: u64,
    seed: Option<u64>,
    events: usize,
}

fn arguments() -> Result<Arguments, String> {
    let mut told = Arguments { time: None, crash_points: u64::MAX, seed: None, events: 120 };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: no number"));
        match name.as_str() {
            "--minutes" => {
                let minutes: f64 =
                    value.parse().map_err(|_| format!("{name} {value}: no number"))?;
                let time = Duration::try_from_secs_f64(minutes * 60.0);
                told.time = Some(time.map_err(|_| format!("{name} {value}: no time"))?);
            }
            "--crash-points" => told.crash_points = number()?,
            "--seed" => told.seed = Some(number()?),
            "--events" => told.events = number()? as usize,
            _ => return Err(format!("there is no {name}")),
        }
    }
    Ok(told)
}

fn main() -> ExitCode {
    let told = match arguments() {
        Ok(told) => told,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match (told.seed, told.time) {
        (Some(seed), None) => one(seed, told.events),
        (first, time) => {
            let campaign = Campaign {
                first: first.unwrap_or(0),
                next: AtomicU64::new(first.unwrap_or(0)),
                events: told.events,
                begun: Instant::now(),
                time: time.unwrap_or(Duration::from_secs(60)),
                crash_points: told.crash_points,
                met: Mutex::default(),
                failure: Mutex::default(),
                is_over: AtomicBool::new(false),
            };
            campaign.run()
        }
    }
}

/// Plays one run and says what it met with.
fn one(seed: u64, events: usize) -> ExitCode {
    match Simulation::new(seed).events(events).run() {
        Ok(met) => {
            print!("{met}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::from(1)
        }
    }
}

struct Campaign {
    first: u64,
    next: AtomicU64,
    events: usize,
    begun: Instant,
    time: Duration,
    crash_points: u64,
    met: Mutex<Coverage>,
    failure: Mutex<Option<Failure>>,
    is_over: AtomicBool,
}

impl Campaign {
    fn run(&self) -> ExitCode {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| self.work());
            }
            scope.spawn(|| self.report_progress());
        });
        self.say_what_was_met();
        if let Some(failure) = &*self.failure.lock().expect("no worker panics") {
            println!("1 violation:\n{failure}");
            return ExitCode::from(1);
        }
        println!("0 violations");
        match self.met.lock().expect("no worker panics").missing().as_slice() {
            [] => ExitCode::SUCCESS,
            missing => {
                println!("never met: {}", missing.join("; "));
                ExitCode::from(3)
            }
        }
    }

    fn work(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let answer = Simulation::new(seed).events(self.events).run();
            let mut met = self.met.lock().expect("no worker panics");
            match answer {
                Ok(more) => met.add(&more),
                Err(failure) => {
                    let mut first = self.failure.lock().expect("no worker panics");
                    first.get_or_insert(failure);
                    self.is_over.store(true, Ordering::Relaxed);
                }
            }
            if self.begun.elapsed() >= self.time || met.crash_points >= self.crash_points {
                self.is_over.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A line every ten seconds, on the standard error.
    fn report_progress(&self) {
        let mut lines = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(200));
            let seconds = self.begun.elapsed().as_secs();
            if seconds / 10 > lines {
                lines = seconds / 10;
                let met = self.met.lock().expect("no worker panics");
                eprintln!(
                    "{seconds:>6} s {:>9} runs {:>11} crash points",
                    met.runs, met.crash_points
                );
            }
        }
    }

    fn say_what_was_met(&self) {
        let met = self.met.lock().expect("no worker panics");
        let seconds = self.begun.elapsed().as_secs_f64();
        print!("{met}");
        println!(
            "seeds {} to {}, {seconds:.0} s, {:.0} crash points per second, {} faults",
            self.first,
            self.next.load(Ordering::Relaxed),
            met.crash_points as f64 / seconds,
            met.faults(),
        );
    }
}
