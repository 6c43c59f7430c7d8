//! Whether a token's price is missing: what an update changes of that, and what is known of it.
//!
//! A price is missing from the moment at which it was said to be unavailable, if no real one is known of
//! that moment or later. So of a token whose price is missing, the latest price is always older than
//! that.

use super::{Error, Tokens, TokensMut};
use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::money::TokenKey;
use crate::price_status::{self, Contradiction, Missing, MissingPrice, PriceOf, Subject};

impl Tokens<'_> {
    /// Since when the price of a token is missing, how often it was asked for, and when to ask again;
    /// `None` where it is not missing.
    ///
    /// # Errors
    /// [`Error::PriceStatus`], [`Error::Engine`].
    pub fn missing(&self, key: &TokenKey) -> Result<Option<Missing>, Error> {
        Ok(price_status::get(self.reader, Subject::Token(key))?)
    }
}

/// What is known of whether a price is missing, before and after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusChange {
    before: Option<Missing>,
    pub(super) after: Option<Missing>,
}

impl StatusChange {
    pub(super) fn is_none(self) -> bool {
        self.before == self.after
    }
}

impl TokensMut<'_> {
    /// As [`Tokens::missing`], as it would be after this commit.
    ///
    /// # Errors
    /// As [`Tokens::missing`].
    pub fn missing(&self, key: &TokenKey) -> Result<Option<Missing>, Error> {
        Tokens::new(self.tx).missing(key)
    }

    /// What becomes of the status where the price was `asked_in_vain` at a time, if it was, and the
    /// latest price known is then of `known_at`.
    pub(super) fn status_change(
        &self,
        key: &TokenKey,
        asked_in_vain: Option<Timestamp>,
        known_at: Option<Timestamp>,
    ) -> Result<StatusChange, Error> {
        let before = self.missing(key)?;
        let is_known_since = |at: Timestamp| known_at.is_some_and(|known_at| known_at >= at);
        let mut after = before.filter(|missing| !is_known_since(missing.since));
        if let Some(at) = asked_in_vain.filter(|at| !is_known_since(*at)) {
            let subject = Subject::Token(key);
            after = Some(price_status::heard(after, subject, at, self.now, self.backoff));
        }
        Ok(StatusChange { before, after })
    }

    /// Stages what becomes of the status.
    pub(super) fn stage_status(&mut self, key: &TokenKey, change: StatusChange) {
        price_status::stage(self.tx, Subject::Token(key), change.before, change.after);
    }
}

/// Every token whose price is said to be missing and is not, or that is not known.
pub(crate) fn verify_missing(reader: &dyn Reader) -> Result<Vec<Contradiction>, Error> {
    let mut found = Vec::new();
    for price in price_status::tokens(reader) {
        let MissingPrice { of: PriceOf::Token(key), missing } = price? else { continue };
        let Some(token) = Tokens::new(reader).get(&key)? else {
            found.push(Contradiction::of_missing(key, "is of no token"));
            continue;
        };
        if token.current.is_some_and(|current| current.observed_at >= missing.since) {
            found.push(Contradiction::of_missing(key, "is known since it was missing"));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "missing_tests.rs"]
mod tests;
