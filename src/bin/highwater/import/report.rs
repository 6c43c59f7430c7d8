//! What an import reports: what its rows came to, what was wrong with some, and its figures.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use highwater::{RowSample, Stats, SyncCounts, SyncEnding, SyncReport};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, counted, facts, json_line, note};
use crate::summary::peak_memory_bytes;
use crate::time::rfc3339;

/// An import as it is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Import {
    kind: &'static str,
    source: Box<str>,
    session: Box<str>,
    filter: Box<str>,
    started_at: String,
    resumed: bool,
    ending: SyncEnding,
    /// What the rows of the session came to, in all its runs.
    counts: SyncCounts,
    /// What this run counted.
    this_run: SyncCounts,
    repeated: u64,
    rounded: u64,
    dropped_market_caps: u64,
    refusals: BTreeMap<Box<str>, u64>,
    refused_rows: Vec<Sample>,
    malformed_rows: Vec<Sample>,
    bytes_read: u64,
    seconds: f64,
    rows_per_second: u64,
    commits: u64,
    syncs: u64,
    bytes_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_bytes: Option<u64>,
}

/// A row that was not taken.
#[derive(Debug, Serialize)]
struct Sample {
    row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    reason: Box<str>,
}

/// What is known of a run beside its report.
pub(crate) struct Run {
    pub(crate) rounded: u64,
    pub(crate) dropped_caps: u64,
    pub(crate) bytes_read: u64,
    pub(crate) took: Duration,
    pub(crate) before: Stats,
    pub(crate) after: Stats,
}

impl Import {
    pub(crate) fn new(report: SyncReport, run: &Run) -> Self {
        let SyncReport { ending, session, this_run, repeated, refusals, .. } = report;
        let syncs = |stats: &Stats| stats.syncs + stats.directory_syncs;
        let seconds = run.took.as_secs_f64();
        Self {
            kind: "import",
            resumed: session.is_resumed(),
            source: session.source,
            session: session.session,
            filter: session.filter.unwrap_or_else(|| "all".into()),
            started_at: rfc3339(session.started_at),
            ending,
            counts: session.counts,
            this_run,
            repeated,
            rounded: run.rounded,
            dropped_market_caps: run.dropped_caps,
            refusals,
            refused_rows: report.refused_rows.into_iter().map(Sample::from).collect(),
            malformed_rows: report.malformed_rows.into_iter().map(Sample::from).collect(),
            bytes_read: run.bytes_read,
            seconds,
            // A float saturates where it becomes a whole number, and nothing in no time is nothing.
            rows_per_second: (this_run.rows as f64 / seconds).round() as u64,
            commits: run.after.commits - run.before.commits,
            syncs: syncs(&run.after) - syncs(&run.before),
            bytes_written: run.after.bytes_written - run.before.bytes_written,
            peak_memory_bytes: peak_memory_bytes(),
        }
    }

    /// Prints the report.
    pub(crate) fn print(&self, form: Form, out: &mut impl Write) -> Result<(), Failure> {
        match form {
            Form::Json => json_line(out, self)?,
            Form::Table => {
                facts(out, &self.facts())?;
                self.tell_rows();
            }
        }
        Ok(())
    }

    /// Whether the list has had any row.
    pub(crate) fn has_rows(&self) -> bool {
        self.counts.rows > 0
    }

    /// Fails where the list was not read to its end because of itself, and where no row of it was good.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        if matches!(self.ending, SyncEnding::BrokenOff | SyncEnding::StoppedAtMalformed)
            && let Some(last) = self.malformed_rows.last()
        {
            let place =
                last.place.as_deref().map_or_else(|| format!("row {}", last.row), str::to_owned);
            return Err(Failure::EndedEarly { place, reason: last.reason.to_string() });
        }
        let SyncCounts { rows, malformed, refused, .. } = self.counts;
        if rows > 0 && malformed + refused == rows {
            return Err(Failure::NoGoodRow { malformed, refused });
        }
        Ok(())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let count = |count| HumanCount(count).to_string();
        let counts = &self.counts;
        let mut all = vec![
            ("source", self.source.to_string()),
            ("session", self.session.to_string()),
            ("filter", self.filter.to_string()),
            ("ending", self.ending().to_owned()),
            ("rows", count(counts.rows)),
            ("new", count(counts.new)),
            ("changed", count(counts.changed)),
            ("unchanged", count(counts.unchanged)),
            ("further", count(counts.further)),
            ("left out", count(counts.left_out)),
            ("refused", count(counts.refused)),
            ("malformed", count(counts.malformed)),
            ("marked stale", count(counts.marked_stale)),
        ];
        if self.resumed {
            all.push(("repeated", count(self.repeated)));
        }
        if self.rounded > 0 {
            all.push(("rounded", count(self.rounded)));
        }
        if self.dropped_market_caps > 0 {
            all.push(("dropped caps", count(self.dropped_market_caps)));
        }
        all.extend([
            ("bytes read", HumanBytes(self.bytes_read).to_string()),
            ("seconds", format!("{:.6}", self.seconds)),
            ("rows/s", count(self.rows_per_second)),
            ("commits", count(self.commits)),
            ("syncs", count(self.syncs)),
            ("bytes written", HumanBytes(self.bytes_written).to_string()),
        ]);
        if let Some(bytes) = self.peak_memory_bytes {
            all.push(("peak memory", HumanBytes(bytes).to_string()));
        }
        all
    }

    fn ending(&self) -> &'static str {
        match self.ending {
            SyncEnding::Complete => "complete",
            SyncEnding::WithMalformed => "some rows could not be read: nothing was marked stale",
            SyncEnding::FilterChanged => {
                "the filter is another than before: nothing was marked stale"
            }
            SyncEnding::Shorter => {
                "the list is shorter than an earlier run had found it: nothing was marked stale"
            }
            SyncEnding::Truncated => "truncated by --max-rows: the list has more",
            SyncEnding::StoppedAtMalformed => "stopped by --strict",
            SyncEnding::BrokenOff => "the list broke off",
            _ => "ended early",
        }
    }

    fn tell_rows(&self) {
        for (kind, count) in &self.refusals {
            note(&format!("refused, {kind}: {}", counted(*count, "row")));
        }
        for sample in self.refused_rows.iter().chain(&self.malformed_rows) {
            let place =
                sample.place.as_deref().map_or_else(String::new, |place| format!(" ({place})"));
            let token =
                sample.token.as_deref().map_or_else(String::new, |token| format!(" {token}:"));
            note(&format!("row {}{place}:{token} {}", sample.row, sample.reason));
        }
        let shown = (self.refused_rows.len() + self.malformed_rows.len()) as u64;
        let more = (self.this_run.refused + self.this_run.malformed).saturating_sub(shown);
        if more > 0 {
            note(&format!("... and {}", counted(more, "more such row")));
        }
    }
}

impl From<RowSample> for Sample {
    fn from(sample: RowSample) -> Self {
        let RowSample { row, place, key, reason, .. } = sample;
        let token = key.map(|key| format!("{} {}", key.chain(), key.address()));
        Self { row, place, token, reason }
    }
}
