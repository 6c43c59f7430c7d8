//! Tokens: everything that was ever said of one, and what follows from it, computed anew each time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Model;
use super::missing::{Missing, asked_in_vain};
use super::words::*;
use crate::simulation::view::View;

/// One thing that somebody says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saying {
    pub(crate) token: u8,
    /// Who says it; the number [`MOCK`] makes prices up.
    pub(crate) source: u8,
    pub(crate) at: i64,
    pub(crate) seq: Option<u64>,
    pub(crate) price: Quote,
    pub(crate) symbol: Option<u8>,
    pub(crate) name: Option<u8>,
    pub(crate) decimals: Option<u8>,
    pub(crate) market_cap: Option<u64>,
}

/// What is said of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Quote {
    NotGiven,
    Given(u64),
    Unavailable,
}

/// The source whose prices are made up.
pub(crate) const MOCK: u8 = 9;

/// A tick: time, number, source, price, in the order of ticks.
pub(crate) type Tick = (i64, Option<u64>, u8, u64);

/// Everything that was said of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    ticks: BTreeSet<Tick>,
    mocks: BTreeSet<Tick>,
    symbols: BTreeSet<(i64, u8)>,
    names: BTreeSet<(i64, u8)>,
    caps: BTreeSet<(i64, u64)>,
    decimals: Option<u8>,
    times: BTreeSet<i64>,
    missing: Option<Missing>,
}

impl Known {
    fn hear(&mut self, saying: &Saying) {
        let (at, is_mock) = (saying.at, saying.source == MOCK);
        self.symbols.extend(saying.symbol.map(|symbol| (at, symbol)));
        self.names.extend(saying.name.map(|name| (at, name)));
        let says_when = saying.symbol.is_some() || saying.name.is_some();
        if !is_mock {
            self.caps.extend(saying.market_cap.map(|cap| (at, cap)));
        }
        self.decimals = self.decimals.or(saying.decimals);
        if let Quote::Given(price) = saying.price {
            let ticks = if is_mock { &mut self.mocks } else { &mut self.ticks };
            ticks.insert((at, saying.seq, saying.source, price));
        }
        let is_about_prices = saying.price != Quote::NotGiven || saying.market_cap.is_some();
        if says_when || (is_about_prices && !is_mock) {
            self.times.insert(at);
        }
    }

    /// What the same saying means for whether the price is missing, when it is `now`.
    fn hear_of_missing(&mut self, saying: &Saying, now: i64) {
        let latest = self.ticks.last().map(|tick| tick.0);
        let is_known_since = |at: i64| latest.is_some_and(|latest| latest >= at);
        self.missing = self.missing.filter(|missing| !is_known_since(missing.0));
        let was_asked = saying.price == Quote::Unavailable && saying.source != MOCK;
        if was_asked && !is_known_since(saying.at) {
            self.missing = Some(asked_in_vain(self.missing, saying.at, now));
        }
    }

    pub(crate) fn missing(&self) -> Option<Missing> {
        self.missing
    }

    /// The highest price, and of equal ones the first tick.
    fn max(&self) -> Option<&Tick> {
        self.ticks.iter().max_by(|one, other| one.3.cmp(&other.3).then(other.cmp(one)))
    }

    /// The lowest price, and of equal ones the first tick.
    fn min(&self) -> Option<&Tick> {
        self.ticks.iter().min_by(|one, other| one.3.cmp(&other.3).then(one.cmp(other)))
    }

    pub(crate) fn show(&self, number: u8, view: &mut View) {
        let ticks = Marks {
            current: self.ticks.last().copied(),
            first: self.ticks.first().copied(),
            max: self.max().copied(),
            min: self.min().copied(),
            mock: self.mocks.last().copied(),
        };
        view.show(format!("token {number}"), ticks);
        view.show(
            format!("token {number} is"),
            (
                self.symbols.last(),
                self.names.last(),
                self.caps.last(),
                self.decimals,
                self.times.first(),
                self.missing,
            ),
        );
    }
}

/// The ticks that stand out, as they are shown.
#[derive(Debug)]
#[expect(dead_code, reason = "they are printed and compared as text")]
pub(crate) struct Marks {
    pub(crate) current: Option<Tick>,
    pub(crate) first: Option<Tick>,
    pub(crate) max: Option<Tick>,
    pub(crate) min: Option<Tick>,
    pub(crate) mock: Option<Tick>,
}

impl Model {
    pub(super) fn upsert(&mut self, saying: &Saying) -> Result<Reply, Refusals> {
        let known = self.tokens.get(&saying.token);
        let mut refusals = Refusals::new();
        if saying.names_a_time() && self.is_from_the_future(saying.at) {
            refusals.insert(Reply::FromTheFuture);
        }
        let decimals = known.and_then(|known| known.decimals).zip(saying.decimals);
        if decimals.is_some_and(|(known, given)| known != given) {
            refusals.insert(Reply::DecimalsConflict);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let mut after = known.cloned().unwrap_or_default();
        after.hear(saying);
        after.hear_of_missing(saying, self.now);
        if known.is_some_and(|known| known.shows_as(&after)) {
            return Ok(Reply::AlreadyDone);
        }
        // What changes nothing that is shown is remembered all the same: it may show one day.
        self.tokens.insert(saying.token, after);
        Ok(Reply::Done)
    }
}

impl Known {
    fn shows_as(&self, other: &Self) -> bool {
        let shown = |known: &Self| {
            let mut view = View::default();
            known.show(0, &mut view);
            view
        };
        shown(self) == shown(other)
    }
}

impl Saying {
    fn names_a_time(&self) -> bool {
        let of_price = self.price != Quote::NotGiven || self.market_cap.is_some();
        of_price || self.symbol.is_some() || self.name.is_some()
    }
}
