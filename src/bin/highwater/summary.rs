//! What a replay reports: its tokens, its bad rows, and its figures.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use highwater::tokens::TokenKey;
use highwater::{Stats, Store};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::failure::Failure;
use crate::listing::{TokenLine, TokenPrinter};
use crate::print::{Form, counted, facts, json_line, note};
use crate::trades::RowProblem;

/// The figures of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Run {
    /// Rows read, bad ones included.
    pub(crate) rows: u64,
    /// Rows that changed something in the store.
    pub(crate) changed: u64,
    /// Rows that could not be read.
    pub(crate) malformed: u64,
    /// Rows that could be read and that the store refused.
    pub(crate) refused: u64,
    /// Rows of tokens beyond those that are counted one by one.
    pub(crate) rows_of_uncounted_tokens: u64,
    /// The first bad rows.
    pub(crate) problems: Vec<Problem>,
    seconds: f64,
    rows_per_second: u64,
    commits: u64,
    syncs: u64,
    bytes_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
}

/// A bad row and where it stands.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    file: String,
    line: u64,
    column: Option<String>,
    text: String,
    reason: String,
}

impl Problem {
    pub(crate) fn new(file: String, problem: RowProblem) -> Self {
        let RowProblem { line, column, text, reason } = problem;
        Self { file, line, column, text, reason }
    }

    /// The row, where it stands and what is wrong with it.
    pub(crate) fn sentence(&self) -> String {
        let column = self.column.as_deref();
        let column = column.map_or_else(String::new, |column| format!(" column {column}:"));
        let (file, line) = (&self.file, self.line);
        format!("{file}:{line}:{column} \"{}\": {}", self.text, self.reason)
    }
}

impl Run {
    /// Notes how long the run took, and what the store did meanwhile.
    pub(crate) fn took(&mut self, time: Duration, before: &Stats, after: &Stats) {
        self.seconds = time.as_secs_f64();
        // A float saturates where it becomes a whole number, and nothing in no time is nothing.
        self.rows_per_second = (self.rows as f64 / self.seconds).round() as u64;
        self.commits = after.commits - before.commits;
        let syncs = |stats: &Stats| stats.syncs + stats.directory_syncs;
        self.syncs = syncs(after) - syncs(before);
        self.bytes_written = after.bytes_written - before.bytes_written;
        self.peak_memory_bytes = peak_memory_bytes();
    }

    /// Fails if there were rows and not one was good.
    pub(crate) fn good_rows(&self) -> Result<(), Failure> {
        let (malformed, refused) = (self.malformed, self.refused);
        if self.rows > 0 && malformed + refused == self.rows {
            return Err(Failure::NoGoodRow { malformed, refused });
        }
        Ok(())
    }

    /// Prints the tokens that the run was about as they stand now, and the run itself.
    pub(crate) fn print(
        &self,
        store: &Store,
        directory: &Path,
        ticks: &HashMap<TokenKey, u64>,
        form: Form,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let failed = Failure::of_store(directory);
        let snapshot = store.snapshot();
        let mut keys: Vec<_> = ticks.iter().collect();
        keys.sort_unstable();
        let mut printer = TokenPrinter::with_ticks(form);
        for (key, ticks) in keys {
            let token = snapshot.tokens().get(key).map_err(highwater::Error::from);
            if let Some(token) = token.map_err(&failed)? {
                printer.token(out, &TokenLine { token: &token, ticks: Some(*ticks) })?;
            }
        }
        printer.finish(out)?;
        match form {
            Form::Json => json_line(out, &RunLine { kind: "run", run: self })?,
            Form::Table => {
                writeln!(out)?;
                facts(out, &self.facts())?;
            }
        }
        if self.rows_of_uncounted_tokens > 0 {
            let rows = HumanCount(self.rows_of_uncounted_tokens);
            note(&format!(
                "rows of tokens not listed above: {rows}; `highwater tokens list` shows all"
            ));
        }
        Ok(())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let count = |count| HumanCount(count).to_string();
        let mut all = vec![
            ("rows", count(self.rows)),
            ("changed", count(self.changed)),
            ("malformed", count(self.malformed)),
            ("refused", count(self.refused)),
            ("seconds", format!("{:.6}", self.seconds)),
            ("rows/s", count(self.rows_per_second)),
            ("commits", count(self.commits)),
            ("syncs", count(self.syncs)),
            ("bytes written", HumanBytes(self.bytes_written).to_string()),
        ];
        if let Some(bytes) = self.peak_memory_bytes {
            all.push(("peak memory", HumanBytes(bytes).to_string()));
        }
        all
    }

    /// Shows the first bad rows, and says what is not shown.
    pub(crate) fn tell_problems(&self) {
        for problem in &self.problems {
            note(&problem.sentence());
        }
        let more = (self.malformed + self.refused).saturating_sub(self.problems.len() as u64);
        if more > 0 {
            note(&format!("... and {}", counted(more, "more bad row")));
        }
    }
}

#[derive(Serialize)]
struct RunLine<'a> {
    kind: &'static str,
    #[serde(flatten)]
    run: &'a Run,
}

/// The most memory this process ever held, where the system tells.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sync of a directory takes as long as one of a file: a count without it flatters the store.
    #[test]
    fn syncs_of_directories_count() {
        let (before, mut after) = (Stats::default(), Stats::default());
        (after.syncs, after.directory_syncs) = (3, 2);
        let mut run = Run::default();
        run.took(Duration::from_micros(500), &before, &after);
        assert_eq!((run.syncs, run.rows_per_second), (5, 0));
    }
}
