//! The command line.

use std::error::Error;
use std::path::PathBuf;

use crate::market::{self, Trades};

pub(crate) const HELP: &str = "\
usage: paper_bot [TRADES] [options]

A copy-trading bot on a paper venue. It reads trades, copies each at most once, and keeps its books
in a highwater store. TRADES is a CSV file, plain or .gz, whose first line names the columns exch_ms,
venue, instrument, trade_id, price, qty and taker_side; without it the bot copies a made-up market.

  --supervise      live, be killed, live again, until the input is done; then prove the books
  --kills N        with --supervise: how many kills (default 30)
  --trades N       the number of trades to read (default 600, of a file all)
  --seed S         of the made-up market, the venue's luck and the kills (default 1)
  --store DIR      where the store and the venue's file are (default: a new temporary directory)
  --kill-after N   die at the N-th marked point; `random` for some N

exits 0 if the books are proven right, else 1; with --kill-after it may die by SIGKILL

  paper_bot --supervise
  paper_bot --supervise --kills 300 trades.csv.gz";

pub(crate) struct Arguments {
    pub(crate) file: Option<PathBuf>,
    pub(crate) directory: PathBuf,
    /// Whether the directory was made up, so that somebody has to be told which it is.
    pub(crate) is_new_directory: bool,
    pub(crate) trades: u64,
    pub(crate) seed: u64,
    pub(crate) kill_after: Option<u64>,
}

pub(crate) enum Task {
    Help,
    Live(Arguments),
    /// With so many kills.
    Supervise(Arguments, u64),
}

impl Arguments {
    pub(crate) fn read(given: impl Iterator<Item = String>) -> Result<Task, Box<dyn Error>> {
        let mut given = given;
        let (mut file, mut directory, mut trades) = (None, None, None);
        let (mut seed, mut kills, mut kill_after, mut is_supervised) = (1, None, None, false);
        while let Some(argument) = given.next() {
            let mut value = || given.next().ok_or(format!("{argument} needs a value; try --help"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(Task::Help),
                "--supervise" => is_supervised = true,
                "--kills" => kills = Some(number(&value()?)?),
                "--trades" => trades = Some(number(&value()?)?),
                "--seed" => seed = number(&value()?)?,
                "--store" => directory = Some(PathBuf::from(value()?)),
                "--kill-after" => {
                    kill_after = Some(match value()?.as_str() {
                        "random" => fastrand::u64(1..500),
                        text => number(text)?,
                    });
                }
                other if other.starts_with('-') || file.is_some() => {
                    return Err(format!("{other} is not understood; try --help").into());
                }
                path => file = Some(PathBuf::from(path)),
            }
        }
        let is_new_directory = directory.is_none();
        let trades = trades.unwrap_or(if file.is_some() { u64::MAX } else { 600 });
        let directory = directory.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("paper-bot-{}", std::process::id()))
        });
        let arguments = Self { file, directory, is_new_directory, trades, seed, kill_after };
        if kill_after == Some(0) || is_supervised && kill_after.is_some() {
            return Err("--kill-after is 1 or more, and not for --supervise".into());
        }
        match (is_supervised, kills) {
            (true, kills) => Ok(Task::Supervise(arguments, kills.unwrap_or(30))),
            (false, None) => Ok(Task::Live(arguments)),
            (false, Some(_)) => Err("--kills goes with --supervise".into()),
        }
    }

    /// The trades behind `row`.
    pub(crate) fn input(&self, row: u64) -> Result<Trades, Box<dyn Error>> {
        let trades = match &self.file {
            Some(file) => market::of_file(file, row)?,
            None => market::made_up(self.seed, row)?,
        };
        let left = self.trades.saturating_sub(row);
        Ok(Box::new(trades.take(usize::try_from(left).unwrap_or(usize::MAX))))
    }

    /// The name of the input.
    pub(crate) fn feed(&self) -> String {
        let name = self.file.as_ref().and_then(|file| file.file_name());
        name.map_or("a made-up market".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// These arguments again, for a life in a process of its own.
    pub(crate) fn again(&self, kill_after: Option<u64>) -> Vec<String> {
        let mut all = vec![
            "--store".to_owned(),
            self.directory.display().to_string(),
            "--seed".to_owned(),
            self.seed.to_string(),
            "--trades".to_owned(),
            self.trades.to_string(),
        ];
        all.extend(self.file.as_ref().map(|file| file.display().to_string()));
        if let Some(points) = kill_after {
            all.extend(["--kill-after".to_owned(), points.to_string()]);
        }
        all
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace([',', '_'], "");
    digits.parse().map_err(|_| format!("{text:?} is no whole number; try --help"))
}
