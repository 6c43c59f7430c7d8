//! Letting go: what a namespace's bounds do not keep goes, the oldest event first, and raises the
//! watermark.
//!
//! - That the price of an event is missing is forgotten with its claim.
//! - What goes, the watermark and the counts are one commit with the claim that exceeds the bounds.
//! - Only settled claims are listed by age, so those of unfinished operations are never in the way.
//! - Everything is read before anything is staged.

use super::claims::ClaimsMut;
use super::name::{ClaimKey, age_key};
use super::namespace::{self, Age, Namespace};
use super::{CLAIM_AGES, CLAIMS, Error, NAMESPACES, row};
use crate::price_status::{self, Missing};

/// How many a claim lets go at most, beside which it adds one: a bound that was lowered is reached.
pub(super) const AT_ONCE: usize = 8;
/// How many one call of [`ClaimsMut::prune`] lets go at most: they fit into a commit.
const MOST: usize = 4_096;

/// A namespace on its way to another state.
pub(super) struct Staging {
    name: Box<str>,
    pub(super) namespace: Namespace,
}

/// What is let go, and what is the oldest then; nothing of it where nothing has to go.
pub(super) struct Going {
    all: Vec<Age>,
    /// Those of them whose price is missing.
    missing: Vec<(Age, Missing)>,
    next: Option<Age>,
}

impl ClaimsMut<'_> {
    /// Lets go what the bounds do not keep, at most `limit` claims of all namespaces together, and at
    /// most 4,096. Answers how many; fewer than that means that there are no more.
    ///
    /// Claims do this as they are made. Call it where a namespace is at rest, and its events only
    /// grow old, or where a bound was lowered by much.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::CorruptKey`], [`Error::Miscounted`], [`Error::Engine`].
    pub fn prune(&mut self, limit: usize) -> Result<usize, Error> {
        let limit = limit.min(MOST);
        let mut plans: Vec<(Staging, Going)> = Vec::new();
        let mut planned = 0;
        for found in namespace::all(self.tx) {
            let (name, namespace) = found?;
            let staging = Staging { name, namespace };
            let going = self.going(&staging, None, limit - planned)?;
            if !going.all.is_empty() {
                planned += going.all.len();
                plans.push((staging, going));
            }
            if planned == limit {
                break;
            }
        }
        for (mut staging, going) in plans {
            self.settle(&mut staging, None, going);
        }
        if planned > 0 {
            self.tx.note("claim.prune");
        }
        Ok(planned)
    }

    /// The namespace as it is, to be changed.
    pub(super) fn staging(&self, name: &str) -> Result<Staging, Error> {
        Ok(Staging { name: name.into(), namespace: Namespace::load(self.tx, name)? })
    }

    /// What has to go when `coming` is listed, too; at most `limit`.
    pub(super) fn going(
        &self,
        Staging { name, namespace }: &Staging,
        coming: Option<&Age>,
        limit: usize,
    ) -> Result<Going, Error> {
        let bounds = self.rules.of(name);
        let earliest = bounds.earliest_kept(self.now);
        let settled = namespace.settled.saturating_add(u64::from(coming.is_some()));
        let surplus = settled.saturating_sub(bounds.most());
        let first = namespace.oldest.iter().chain(coming).min();
        if surplus == 0 && first.is_none_or(|first| first.event_time >= earliest) {
            return Ok(Going { all: Vec::new(), missing: Vec::new(), next: None });
        }
        // One more than can go: it is the oldest afterwards.
        let mut all = namespace.listed(self.tx, name, limit.saturating_add(1))?;
        if let Some(coming) = coming {
            let place = all.partition_point(|age| age < coming);
            all.insert(place, coming.clone());
        }
        let has_to_go = |(nth, age): (u64, &Age)| nth < surplus || age.event_time < earliest;
        let count = (0..).zip(&all).take(limit).take_while(|each| has_to_go(*each)).count();
        let next = all.get(count).cloned();
        all.truncate(count);
        let mut missing = Vec::new();
        for age in &all {
            let subject = ClaimKey { namespace: name, key: &age.key }.subject();
            if let Some(price) = price_status::get(self.tx, subject)? {
                missing.push((age.clone(), price));
            }
        }
        Ok(Going { all, missing, next })
    }

    /// Lists what is coming, lets go what is going, and writes the namespace down.
    pub(super) fn settle(&mut self, staging: &mut Staging, coming: Option<Age>, going: Going) {
        let Staging { name, namespace } = staging;
        if let Some(coming) = coming {
            self.tx.put(CLAIM_AGES, &age_key(name, &coming), row::encode_age());
            namespace.settled = namespace.settled.saturating_add(1);
            if namespace.oldest.as_ref().is_none_or(|oldest| coming < *oldest) {
                namespace.oldest = Some(coming);
            }
        }
        for age in &going.all {
            self.tx.delete(CLAIM_AGES, &age_key(name, age));
            self.tx.delete(CLAIMS, &ClaimKey { namespace: name, key: &age.key }.stored());
            namespace.settled = namespace.settled.saturating_sub(1);
            namespace.pruned = namespace.pruned.saturating_add(1);
            namespace.watermark = namespace.watermark.max(Some(age.event_time));
        }
        for (age, price) in &going.missing {
            let subject = ClaimKey { namespace: name, key: &age.key }.subject();
            price_status::stage(self.tx, subject, Some(*price), None);
        }
        if !going.all.is_empty() {
            namespace.oldest = going.next;
        }
        self.write_down(staging);
    }

    /// Takes a settled claim off the list: an operation is at it.
    pub(super) fn unsettle(&mut self, staging: &mut Staging, leaving: &Age) -> Result<(), Error> {
        let Staging { name, namespace } = &mut *staging;
        if namespace.oldest.as_ref() == Some(leaving) {
            let first_two = namespace.listed(self.tx, name, 2)?;
            namespace.oldest = first_two.into_iter().nth(1);
        }
        self.tx.delete(CLAIM_AGES, &age_key(name, leaving));
        namespace.settled = namespace.settled.saturating_sub(1);
        namespace.in_flight = namespace.in_flight.saturating_add(1);
        self.write_down(staging);
        Ok(())
    }

    fn write_down(&mut self, Staging { name, namespace }: &Staging) {
        self.tx.put(NAMESPACES, name.as_bytes(), row::encode_namespace(namespace));
    }
}
