//! `highwater tokens pumps`, `drawdowns` and `integrity`: what stands out among all tokens.

use std::io::Write;

use clap::Args;
use highwater::money::Price;
use highwater::{Move, Ratio};
use serde::Serialize;

use crate::failure::Failure;
use crate::history::Times;
use crate::listing::{TokenLine, TokenPrinter};
use crate::print::{Form, json_line, note, table, visible};
use crate::store_argument::StateArgument;
use crate::time::rfc3339;
use crate::tokens::Reading;

pub(crate) const PUMPS_EXAMPLES: &str = "\
Examples:
  highwater tokens pumps --store /tmp/demo --min 2
  highwater tokens pumps --store /tmp/demo --from 2024-08-08T00:00:00Z --limit 5 --json";

pub(crate) const DRAWDOWNS_EXAMPLES: &str = "\
Examples:
  highwater tokens drawdowns --store /tmp/demo --min 80
  highwater tokens drawdowns --store /tmp/demo --to 2024-08-09T00:00:00Z --json";

#[derive(Args, Debug)]
pub(crate) struct Pumps {
    #[command(flatten)]
    state: StateArgument,
    /// Only rises to at least so many times the price
    #[arg(long, value_name = "TIMES", default_value = "2", value_parser = ratio)]
    min: Ratio,
    #[command(flatten)]
    rest: Rest,
}

#[derive(Args, Debug)]
pub(crate) struct Drawdowns {
    #[command(flatten)]
    state: StateArgument,
    /// Only falls by at least so many percent
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = ratio)]
    min: Ratio,
    #[command(flatten)]
    rest: Rest,
}

#[derive(Args, Debug)]
struct Rest {
    #[command(flatten)]
    times: Times,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Integrity {
    #[command(flatten)]
    state: StateArgument,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A decimal number, exactly.
fn ratio(text: &str) -> Result<Ratio, String> {
    let number: Price = text.parse().map_err(|error: highwater::money::Error| error.to_string())?;
    let one = 10_u128.pow(u32::from(Price::DECIMALS));
    Ratio::new(number.units(), one).ok_or_else(|| "is no number".to_owned())
}

pub(crate) fn pumps(arguments: &Pumps, out: &mut impl Write) -> Result<(), Failure> {
    let (rest, reading) = (&arguments.rest, Reading::open(&arguments.state)?);
    let found = reading.tokens().pumps(rest.times, arguments.min, rest.limit);
    print(out, rest, "pump", "times", |ratio| ratio.to_string(), &reading.checked(found)?)?;
    tell_without_history(&reading)
}

pub(crate) fn drawdowns(arguments: &Drawdowns, out: &mut impl Write) -> Result<(), Failure> {
    let (rest, reading) = (&arguments.rest, Reading::open(&arguments.state)?);
    let part =
        Ratio::new(arguments.min.numerator(), arguments.min.denominator().saturating_mul(100));
    let part = part.unwrap_or(Ratio::times(1));
    let found = reading.tokens().drawdowns(rest.times, part, rest.limit);
    print(out, rest, "drawdown", "percent", percent, &reading.checked(found)?)?;
    tell_without_history(&reading)
}

/// Where nothing was ever kept, that nothing was found says nothing.
fn tell_without_history(reading: &Reading<'_>) -> Result<(), Failure> {
    if reading.checked(reading.tokens().history_settings())?.is_none() {
        note(
            "the store keeps no history: it begins with a replay --history, or a bot that asks for it",
        );
    }
    Ok(())
}

/// A part as a number of hundredths.
fn percent(part: Ratio) -> String {
    let hundredfold = part.numerator().checked_mul(100);
    let exact = hundredfold.and_then(|numerator| Ratio::new(numerator, part.denominator()));
    // What is too long for that has more digits than anybody reads.
    let cut = || Ratio::new(part.numerator(), (part.denominator() / 100).max(1));
    exact.or_else(cut).map_or_else(String::new, |percent| percent.to_string())
}

#[derive(Serialize)]
struct MoveLine<'a> {
    kind: &'a str,
    chain: &'a str,
    address: &'a str,
    from: String,
    from_at: String,
    to: String,
    to_at: String,
    ratio: String,
}

fn print(
    out: &mut impl Write,
    rest: &Rest,
    kind: &str,
    unit: &str,
    shown: fn(Ratio) -> String,
    moves: &[Move],
) -> Result<(), Failure> {
    let mut rows = table(["chain", "address", "from", "at", "to", "at", unit]);
    for one in moves {
        let (chain, address) = (one.key.chain(), one.key.address());
        let (from, from_at) = (one.from.price.to_string(), rfc3339(one.from.at));
        let (to, to_at) = (one.to.price.to_string(), rfc3339(one.to.at));
        let ratio = shown(one.ratio);
        if rest.json {
            json_line(out, &MoveLine { kind, chain, address, from, from_at, to, to_at, ratio })?;
        } else {
            rows.add_row([visible(chain), visible(address), from, from_at, to, to_at, ratio]);
        }
    }
    match (rest.json, moves) {
        (_, []) => note(&format!("no {kind} was found")),
        (true, _) => {}
        (false, _) => writeln!(out, "{rows}")?,
    }
    Ok(())
}

/// Fails where a token's latest price is above its highest one, and names each.
pub(crate) fn integrity(arguments: &Integrity, out: &mut impl Write) -> Result<(), Failure> {
    let reading = Reading::open(&arguments.state)?;
    let mut printer = TokenPrinter::new(Form::from_flag(arguments.json));
    let mut found: u64 = 0;
    for token in reading.tokens().integrity() {
        let token = &reading.checked(token)?;
        printer.token(out, &TokenLine { token, ticks: None })?;
        found += 1;
    }
    printer.finish(out)?;
    match found {
        0 => {
            note("every token's highest price is at least its latest one");
            Ok(())
        }
        count => Err(Failure::BrokenMarks { count }),
    }
}
