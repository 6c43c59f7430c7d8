//! What may be found after a crash: the states that the store went through, and which of them it
//! promised to keep.
//!
//! Promises P1 to P3 in a few lines: what was acknowledged as synced survives power loss, what was
//! acknowledged as written survives the process, what was seen counts as acknowledged, and whatever
//! is found is one of the states in between, whole.

use std::collections::BTreeMap;

use super::life::Dispute;
use super::model::Model;
use super::view::View;
use crate::engine::Lsn;

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The store was closed and said so.
    Closed,
    /// The process died, or gave up its store.
    Killed,
    /// The power went out, or the system forgot what it could not write.
    PowerCut,
}

/// The states since the last one that certainly stays.
pub(crate) struct Prefixes {
    /// What so many commits may look like; several where a call made more commits than one.
    states: BTreeMap<Lsn, Vec<Model>>,
    /// Which commits wait until they survive power loss.
    synced: BTreeMap<Lsn, bool>,
    /// What a call may have come to that answered nothing.
    in_flight: Vec<Model>,
    /// So many commits of that call may be visible all the same: those before its last.
    half_done: u64,
    written: Lsn,
    durable: Lsn,
}

impl Prefixes {
    /// A store was opened and showed `model` at `lsn`.
    pub(crate) fn of(lsn: Lsn, model: Model) -> Self {
        Self {
            states: [(lsn, vec![model])].into(),
            synced: BTreeMap::new(),
            in_flight: Vec::new(),
            half_done: 0,
            written: lsn,
            durable: lsn,
        }
    }

    /// The last commit that has its place in the order.
    pub(crate) fn last(&self) -> Lsn {
        self.states.last_key_value().map_or(0, |(lsn, _)| *lsn)
    }

    /// What anybody may rely on to be seen.
    pub(crate) fn written(&self) -> Lsn {
        self.written
    }

    /// A call went through `between` and came to `after`, which is commit `lsn`.
    pub(crate) fn stage(&mut self, lsn: Lsn, between: Vec<Model>, after: &Model, synced: bool) {
        let before = self.last();
        let commits = lsn - before;
        if commits == 0 {
            // Nothing that is stored, or nothing at all.
            self.states.insert(lsn, vec![after.clone()]);
            return;
        }
        let mut on_the_way = between;
        on_the_way.push(after.clone());
        let exactly_known = on_the_way.len() as u64 == commits;
        for nth in 1..commits {
            let candidates = match exactly_known {
                true => vec![on_the_way[nth as usize - 1].clone()],
                false => on_the_way.clone(),
            };
            self.states.insert(before + nth, candidates);
            self.synced.insert(before + nth, false);
        }
        self.states.insert(lsn, vec![after.clone()]);
        self.synced.insert(lsn, synced);
    }

    /// A call did not say what it came to. So many commits of it may be visible.
    pub(crate) fn left_open(&mut self, may_be: Vec<Model>, visible: u64) {
        self.in_flight.extend(may_be);
        self.half_done = visible;
    }

    /// Somebody could see commit `lsn`: it is as durable as its caller asked, and so is every one
    /// before it.
    pub(crate) fn see(&mut self, lsn: Lsn) {
        self.written = self.written.max(lsn);
        let synced = self.synced.range(..=lsn).rev().find(|(_, synced)| **synced);
        if let Some((lsn, _)) = synced {
            self.make_durable(*lsn);
        }
    }

    /// Everything up to commit `lsn` was said to survive power loss.
    pub(crate) fn make_durable(&mut self, lsn: Lsn) {
        self.written = self.written.max(lsn);
        self.durable = self.durable.max(lsn);
        self.states = self.states.split_off(&self.durable.min(self.last()));
        self.synced = self.synced.split_off(&self.durable);
    }

    /// What a reader may be shown at `lsn`.
    pub(crate) fn at(&self, lsn: Lsn, shown: &View) -> Result<&Model, Dispute> {
        let candidates = match self.states.get(&lsn) {
            Some(known) => known,
            None if lsn <= self.last() + self.half_done => self.in_flight.as_slice(),
            None => &[],
        };
        fitting(candidates, shown).ok_or_else(|| unlike(lsn, candidates, shown))
    }

    /// The state that was found after such an end.
    pub(crate) fn find(&self, lsn: Lsn, shown: &View, end: End) -> Result<&Model, Dispute> {
        let least = match end {
            End::Closed => self.last(),
            End::Killed => self.written,
            End::PowerCut => self.durable,
        };
        if lsn < least {
            return Err(format!("commit {lsn} is the last, and {least} was promised ({end:?})"));
        }
        let candidates = match self.states.get(&lsn) {
            Some(known) => known,
            None => &self.in_flight,
        };
        fitting(candidates, shown).ok_or_else(|| unlike(lsn, candidates, shown))
    }

    /// Whether what was found is a commit that nobody was told of.
    pub(crate) fn was_in_flight(&self, lsn: Lsn) -> bool {
        lsn > self.last()
    }

    /// Whether a call is open that a crash may undo.
    pub(crate) fn has_open_calls(&self) -> bool {
        !self.in_flight.is_empty()
    }
}

fn fitting<'m>(candidates: &'m [Model], shown: &View) -> Option<&'m Model> {
    candidates.iter().rev().find(|model| model.view() == *shown)
}

fn unlike(lsn: Lsn, candidates: &[Model], shown: &View) -> Dispute {
    let differences: Vec<_> =
        candidates.iter().map(|one| one.view().differences(shown).join("\n")).collect();
    let differences = differences.join("\n-- or\n");
    format!("commit {lsn} shows none of {} that it may be:\n{differences}", candidates.len())
}
