//! The loop of a sync: rows are gathered, committed as a batch, counted; then what was not named is marked.

use std::collections::BTreeMap;

use crate::tokens::{self, Unseen};
use crate::tokens::{SyncCounts, SyncEnd, SyncSession, Taken, TokensMut, Update, unseen};

use super::report::{RowSample, SAMPLES, SyncEnding, SyncFailed, SyncProgress, SyncReport};
use super::row::{Malformed, SyncRow};
use super::{Error, SyncRun};
use crate::events::{chain, tell};

/// A run under way.
struct Loop<'s, 'a> {
    run: SyncRun<'s, 'a>,
    /// The counts that the session began this run with.
    before: SyncCounts,
    /// Whether one of the rows that this run read could not be read.
    met_malformed: bool,
    /// Rows read, those of the batch included.
    rows: u64,
    batch: Vec<(u64, SyncRow)>,
    tally: Tally,
}

/// What is told of a run beside the counts of its session.
#[derive(Default)]
struct Tally {
    repeated: u64,
    refusals: BTreeMap<Box<str>, u64>,
    refused_rows: Vec<RowSample>,
    malformed_rows: Vec<RowSample>,
}

/// Why the rows end.
enum End {
    List,
    Early(SyncEnding),
}

/// Takes in all rows, and marks what they do not name.
pub(super) fn run(
    run: SyncRun<'_, '_>,
    rows: impl Iterator<Item = SyncRow>,
) -> Result<SyncReport, SyncFailed> {
    let (source, session) = (run.sync.source.clone(), run.sync.session.clone());
    let (source, session) = (&*source, &*session);
    let again = run.session.counts.rows;
    tell(|| tracing::info!(source, session, again, "a sync of tokens begins"));
    let mut running = Loop {
        before: run.session.counts,
        met_malformed: false,
        rows: 0,
        batch: Vec::with_capacity(run.sync.batch_rows),
        tally: Tally::default(),
        run,
    };
    let ending = running.take(rows).and_then(|end| match end {
        End::Early(ending) => Ok(ending),
        End::List => running.end(),
    });
    match ending {
        Ok(ending) => {
            let report = running.report(ending);
            let SyncCounts { rows, new, .. } = report.this_run;
            tell(|| tracing::info!(source, session, ?ending, rows, new, "a sync of tokens ended"));
            Ok(report)
        }
        Err(error) => {
            let why = chain(&error);
            tell(|| tracing::warn!(source, session, error = why, "a sync of tokens failed"));
            let report = Some(Box::new(running.report(SyncEnding::Failed)));
            Err(SyncFailed { error: Box::new(error), report })
        }
    }
}

impl Loop<'_, '_> {
    fn take(&mut self, rows: impl Iterator<Item = SyncRow>) -> Result<End, Error> {
        let sync = &self.run.sync;
        let (batch_rows, max_rows) = (self.run.batch_rows(), sync.max_rows);
        let stop_at_malformed = sync.stop_at_malformed;
        for row in rows {
            if self.rows == max_rows {
                return self.early(SyncEnding::Truncated);
            }
            match row {
                SyncRow::BrokenOff(malformed) => {
                    self.tally.malformed(self.rows + 1, malformed);
                    return self.early(SyncEnding::BrokenOff);
                }
                SyncRow::Malformed(malformed) if stop_at_malformed => {
                    self.tally.malformed(self.rows + 1, malformed);
                    return self.early(SyncEnding::StoppedAtMalformed);
                }
                SyncRow::Update(update) if !self.run.sync.filter.lets_pass(&update) => {
                    self.push(SyncRow::LeftOut { key: Some(update.key().clone()) });
                }
                row => self.push(row),
            }
            if self.batch.len() == batch_rows && self.commit()? {
                return Ok(End::Early(SyncEnding::Stopped));
            }
        }
        Ok(match self.commit()? {
            true => End::Early(SyncEnding::Stopped),
            false => End::List,
        })
    }

    fn push(&mut self, row: SyncRow) {
        self.rows += 1;
        self.met_malformed |= matches!(row, SyncRow::Malformed(_));
        self.batch.push((self.rows, row));
    }

    /// Commits what was read, for nothing more is.
    fn early(&mut self, ending: SyncEnding) -> Result<End, Error> {
        self.commit()?;
        Ok(End::Early(ending))
    }

    /// Commits the batch. Answers whether the caller wants to stop.
    fn commit(&mut self) -> Result<bool, Error> {
        if self.batch.is_empty() {
            return Ok(false);
        }
        let (batch, session) = (&self.batch, &self.run.session);
        let samples_left = SAMPLES - self.tally.refused_rows.len();
        let (session, merged) = self.run.store.write(|tx| {
            let mut session = session.clone();
            let merged = merge(&mut tx.tokens(), &mut session, batch, samples_left)?;
            Ok::<_, Error>((session, merged))
        })?;
        self.run.session = session;
        self.tally.add(merged);
        for (row, malformed) in self.batch.drain(..) {
            if let SyncRow::Malformed(malformed) = malformed {
                self.tally.malformed(row, malformed);
            }
        }
        Ok(self.wants_to_stop(false))
    }

    /// Tells the caller how far the sync has come, and asks whether to go on.
    fn wants_to_stop(&mut self, marking: bool) -> bool {
        let progress = SyncProgress { rows: self.rows, counts: self.run.session.counts, marking };
        self.run.sync.progress.as_mut().is_some_and(|told| told(&progress).is_break())
    }

    /// Ends the session, once what it did not see is marked.
    fn end(&mut self) -> Result<SyncEnding, Error> {
        let end = match self.run.session.end() {
            // It was counted at a place that an earlier run had come to, in a list that was another one.
            SyncEnd::Complete if self.met_malformed => SyncEnd::WithMalformed,
            SyncEnd::Complete if self.rows < self.before.rows => SyncEnd::Shorter,
            end => end,
        };
        if end == SyncEnd::Complete && self.mark()? {
            return Ok(SyncEnding::Stopped);
        }
        self.change(|tokens, session| {
            tokens.end_session(session, end);
            Ok(())
        })?;
        Ok(end.into())
    }

    /// Marks what the session did not see, a batch to a commit. Answers whether the caller wants to stop.
    fn mark(&mut self) -> Result<bool, Error> {
        let mut behind = None;
        loop {
            // What is found in a snapshot is looked at once more in the commit.
            let snapshot = self.run.store.snapshot();
            let limit = self.run.sync.batch_rows;
            let Unseen { keys, go_on_behind } =
                unseen(snapshot.reader(), &self.run.session, behind.as_ref(), limit)?;
            drop(snapshot);
            if !keys.is_empty() {
                self.change(|tokens, session| {
                    tokens.mark_stale(session, &keys)?;
                    tokens.save_session(session);
                    Ok(())
                })?;
                if self.wants_to_stop(true) {
                    return Ok(true);
                }
            }
            if go_on_behind.is_none() {
                return Ok(false);
            }
            behind = go_on_behind;
        }
    }

    /// One commit of this run, in which the session changes.
    fn change(
        &mut self,
        body: impl FnOnce(&mut TokensMut<'_>, &mut SyncSession) -> Result<(), tokens::Error>,
    ) -> Result<(), Error> {
        let session = &self.run.session;
        self.run.session = self.run.store.write(|tx| {
            let (mut tokens, mut session) = (tx.tokens(), session.clone());
            tokens.check_session(&session)?;
            body(&mut tokens, &mut session)?;
            Ok::<_, Error>(session)
        })?;
        Ok(())
    }

    fn report(self, ending: SyncEnding) -> SyncReport {
        let Tally { repeated, refusals, refused_rows, malformed_rows } = self.tally;
        // Rows that were read and not committed came to nothing.
        let rows = self.rows - self.batch.len() as u64;
        let this_run = self.run.session.counts.since(self.before, rows);
        let session = self.run.session;
        SyncReport { ending, session, this_run, repeated, refusals, refused_rows, malformed_rows }
    }
}

/// Merges and counts a batch in one commit. Nothing is staged where every row was counted before and says
/// nothing new.
fn merge(
    tokens: &mut TokensMut<'_>,
    session: &mut SyncSession,
    batch: &[(u64, SyncRow)],
    samples_left: usize,
) -> Result<Tally, tokens::Error> {
    tokens.check_session(session)?;
    let before = session.clone();
    let mut tally = Tally::default();
    for (place, row) in batch {
        let place = *place;
        match row {
            SyncRow::Update(update) => match tokens.take_row(session, place, update)? {
                Taken::Refused(error) => {
                    let kept = tally.refused_rows.len() < samples_left;
                    tally.refused(kind(&error), kept.then(|| refusal(place, update, &error)));
                }
                Taken::Repeated => tally.repeated += 1,
                Taken::New | Taken::Changed | Taken::Unchanged | Taken::Further => {}
            },
            SyncRow::Refused { key, kind, reason } => {
                if tokens.refuse_row(session, place, key)? {
                    let kept = tally.refused_rows.len() < samples_left;
                    let sample = || RowSample::new(place, None, Some(key), reason);
                    tally.refused(kind, kept.then(sample));
                } else {
                    tally.repeated += 1;
                }
            }
            SyncRow::LeftOut { key } => {
                tally.count(tokens.leave_out_row(session, place, key.as_ref())?);
            }
            SyncRow::Malformed(_) | SyncRow::BrokenOff(_) => {
                tally.count(session.pass_over(place));
            }
        }
    }
    if *session != before {
        tokens.save_session(session);
    }
    Ok(tally)
}

impl Tally {
    /// Counts a row as repeated, if it is not counted for the first time.
    fn count(&mut self, is_first_time: bool) {
        self.repeated += u64::from(!is_first_time);
    }

    fn refused(&mut self, kind: &str, sample: Option<RowSample>) {
        self.refused_rows.extend(sample);
        *self.refusals.entry(kind.into()).or_default() += 1;
    }

    fn malformed(&mut self, row: u64, malformed: Malformed) {
        if self.malformed_rows.len() < SAMPLES {
            let Malformed { place, reason } = malformed;
            self.malformed_rows.push(RowSample::new(row, place, None, &reason));
        }
    }

    fn add(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.refused_rows.extend(other.refused_rows);
        for (kind, count) in other.refusals {
            *self.refusals.entry(kind).or_default() += count;
        }
    }
}

/// What an update was refused for, in a word.
fn kind(error: &tokens::Error) -> &'static str {
    match error {
        tokens::Error::FromTheFuture { .. } => "from the future",
        tokens::Error::DecimalsConflict { .. } => "decimals conflict",
        tokens::Error::DecimalsOutOfRange { .. } => "decimals out of range",
        tokens::Error::TooLong { .. } => "too long",
        _ => "other",
    }
}

fn refusal(row: u64, update: &Update, error: &tokens::Error) -> RowSample {
    RowSample::new(row, None, Some(update.key()), &error.to_string())
}
