//! How many claims are kept of a namespace, and for how long: what a store is opened with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::name::check_name;
use super::{ClaimStats, Error};
use crate::clock::Timestamp;
use crate::price_status::PriceBackoff;

/// What is kept of the claims in a namespace. Nothing is let go that no bound asks for; by default
/// there is none.
///
/// What is let go is the oldest by the time of its *event*, and it raises the namespace's watermark:
/// an event at or below it that is not known answers [`Claim::TooOld`](crate::Claim::TooOld) and is
/// never new again. The claims of unfinished operations are never let go and count towards no bound.
///
/// ```
/// use highwater::{Asset, ClaimBounds, Mode, Options};
/// use std::time::Duration;
///
/// let hours = |hours: u64| Duration::from_secs(hours * 3600);
/// let bounds = ClaimBounds::new().count(50_000).horizon(hours(48)).acceptance_window(hours(24));
/// let usd = Asset::new("fiat", "USD", 6)?;
/// let options = Options::new(Mode::Paper, usd).claims("copied", bounds);
/// # let _ = options;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimBounds {
    count: Option<u64>,
    horizon: Option<Duration>,
    acceptance_window: Option<Duration>,
}

impl ClaimBounds {
    /// No bounds: every claim is kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many claims are kept, beside those of unfinished operations.
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Claims are kept until their event is older than this, by the clock as it stands.
    pub fn horizon(mut self, horizon: Duration) -> Self {
        self.horizon = Some(horizon);
        self
    }

    /// How late the bot may hear of an event and still act on it. It bounds nothing: a store whose
    /// horizon is shorter is not opened, and where the count moves the watermark inside of it,
    /// [`ClaimStats::inside_window`](crate::ClaimStats::inside_window) says so.
    pub fn acceptance_window(mut self, window: Duration) -> Self {
        self.acceptance_window = Some(window);
        self
    }

    fn check(&self, namespace: Option<&str>) -> Result<(), Error> {
        match (self.horizon, self.acceptance_window) {
            (Some(horizon), Some(window)) if horizon < window => {
                Err(Error::HorizonTooShort { namespace: namespace.map(Box::from), horizon, window })
            }
            _ => Ok(()),
        }
    }

    /// How many are kept.
    pub(super) fn most(&self) -> u64 {
        self.count.unwrap_or(u64::MAX)
    }

    /// The time that events have to reach to be kept when it is `now`.
    pub(super) fn earliest_kept(&self, now: Timestamp) -> Timestamp {
        self.horizon.map_or(Timestamp::from_micros(i64::MIN), |horizon| before(now, horizon))
    }

    /// By how much `watermark` lies inside the acceptance window when it is `now`.
    pub(super) fn inside_window(&self, watermark: Timestamp, now: Timestamp) -> Option<Duration> {
        let begin = before(now, self.acceptance_window?).as_micros();
        // An event right at the beginning of the window is accepted, so a watermark there is inside.
        let inside = i128::from(watermark.as_micros()) - i128::from(begin);
        u64::try_from(inside).ok().map(Duration::from_micros)
    }
}

fn before(now: Timestamp, duration: Duration) -> Timestamp {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(micros))
}

/// What claims are held to: the bounds of every namespace, and how far ahead an event may lie.
#[derive(Clone, Debug)]
pub(crate) struct ClaimRules {
    named: BTreeMap<Box<str>, ClaimBounds>,
    others: ClaimBounds,
    pub(super) future_tolerance_micros: i64,
    /// How long to wait before the missing price of an event is asked for again.
    pub(super) price_backoff: PriceBackoff,
}

impl ClaimRules {
    /// The bounds of the namespaces that have some of their own, and those of all others.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::HorizonTooShort`].
    pub(crate) fn new(
        named: BTreeMap<Box<str>, ClaimBounds>,
        others: ClaimBounds,
        future_tolerance_micros: i64,
    ) -> Result<Self, Error> {
        for (namespace, bounds) in &named {
            check_name("namespace", namespace)?;
            bounds.check(Some(namespace))?;
        }
        others.check(None)?;
        let price_backoff = PriceBackoff::new();
        Ok(Self { named, others, future_tolerance_micros, price_backoff })
    }

    /// The same, with this backoff for missing prices.
    pub(crate) fn with_price_backoff(mut self, backoff: PriceBackoff) -> Self {
        self.price_backoff = backoff;
        self
    }

    pub(super) fn of(&self, namespace: &str) -> ClaimBounds {
        self.named.get(namespace).copied().unwrap_or(self.others)
    }

    /// By how much the watermark of a namespace lies inside its acceptance window when it is `now`.
    pub(crate) fn inside_window(
        &self,
        namespace: &str,
        stats: &ClaimStats,
        now: Timestamp,
    ) -> Option<Duration> {
        self.of(namespace).inside_window(stats.watermark?, now)
    }

    /// The longest time for which a horizon keeps claims; zero where there is none.
    pub(crate) fn longest_horizon(&self) -> Duration {
        let all = self.named.values().chain([&self.others]);
        all.filter_map(|bounds| bounds.horizon).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The story: a bot that acts on trades of the last hour forgot them after half of one, and
    /// copied each twice.
    #[test]
    fn a_horizon_shorter_than_the_window_is_refused() {
        let rules = |bounds| ClaimRules::new([("n".into(), bounds)].into(), ClaimBounds::new(), 0);
        let window = ClaimBounds::new().acceptance_window(2 * SECOND);
        rules(window).unwrap();
        rules(window.horizon(2 * SECOND)).unwrap();
        let error = rules(window.horizon(SECOND)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "claims in n are kept for 1s of their event's age, and events are accepted for 2s: \
             those in between would be taken for new"
        );
        assert!(error.is_refused());
        let others = ClaimRules::new(BTreeMap::new(), window.horizon(SECOND), 0).unwrap_err();
        assert!(others.to_string().starts_with("claims in all other namespaces"), "{others}");
        let unnameable = ClaimRules::new([("".into(), window)].into(), ClaimBounds::new(), 0);
        assert!(matches!(unnameable, Err(Error::InvalidName { .. })));
    }

    /// The story: health said that all was well while events of the last minutes were refused.
    #[test]
    fn a_watermark_inside_the_window_is_told_to_the_microsecond() {
        let bounds = ClaimBounds::new().acceptance_window(SECOND);
        let inside = |micros| {
            let (watermark, now) = (Timestamp::from_micros(micros), Timestamp::from_micros(0));
            bounds.inside_window(watermark, now).map(|inside| inside.as_micros())
        };
        assert_eq!(inside(-1_000_001), None);
        assert_eq!(inside(-1_000_000), Some(0));
        assert_eq!(inside(-400_000), Some(600_000));
        assert_eq!(inside(i64::MIN), None);
        assert!(inside(i64::MAX).is_some());
        let everything = ClaimBounds::new().acceptance_window(Duration::MAX).horizon(Duration::MAX);
        let now = Timestamp::from_micros(i64::MIN);
        assert_eq!(everything.earliest_kept(now), now);
        assert!(everything.inside_window(Timestamp::from_micros(i64::MAX), now).is_some());
    }

    #[test]
    fn the_longest_horizon_counts() {
        let hours = |hours: u32| ClaimBounds::new().horizon(3600 * hours * SECOND);
        let named = [("a".into(), hours(48)), ("b".into(), ClaimBounds::new())];
        let rules = ClaimRules::new(named.into(), hours(1), 0).unwrap();
        assert_eq!(rules.longest_horizon(), 48 * 3600 * SECOND);
        assert_eq!((rules.of("b"), rules.of("c")), (ClaimBounds::new(), hours(1)));
    }
}
