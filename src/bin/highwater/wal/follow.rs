//! `highwater wal follow`: new commits as a running bot appends them.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use highwater::inspect::LogEntry;

use crate::failure::Failure;
use crate::print::Form;

use super::dump::{Printer, learn};
use super::filter::{Chosen, Filters};
use super::{Met, Which, failed, lines};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater wal follow /tmp/demo
  highwater wal follow /tmp/demo --rows --operation 42
  highwater wal follow /tmp/demo --all --json --for 60

It ends on Ctrl-C, at --until-lsn, or after --for. The bot is not disturbed: nothing is locked.
";

/// How long nothing may come before it is looked again.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    filters: Filters,
    /// Print what is there already as well, not only what comes
    #[arg(long)]
    all: bool,
    /// Print the rows of each commit too
    #[arg(long)]
    rows: bool,
    /// End behind this commit
    #[arg(long, value_name = "LSN")]
    until_lsn: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    r#for: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let log = arguments.which.open()?;
    let form = Form::from_flag(arguments.json);
    let mut chosen = Chosen::new(&arguments.filters, &log)?;
    let mut assets = log.known_assets().map_err(failed)?;
    let mut printer = Printer { form, raw: false };
    let mut entries = log.follow().map_err(failed)?;
    let end = arguments.r#for.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut met, mut has_caught_up) = (Met::default(), false);
    loop {
        let is_over = end.is_some_and(|end| Instant::now() >= end);
        let Some(entry) = entries.next().filter(|_| !is_over || !has_caught_up) else {
            // What was there when it began is over.
            has_caught_up = true;
            out.flush()?;
            if is_over {
                return met.outcome();
            }
            sleep(PAUSE);
            continue;
        };
        let entry = entry.map_err(failed)?;
        met.entry(&entry);
        match &entry {
            LogEntry::Commit(commit) => {
                learn(&mut assets, commit);
                let is_asked = has_caught_up || arguments.all;
                if is_asked && chosen.lies_in_range(commit) && chosen.has_row(commit) {
                    match (arguments.rows, form) {
                        (true, _) => printer.commit(out, commit, &mut chosen, &assets)?,
                        (false, Form::Json) => lines::commit_json(out, commit, None)?,
                        (false, Form::Table) => lines::commit_line(out, commit)?,
                    }
                }
                if arguments.until_lsn.is_some_and(|until| commit.lsn >= until) {
                    return met.outcome();
                }
            }
            LogEntry::Break(found) => match form {
                Form::Json => lines::break_json(out, found)?,
                Form::Table => lines::break_line(out, found)?,
            },
            _ => {}
        }
    }
}
