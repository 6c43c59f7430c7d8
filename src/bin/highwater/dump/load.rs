//! `highwater load`: a new store of what was exported.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use highwater::copies::{self, NotLoaded};
use highwater::inspect::{Flaw, Verification};
use serde::Serialize;

use super::lines::Lines;
use crate::failure::Failure;
use crate::print::{Form, counted, json_line, note, visible};

/// How many findings are told one by one.
const TOLD: usize = 20;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater load demo.jsonl /tmp/copy
  highwater export all /tmp/demo | highwater load - /tmp/copy

DIR must not be there: it is made as DIR.partial, verified as `highwater verify` does, synced and renamed. \
A wrong line, or a store that would not be sound, leaves nothing behind. The loaded store has the same \
rows, the same last commit and the same identity as the one that was exported.

Exit codes: 0 done; 1 wrong usage, a wrong line, DIR is there already, or an error of the machine; 3 or 4 \
what was loaded is not sound, as from `verify`.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// An export of all tables, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Directory of the new store, which must not be there yet
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    directory: String,
    rows: u64,
    last_lsn: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let (file, directory) = (&arguments.file, &arguments.directory);
    let (label, loaded) = if file == Path::new("-") {
        let label = "standard input".to_owned();
        let loaded = load(&label, io::stdin().lock(), directory)?;
        (label, loaded)
    } else {
        let label = file.display().to_string();
        let is_directory = file.is_dir().then(|| io::ErrorKind::IsADirectory.into());
        let opened = is_directory.map_or_else(|| File::open(file), Err);
        let opened = opened.map_err(|source| Failure::Unopened { label: label.clone(), source })?;
        let loaded = load(&label, BufReader::with_capacity(1 << 20, opened), directory)?;
        (label, loaded)
    };
    let (rows, last_lsn) = (loaded.base_rows, loaded.last_lsn);
    let directory = directory.display().to_string();
    match Form::from_flag(arguments.json) {
        Form::Json => json_line(out, &Line { kind: "loaded", directory, rows, last_lsn })?,
        Form::Table => {
            let told = format!("{directory} holds {rows} rows of {label}, up to commit {last_lsn}");
            writeln!(out, "{}", visible(&told))?;
        }
    }
    Ok(())
}

fn load(label: &str, input: impl BufRead, directory: &Path) -> Result<Verification, Failure> {
    let (mut lines, contents) = Lines::open(input);
    let wrong = |line, reason| Failure::Line { label: label.to_owned(), line, reason };
    let contents = contents.map_err(|reason| wrong(lines.number, reason))?;
    if !contents.is_identity_known() {
        let reason = "its identity is of no mode and no currency that this program knows";
        return Err(wrong(lines.identity, reason.to_owned()));
    }
    // The place of the row that is being looked at: rows are taken one by one.
    let line = Cell::new(lines.number);
    let rows = std::iter::from_fn(|| {
        let row = lines.row();
        line.set(lines.number);
        row
    });
    copies::load(directory, &contents, rows).map_err(|error| match error {
        NotLoaded::Rows(reason) | NotLoaded::Row { problem: reason, .. } => {
            wrong(line.get(), reason)
        }
        NotLoaded::Store(source) => Failure::of_new_store(directory)(source),
        NotLoaded::Unsound(found) => not_sound(label, &found),
    })
}

fn not_sound(label: &str, found: &Verification) -> Failure {
    for flaw in found.flaws.iter().take(TOLD) {
        note(&sentence(flaw));
    }
    let count = found.flaws.len();
    if let more @ 1.. = count.saturating_sub(TOLD) {
        note(&format!("and {}", counted(more as u64, "more finding")));
    }
    let worst = found.worst().unwrap_or(highwater::inspect::Severity::Damage);
    Failure::NotLoaded { label: label.to_owned(), count, worst }
}

fn sentence(flaw: &Flaw) -> String {
    let place = [flaw.table.as_deref(), flaw.key.as_deref()];
    let place: Vec<_> = place.into_iter().flatten().collect();
    let place = if place.is_empty() { String::new() } else { format!(" {}", place.join(" ")) };
    format!("{}{place}: {}", flaw.severity, flaw.problem)
}
