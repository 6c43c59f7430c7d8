//! `highwater history`: the ticks and candles of a token, and how far they reach.

use std::io::Write;
use std::ops::{Bound, RangeBounds};

use clap::Args;
use highwater::tokens::{Candle, Tick, TokenHistory};
use highwater::{Resolution, Timestamp, Token};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, facts, json_line, note, table, visible};
use crate::store_argument::StateArgument;
use crate::time::{TimeUnit, rfc3339};
use crate::tokens::{Reading, TABLE_LIMIT};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater history BTCUSDT --store /tmp/demo
  highwater history binance-spot/BTCUSDT --store /tmp/demo --candles 1m --limit 60
  highwater history ethereum 0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2 --store /tmp/demo \\
      --ticks --from 2024-08-08T23:50:00Z --to 2024-08-09T00:00:00Z --json

A candle marked with * reaches below the watermark: some of its ticks may be purged.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// CHAIN ADDRESS, CHAIN/ADDRESS, or an address or symbol that only one token has
    #[arg(value_name = "TOKEN", num_args = 1..=2, required = true)]
    token: Vec<String>,
    #[command(flatten)]
    state: StateArgument,
    /// Print candles of this length: 1m, 1h or 1d
    #[arg(long, value_name = "LENGTH")]
    candles: Option<Resolution>,
    /// Print every tick
    #[arg(long, conflicts_with = "candles")]
    ticks: bool,
    #[command(flatten)]
    times: Times,
    /// At most so many, the latest; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A range of times.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From this time on, as in 2024-08-08T23:54:15Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Up to this time, without it
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    TimeUnit::Rfc3339.parse(text).map_err(|error| error.to_string())
}

impl RangeBounds<Timestamp> for Times {
    fn start_bound(&self) -> Bound<&Timestamp> {
        self.from.as_ref().map_or(Bound::Unbounded, Bound::Included)
    }

    fn end_bound(&self) -> Bound<&Timestamp> {
        self.to.as_ref().map_or(Bound::Unbounded, Bound::Excluded)
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let reading = Reading::open(&arguments.state)?;
    let token = reading.named(&arguments.token)?;
    let form = Form::from_flag(arguments.json);
    let limit = match (arguments.limit, form) {
        (Some(0), _) | (None, Form::Json) => usize::MAX,
        (Some(limit), _) => limit,
        (None, Form::Table) => TABLE_LIMIT as usize,
    };
    let Some(history) = reading.checked(reading.tokens().history(&token.key))? else {
        return Err(Failure::NoHistory { token: token.key.to_string() });
    };
    let (key, times) = (&token.key, arguments.times);
    match (arguments.candles, arguments.ticks) {
        (Some(resolution), _) => {
            let candles = reading.tokens().candles(key, resolution, times);
            let candles = latest(&reading, candles, limit)?;
            print_candles(out, form, &candles)?;
        }
        (None, true) => {
            let ticks = latest(&reading, reading.tokens().ticks(key, times), limit)?;
            print_ticks(out, form, &ticks)?;
        }
        (None, false) => print_reach(out, form, &token, &history)?,
    }
    Ok(())
}

/// The last `limit` of these, in their order.
fn latest<T>(
    reading: &Reading<'_>,
    all: impl DoubleEndedIterator<Item = Result<T, highwater::tokens::Error>>,
    limit: usize,
) -> Result<Vec<T>, Failure> {
    let mut backwards = all.rev();
    let mut latest = Vec::new();
    for one in backwards.by_ref().take(limit) {
        latest.push(reading.checked(one)?);
    }
    if backwards.next().is_some() {
        note(&format!("the latest {limit} are listed: --limit 0 lists them all"));
    }
    latest.reverse();
    Ok(latest)
}

#[derive(Serialize)]
struct TickLine<'a> {
    kind: &'a str,
    at: String,
    seq: Option<u64>,
    source: &'a str,
    price: String,
}

fn print_ticks(out: &mut impl Write, form: Form, ticks: &[Tick]) -> Result<(), Failure> {
    let mut rows = table(["time", "source", "number", "price"]);
    for tick in ticks {
        let (at, price) = (rfc3339(tick.observed_at), tick.price.to_string());
        match form {
            Form::Json => {
                let (seq, source) = (tick.seq, &*tick.source);
                json_line(out, &TickLine { kind: "tick", at, seq, source, price })?;
            }
            Form::Table => {
                let seq = tick.seq.map_or("-".to_owned(), |seq| seq.to_string());
                rows.add_row([at, visible(&tick.source), seq, price]);
            }
        }
    }
    finish(out, form, &rows)
}

#[derive(Serialize)]
struct CandleLine<'a> {
    kind: &'a str,
    length: Resolution,
    start: String,
    open: String,
    high: String,
    low: String,
    close: String,
    count: u64,
    is_beyond_ticks: bool,
}

fn print_candles(out: &mut impl Write, form: Form, candles: &[Candle]) -> Result<(), Failure> {
    let mut rows = table(["start", "open", "high", "low", "close", "ticks"]);
    for candle in candles {
        let start = rfc3339(candle.start);
        let prices = [candle.open.price, candle.high, candle.low, candle.close.price];
        let [open, high, low, close] = prices.map(|price| price.to_string());
        let (count, is_beyond_ticks) = (candle.count, candle.is_beyond_ticks);
        match form {
            Form::Json => {
                let length = candle.resolution;
                let kind = "candle";
                let line = CandleLine {
                    kind,
                    length,
                    start,
                    open,
                    high,
                    low,
                    close,
                    count,
                    is_beyond_ticks,
                };
                json_line(out, &line)?;
            }
            Form::Table => {
                let mark = if is_beyond_ticks { " *" } else { "" };
                rows.add_row([start, open, high, low, close, format!("{count}{mark}")]);
            }
        }
    }
    finish(out, form, &rows)
}

fn finish(out: &mut impl Write, form: Form, rows: &comfy_table::Table) -> Result<(), Failure> {
    if form == Form::Table && !rows.is_empty() {
        writeln!(out, "{rows}")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ReachLine<'a> {
    kind: &'a str,
    chain: &'a str,
    address: &'a str,
    watermark: Option<String>,
    ticks: u64,
    purged: u64,
    candles_1m: u64,
    candles_1h: u64,
    candles_1d: u64,
    retracted: u64,
    quarantined: u64,
    quarantine_dropped: u64,
}

fn print_reach(
    out: &mut impl Write,
    form: Form,
    token: &Token,
    history: &TokenHistory,
) -> Result<(), Failure> {
    let [candles_1m, candles_1h, candles_1d] = history.candles;
    let watermark = history.watermark.map(rfc3339);
    let (chain, address) = (token.key.chain(), token.key.address());
    match form {
        Form::Json => {
            let line = ReachLine {
                kind: "history",
                chain,
                address,
                watermark,
                ticks: history.ticks,
                purged: history.purged,
                candles_1m,
                candles_1h,
                candles_1d,
                retracted: history.retracted,
                quarantined: history.quarantined,
                quarantine_dropped: history.quarantine_dropped,
            };
            json_line(out, &line)?;
        }
        Form::Table => {
            let whole = "the first tick".to_owned();
            let reach = watermark.map_or(whole, |watermark| format!("later than {watermark}"));
            facts(
                out,
                &[
                    ("chain", chain.to_owned()),
                    ("address", address.to_owned()),
                    ("reaches back to", reach),
                    ("ticks", history.ticks.to_string()),
                    ("ticks purged", history.purged.to_string()),
                    ("candles", format!("{candles_1m} 1m, {candles_1h} 1h, {candles_1d} 1d")),
                    ("retracted", history.retracted.to_string()),
                    ("in quarantine", history.quarantined.to_string()),
                    ("dropped from it", history.quarantine_dropped.to_string()),
                ],
            )?;
        }
    }
    Ok(())
}
