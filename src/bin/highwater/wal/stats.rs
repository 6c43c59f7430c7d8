//! `highwater wal stats`: how much a log holds of what.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use comfy_table::CellAlignment;
use highwater::inspect::{LogCommit, LogEntry, RowChange};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, facts, json_line, table, visible};
use crate::summary::peak_memory_bytes;
use crate::time::rfc3339;

use super::{Met, Which, failed};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater wal stats /tmp/demo
  highwater wal stats /tmp/demo --json | jq 'select(.kind == \"table\")'
";

/// Kinds of commits that are counted one by one: notes are the bot's to choose.
const KINDS: usize = 1_000;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Total {
    kind: &'static str,
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
    first_at: Option<String>,
    last_at: Option<String>,
    segments: u64,
    file_bytes: u64,
    batches: u64,
    commits: u64,
    synced: u64,
    rows: u64,
    bytes: u64,
    largest_commit_bytes: u64,
    breaks: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct TableLine {
    kind: &'static str,
    number: u8,
    name: &'static str,
    put: u64,
    deleted: u64,
    key_bytes: u64,
    row_bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
struct KindLine {
    kind: &'static str,
    note: String,
    commits: u64,
    rows: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Counted {
    total: Total,
    tables: BTreeMap<u8, TableLine>,
    kinds: BTreeMap<String, KindLine>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let log = arguments.which.open()?;
    let (mut counted, mut met) = (Counted::default(), Met::default());
    for entry in log.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        met.entry(&entry);
        match entry {
            LogEntry::Commit(commit) => counted.commit(&commit),
            LogEntry::Break(_) => counted.total.breaks += 1,
            LogEntry::Segment(segment) => {
                counted.total.segments += 1;
                counted.total.file_bytes += segment.file_bytes;
                counted.total.batches += segment.batches;
            }
            _ => {}
        }
    }
    counted.print(Form::from_flag(arguments.json), out)?;
    met.outcome()
}

impl Counted {
    fn commit(&mut self, commit: &LogCommit) {
        let total = &mut self.total;
        total.first_lsn.get_or_insert(commit.lsn);
        total.last_lsn = Some(commit.lsn);
        total.first_at.get_or_insert_with(|| rfc3339(commit.at));
        total.last_at = Some(rfc3339(commit.at));
        total.commits += 1;
        total.synced += u64::from(commit.synced);
        total.rows += u64::from(commit.row_count);
        total.bytes += commit.bytes();
        total.largest_commit_bytes = total.largest_commit_bytes.max(commit.bytes());
        for change in commit.rows() {
            self.change(&change);
        }
        let note = kind_of(&commit.note);
        let is_counted = self.kinds.len() < KINDS || self.kinds.contains_key(note);
        let note = if is_counted { note } else { "(others)" };
        let line = self.kinds.entry(note.to_owned()).or_insert_with(|| KindLine {
            kind: "commits",
            note: note.to_owned(),
            ..KindLine::default()
        });
        line.commits += 1;
        line.rows += u64::from(commit.row_count);
        line.bytes += commit.bytes();
    }

    fn change(&mut self, change: &RowChange<'_>) {
        let (number, name) = (change.table, change.table_name());
        let line = self.tables.entry(number).or_insert(TableLine {
            kind: "table",
            number,
            name,
            ..TableLine::default()
        });
        line.key_bytes += change.key.len() as u64;
        match change.row {
            Some(row) => {
                line.put += 1;
                line.row_bytes += row.len() as u64;
            }
            None => line.deleted += 1,
        }
    }

    fn print(mut self, form: Form, out: &mut impl Write) -> Result<(), Failure> {
        self.total.kind = "log";
        self.total.peak_memory_bytes = peak_memory_bytes();
        if form == Form::Json {
            json_line(out, &self.total)?;
            self.tables.values().try_for_each(|line| json_line(out, line))?;
            self.kinds.values().try_for_each(|line| json_line(out, line))?;
            return Ok(());
        }
        let total = &self.total;
        let range = |first: Option<String>, last: Option<String>| match (first, last) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "none".to_owned(),
        };
        let lsn = |lsn: Option<u64>| lsn.map(|lsn| lsn.to_string());
        facts(
            out,
            &[
                ("commits", range(lsn(total.first_lsn), lsn(total.last_lsn))),
                ("time", range(total.first_at.clone(), total.last_at.clone())),
                ("how many", HumanCount(total.commits).to_string()),
                ("rows", HumanCount(total.rows).to_string()),
                ("bytes", HumanBytes(total.bytes).to_string()),
                ("largest", HumanBytes(total.largest_commit_bytes).to_string()),
                ("synced", HumanCount(total.synced).to_string()),
                ("batches", HumanCount(total.batches).to_string()),
                ("segments", format!("{} of {}", total.segments, HumanBytes(total.file_bytes))),
                ("breaks", HumanCount(total.breaks).to_string()),
            ],
        )?;
        let tables = self.tables.values().map(|line| {
            let name = match line.name {
                "" => format!("table {}", line.number),
                name => name.to_owned(),
            };
            let counts = [line.put, line.deleted].map(|count| HumanCount(count).to_string());
            let bytes = [line.key_bytes, line.row_bytes].map(|bytes| HumanBytes(bytes).to_string());
            [name].into_iter().chain(counts).chain(bytes).collect()
        });
        rows(out, ["table", "put", "deleted", "keys", "rows"], tables.collect())?;
        let kinds = self.kinds.values().map(|line| {
            let counts = [line.commits, line.rows].map(|count| HumanCount(count).to_string());
            let bytes = HumanBytes(line.bytes).to_string();
            [visible(&line.note)].into_iter().chain(counts).chain([bytes]).collect()
        });
        Ok(rows(out, ["what", "commits", "rows", "bytes"], kinds.collect())?)
    }
}

/// The first word of a note: `operation.complete` of `operation.complete #42`.
fn kind_of(note: &str) -> &str {
    match note.split_once(' ') {
        Some((first, _)) => first,
        None if note.is_empty() => "(without a note)",
        None => note,
    }
}

fn rows<const N: usize>(
    out: &mut impl Write,
    header: [&str; N],
    rows: Vec<Vec<String>>,
) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = table(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out)?;
    writeln!(out, "{}", table.trim_fmt())
}
