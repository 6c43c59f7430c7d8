//! Claimed events that have no price yet: somebody dealt with the event and could not say what it was
//! worth.
//!
//! Only who claimed an event knows its price, so nothing but that word, or the end of the claim itself,
//! ends the asking.

use super::claims::{Claims, ClaimsMut, record};
use super::name::ClaimKey;
use super::{CLAIMS, Error};
use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::price_status::{self, Contradiction, Missing, MissingPrice, PriceOf, Subject};

impl Claims<'_> {
    /// Since when the price of a claimed event is missing, how often it was asked for, and when to ask
    /// again; `None` where it is not missing, or the event not claimed.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::KeyLength`]; [`Error::PriceStatus`], [`Error::Engine`].
    pub fn missing(&self, namespace: &str, key: &[u8]) -> Result<Option<Missing>, Error> {
        let claim = ClaimKey::new(namespace, key)?;
        Ok(price_status::get(self.reader, claim.subject())?)
    }
}

impl ClaimsMut<'_> {
    /// As [`Claims::missing`], as it would be after this commit.
    ///
    /// # Errors
    /// As [`Claims::missing`].
    pub fn missing(&self, namespace: &str, key: &[u8]) -> Result<Option<Missing>, Error> {
        Claims::new(self.tx).missing(namespace, key)
    }

    /// The price of the claimed event `key` was asked for at `at`, and there was none. From now on it is
    /// listed by [`Snapshot::due_price_updates`](crate::Snapshot::due_price_updates) whenever it is time
    /// to ask again, until [`ClaimsMut::price_found`] or until the claim is let go.
    ///
    /// Answers what is known of it then, or `None` where there is no such claim, or no longer: then
    /// nothing is staged. What is said of a time that is not later than the last one counts as another
    /// attempt only where one is due.
    ///
    /// # Errors
    /// Refused, with nothing staged: [`Error::InvalidName`], [`Error::KeyLength`],
    /// [`Error::EventFromTheFuture`]. Nothing is staged either with [`Error::CorruptRow`],
    /// [`Error::PriceStatus`] and [`Error::Engine`].
    pub fn price_unavailable(
        &mut self,
        namespace: &str,
        key: &[u8],
        at: Timestamp,
    ) -> Result<Option<Missing>, Error> {
        let claim = ClaimKey::new(namespace, key)?;
        self.check_time(claim, at)?;
        if record(self.tx, claim)?.is_none() {
            return Ok(None);
        }
        let before = price_status::get(self.tx, claim.subject())?;
        let backoff = &self.rules.price_backoff;
        let after = Some(price_status::heard(before, claim.subject(), at, self.now, backoff));
        if before != after {
            price_status::stage(self.tx, claim.subject(), before, after);
            self.tx.note("claim.price_unavailable");
        }
        Ok(after)
    }

    /// The price of the claimed event `key` is known now, or of no interest any more. Answers whether it
    /// was missing; where it was not, nothing is staged.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::KeyLength`]; [`Error::PriceStatus`], [`Error::Engine`].
    pub fn price_found(&mut self, namespace: &str, key: &[u8]) -> Result<bool, Error> {
        let claim = ClaimKey::new(namespace, key)?;
        let before = price_status::get(self.tx, claim.subject())?;
        if before.is_some() {
            price_status::stage(self.tx, claim.subject(), before, None);
            self.tx.note("claim.price_found");
        }
        Ok(before.is_some())
    }
}

impl<'a> ClaimKey<'a> {
    /// The claimed event as something that has a price.
    pub(super) fn subject(self) -> Subject<'a> {
        Subject::Claim { namespace: self.namespace, key: self.key }
    }
}

/// Every claim whose price is missing and that there is not.
pub(crate) fn verify_missing(reader: &dyn Reader) -> Result<Vec<Contradiction>, Error> {
    let mut found = Vec::new();
    for price in price_status::claims(reader) {
        let MissingPrice { of, .. } = price?;
        let PriceOf::Claim { namespace, key } = &of else { continue };
        let claim = ClaimKey { namespace, key };
        if reader.get(CLAIMS, &claim.stored())?.is_none() {
            found.push(Contradiction::of_missing(of, "is of no claim"));
        }
    }
    Ok(found)
}
