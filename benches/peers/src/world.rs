//! The made-up world that every engine is told of: tokens, the prices of each writer, and what they come to.
//!
//! All of it follows from numbers alone, so a run is the same for every engine and what a store has to hold at the
//! end can be computed anew.

use std::collections::HashMap;

use highwater::TokenKey;

use crate::Outcome;
use crate::record::{Marks, Texts, Tick};

/// As many as there are in the list of real tokens.
pub const TOKENS: usize = 132_967;
/// As many as no bot has yet.
pub const LARGE: usize = 5_000_000;
/// 2024-08-09T00:00:00Z; sessions of a list are a day apart.
pub const START_MICROS: i64 = 1_723_161_600_000_000;
pub const DAY_MICROS: i64 = 86_400_000_000;
pub const SOURCE: &str = "pools";
/// How many tokens a bot looks at all the time, of those that it knows.
pub const HOT: usize = 10_000;
/// How many commits warm a store up before it is measured.
pub const WARM_UPS: u64 = 100;
/// The thread whose transfers do.
pub const WARM_UP_THREAD: u64 = 1 << 10;

pub struct Token {
    /// The chain, a slash, an address as Solana has them.
    pub key: Box<str>,
    /// The same as highwater takes it. Cloning it copies no text.
    pub highwater: TokenKey,
    pub texts: Texts,
}

/// One price for one token.
#[derive(Clone, Copy)]
pub struct Change {
    pub token: &'static Token,
    pub tick: Tick,
    /// Says the texts as well.
    pub told: bool,
}

pub struct World {
    pub tokens: Vec<Token>,
}

/// A well-mixed number for a number.
pub fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl World {
    /// It stays until the process ends, so that changes can go from thread to thread.
    pub fn new(tokens: usize) -> Outcome<&'static Self> {
        let tokens = (0..tokens as u64).map(token).collect::<Outcome<Vec<_>>>()?;
        Ok(Box::leak(Box::new(Self { tokens })))
    }

    /// The token that a well-mixed number draws: of all, or of so many hot ones.
    pub fn draw(&self, bits: u64, hot: Option<usize>) -> usize {
        let among = hot.unwrap_or(self.tokens.len());
        let nth = (u128::from(bits) * among as u128) >> 64;
        self.nth(nth as usize, hot)
    }

    /// The hot tokens are as far from each other as can be, in the order in which tokens were told. By key they
    /// lie anywhere, as all do.
    pub fn nth(&self, nth: usize, hot: Option<usize>) -> usize {
        hot.map_or(nth, |hot| nth * self.tokens.len() / hot)
    }

    /// What is known of each token before a run.
    pub fn preloaded(&'static self, number: usize) -> Change {
        let tick = Tick { price: price(mix(number as u64 ^ 0xF1F1)), at: START_MICROS };
        Change { token: &self.tokens[number], tick, told: true }
    }
}

fn token(number: u64) -> Outcome<Token> {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut address = String::with_capacity(44);
    let mut bits = 0;
    for place in 0..44 {
        if place % 10 == 0 {
            bits = mix(number * 8 + place / 10);
        }
        address.push(char::from(DIGITS[(bits % 58) as usize]));
        bits /= 58;
    }
    let texts = Texts {
        symbol: format!("T{}", number % 100_000).into(),
        name: format!("Token {number}").into(),
        decimals: 6,
        cap: price(mix(number ^ 0xCA9)),
    };
    let highwater = TokenKey::new("solana", &address)?;
    Ok(Token { key: format!("solana/{address}").into(), highwater, texts })
}

/// About a cent, in units of 10^-24.
fn price(bits: u64) -> u128 {
    u128::from(bits) * 1_000 + 1
}

/// The prices of several writers, by writer and number.
#[derive(Clone, Copy)]
pub struct Feed {
    pub world: &'static World,
    pub threads: u64,
    pub seed: u64,
    /// Only so many of the tokens are drawn; none: all of them are.
    pub hot: Option<usize>,
}

impl Feed {
    fn drawn(&self, thread: u64, number: u64) -> (usize, Tick) {
        let bits = mix(mix(self.seed << 40 ^ thread << 32) ^ number);
        let nth = number * self.threads + thread;
        let at = START_MICROS + 1 + nth as i64;
        (self.world.draw(bits, self.hot), Tick { price: price(mix(bits)), at })
    }

    pub fn change(&self, thread: u64, number: u64) -> Change {
        let (token, tick) = self.drawn(thread, number);
        Change { token: &self.world.tokens[token], tick, told: false }
    }

    /// How many prices warm a store up: some of any token, then one of each hot token.
    pub fn warm_ups(&self) -> u64 {
        WARM_UPS + self.hot.unwrap_or(0) as u64
    }

    /// A price from before all others, for a store to be warm.
    pub fn warm_up(&self, number: u64) -> Change {
        let (token, tick) = self.warm(number);
        Change { token: &self.world.tokens[token], tick, told: false }
    }

    fn warm(&self, number: u64) -> (usize, Tick) {
        let bits = mix(mix(number) ^ 0x3A53);
        let at = START_MICROS - DAY_MICROS + number as i64;
        let token = match number.checked_sub(WARM_UPS) {
            None => (bits % self.world.tokens.len() as u64) as usize,
            Some(nth) => self.world.nth(nth as usize, self.hot),
        };
        (token, Tick { price: price(mix(bits)), at })
    }

    /// What some of the tokens come to: about one in `one_in`, after so many changes of each writer. Of a store
    /// that was full before, with what warmed it up.
    pub fn model(&self, preloaded: bool, changes: u64, one_in: usize) -> HashMap<usize, Marks> {
        let mut model = HashMap::new();
        let mut add = |token: usize, tick| {
            if token.is_multiple_of(one_in) {
                let marks = Marks::of(tick);
                model
                    .entry(token)
                    .and_modify(|known: &mut Marks| known.join(&marks))
                    .or_insert(marks);
            }
        };
        if preloaded {
            for token in (0..self.world.tokens.len()).step_by(one_in) {
                add(token, self.world.preloaded(token).tick);
            }
            for number in 0..self.warm_ups() {
                let (token, tick) = self.warm(number);
                add(token, tick);
            }
        }
        for thread in 0..self.threads {
            for number in 0..changes {
                let (token, tick) = self.drawn(thread, number);
                add(token, tick);
            }
        }
        model
    }
}

/// Money from one account to another.
#[derive(Clone, Copy)]
pub struct Transfer {
    pub id: u64,
    pub from: u32,
    pub to: u32,
    pub units: u64,
}

pub const ACCOUNTS: u32 = 1_000;
/// What every account has at the beginning.
pub const BALANCE: u64 = 1_000_000_000;

pub fn account(number: u32) -> String {
    format!("account-{number:04}")
}

pub fn transfer(thread: u64, number: u64) -> Transfer {
    let bits = mix(mix(thread) ^ number);
    let from = (bits % u64::from(ACCOUNTS)) as u32;
    let to = (from + 1 + (bits >> 32) as u32 % (ACCOUNTS - 1)) % ACCOUNTS;
    Transfer { id: thread << 40 | number, from, to, units: bits >> 16 & 0xFFF | 1 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Feed, WARM_UPS, World};

    /// Hot tokens that stood together in the order of their telling would share pages as no bot's do.
    #[test]
    fn hot_tokens_are_spread_over_all_and_warmed_up_once_each() {
        let world = World::new(1_337).unwrap();
        let feed = Feed { world, threads: 1, seed: 1, hot: Some(100) };
        let hot: Vec<usize> = (0..100).map(|nth| world.nth(nth, feed.hot)).collect();
        assert!(hot.windows(2).all(|two| (13..=14).contains(&(two[1] - two[0]))));
        assert!(hot[99] >= 1_323 && hot[99] < 1_337);
        let warm: Vec<usize> = (WARM_UPS..feed.warm_ups()).map(|n| feed.warm(n).0).collect();
        assert_eq!(warm, hot);
        let drawn: BTreeSet<usize> = (0..10_000).map(|n| feed.drawn(0, n).0).collect();
        assert_eq!(drawn, hot.into_iter().collect());
        // Without hot ones, all are drawn.
        let feed = Feed { hot: None, ..feed };
        assert_eq!(feed.warm_ups(), WARM_UPS);
        let drawn: BTreeSet<usize> = (0..20_000).map(|n| feed.drawn(0, n).0).collect();
        assert_eq!(drawn.len(), 1_337);
    }
}
