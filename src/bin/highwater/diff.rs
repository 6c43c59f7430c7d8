//! `highwater diff`: which rows differ between the states after two commits. Never writes.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use highwater::inspect::{
    DecodedRow, DiffError, KnownAssets, Log, LogEntry, Value, decode_row, diff,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, counted, json_line, visible};
use crate::store_argument::existing;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater diff /tmp/demo 4711 4720
  highwater diff /tmp/demo 0 10 --json | jq -r .name | sort | uniq -c

The state after a commit is told by the base, which is as of its checkpoint, and by the log behind it; an \
older one only by a log that goes back to the first commit (`Options::keep_log`).

Exit codes: 0 told; 1 wrong usage, beyond what the files tell, or an error of the machine; 3 damage; \
5 of an unknown version.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Directory of the store
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The earlier commit; 0 is before the first
    #[arg(value_name = "LSN1")]
    from: u64,
    /// The later commit
    #[arg(value_name = "LSN2")]
    to: u64,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// A row that differs as one line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    table: u8,
    name: &'a str,
    key: &'a Value,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    lsn: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = existing(&arguments.directory)?;
    let failed = Failure::of_store(directory);
    let changed = diff(directory, arguments.from, arguments.to).map_err(|error| match error {
        DiffError::Store(error) => failed(error),
        other => Failure::Diff(other),
    })?;
    let assets = assets_of(&Log::open(directory).map_err(&failed)?).map_err(&failed)?;
    let form = Form::from_flag(arguments.json);
    for row in &changed {
        let told = |bytes: Option<&[u8]>| named(decode_row(row.table, &row.key, bytes), &assets);
        let (before, after) = (told(row.before.as_deref()), told(row.after.as_deref()));
        match form {
            Form::Json => json_line(
                out,
                &Line {
                    kind: "changed",
                    table: row.table,
                    name: after.name,
                    key: &after.key,
                    before: before.row.as_ref(),
                    after: after.row.as_ref(),
                    lsn: row.lsn,
                },
            )?,
            Form::Table => {
                let name = match after.name {
                    "" => format!("table {}", row.table),
                    name => name.to_owned(),
                };
                writeln!(out, "{name}: {} (commit {})", visible(&after.key.to_string()), row.lsn)?;
                for (sign, side) in [("-", &before), ("+", &after)] {
                    if let Some(row) = &side.row {
                        writeln!(out, "  {sign} {}", visible(&row.to_string()))?;
                    }
                }
            }
        }
    }
    if form == Form::Table {
        writeln!(out, "{} differ", counted(changed.len() as u64, "row"))?;
    }
    Ok(())
}

/// The assets that base and log tell of.
fn assets_of(log: &Log) -> Result<KnownAssets, highwater::Error> {
    let mut assets = log.known_assets()?;
    for entry in log.entries()? {
        if let LogEntry::Commit(commit) = entry? {
            commit.rows().for_each(|change| assets.learn(change.table, change.key, change.row));
        }
    }
    Ok(assets)
}

fn named(mut row: DecodedRow, assets: &KnownAssets) -> DecodedRow {
    row.name_assets(assets);
    row
}
