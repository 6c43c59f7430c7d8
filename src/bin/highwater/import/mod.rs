//! `highwater import`: lists of tokens, of any size, into a store.
//!
//! A wrong argument or file is told before a store is made. This module says what is imported and in which
//! session; what a list is stands in `list`, what a record says in `token`, and what becomes of it in the
//! library's bulk sync. Nothing has to be caught when the program is killed: run again, it goes on.

mod elements;
mod fields;
mod list;
mod record;
mod report;
mod token;

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Instant, UNIX_EPOCH};

use clap::{Args, Subcommand};
use highwater::{
    Clock, Filter, Malformed, SyncProgress, SyncReport, SyncRow, SystemClock, Timestamp, TokenSync,
};
use indicatif::{HumanCount, ProgressBar};
use xxhash_rust::xxh3::Xxh3;

use crate::failure::{Failure, one_line};
use crate::input::Input;
use crate::print::{Form, note};
use crate::replay::{bar, style};
use crate::store_argument::{Opening, StoreArgument};
use crate::time::TimeUnit;
use crate::trades::InputError;

use fields::{Fields, Wanted};
use list::List;
use report::{Import, Run};
use token::Reading;

/// A line is printed for so many rows where there is no terminal to draw a bar on.
const ROWS_PER_LINE: u64 = 1_000_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import lists of tokens: JSON arrays, JSON Lines or CSV, plain or gzip
    #[command(after_help = EXAMPLES)]
    Tokens(Arguments),
}

const EXAMPLES: &str = "\
Examples:
  highwater import tokens tokens.json.gz --store /tmp/demo --source coingecko --filter all
  curl -s https://example.org/pools.json | highwater import tokens - --store /tmp/demo \\
      --source dexscreener --session 2024-08-08 --filter chainId=solana \\
      --field address=baseToken.address --field symbol=baseToken.symbol
  highwater import tokens base.csv --store /tmp/demo --source base-csv --filter all --chain base

Every row is counted once, however often the import is killed: run again with the same --session, it \
goes on. Once a list was read to its end, without a malformed row and under the same filter as before, \
tokens which this source named before and does not name any more are marked as stale. So every list has \
a source of its own: two lists under one name would mark each other's tokens.

A row that says something no token can be (148 decimals, a negative price) is refused, and its token \
counts as named; a row whose token cannot be told is malformed. Neither keeps the others from being \
imported. A list without one good row fails. A market cap that no token can have is left out and counted, \
and refuses its row only where --field names it; a fully diluted value is taken for one with \
--field market_cap=fdv alone.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Lists, told apart by content; - is standard input. All of them are one list
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
    /// Name of this list; what it named before and does not name now becomes stale
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Name of this pass over the list, to go on with it [default: made from the files]; what says no time
    /// is then of the time of each run, and without it of the time at which the first run began
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// `all` rows, or those whose FIELD is, or has, VALUE; may be given several times
    #[arg(long, value_name = "all|FIELD=VALUE", required = true)]
    filter: Vec<String>,
    /// Where a value stands in a record, as address=baseToken.address; may be given several times
    #[arg(long, value_name = "ROLE=PATH")]
    field: Vec<String>,
    /// The chain of the rows in which no field says it
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// Unit of times that are numbers [default: what their name ends in, as in timestamp_ms or timestampMs]
    #[arg(long, value_name = "UNIT", value_enum)]
    time_unit: Option<TimeUnit>,
    /// Round prices finer than 24 decimals instead of refusing their rows
    #[arg(long)]
    round: bool,
    #[command(flatten)]
    opening: Opening,
    /// Rows per commit, at most 2000
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    batch: u32,
    /// Take at most so many rows
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// Stop at the first row that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Tokens(arguments) => tokens(arguments, out),
    }
}

fn tokens(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.directory()?;
    let wanted = Wanted::new(&arguments.filter)?;
    let inputs: Vec<_> = arguments.files.iter().map(|file| Input::from_argument(file)).collect();
    if inputs.iter().filter(|input| **input == Input::StandardInput).count() > 1 {
        return Err(Failure::StandardInputTwice);
    }
    let checked = check(&inputs, arguments)?;
    let mut reading = reading(arguments, wanted.clone())?;
    if arguments.time_unit.is_some() && checked.bytes.is_some() {
        check_times(&inputs, &mut reading)?;
    }
    let (session, is_same_list) = match (&arguments.session, checked.session) {
        (Some(session), _) => (session.clone(), false),
        (None, Some(made)) => (made, true),
        (None, None) => return Err(Failure::NoSession),
    };
    let store = arguments.opening.open(directory)?;
    let failed = Failure::of_store(directory);
    let progress = match checked.bytes {
        Some(bytes) => bar(bytes, "{bar:40} {percent}% {bytes}/{total_bytes} {eta}"),
        None => ProgressBar::no_length().with_style(style("{spinner} {bytes} {bytes_per_sec}")),
    };
    let (before, started) = (store.stats(), Instant::now());
    let sync = request(arguments, &session, &wanted, &progress);
    let running = store.tokens().begin_sync(sync).map_err(&failed)?;
    tell_session(&progress, running.session());
    // Under a name that somebody chose the list may have been fetched anew since the session began.
    reading.seen_at = if is_same_list { running.seen_at() } else { SystemClock.now() };
    (reading.rounded, reading.dropped_caps) = (0, 0);
    let rows =
        Lists { inputs: inputs.iter(), list: None, reading: &mut reading, progress: &progress };
    let outcome = running.feed(rows);
    progress.finish_and_clear();
    let (report, error) = match outcome {
        Ok(report) => (Some(report), None),
        Err(failed) => (failed.report.map(|report| *report), Some(failed.error)),
    };
    let run = Run {
        rounded: reading.rounded,
        dropped_caps: reading.dropped_caps,
        bytes_read: progress.position(),
        took: started.elapsed(),
        before,
        after: store.stats(),
    };
    let import = report.map(|report: SyncReport| Import::new(report, &run));
    if let Some(import) = &import {
        import.print(Form::from_flag(arguments.json), out)?;
    }
    if let Some(error) = error {
        return Err(failed(*error));
    }
    store.close().map_err(&failed)?;
    let Some(import) = import else { return Ok(()) };
    import.verdict()?;
    let lacks_times = arguments.time_unit.is_some() && !reading.fields.has_met_time();
    if lacks_times && import.has_rows() { Err(Failure::NoTime) } else { Ok(()) }
}

/// How records are read, but for the time of those that have none.
fn reading(arguments: &Arguments, wanted: Wanted) -> Result<Reading, Failure> {
    Ok(Reading {
        fields: Fields::new(&arguments.field)?,
        wanted,
        chain: arguments.chain.clone(),
        time_unit: arguments.time_unit,
        source: arguments.source.clone(),
        seen_at: Timestamp::from_micros(0),
        rounds: arguments.round,
        rounded: 0,
        dropped_caps: 0,
    })
}

/// Looks for the first record that has a field for the time. Where the lists have records and none of them
/// has one, a price of last year would be one of today.
fn check_times(inputs: &[Input], reading: &mut Reading) -> Result<(), Failure> {
    let progress = ProgressBar::hidden();
    let mut rows = Lists { inputs: inputs.iter(), list: None, reading, progress: &progress };
    let mut has_records = false;
    while let Some(row) = rows.next() {
        match row {
            // What is wrong with the list is told when it is imported.
            SyncRow::BrokenOff(_) => return Ok(()),
            SyncRow::Malformed(_) => {}
            _ if rows.reading.fields.has_met_time() => return Ok(()),
            _ => has_records = true,
        }
    }
    if has_records { Err(Failure::NoTime) } else { Ok(()) }
}

/// What the library is asked for.
fn request<'a>(
    arguments: &Arguments,
    session: &str,
    wanted: &Wanted,
    progress: &'a ProgressBar,
) -> TokenSync<'a> {
    let filter = match wanted {
        Wanted::All => Filter::All,
        Wanted::Only { name, .. } => Filter::applied(name.as_str()),
    };
    let sync = TokenSync::new(arguments.source.as_str(), session, filter)
        .batch_rows(arguments.batch as usize)
        .max_rows(arguments.max_rows.unwrap_or(u64::MAX));
    let sync = if arguments.strict { sync.stop_at_malformed() } else { sync };
    let (is_terminal, mut told) = (std::io::stderr().is_terminal(), 0);
    sync.on_progress(move |so_far: &SyncProgress| {
        if !is_terminal && so_far.rows / ROWS_PER_LINE > told {
            told = so_far.rows / ROWS_PER_LINE;
            progress.suspend(|| note(&format!("{} rows", HumanCount(so_far.rows))));
        }
        ControlFlow::Continue(())
    })
}

fn tell_session(progress: &ProgressBar, session: &highwater::SyncSession) {
    let (name, rows) = (&session.session, HumanCount(session.counts.rows));
    let text = match (session.is_resumed(), session.ended) {
        (false, _) => format!("session {name} begins"),
        (true, None) => format!("session {name} goes on: {rows} rows are counted already"),
        (true, Some(_)) => {
            format!(
                "session {name} had ended, its {rows} rows are counted: name another with --session to count anew"
            )
        }
    };
    progress.suspend(|| note(&text));
}

/// What is known of the lists before they are read.
struct Checked {
    /// The bytes of all together, if all are regular files.
    bytes: Option<u64>,
    /// A name that stands for these files as they are, if all are regular files.
    session: Option<String>,
}

/// Opens every list once to see that it is one. What can be read once only is left alone.
fn check(inputs: &[Input], arguments: &Arguments) -> Result<Checked, Failure> {
    let mut fields = Fields::new(&arguments.field)?;
    let (mut total, mut is_regular, mut hash) = (0_u64, true, Xxh3::new());
    for input in inputs {
        let failed = |source| InputError::Open { label: input.label(), source };
        let Some(bytes) = input.regular_file_bytes().map_err(failed)? else {
            is_regular = false;
            continue;
        };
        let list = List::open(input, &mut fields, &ProgressBar::hidden())?;
        note(&format!("{}: {}", input.label(), list.form()));
        total = total.saturating_add(bytes);
        if let Input::File(path) = input {
            // A list that was fetched anew is another one, also where it is as long.
            let modified =
                path.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
            let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let path = path.canonicalize().map_err(failed)?;
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update(&[0]);
            hash.update(&bytes.to_le_bytes());
            hash.update(&modified.to_le_bytes());
        }
    }
    // Read in another way, it is another pass.
    for text in arguments.filter.iter().chain(&arguments.field).chain(&arguments.chain) {
        hash.update(text.as_bytes());
        hash.update(&[0]);
    }
    hash.update(format!("{:?} {}", arguments.time_unit, arguments.round).as_bytes());
    let session = is_regular.then(|| format!("files-{:016x}", hash.digest()));
    Ok(Checked { bytes: is_regular.then_some(total), session })
}

/// The rows of all lists, one list after another.
struct Lists<'a, I> {
    inputs: I,
    list: Option<List>,
    reading: &'a mut Reading,
    progress: &'a ProgressBar,
}

impl<'a, I: Iterator<Item = &'a Input>> Iterator for Lists<'a, I> {
    type Item = SyncRow;

    fn next(&mut self) -> Option<SyncRow> {
        loop {
            if let Some(row) = self.list.as_mut().and_then(|list| list.next(self.reading)) {
                return Some(row);
            }
            let input = self.inputs.next()?;
            match List::open(input, &mut self.reading.fields, self.progress) {
                Ok(list) => self.list = Some(list),
                // It was there when all were looked at.
                Err(failure) => {
                    let reason = Malformed::new(one_line(&failure)).at(input.label());
                    return Some(SyncRow::BrokenOff(reason));
                }
            }
        }
    }
}
