//! `highwater replay`: trades from files, or from a made-up market, into the tokens of a store.
//!
//! A wrong argument or file is told before a store is made. This module says what is replayed and
//! reports on it; how rows become commits stands in `batches`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use highwater::Store;
use indicatif::{ProgressBar, ProgressStyle};

use crate::batches::{Batches, Way};
use crate::columns::ColumnFlags;
use crate::failure::Failure;
use crate::input::Input;
use crate::market::Market;
use crate::print::{Form, counted, note};
use crate::store_argument::{Opening, StoreArgument};
use crate::trades::{InputError, Trades};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater replay --store /tmp/demo
  highwater replay --store /tmp/demo binance_20240808.csv.gz us_equity_201310.csv.gz
  zcat trades.csv.gz | highwater replay --store /tmp/demo - --json
  highwater replay --store /tmp/demo dump.csv --time block_time --time-unit rfc3339 \\
      --chain-name solana --address mint --price usd

Every row is one tick: its time, venue, trade number and price together say which. A tick that \
the store has already seen changes nothing, so a replay can be repeated, or go on after a crash.

A bad row is told and passed over; a replay without one good row among its rows fails. `syncs` \
counts those of files and of directories, and `bytes written` includes the room that the journal \
prepares ahead; neither has what opening and closing the store took.";

/// With a history a row can come to 5 KB of a commit's 8 MiB.
const HISTORY_BATCH: usize = 1_500;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// CSV files with headers, plain or gzip; - is standard input [default: a made-up market]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
    #[command(flatten)]
    opening: Opening,
    /// Rows per commit, at most 5000, so that a commit always fits
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    batch: u32,
    /// Stop at the first bad row
    #[arg(long)]
    strict: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Seed of the made-up market
    #[arg(long, default_value_t = 1, conflicts_with = "files")]
    seed: u64,
    /// Rows of the made-up market
    #[arg(long, value_name = "N", default_value_t = 200_000, conflicts_with = "files")]
    rows: u64,
    #[command(flatten)]
    columns: ColumnFlags,
}

impl Arguments {
    fn way(&self, store: &Store) -> Way {
        let with_history = store.tokens().history().is_some();
        let batch = self.batch as usize;
        Way {
            durability: self.opening.durability(),
            batch_rows: if with_history { batch.min(HISTORY_BATCH) } else { batch },
            strict: self.strict,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.directory()?;
    if arguments.files.is_empty() && arguments.opening.is_live() {
        return Err(Failure::MarketIsNotLive);
    }
    let inputs: Vec<Input> =
        arguments.files.iter().map(|file| Input::from_argument(file)).collect();
    // A wrong file is told before a store is made.
    let input_bytes = check(&inputs, &arguments.columns)?;
    let store = arguments.opening.open(directory)?;
    let before = store.stats();
    let progress = match input_bytes {
        _ if inputs.is_empty() => bar(arguments.rows, "{bar:40} {percent}% {pos}/{len} rows {eta}"),
        Some(bytes) => bar(bytes, "{bar:40} {percent}% {bytes}/{total_bytes} {eta}"),
        None => ProgressBar::no_length().with_style(style("{spinner} {bytes} {bytes_per_sec}")),
    };
    let mut batches = Batches::new(&store, directory, arguments.way(&store));
    let started = Instant::now();
    let outcome = if inputs.is_empty() {
        market(&mut batches, arguments, &progress)
    } else {
        files(&mut batches, &inputs, &arguments.columns, &progress)
    };
    progress.finish_and_clear();
    let (mut run, ticks) = batches.finish();
    run.took(started.elapsed(), &before, &store.stats());
    if let Err(failure @ Failure::Store { .. }) = outcome {
        return Err(failure);
    }
    let form = Form::from_flag(arguments.json);
    run.print(&store, directory, &ticks, form, out)?;
    if !matches!(outcome, Err(Failure::Strict { .. })) {
        // With --strict the failure names the one bad row.
        run.tell_problems();
    }
    store.close().map_err(Failure::of_store(directory))?;
    outcome?;
    run.good_rows()
}

fn market(
    batches: &mut Batches<'_>,
    arguments: &Arguments,
    progress: &ProgressBar,
) -> Result<(), Failure> {
    let (seed, rows) = (arguments.seed, arguments.rows);
    note(&format!(
        "no FILE: replaying a made-up market of {} (--seed {seed})",
        counted(rows, "row")
    ));
    let trades = Market::new(seed).zip(0..rows).map(|(trade, _)| trade);
    let trades = trades.inspect(|_| progress.inc(1)).map(|trade| Ok(Ok(trade)));
    batches.replay(format!("<market {seed}>"), trades)
}

fn files(
    batches: &mut Batches<'_>,
    inputs: &[Input],
    flags: &ColumnFlags,
    progress: &ProgressBar,
) -> Result<(), Failure> {
    for input in inputs {
        let label = input.label();
        let trades = Trades::open(input, flags, progress)?;
        progress.suspend(|| note(&format!("{label}: {}", trades.found())));
        batches.replay(label, trades)?;
    }
    Ok(())
}

/// Opens every file once to see that it can be read and has its columns. Answers the bytes of all
/// together, if all are regular files; what can be read once only is left alone.
fn check(inputs: &[Input], flags: &ColumnFlags) -> Result<Option<u64>, Failure> {
    let mut total = Some(0_u64);
    for input in inputs {
        let bytes = input.regular_file_bytes();
        let bytes = bytes.map_err(|source| InputError::Open { label: input.label(), source })?;
        if bytes.is_some() {
            Trades::open(input, flags, &ProgressBar::hidden())?;
        }
        total = total.zip(bytes).map(|(total, bytes)| total + bytes);
    }
    Ok(total)
}

/// A bar on standard error; where that is no terminal, nothing is drawn.
pub(crate) fn bar(length: u64, template: &str) -> ProgressBar {
    ProgressBar::new(length).with_style(style(template))
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
