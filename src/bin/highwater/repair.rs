//! `highwater repair`: cuts the log of a store that refuses to open, and keeps what it cuts.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use highwater::inspect::{BreakVerdict, Log, LogCommit, LogEntry, Repair};
use highwater::{Clock, SystemClock};
use indicatif::HumanCount;
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, counted, facts, json_line, visible};
use crate::store_argument::StoreArgument;
use crate::time::rfc3339;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater repair /tmp/demo --dry-run
  highwater repair /tmp/demo --write

A repair gives up commits that were acknowledged: it cuts the log in front of the first one that cannot \
be read. What is cut lies in DIR/repair-TIME afterwards, byte by byte. Copy the directory first. It \
mends the log only: a damaged or missing base.redb cannot be made up from it, and is told as such.

Exit codes: 0 nothing to repair, or repaired; 1 wrong usage or an error of the machine; 3 damage: it \
was not repaired, as with --dry-run; 5 the store is open elsewhere, or of an unknown version.";

/// How many of the commits that are lost are listed one by one.
const LISTED: u64 = 1_000;

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("how").required(true).args(["dry_run", "write"]))]
pub(crate) struct Arguments {
    /// Directory of the store, instead of --store
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
    /// Say what a repair would do and which commits it would lose; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Repair the store
    #[arg(long)]
    write: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RepairLine<'a> {
    kind: &'static str,
    written: bool,
    is_needed: bool,
    refusal: Option<&'a str>,
    /// Not known where nothing is to be repaired, for then nothing was looked at.
    last_lsn: Option<u64>,
    first_lost: Option<u64>,
    last_lost: Option<u64>,
    durable_lsn: Option<u64>,
    cut: &'a [String],
    kept_in: Option<&'a str>,
    listed: u64,
}

impl<'a> RepairLine<'a> {
    fn new(repair: &'a Repair, written: bool, listed: u64) -> Self {
        Self {
            kind: "repair",
            written,
            is_needed: repair.is_needed,
            refusal: repair.refusal.as_deref(),
            last_lsn: repair.is_needed.then_some(repair.last_lsn),
            first_lost: repair.first_lost,
            last_lost: repair.last_lost,
            durable_lsn: repair.is_needed.then_some(repair.durable_lsn),
            cut: &repair.cut,
            kept_in: repair.kept_in.as_deref(),
            listed,
        }
    }
}

/// A commit that can be read and is lost all the same.
#[derive(Serialize)]
struct LostLine<'a> {
    kind: &'static str,
    lsn: u64,
    at: String,
    note: &'a str,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.or_named(arguments.directory.as_deref())?;
    let form = Form::from_flag(arguments.json);
    let failed = Failure::of_store(directory);
    let plan = Repair::plan(directory).map_err(|error| match error.is_corrupt() {
        true => Failure::BeyondRepair { source: error },
        false => failed(error),
    })?;
    let lost = match plan.is_needed {
        true => list_lost(directory, &plan, form, out)?,
        false => Lost::default(),
    };
    let mut repair = match arguments.write {
        true => Repair::run(directory, SystemClock.now()).map_err(&failed)?,
        false => plan,
    };
    // What can be read tells more than what was known to be synced.
    if let Some(last) = lost.last {
        repair.first_lost.get_or_insert(repair.last_lsn + 1);
        repair.last_lost = repair.last_lost.max(Some(last));
    }
    let listed = lost.listed;
    let written = arguments.write && repair.is_needed;
    match form {
        Form::Json => json_line(out, &RepairLine::new(&repair, written, listed))?,
        Form::Table => print(directory, &repair, written, out)?,
    }
    match repair.is_needed && !written {
        true => Err(Failure::NotRepaired),
        false => Ok(()),
    }
}

/// What can be read and is lost all the same.
#[derive(Default)]
struct Lost {
    listed: u64,
    /// The last of them.
    last: Option<u64>,
}

/// Lists the commits behind the damage that can be read: all of them are lost with those that cannot.
fn list_lost(
    directory: &Path,
    plan: &Repair,
    form: Form,
    out: &mut impl Write,
) -> Result<Lost, Failure> {
    let failed = Failure::of_store(directory);
    let log = Log::open(directory).map_err(&failed)?;
    let Lost { mut listed, mut last } = Lost::default();
    let is_lost = |commit: &LogCommit| {
        commit.lsn > plan.last_lsn && commit.behind != Some(BreakVerdict::TornTail)
    };
    for entry in log.entries().map_err(&failed)? {
        let LogEntry::Commit(commit) = entry.map_err(&failed)? else { continue };
        if !is_lost(&commit) {
            continue;
        }
        listed += 1;
        last = last.max(Some(commit.lsn));
        if listed > LISTED {
            continue;
        }
        let (lsn, at) = (commit.lsn, rfc3339(commit.at));
        match form {
            Form::Json => json_line(out, &LostLine { kind: "lost", lsn, at, note: &commit.note })?,
            Form::Table => writeln!(out, "lost  {lsn:>10}  {at}  {}", visible(&commit.note))?,
        }
    }
    if form == Form::Table && listed > LISTED {
        writeln!(out, "... and {}", counted(listed - LISTED, "more commit"))?;
    }
    Ok(Lost { listed, last })
}

fn print(
    directory: &Path,
    repair: &Repair,
    written: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if !repair.is_needed {
        writeln!(out, "nothing to repair: the store opens")?;
        return Ok(());
    }
    let lost = match (repair.first_lost, repair.last_lost) {
        (Some(first), Some(last)) => {
            let count = HumanCount(last - first + 1);
            format!("{first} to {last}, {count} of them; those that can be read are listed above")
        }
        _ => "not known: no file tells which commits stood behind the break".to_owned(),
    };
    let kept = match &repair.kept_in {
        Some(kept) => directory.join(kept).display().to_string(),
        None => "repair-TIME inside the store's directory".to_owned(),
    };
    let done = if written { "repaired: the store opens" } else { "not repaired: --write does it" };
    Ok(facts(
        out,
        &[
            ("refusal", repair.refusal.clone().unwrap_or_default()),
            ("last commit kept", repair.last_lsn.to_string()),
            ("commits lost", lost),
            ("acknowledged", format!("up to {}", repair.durable_lsn)),
            ("segments cut", repair.cut.join(", ")),
            ("kept in", kept),
            ("outcome", done.to_owned()),
        ],
    )?)
}
