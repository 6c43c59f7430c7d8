//! `highwater verify`: everything that is wrong in a store, looked for in all of it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use highwater::inspect::{self, Flaw, Severity, Verification};
use indicatif::HumanCount;
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, counted, json_line, note, visible};
use crate::store_argument::StoreArgument;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater verify /tmp/demo
  highwater verify /tmp/demo && echo sound
  highwater verify --store /tmp/demo --json | jq -c 'select(.severity == \"damage\")'

Reads every page and row of the base, every batch of every segment, and computes anew what is derived: \
indexes, ledger, operations, claims, marks against their history. Goes on behind everything it finds; \
what is damaged is left out of the rules, so that one damaged row may break several. Damage that \
nothing is missing by is told as harmless.

Exit codes: 0 sound, or only harmless damage; 1 wrong usage, or something could not be read; 2 only a \
torn tail, which the next opening leaves out; 3 acknowledged data is damaged; 4 a rule is violated; 5 \
locked, or of an unknown version. Of several it is the first of 5, 3, 4, 1, 2.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Directory of the store, instead of --store
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
    /// Print one JSON object per line: the findings, then a summary
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct FlawLine<'a> {
    kind: &'static str,
    #[serde(flatten)]
    flaw: &'a Flaw,
}

#[derive(Serialize)]
struct SummaryLine {
    kind: &'static str,
    sound: bool,
    findings: usize,
    last_lsn: u64,
    base_rows: u64,
    batches: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.or_named(arguments.directory.as_deref())?;
    let found = inspect::verify(directory).map_err(Failure::of_store(directory))?;
    print(&found, Form::from_flag(arguments.json), out)?;
    match found.worst() {
        Some(worst) if !found.is_sound() => Err(Failure::Unsound { worst }),
        _ => Ok(()),
    }
}

fn print(found: &Verification, form: Form, out: &mut impl Write) -> Result<(), Failure> {
    for flaw in &found.flaws {
        match form {
            Form::Json => json_line(out, &FlawLine { kind: "finding", flaw })?,
            Form::Table => writeln!(out, "{}", visible(&sentence(flaw)))?,
        }
    }
    let Verification { last_lsn, base_rows, batches, .. } = *found;
    let (sound, findings) = (found.is_sound(), found.flaws.len());
    if form == Form::Json {
        let line = SummaryLine { kind: "verified", sound, findings, last_lsn, base_rows, batches };
        json_line(out, &line)?;
        return Ok(());
    }
    let read = format!(
        "{} rows of the base and {} batches of the log read, up to commit {last_lsn}",
        HumanCount(base_rows),
        HumanCount(batches)
    );
    match (sound, findings) {
        (true, 0) => writeln!(out, "sound: {read}")?,
        (true, _) => writeln!(out, "sound, but for what nobody needs: {read}")?,
        (false, _) if found.worst() == Some(Severity::TornTail) => {
            writeln!(out, "sound, but for a torn tail, which the next opening leaves out: {read}")?;
        }
        (false, _) => {
            writeln!(out, "not sound: {}; {read}", counted(findings as u64, "finding"))?;
            note("keep a copy of the directory as it is before anything else");
        }
    }
    Ok(())
}

fn sentence(flaw: &Flaw) -> String {
    let mut place = Vec::new();
    place.extend(flaw.file.clone());
    place.extend(flaw.offset.map(|offset| format!("at offset {offset}")));
    place.extend(flaw.table.clone());
    place.extend(flaw.key.clone());
    let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(" ")) };
    format!("{:10}  {place}{}", flaw.severity, flaw.problem)
}
