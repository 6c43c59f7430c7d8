//! `highwater wal dump`: every commit with its rows, decoded.

use std::io::Write;

use clap::Args;
use highwater::inspect::{DecodedRow, KnownAssets, LogCommit, LogEntry, RowChange};

use crate::failure::Failure;
use crate::print::{Form, visible};

use super::filter::Chosen;
use super::list::Selection;
use super::{failed, lines};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater wal dump /tmp/demo --from 4711 --to 4720
  highwater wal dump /tmp/demo --operation 42
  highwater wal dump /tmp/demo --token BONK --reverse --limit 5 --json
  highwater wal dump journal/00000000000000000003.wal --table accounts --raw

With --operation whole commits are printed: also the entries, balances and holds that they wrote. A row \
that cannot be read is printed as hex digits, with the reason.
";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Print keys and rows as hex digits too
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let selection = &arguments.selection;
    let log = selection.which.open()?;
    let mut assets = log.known_assets().map_err(failed)?;
    if selection.reverse {
        // Backwards an asset's row comes behind the amounts of it.
        for entry in log.entries().map_err(failed)? {
            if let LogEntry::Commit(commit) = entry.map_err(failed)? {
                learn(&mut assets, &commit);
            }
        }
    }
    let assets = std::cell::RefCell::new(assets);
    let mut printer = Printer { form: selection.form(), raw: arguments.raw };
    let learn = &mut |commit: &LogCommit| learn(&mut assets.borrow_mut(), commit);
    let met = selection.walk(&log, out, learn, &mut |out, commit, chosen| {
        printer.commit(out, commit, chosen, &assets.borrow())
    })?;
    met.outcome()
}

/// Learns the assets that a commit tells of.
pub(super) fn learn(assets: &mut KnownAssets, commit: &LogCommit) {
    commit.rows().for_each(|change| assets.learn(change.table, change.key, change.row));
}

/// How commits are printed with their rows.
pub(super) struct Printer {
    pub(super) form: Form,
    pub(super) raw: bool,
}

impl Printer {
    pub(super) fn commit(
        &mut self,
        out: &mut impl Write,
        commit: &LogCommit,
        chosen: &mut Chosen,
        assets: &KnownAssets,
    ) -> Result<(), Failure> {
        let rows: Vec<(RowChange<'_>, DecodedRow)> = commit
            .rows()
            .filter_map(|change| Some((change, lines::named(chosen.row(&change)?, assets))))
            .collect();
        match self.form {
            Form::Json => {
                let changes = rows.iter().map(|(change, row)| lines::ChangeLine {
                    row,
                    raw_key: self.raw.then(|| lines::hex(change.key)),
                    raw_row: change.row.filter(|_| self.raw).map(lines::hex),
                });
                lines::commit_json(out, commit, Some(changes.collect()))?;
            }
            Form::Table => {
                lines::commit_line(out, commit)?;
                for (change, row) in &rows {
                    writeln!(out, "            {}", visible(&row.to_string()))?;
                    if self.raw {
                        let raw = change.row.map_or("deleted".to_owned(), lines::hex);
                        writeln!(out, "              key {}", lines::hex(change.key))?;
                        writeln!(out, "              row {raw}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
