//! What the command line says of all scenarios, and where results go.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::engines::{Name, Purpose};
use crate::run::{Job, Run, Work};
use crate::syncs::Length;
use crate::{Outcome, list};

#[derive(Debug, Args)]
pub struct Settings {
    /// Where stores are made and removed again; on a tmpfs the disk is out of it
    pub dir: PathBuf,
    /// How often each engine has its turn
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// The same for stores of 5,000,000 tokens
    #[arg(long, default_value_t = 1)]
    pub rounds_large: usize,
    /// What every sync takes, in microseconds; `real` leaves it to the disk
    #[arg(long, default_value = "150")]
    pub sync_us: Length,
    /// A directory on a real disk: durable upserts of one thread there as well, with real syncs
    #[arg(long)]
    pub disk: Option<PathBuf>,
    /// Only these engines
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Name>,
    /// Appends every run as a line of JSON to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// The list of tokens, as `tests/sync/pool_list.py` writes it; without, a made-up one
    #[arg(long)]
    list: Option<PathBuf>,
    /// With 5,000,000 tokens as well, engine by engine: much longer, and up to 10 GiB
    #[arg(long)]
    pub large: bool,
    /// Only a tenth of the work: for looking whether everything runs
    #[arg(long)]
    quick: bool,
}

impl Settings {
    pub fn scaled(&self, count: u64) -> u64 {
        if self.quick { (count / 10).max(1) } else { count }
    }

    pub fn wants(&self, engine: Name) -> bool {
        engine.is_there() && (self.engines.is_empty() || self.engines.contains(&engine))
    }

    pub fn job(&self, engine: Name, durable: bool, tokens: usize, work: Work) -> Job {
        let purpose = Purpose { durable, transfers: false };
        Job { engine, purpose, dir: self.dir.join("run"), sync: self.sync_us, tokens, work }
    }

    pub fn list(&self) -> Outcome<PathBuf> {
        if let Some(list) = &self.list {
            return Ok(list.clone());
        }
        std::fs::create_dir_all(&self.dir)?;
        let made = self.dir.join("list.json");
        if !made.exists() {
            list::make(&made)?;
        }
        Ok(made)
    }

    pub fn keep(&self, run: &Run) -> Outcome<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(writeln!(file, "{}", serde_json::to_string(run)?)?)
    }
}

#[cfg(test)]
impl Settings {
    /// What a command line with these options says.
    pub fn of(options: &str) -> Self {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            settings: Settings,
        }
        let words = ["peers", "stores", "--list", "list.json"].into_iter();
        <Line as clap::Parser>::parse_from(words.chain(options.split_whitespace())).settings
    }
}
