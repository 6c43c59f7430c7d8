//! `highwater wal`: the log of a store as a story, from files in any state, also beside a running bot.

mod dump;
mod filter;
mod follow;
mod lines;
mod list;
mod stats;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use highwater::inspect::{BreakVerdict, Log, LogBreak, LogEntry, LogSegment, SegmentEnd};

use crate::failure::Failure;
use crate::store_argument::StoreArgument;

/// How many commits a table lists where no limit is given; JSON lines have none.
const TABLE_LIMIT: u64 = 1_000;

const CODES: &str = "\
Exit codes: 0 sound, or only harmless damage; 1 wrong usage or an error of the machine; 2 the log ends \
in a torn tail, which is normal after a power cut; 3 acknowledged bytes are damaged or missing; 5 of an \
unknown version. Of several the first of 5, 3, 2. They speak of what was read: with a limit that is not all.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One line for each commit: its number, when, what it was, how much
    #[command(after_help = format!("{}\n{CODES}", list::EXAMPLES))]
    List(list::Arguments),
    /// Every commit with its rows, decoded
    #[command(after_help = format!("{}\n{CODES}", dump::EXAMPLES))]
    Dump(dump::Arguments),
    /// How much there is of what, by table and by kind of commit
    #[command(after_help = format!("{}\n{CODES}", stats::EXAMPLES))]
    Stats(stats::Arguments),
    /// Check every checksum and give a verdict on every segment
    #[command(after_help = format!("{}\n{CODES}", verify::EXAMPLES))]
    Verify(verify::Arguments),
    /// Print new commits as a running bot appends them
    #[command(after_help = format!("{}\n{CODES}", follow::EXAMPLES))]
    Follow(follow::Arguments),
}

pub(crate) fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(arguments, out),
        Command::Dump(arguments) => dump::run(arguments, out),
        Command::Stats(arguments) => stats::run(arguments, out),
        Command::Verify(arguments) => verify::run(arguments, out),
        Command::Follow(arguments) => follow::run(arguments, out),
    }
}

/// Which log.
#[derive(Args, Clone, Debug)]
struct Which {
    /// Directory of a store, or files of single segments, instead of --store
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
}

impl Which {
    fn open(&self) -> Result<Log, Failure> {
        if !self.paths.is_empty() {
            self.store.is_not_named_too()?;
        }
        let opened = match &self.paths[..] {
            [] => Log::open(self.store.existing_directory()?),
            [one] if one.is_dir() => Log::open(one),
            files => match files.iter().find(|path| path.is_dir()) {
                Some(directory) => {
                    return Err(Failure::SeveralLogs { directory: directory.clone() });
                }
                None => Log::of_files(files),
            },
        };
        opened.map_err(failed)
    }

    /// The store's directory, where that was named and not its segments.
    fn directory(&self) -> Option<&Path> {
        match &self.paths[..] {
            [] => self.store.existing_directory().ok(),
            [one] if one.is_dir() => Some(one),
            _ => None,
        }
    }
}

fn failed(error: highwater::Error) -> Failure {
    Failure::Log { error }
}

/// What the breaks that were met come to.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    damage: u64,
    torn: bool,
}

impl Met {
    fn entry(&mut self, entry: &LogEntry) {
        match entry {
            LogEntry::Break(found) => self.found(found),
            LogEntry::Segment(segment) => self.segment(segment),
            _ => {}
        }
    }

    fn found(&mut self, found: &LogBreak) {
        match found.verdict {
            BreakVerdict::TornTail => self.torn = true,
            BreakVerdict::Covered => {}
            _ => self.damage += 1,
        }
    }

    fn segment(&mut self, segment: &LogSegment) {
        self.torn |= matches!(segment.end, SegmentEnd::TornTail { .. });
    }

    fn outcome(self) -> Result<(), Failure> {
        match self {
            Self { damage: 1.., .. } => Err(Failure::DamagedLog { breaks: self.damage }),
            Self { torn: true, .. } => Err(Failure::TornTail),
            _ => Ok(()),
        }
    }
}
