//! `highwater claims`: which events a store dealt with, by namespace, read without writing a byte.

use std::io::Write;
use std::path::Path;

use clap::Args;
use comfy_table::CellAlignment;
use highwater::{ClaimOutcome, ClaimState, ClaimStats, ReadOnly, StoredClaim, processed};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, json_line, note, table, visible};
use crate::store_argument::StateArgument;
use crate::time::rfc3339;

/// How many claims a table lists where no limit is given; JSON lines have none.
const TABLE_LIMIT: u64 = 1_000;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater claims --store /tmp/demo
  highwater claims --store /tmp/demo --namespace copied --limit 20
  highwater claims --store /tmp/demo --json | jq -r '.namespace + \" \" + (.size | tostring)'

The watermark of a namespace is the latest event whose claim was let go: an event at or below it \
that is not listed is never new again. A key that is no text is shown with \\x escapes, and in JSON \
also as hex digits.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// List the claims of this namespace, by key, instead of the namespaces
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// At most so many claims; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N", requires = "namespace")]
    limit: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let (directory, store) = arguments.state.open()?;
    let form = Form::from_flag(arguments.json);
    match &arguments.namespace {
        None => namespaces(&store, directory, form, out),
        Some(namespace) => {
            let limit = match (arguments.limit, form) {
                (Some(0), _) | (None, Form::Json) => u64::MAX,
                (Some(limit), _) => limit,
                (None, Form::Table) => TABLE_LIMIT,
            };
            let found = Found { store: &store, directory, namespace, limit };
            found.list(form, out)
        }
    }
}

fn checked<T>(read: Result<T, processed::Error>, directory: &Path) -> Result<T, Failure> {
    read.map_err(highwater::Error::from).map_err(Failure::of_store(directory))
}

/// A namespace as one line of JSON.
#[derive(Serialize)]
struct NamespaceLine<'a> {
    kind: &'static str,
    namespace: &'a str,
    size: u64,
    in_flight: u64,
    pruned: u64,
    oldest: Option<String>,
    watermark: Option<String>,
}

fn namespaces(
    store: &ReadOnly,
    directory: &Path,
    form: Form,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for namespace in store.claims().namespaces() {
        let namespace = checked(namespace, directory)?;
        let ClaimStats { size, in_flight, pruned, oldest, watermark, .. } = namespace.stats;
        let (oldest, watermark) = (oldest.map(rfc3339), watermark.map(rfc3339));
        let name = &*namespace.name;
        if form == Form::Json {
            let (kind, namespace) = ("namespace", name);
            let line =
                NamespaceLine { kind, namespace, size, in_flight, pruned, oldest, watermark };
            json_line(out, &line)?;
            continue;
        }
        let counts = [size, in_flight, pruned].map(|count| count.to_string());
        let times = [oldest, watermark].map(or_dash);
        rows.push([visible(name)].into_iter().chain(counts).chain(times).collect::<Vec<_>>());
    }
    let header = ["namespace", "size", "in flight", "pruned", "oldest", "watermark"];
    Ok(print_rows(header, &[1, 2, 3], rows, out)?)
}

/// The claims of one namespace.
struct Found<'a> {
    store: &'a ReadOnly,
    directory: &'a Path,
    namespace: &'a str,
    limit: u64,
}

/// A claim as one line of JSON.
#[derive(Serialize)]
struct ClaimLine<'a> {
    kind: &'static str,
    namespace: &'a str,
    key: String,
    key_hex: String,
    state: &'static str,
    operation: Option<u64>,
    event_time: String,
    claimed_at: String,
}

impl Found<'_> {
    fn is_there(&self) -> Result<bool, Failure> {
        for namespace in self.store.claims().namespaces() {
            if *checked(namespace, self.directory)?.name == *self.namespace {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn list(&self, form: Form, out: &mut impl Write) -> Result<(), Failure> {
        // What cannot be a name is told as such, and a namespace without claims is an empty list.
        checked(self.store.claims().stats(self.namespace), self.directory)?;
        if !self.is_there()? {
            return Err(Failure::NoNamespace { asked: visible(self.namespace) });
        }
        let mut rows = Vec::new();
        for (listed, claim) in (0..).zip(self.store.claims().iter(self.namespace)) {
            if listed == self.limit {
                let limit = self.limit;
                note(&format!("{limit} listed, and there are more: --limit 0 lists them all"));
                break;
            }
            let StoredClaim { key, record, .. } = checked(claim, self.directory)?;
            let line = ClaimLine {
                kind: "claim",
                namespace: self.namespace,
                key: key.escape_ascii().to_string(),
                key_hex: key.iter().map(|byte| format!("{byte:02x}")).collect(),
                state: state(record.state),
                operation: record.operation,
                event_time: rfc3339(record.event_time),
                claimed_at: rfc3339(record.claimed_at),
            };
            if form == Form::Json {
                json_line(out, &line)?;
                continue;
            }
            let operation = or_dash(line.operation.map(|number| format!("#{number}")));
            let state = line.state.to_owned();
            rows.push(vec![line.key, state, operation, line.event_time, line.claimed_at]);
        }
        let header = ["key", "state", "operation", "event time", "claimed at"];
        Ok(print_rows(header, &[2], rows, out)?)
    }
}

fn state(state: ClaimState) -> &'static str {
    match state {
        ClaimState::InFlight(_) => "in flight",
        ClaimState::Done(ClaimOutcome::Recorded) => "recorded",
        ClaimState::Done(ClaimOutcome::Completed) => "completed",
        ClaimState::Done(ClaimOutcome::RolledBack) => "rolled back",
        ClaimState::Done(_) => "done",
    }
}

fn or_dash(fact: Option<String>) -> String {
    fact.unwrap_or_else(|| "-".to_owned())
}

/// Prints a table, or nothing where it has no rows.
fn print_rows<const N: usize>(
    header: [&str; N],
    numbers: &[usize],
    rows: Vec<Vec<String>>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = table(header);
    table.add_rows(rows);
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", table.trim_fmt())
}
