//! `highwater wal list`: one line for each commit.

use std::io::Write;

use clap::Args;
use highwater::inspect::{Log, LogCommit, LogEntry};

use crate::failure::Failure;
use crate::print::{Form, note};

use super::filter::{Chosen, Filters};
use super::{Met, TABLE_LIMIT, Which, failed, lines};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater wal list /tmp/demo --reverse --limit 20
  highwater wal list /tmp/demo --since 2024-08-08T23:50:00Z --operation 42
  highwater wal list /tmp/demo/journal/00000000000000000003.wal --json | jq -r .note
";

/// Which commits, in which order and how many.
#[derive(Args, Debug)]
pub(super) struct Selection {
    #[command(flatten)]
    pub(super) which: Which,
    #[command(flatten)]
    pub(super) filters: Filters,
    /// The newest first
    #[arg(long)]
    pub(super) reverse: bool,
    /// At most so many commits; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

impl Selection {
    pub(super) fn form(&self) -> Form {
        Form::from_flag(self.json)
    }

    fn limit(&self) -> u64 {
        match (self.limit, self.form()) {
            (Some(0), _) | (None, Form::Json) => u64::MAX,
            (Some(limit), _) => limit,
            (None, Form::Table) => TABLE_LIMIT,
        }
    }

    /// Hands every commit that is asked for to `print`, and prints the breaks between them. Every
    /// commit on the way is shown to `learn`.
    pub(super) fn walk<W: Write>(
        &self,
        log: &Log,
        out: &mut W,
        learn: &mut dyn FnMut(&LogCommit),
        print: &mut dyn FnMut(&mut W, &LogCommit, &mut Chosen) -> Result<(), Failure>,
    ) -> Result<Met, Failure> {
        let mut chosen = Chosen::new(&self.filters, log)?;
        if self.reverse {
            chosen.learn_of(log)?;
        }
        let (mut met, mut listed) = (Met::default(), 0);
        let limit = self.limit();
        let entries: Box<dyn Iterator<Item = _>> = match self.reverse {
            false => Box::new(log.entries().map_err(failed)?),
            true => Box::new(log.reversed()),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            met.entry(&entry);
            match &entry {
                LogEntry::Commit(commit) => {
                    learn(commit);
                    let is_past = match self.reverse {
                        false => chosen.is_behind(commit),
                        true => chosen.is_before(commit),
                    };
                    if is_past {
                        break;
                    }
                    if !chosen.lies_in_range(commit) || !chosen.has_row(commit) {
                        continue;
                    }
                    if listed == limit {
                        note(&format!(
                            "{limit} listed, and there are more: --limit 0 lists them all"
                        ));
                        break;
                    }
                    listed += 1;
                    print(out, commit, &mut chosen)?;
                }
                LogEntry::Break(found) => match self.form() {
                    Form::Json => lines::break_json(out, found)?,
                    Form::Table => lines::break_line(out, found)?,
                },
                _ => {}
            }
        }
        if listed == 0 {
            chosen.tell_none(log, self.which.directory(), self.form())?;
        }
        Ok(met)
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let selection = &arguments.selection;
    let log = selection.which.open()?;
    let form = selection.form();
    let mut has_header = form == Form::Json;
    let met = selection.walk(&log, out, &mut |_| {}, &mut |out, commit, _| {
        if !has_header {
            lines::header(out)?;
            has_header = true;
        }
        match form {
            Form::Json => lines::commit_json(out, commit, None)?,
            Form::Table => lines::commit_line(out, commit)?,
        }
        Ok(())
    })?;
    met.outcome()
}
