//! What a history has to be, computed from plain sets each time; it shares no rule with the code.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::tokens::history::{Candle, Resolution};

/// Everything that was accepted, and what of it is kept.
#[derive(Default)]
pub(super) struct Model {
    accepted: BTreeSet<Tick>,
    kept: BTreeSet<Tick>,
    retracted: BTreeSet<Tick>,
    watermark: Option<Timestamp>,
    /// By resolution and start, the ticks that each candle was made of.
    candles: BTreeMap<(Resolution, i64), BTreeSet<Tick>>,
    purged_candles: BTreeMap<Resolution, i64>,
}

const LENGTHS: [(Resolution, i64); 3] =
    [(Resolution::Minute, MINUTE), (Resolution::Hour, HOUR), (Resolution::Day, DAY)];

impl Model {
    pub(super) fn see(&mut self, tick: &Tick) -> Recorded {
        if self.retracted.contains(tick) {
            return Recorded::Retracted;
        }
        if self.is_before(tick.observed_at) {
            self.accepted.insert(tick.clone());
            return Recorded::BeforeHistory;
        }
        if !self.accepted.insert(tick.clone()) {
            return Recorded::Duplicate;
        }
        self.kept.insert(tick.clone());
        for (resolution, length) in LENGTHS {
            let start = tick.observed_at.as_micros().div_euclid(length) * length;
            if self.purged_candles.get(&resolution).is_none_or(|purged| start > *purged) {
                self.candles.entry((resolution, start)).or_default().insert(tick.clone());
            }
        }
        Recorded::Kept
    }

    /// Whether the tick could be retracted.
    pub(super) fn retract(&mut self, tick: &Tick) -> bool {
        if self.retracted.contains(tick) || !self.kept.remove(tick) {
            return false;
        }
        self.accepted.remove(tick);
        self.retracted.insert(tick.clone());
        let watermark = self.watermark.map_or(i64::MIN, Timestamp::as_micros);
        for ((_, start), ticks) in &mut self.candles {
            if *start > watermark || self.watermark.is_none() {
                ticks.remove(tick);
            }
        }
        self.candles.retain(|_, ticks| !ticks.is_empty());
        true
    }

    /// Keeps ticks from `cutoff` on and no more than `most`, and so the candles of each resolution.
    pub(super) fn purge(&mut self, now: i64, ticks: (i64, usize), candles: (i64, usize)) {
        while let Some(oldest) = self.kept.first() {
            let time = oldest.observed_at;
            if self.kept.len() <= ticks.1 && time.as_micros() >= now - ticks.0 {
                break;
            }
            self.watermark = Some(time);
            self.kept.retain(|tick| tick.observed_at > time);
        }
        for (resolution, length) in LENGTHS {
            loop {
                let of_resolution = self.candles.keys().filter(|(other, _)| *other == resolution);
                let (count, oldest) = (of_resolution.clone().count(), of_resolution.min().copied());
                let Some((_, start)) = oldest else { break };
                if count <= candles.1 && start + length > now - candles.0 {
                    break;
                }
                self.candles.remove(&(resolution, start));
                self.purged_candles.insert(resolution, start);
            }
        }
    }

    pub(super) fn accepted(&self) -> impl Iterator<Item = &Tick> {
        self.accepted.iter()
    }

    fn is_before(&self, time: Timestamp) -> bool {
        self.watermark.is_some_and(|watermark| time <= watermark)
    }

    /// Holds a store against this.
    pub(super) fn check(&self, world: &World) {
        world.assert_sound();
        assert!(world.ticks().iter().eq(self.kept.iter()), "ticks");
        let Some(token) = world.store.tokens().get(&key()).unwrap() else {
            return assert!(self.accepted.is_empty());
        };
        let best = |one: &Tick, other: &Tick| one.price.cmp(&other.price).then(other.cmp(one));
        let highest = self.accepted.iter().max_by(|one, other| best(one, other));
        let lowest = self
            .accepted
            .iter()
            .min_by(|one, other| one.price.cmp(&other.price).then(one.cmp(other)));
        assert_eq!(token.current.as_ref(), self.accepted.last());
        assert_eq!(token.first.as_ref(), self.accepted.first());
        assert_eq!((token.max.as_ref(), token.min.as_ref()), (highest, lowest));
        for (resolution, _) in LENGTHS {
            self.check_candles(world, resolution);
        }
    }

    fn check_candles(&self, world: &World, resolution: Resolution) {
        let snapshot = world.store.snapshot();
        let found: Vec<Candle> =
            snapshot.tokens().candles(&key(), resolution, ..).map(Result::unwrap).collect();
        let expected = self.candles.iter().filter(|((other, _), _)| *other == resolution);
        let expected: Vec<Candle> = expected
            .map(|((_, start), ticks)| Candle {
                resolution,
                start: at(*start),
                open: ticks.first().unwrap().clone(),
                high: ticks.iter().map(|tick| tick.price).max().unwrap(),
                low: ticks.iter().map(|tick| tick.price).min().unwrap(),
                close: ticks.last().unwrap().clone(),
                count: ticks.len() as u64,
                is_beyond_ticks: self.is_before(at(*start)),
            })
            .collect();
        assert_eq!(found, expected, "{resolution}");
    }
}
