//! `highwater tokens missing`: which prices a store lacks, since when, and when a bot asks again.

use std::io::Write;

use clap::Args;
use highwater::{Clock, MissingPrice, PriceOf, SystemClock};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, json_line, note, table, visible};
use crate::store_argument::StateArgument;
use crate::time::rfc3339;
use crate::tokens::{Reading, TABLE_LIMIT};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater tokens missing --store /tmp/demo
  highwater tokens missing --store /tmp/demo --due --limit 20
  highwater tokens missing --store /tmp/demo --json | jq -r .address

A bot says that a price is missing, of a token or of an event that it claimed; how long it waits before \
it asks again is its own choice. Claimed events come behind the tokens; with --due what has waited \
longest comes first. A key that is no text is shown with \\x escapes, and in JSON also as hex digits.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only those that it is time to ask for again, by this machine's clock
    #[arg(long)]
    due: bool,
    /// At most so many; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A missing price as one line of JSON. What does not apply is null.
#[derive(Default, Serialize)]
struct Line {
    kind: &'static str,
    chain: Option<String>,
    address: Option<String>,
    namespace: Option<String>,
    key: Option<String>,
    key_hex: Option<String>,
    since: String,
    last_attempt_at: String,
    attempts: u64,
    next_attempt_at: String,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let form = Form::from_flag(arguments.json);
    let limit = match (arguments.limit, form) {
        (Some(0), _) | (None, Form::Json) => u64::MAX,
        (Some(limit), _) => limit,
        (None, Form::Table) => TABLE_LIMIT,
    };
    let reading = Reading::open(&arguments.state)?;
    let mut rows = Vec::new();
    for (listed, price) in (0..).zip(prices(arguments, &reading, limit)?) {
        if listed == limit {
            note(&format!("{limit} listed, and there are more: --limit 0 lists them all"));
            break;
        }
        let line = line(&reading.checked_by_store(price)?);
        match form {
            Form::Json => json_line(out, &line)?,
            Form::Table => rows.push(cells(line)),
        }
    }
    if !rows.is_empty() {
        let header =
            ["missing since", "attempts", "next attempt", "chain or namespace", "address or key"];
        let mut table = table(header);
        table.add_rows(rows);
        writeln!(out, "{}", table.trim_fmt())?;
    }
    Ok(())
}

type Prices<'r> = Box<dyn Iterator<Item = Result<MissingPrice, highwater::Error>> + 'r>;

fn prices<'r>(
    arguments: &Arguments,
    reading: &'r Reading<'_>,
    limit: u64,
) -> Result<Prices<'r>, Failure> {
    if !arguments.due {
        return Ok(Box::new(reading.store().missing_prices()));
    }
    // One more than is listed, to say that there are more.
    let limit = usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX);
    let due = reading.store().due_price_updates(SystemClock.now(), limit);
    Ok(Box::new(reading.checked_by_store(due)?.into_iter().map(Ok)))
}

fn line(price: &MissingPrice) -> Line {
    let missing = price.missing;
    let line = Line {
        since: rfc3339(missing.since),
        last_attempt_at: rfc3339(missing.last_attempt_at),
        attempts: missing.attempts,
        next_attempt_at: rfc3339(missing.next_attempt_at),
        ..Line::default()
    };
    match &price.of {
        PriceOf::Token(key) => Line {
            kind: "token",
            chain: Some(key.chain().to_owned()),
            address: Some(key.address().to_owned()),
            ..line
        },
        PriceOf::Claim { namespace, key } => Line {
            kind: "claim",
            namespace: Some(namespace.to_string()),
            key: Some(key.escape_ascii().to_string()),
            key_hex: Some(key.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..line
        },
    }
}

fn cells(line: Line) -> [String; 5] {
    let place = line.chain.or(line.namespace).unwrap_or_default();
    let name = line.address.or(line.key).unwrap_or_default();
    let attempts = line.attempts.to_string();
    [line.since, attempts, line.next_attempt_at, visible(&place), visible(&name)]
}
