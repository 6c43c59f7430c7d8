//! Prices that are missing: what is known of one after each word about it.

use super::Model;
use super::words::*;

/// Since when it is missing, when it was asked for last, how often, and when to ask again.
pub(crate) type Missing = (i64, i64, u64, i64);

/// The first pause before a missing price is asked for again, and the longest.
pub(crate) const PAUSE_MICROS: (i64, i64) = (60_000_000, 300_000_000);

/// What is known of a price once it was asked for in vain at `at`, when it is `now`.
pub(super) fn asked_in_vain(known: Option<Missing>, at: i64, now: i64) -> Missing {
    let Some((since, last, attempts, next)) = known else {
        return (at, at, 1, now + PAUSE_MICROS.0);
    };
    let (since, latest) = (since.min(at), last.max(at));
    if at <= last && now < next {
        return (since, latest, attempts, next);
    }
    let (first, longest) = PAUSE_MICROS;
    let pause = (0..attempts).fold(first, |pause, _| (2 * pause).min(longest));
    (since, latest, attempts + 1, now + pause)
}

impl Model {
    /// The price of a claimed event was asked for in vain.
    pub(super) fn price_unavailable(
        &mut self,
        (namespace, key, at): (u8, u8, i64),
    ) -> Result<Reply, Refusals> {
        if self.is_from_the_future(at) {
            return Err(refuse(Reply::FromTheFuture));
        }
        let place = (namespace, key);
        let known = self.missing.get(&place).copied();
        if !self.claims.contains_key(&place) {
            return Ok(Reply::AlreadyDone);
        }
        let missing = asked_in_vain(known, at, self.now);
        self.missing.insert(place, missing);
        Ok(if known == Some(missing) { Reply::AlreadyDone } else { Reply::Done })
    }

    /// The price of a claimed event is known now.
    pub(super) fn price_found(&mut self, namespace: u8, key: u8) -> Reply {
        match self.missing.remove(&(namespace, key)) {
            Some(_) => Reply::Done,
            None => Reply::AlreadyDone,
        }
    }

    /// What is to be asked for, in the order in which it is: tokens by their number, claims by namespace
    /// and key.
    pub(crate) fn due_prices(&self) -> Vec<(i64, DueFor)> {
        let tokens = self.tokens.iter().filter_map(|(number, known)| {
            let (.., next) = known.missing()?;
            Some((next, DueFor::Token(*number)))
        });
        let claims = self.missing.iter();
        let claims = claims.map(|((space, key), (.., next))| (*next, DueFor::Claim(*space, *key)));
        let mut due: Vec<_> = tokens.chain(claims).collect();
        due.sort_unstable();
        due
    }
}

/// Whose price is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DueFor {
    Token(u8),
    Claim(u8, u8),
}
