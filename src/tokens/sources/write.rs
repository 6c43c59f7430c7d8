//! The writes of a session: rows are merged and counted, and what was not seen is marked.

use super::key::{check_name, seen_key};
use super::row::{self, SeenRow};
use super::view::decode_source;
use super::{SEEN, SOURCES, SyncCounts, SyncEnd, SyncSession};
use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::money::TokenKey;
use crate::tokens::{Error, TOKENS, TokensMut, Update};

/// What became of one row.
#[derive(Debug)]
pub(crate) enum Taken {
    New,
    Changed,
    Unchanged,
    /// Another row about a token that the session has had.
    Further,
    /// Why.
    Refused(Error),
    /// An earlier run of the session counted it.
    Repeated,
}

impl TokensMut<'_> {
    /// Begins a session of `source`, or goes on with it where the last one has this name. A run of it that
    /// is still under way elsewhere is superseded.
    pub(crate) fn begin_session(
        &mut self,
        source: &str,
        session: &str,
        filter: Option<&str>,
    ) -> Result<SyncSession, Error> {
        check_name("source", source)?;
        check_name("session", session)?;
        filter.map_or(Ok(()), |filter| check_name("filter", filter))?;
        // What the list says without a time was seen when the session began. So that is by the clock as it
        // stands, and everything else by the time of commits, which never falls.
        let now = Timestamp::from_micros(self.tx.micros());
        let session = match self.stored_session(source)? {
            Some(last) if *last.session == *session => last.gone_on_with(filter),
            Some(last) => last.followed_by(session, filter, self.now, now),
            None => SyncSession {
                source: source.into(),
                session: session.into(),
                filter: filter.map(Box::from),
                started_at: self.now,
                updated_at: now,
                ended: None,
                counts: SyncCounts::default(),
                number: 1,
                run: 1,
                filter_since: 1,
                filter_changed: false,
            },
        };
        self.save(&session);
        Ok(session)
    }

    /// Refuses to work for a run that is not the latest of its source's latest session.
    pub(crate) fn check_session(&self, session: &SyncSession) -> Result<(), Error> {
        match self.stored_session(&session.source)? {
            Some(last) if (last.number, last.run) == (session.number, session.run) => Ok(()),
            _ => Err(Error::SyncSuperseded { source_name: session.source.clone() }),
        }
    }

    /// Merges what row number `place` of the list says, and counts it.
    pub(crate) fn take_row(
        &mut self,
        session: &mut SyncSession,
        place: u64,
        update: &Update,
    ) -> Result<Taken, Error> {
        let merged = match self.apply(update) {
            Ok(applied) => Ok(applied.changes),
            Err(error) if error.is_refused() => Err(error),
            Err(error) => return Err(error),
        };
        let noted = self.note_seen(session, place, update.key(), merged.is_err())?;
        let counts = &mut session.counts;
        let (taken, count) = match merged {
            _ if noted == Noted::CountedBefore => return Ok(Taken::Repeated),
            Err(error) => (Taken::Refused(error), &mut counts.refused),
            Ok(_) if noted == Noted::Again => (Taken::Further, &mut counts.further),
            Ok(changes) if changes.created => (Taken::New, &mut counts.new),
            Ok(changes) if changes.is_empty() => (Taken::Unchanged, &mut counts.unchanged),
            Ok(_) => (Taken::Changed, &mut counts.changed),
        };
        *count = count.saturating_add(1);
        Ok(taken)
    }

    /// Counts row number `place`, which says of `key` what its reader would not even hand on. Answers
    /// whether it is counted for the first time.
    pub(crate) fn refuse_row(
        &mut self,
        session: &mut SyncSession,
        place: u64,
        key: &TokenKey,
    ) -> Result<bool, Error> {
        let counts = self.note_seen(session, place, key, true)? != Noted::CountedBefore;
        session.counts.refused = session.counts.refused.saturating_add(u64::from(counts));
        Ok(counts)
    }

    /// Counts row number `place` as left out by the filter. A token that the source had named before it
    /// names still. Answers whether the row is counted for the first time.
    pub(crate) fn leave_out_row(
        &mut self,
        session: &mut SyncSession,
        place: u64,
        token: Option<&TokenKey>,
    ) -> Result<bool, Error> {
        if let Some(token) = token {
            let key = seen_key(&session.source, token);
            if self.seen(&key)?.is_some_and(|seen| seen.session != session.number) {
                // As where its row was refused: the next one that is taken is its first.
                let (session, refused) = (session.number, true);
                let seen = SeenRow { session, refused, stale_since: None };
                self.tx.put(SEEN, &key, row::encode_seen(seen));
            }
        }
        Ok(session.leave_out(place))
    }

    /// Notes that the session's source names this token. A token that is only refused stays noted, so that
    /// no further run counts it anew.
    fn note_seen(
        &mut self,
        session: &mut SyncSession,
        place: u64,
        token: &TokenKey,
        refused: bool,
    ) -> Result<Noted, Error> {
        let key = seen_key(&session.source, token);
        let before = self.seen(&key)?;
        let earlier = before.filter(|seen| seen.session == session.number);
        let seen = SeenRow {
            session: session.number,
            refused: refused && earlier.is_none_or(|earlier| earlier.refused),
            stale_since: None,
        };
        if before != Some(seen) {
            self.tx.put_with(SEEN, &key, |bytes| row::encode_seen_into(bytes, seen));
        }
        let is_first_there = session.reach(place);
        Ok(match earlier {
            Some(_) if !is_first_there => Noted::CountedBefore,
            Some(SeenRow { refused: false, .. }) => Noted::Again,
            Some(_) | None => Noted::First,
        })
    }

    /// Marks those of `tokens` as stale that the session still has not seen. One that was only ever refused
    /// is forgotten instead: there is no such token.
    pub(crate) fn mark_stale(
        &mut self,
        session: &mut SyncSession,
        tokens: &[TokenKey],
    ) -> Result<(), Error> {
        let now = self.tx.micros();
        for token in tokens {
            let key = seen_key(&session.source, token);
            let Some(seen) = self.seen(&key)?.filter(|seen| session.misses(*seen)) else {
                continue;
            };
            if seen.refused && self.tx.get(TOKENS, token.as_bytes())?.is_none() {
                self.tx.delete(SEEN, &key);
                continue;
            }
            self.tx.put(SEEN, &key, row::encode_seen(SeenRow { stale_since: Some(now), ..seen }));
            session.counts.marked_stale = session.counts.marked_stale.saturating_add(1);
        }
        Ok(())
    }

    /// Notes that the session saw its whole list.
    pub(crate) fn end_session(&mut self, session: &mut SyncSession, end: SyncEnd) {
        session.ended = Some((Timestamp::from_micros(self.tx.micros()), end));
        self.save_session(session);
    }

    /// Stages what the session counted.
    pub(crate) fn save_session(&mut self, session: &mut SyncSession) {
        session.updated_at = Timestamp::from_micros(self.tx.micros());
        self.save(session);
    }

    fn save(&mut self, session: &SyncSession) {
        self.tx.put(SOURCES, session.source.as_bytes(), row::encode_source(session));
        self.tx.note(format!("tokens.sync {} of {}", session.session, session.source));
    }

    fn stored_session(&self, source: &str) -> Result<Option<SyncSession>, Error> {
        match self.tx.get(SOURCES, source.as_bytes())? {
            Some(row) => Ok(Some(decode_source(source, &row)?)),
            None => Ok(None),
        }
    }

    fn seen(&self, key: &[u8]) -> Result<Option<SeenRow>, Error> {
        match self.tx.get(SEEN, key)? {
            Some(row) => match row::decode_seen(&row) {
                Ok(seen) => Ok(Some(seen)),
                Err(source) => Err(Error::CorruptSource { key: key.into(), source }),
            },
            None => Ok(None),
        }
    }
}

/// What a session knows of a token when a row about it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noted {
    /// Nothing yet, or refusals only.
    First,
    /// A row about it was taken.
    Again,
    /// This very row was counted by an earlier run.
    CountedBefore,
}

impl SyncSession {
    /// Takes note that row number `place` was dealt with. Answers whether none so far in the list was.
    fn reach(&mut self, place: u64) -> bool {
        let is_first_there = place > self.counts.rows;
        self.counts.rows = self.counts.rows.max(place);
        is_first_there
    }

    /// Counts row number `place` as left out by the filter. Answers whether it is counted for the first
    /// time.
    fn leave_out(&mut self, place: u64) -> bool {
        let counts = self.reach(place);
        self.counts.left_out = self.counts.left_out.saturating_add(u64::from(counts));
        // Whoever leaves rows out has a filter, whatever was stated.
        self.filter_changed |= self.filter.is_none();
        counts
    }

    /// Counts row number `place` as one that cannot be read. Answers whether it is counted for the first
    /// time.
    pub(crate) fn pass_over(&mut self, place: u64) -> bool {
        let counts = self.reach(place);
        self.counts.malformed = self.counts.malformed.saturating_add(u64::from(counts));
        counts
    }

    /// This session in another run, under `filter`.
    fn gone_on_with(mut self, filter: Option<&str>) -> Self {
        self.run = self.run.saturating_add(1);
        if self.filter.as_deref() != filter {
            self.filter = filter.map(Box::from);
            self.filter_changed = true;
            // What was seen so far passed another filter.
            self.filter_since = self.number.saturating_add(1);
        }
        self
    }

    /// The session of the same source that comes after this one.
    fn followed_by(
        self,
        session: &str,
        filter: Option<&str>,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let number = self.number.saturating_add(1);
        let filter_changed = self.filter.as_deref() != filter;
        Self {
            source: self.source,
            session: session.into(),
            filter: filter.map(Box::from),
            started_at,
            updated_at: now,
            ended: None,
            counts: SyncCounts::default(),
            number,
            run: 1,
            filter_since: if filter_changed { number } else { self.filter_since },
            filter_changed,
        }
    }
}
