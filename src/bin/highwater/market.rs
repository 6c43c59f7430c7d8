//! A made-up market, so that the program has something to replay on a bare machine.
//!
//! The same seed is the same market, trade for trade. Prices walk in whole steps of a token's
//! smallest price and never pass through a float. As on real feeds, some trades come late and some
//! come twice. Must not know the store.

use fastrand::Rng;
use highwater::Timestamp;
use highwater::money::Price;
use highwater::tokens::TokenKey;

use crate::trades::Trade;

/// What the made-up trades name as their venue.
pub(crate) const SOURCE: &str = "market";

/// 2024-01-01T00:00:00Z, the time of the first trade.
const START_MICROS: i64 = 1_704_067_200_000_000;

/// A price never walks above this many of its smallest steps.
const MAX_STEPS: u128 = 1_000_000_000_000;

/// Chain, symbol, decimals of the price, first price in its smallest steps.
const LISTINGS: [(&str, &str, u8, u128); 24] = [
    ("ethereum", "HERON", 2, 341_205),
    ("ethereum", "TIDE", 4, 182_340),
    ("ethereum", "KELP", 6, 912_004),
    ("ethereum", "MOOR", 8, 45_120_000),
    ("ethereum", "BUOY", 2, 6_183_763),
    ("ethereum", "WRACK", 12, 8_300_451),
    ("base", "GULL", 6, 1_204_511),
    ("base", "DRIFT", 8, 70_233),
    ("base", "SHOAL", 4, 55_000),
    ("base", "EDDY", 10, 99_120_433),
    ("base", "SPRAY", 12, 640),
    ("base", "QUAY", 6, 33_870_012),
    ("solana", "REEF", 6, 2_410_992),
    ("solana", "LAGOON", 9, 18_220_400),
    ("solana", "PELICAN", 9, 7_302),
    ("solana", "ANCHOR", 4, 1_502_001),
    ("solana", "SURGE", 12, 51_009),
    ("solana", "NEAP", 9, 411),
    ("bsc", "SEXTANT", 4, 204_455),
    ("bsc", "HARBOR", 2, 58_102),
    ("bsc", "LEDGE", 8, 310_277_119),
    ("bsc", "OTTER", 10, 88_008),
    ("bsc", "BRINE", 12, 12_345_678),
    ("bsc", "FATHOM", 6, 4_071),
];

/// An endless market; take as many trades as wanted.
pub(crate) struct Market {
    random: Rng,
    walks: Vec<Walk>,
    now_micros: i64,
    rows: u64,
    last: Option<Trade>,
}

/// The price of one token on its way.
struct Walk {
    key: TokenKey,
    symbol: &'static str,
    units_per_step: u128,
    steps: u128,
    last_seq: u64,
}

impl Market {
    /// The market of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let walks =
            LISTINGS.iter().filter_map(|listing| Walk::list(listing, &mut random)).collect();
        Self { random, walks, now_micros: START_MICROS, rows: 0, last: None }
    }

    fn trade(&mut self) -> Option<Trade> {
        let chosen = self.random.usize(..self.walks.len());
        let walk = self.walks.get_mut(chosen)?;
        walk.step(&mut self.random);
        self.now_micros += self.random.i64(0..20_000);
        let late = self.random.u8(..50) == 0;
        let late_by_micros = if late { self.random.i64(0..2_000_000) } else { 0 };
        walk.last_seq += 1;
        Some(Trade {
            key: walk.key.clone(),
            symbol: Some(walk.symbol.to_owned()),
            source: SOURCE.to_owned(),
            seq: Some(walk.last_seq),
            observed_at: Timestamp::from_micros(self.now_micros - late_by_micros),
            price: Price::from_units(walk.steps * walk.units_per_step),
            line: self.rows,
        })
    }
}

impl Iterator for Market {
    type Item = Trade;

    fn next(&mut self) -> Option<Trade> {
        self.rows += 1;
        let again = self.random.u8(..100) == 0;
        match &mut self.last {
            Some(last) if again => last.line = self.rows,
            _ => self.last = self.trade(),
        }
        self.last.clone()
    }
}

impl Walk {
    /// `None` for a listing that is no token; a test shows that all of them are.
    fn list(listing: &(&str, &'static str, u8, u128), random: &mut Rng) -> Option<Self> {
        let &(chain, symbol, decimals, steps) = listing;
        let key = TokenKey::new(chain, &address(chain, random)).ok()?;
        let units_per_step = 10_u128.pow(u32::from(Price::DECIMALS - decimals));
        Some(Self { key, symbol, units_per_step, steps, last_seq: 0 })
    }

    /// Moves the price by up to 0.6 percent and one step, never below one step.
    fn step(&mut self, random: &mut Rng) {
        let span = self.steps * 6 / 1_000 + 1;
        let moved = self.steps + random.u128(0..=2 * span);
        self.steps = moved.saturating_sub(span).clamp(1, MAX_STEPS);
    }
}

/// An address in the manner of its chain.
fn address(chain: &str, random: &mut Rng) -> String {
    const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if chain == "solana" {
        (0..44).map(|_| char::from(BASE58[random.usize(..BASE58.len())])).collect()
    } else {
        format!("0x{:032x}{:08x}", random.u128(..), random.u32(..))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The README's first command is run twice by a curious reader; the second run must find
    /// nothing new, so the same seed has to be the same market.
    #[test]
    fn the_same_seed_is_the_same_market() {
        let market = |seed| Market::new(seed).take(5_000).collect::<Vec<_>>();
        assert_eq!(market(7), market(7));
        assert_ne!(market(7), market(8));
    }

    /// The market must look like one: every listing trades, prices stay positive and move, some
    /// trades come late and some twice.
    #[test]
    fn the_market_has_the_traits_of_a_real_feed() {
        let mut by_token: BTreeMap<String, Vec<Trade>> = BTreeMap::new();
        let (mut latest, mut late, mut twice) = (i64::MIN, 0, 0);
        for (row, trade) in (1..).zip(Market::new(1).take(50_000)) {
            assert_eq!(trade.line, row);
            assert!(trade.price > Price::ZERO);
            late += u32::from(trade.observed_at.as_micros() < latest);
            latest = latest.max(trade.observed_at.as_micros());
            let key = format!("{}/{}", trade.key.chain(), trade.key.address());
            let trades = by_token.entry(key).or_default();
            twice += u32::from(trades.last().is_some_and(|last| last.seq == trade.seq));
            trades.push(trade);
        }
        assert_eq!(by_token.len(), LISTINGS.len());
        for (key, trades) in &by_token {
            let prices = || trades.iter().map(|trade| trade.price);
            assert!(prices().min() < prices().max(), "{key} never moves");
        }
        assert!((300..700).contains(&twice), "{twice} of 50,000 came twice");
        assert!((700..1_500).contains(&late), "{late} of 50,000 came late");
    }

    /// However long the market runs, no price leaves its range.
    #[test]
    fn a_walk_stays_inside_its_range() {
        let mut random = Rng::with_seed(3);
        for steps in [1, MAX_STEPS] {
            let listing = ("base", "EDGE", 0, steps);
            let mut walk = Walk::list(&listing, &mut random).unwrap();
            for _ in 0..10_000 {
                walk.step(&mut random);
                assert!((1..=MAX_STEPS).contains(&walk.steps));
            }
        }
    }
}
