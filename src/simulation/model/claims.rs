//! Claims on events: who has which, and what the bounds of a namespace let go.

use serde::{Deserialize, Serialize};

use super::Model;
use super::words::*;

/// What is kept of a namespace's claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// So many that no operation is at.
    pub(crate) count: Option<usize>,
    /// For so long after the event.
    pub(crate) horizon_micros: Option<i64>,
}

/// The number of the namespaces, each with bounds of its own.
pub(crate) const NAMESPACES: u8 = 2;

/// One claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) claimed: Claimed,
    pub(crate) at: i64,
    /// The operation that has it or had it last.
    pub(crate) operation: Option<OperationNumber>,
}

/// What is known of the claims that were let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LetGo {
    pub(crate) count: u64,
    /// The latest event among them.
    pub(crate) latest: Option<i64>,
}

impl Model {
    /// Whether the event may have been known once.
    pub(super) fn is_too_old(&self, (namespace, key, at): (u8, u8, i64)) -> bool {
        let latest = self.let_go.get(&namespace).and_then(|let_go| let_go.latest);
        !self.claims.contains_key(&(namespace, key)) && latest.is_some_and(|latest| at <= latest)
    }

    /// Puts a claim where there is none, or another state into the place of one.
    pub(super) fn put_claim(&mut self, (namespace, key): (u8, u8), kept: Kept) {
        let is_in_flight = matches!(kept.claimed, Claimed::InFlight(_));
        let was_there = self.claims.insert((namespace, key), kept).is_some();
        // A claim that is taken over is neither made nor settled, so nothing goes for it.
        if !(was_there && is_in_flight) {
            self.let_claims_go(namespace);
        }
    }

    /// Lets go what the bounds of a namespace do not keep. Answers how many.
    fn let_claims_go(&mut self, namespace: u8) -> u64 {
        let bounds = self.limits.claims.get(usize::from(namespace)).copied().unwrap_or_default();
        let mut settled: Vec<(i64, u8)> = Vec::new();
        for ((space, key), kept) in &self.claims {
            if *space == namespace && !matches!(kept.claimed, Claimed::InFlight(_)) {
                settled.push((kept.at, *key));
            }
        }
        settled.sort_unstable();
        let surplus = bounds.count.map_or(0, |count| settled.len().saturating_sub(count));
        let now = self.now;
        let is_over = |at: i64| bounds.horizon_micros.is_some_and(|horizon| at < now - horizon);
        let going =
            settled.iter().enumerate().filter(|(nth, (at, _))| *nth < surplus || is_over(*at));
        let mut gone = 0;
        for (_, (at, key)) in going {
            self.claims.remove(&(namespace, *key));
            self.missing.remove(&(namespace, *key));
            let let_go = self.let_go.entry(namespace).or_default();
            let_go.latest = let_go.latest.max(Some(*at));
            let_go.count += 1;
            gone += 1;
        }
        gone
    }

    /// Lets go in all namespaces what only grew old.
    pub(super) fn prune_claims(&mut self) -> Reply {
        let gone: u64 = (0..NAMESPACES).map(|namespace| self.let_claims_go(namespace)).sum();
        if gone == 0 { Reply::AlreadyDone } else { Reply::Done }
    }

    /// Claims an event by hand.
    pub(super) fn claim(&mut self, (namespace, key, at): (u8, u8, i64)) -> Result<Reply, Refusals> {
        if let Some(kept) = self.claims.get(&(namespace, key)) {
            return Ok(Reply::Duplicate(kept.claimed));
        }
        if self.is_too_old((namespace, key, at)) {
            return Ok(Reply::TooOld);
        }
        if self.is_from_the_future(at) {
            return Err(refuse(Reply::FromTheFuture));
        }
        let kept = Kept { claimed: Claimed::Recorded, at, operation: None };
        self.put_claim((namespace, key), kept);
        Ok(Reply::Done)
    }

    /// What a claim that an operation is to make or to take over answers, unless it is its own: what
    /// was rolled back with the operation in whose place it is begun is, also where it was let go.
    pub(super) fn claimed_by_others(
        &self,
        claim: Option<(u8, u8, i64)>,
        before: Option<OperationNumber>,
    ) -> Option<Reply> {
        let (namespace, key, at) = claim?;
        match (self.claims.get(&(namespace, key)), before) {
            (Some(kept), Some(_)) if kept.operation == before => None,
            (Some(kept), _) => Some(Reply::Duplicate(kept.claimed)),
            (None, Some(_)) => None,
            (None, None) => self.is_too_old((namespace, key, at)).then_some(Reply::TooOld),
        }
    }

    /// Everything there is to see of a namespace: how many claims it has and how many of them are in
    /// flight, how many it had, its oldest event and the latest one let go.
    pub(crate) fn namespace(&self, namespace: u8) -> Option<Figures> {
        let let_go = self.let_go.get(&namespace).copied().unwrap_or_default();
        let kept: Vec<&Kept> = self
            .claims
            .iter()
            .filter(|((space, _), _)| *space == namespace)
            .map(|one| one.1)
            .collect();
        let is_in_flight = |kept: &&&Kept| matches!(kept.claimed, Claimed::InFlight(_));
        let in_flight = kept.iter().filter(is_in_flight).count() as u64;
        let settled = kept.iter().filter(|kept| !is_in_flight(kept));
        let oldest = settled.map(|kept| kept.at).min();
        let is_there = !kept.is_empty() || let_go.count > 0;
        is_there.then_some((kept.len() as u64, in_flight, let_go.count, oldest, let_go.latest))
    }
}

/// Size, in flight, let go, oldest, watermark.
pub(crate) type Figures = (u64, u64, u64, Option<i64>, Option<i64>);
