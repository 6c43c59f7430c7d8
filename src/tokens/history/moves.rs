//! What moved most: the greatest rises and falls of a time, over all tokens.
//!
//! ```text
//! rise  the greatest p_j / p_i         fall  the greatest (p_i - p_j) / p_i         with i before j
//! ```
//!
//! Of a token with ticks these are ticks. Below the watermark there are only candles, of which nobody
//! knows whether the low or the high came first: only the low of one that ended can be before the high of
//! a later one. Where minutes were purged the hours stand for them, and the days for these.
//!
//! Of two ticks of one time one is before the other only if the same source numbered both.
//!
//! A zero is never what a move starts from: nothing divides by zero, and no multiple of nothing is a rise.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

use super::admit::read;
use super::state::HistoryState;
use super::{Candle, HISTORY, HistoryIter, RETRACTED, Resolution, keys, state};
use crate::clock::Timestamp;
use crate::engine::KeyRange;
use crate::money::{Price, Ratio, TokenKey, compare_fractions};
use crate::tokens::{Error, Tokens};

/// A price and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PricePoint {
    /// When the price was seen; of a candle's price, when the candle begins.
    pub at: Timestamp,
    /// The price.
    pub price: Price,
}

/// The greatest move of a token in some time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Move {
    /// The token.
    pub key: TokenKey,
    /// Where it began. Its price is not zero.
    pub from: PricePoint,
    /// Where it ended.
    pub to: PricePoint,
    /// Of a rise how many times the price went up; of a fall which part of it went.
    pub ratio: Ratio,
}

/// Which way a price goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Some prices of which the order is not known, and when they were: one tick, or one candle.
struct Span {
    start: Timestamp,
    /// The last time it reaches.
    last: Timestamp,
    high: Price,
    low: Price,
    /// Of a tick, who numbered it, and the number.
    numbered: Option<(Box<str>, u64)>,
}

/// The ticks of one time, as far as they have come.
#[derive(Default)]
struct Instant {
    at: Option<Timestamp>,
    /// The best beginning among them.
    beginning: Option<PricePoint>,
    /// What each source that numbers its ticks has shown, in the order of its numbers.
    sources: BTreeMap<Box<str>, Numbered>,
}

/// The ticks of one source and one time, up to a number.
struct Numbered {
    seq: u64,
    /// The best beginning of those with this number.
    here: Option<PricePoint>,
    /// The best beginning of those with a lesser one.
    before: Option<PricePoint>,
}

impl Direction {
    /// The price that a move out of this span would best begin with.
    fn beginning(self, span: &Span) -> Price {
        match self {
            Self::Up => span.low,
            Self::Down => span.high,
        }
    }

    /// The price that a move into this span would best end with.
    fn end(self, span: &Span) -> Price {
        match self {
            Self::Up => span.high,
            Self::Down => span.low,
        }
    }

    /// What a move would better begin with. Nothing begins with zero.
    fn better(self, known: Option<PricePoint>, other: Option<PricePoint>) -> Option<PricePoint> {
        let other = other.filter(|other| other.price != Price::ZERO);
        let (Some(one), Some(two)) = (known, other) else { return known.or(other) };
        let is_better = match self {
            Self::Up => two.price < one.price,
            Self::Down => two.price > one.price,
        };
        Some(if is_better { two } else { one })
    }

    /// How far it is, as a fraction.
    fn fraction(self, from: Price, to: Price) -> (Price, Price) {
        match self {
            Self::Up => (to, from),
            Self::Down => (Price::from_units(from.units().saturating_sub(to.units())), from),
        }
    }
}

/// The greatest move of one token so far.
struct Greatest {
    direction: Direction,
    /// The best beginning among what ended before.
    beginning: Option<PricePoint>,
    /// Beginnings of candles that reach into what comes next, with the last time of each. No more than
    /// one of each resolution.
    reaching: Vec<(Timestamp, PricePoint)>,
    /// The ticks of the time that was come to last.
    instant: Instant,
    found: Option<(PricePoint, PricePoint)>,
}

impl Greatest {
    fn take(&mut self, span: Span) {
        let direction = self.direction;
        let (settled, reaching): (Vec<_>, _) =
            self.reaching.drain(..).partition(|(last, _)| *last < span.start);
        self.reaching = reaching;
        for (_, point) in settled {
            self.beginning = direction.better(self.beginning, Some(point));
        }
        if self.instant.at != Some(span.start) {
            let ended = std::mem::take(&mut self.instant);
            self.instant.at = Some(span.start);
            self.beginning = direction.better(self.beginning, ended.beginning);
        }
        let begins = PricePoint { at: span.start, price: direction.beginning(&span) };
        let to = PricePoint { at: span.start, price: direction.end(&span) };
        let from = if span.start < span.last {
            self.reaching.push((span.last, begins));
            self.beginning
        } else {
            let before = self.instant.take(direction, begins, span.numbered);
            direction.better(self.beginning, before)
        };
        if let Some(from) = from
            && self.found.is_none_or(|(best_from, best_to)| {
                let best = direction.fraction(best_from.price, best_to.price);
                compare_fractions(direction.fraction(from.price, to.price), best).is_gt()
            })
        {
            self.found = Some((from, to));
        }
    }
}

impl Instant {
    /// Takes in a tick. Answers the best beginning among those of this time that are before it.
    fn take(
        &mut self,
        direction: Direction,
        begins: PricePoint,
        numbered: Option<(Box<str>, u64)>,
    ) -> Option<PricePoint> {
        self.beginning = direction.better(self.beginning, Some(begins));
        let (source, seq) = numbered?;
        let nothing = Numbered { seq, here: None, before: None };
        let of_source = self.sources.entry(source).or_insert(nothing);
        if of_source.seq < seq {
            // Ticks of one time come in the order of their numbers.
            of_source.before = direction.better(of_source.before, of_source.here.take());
            of_source.seq = seq;
        }
        of_source.here = direction.better(of_source.here, Some(begins));
        of_source.before
    }
}

impl<'a> Tokens<'a> {
    /// The tokens whose price rose most within `times`: to at least `min_multiple` times what it was
    /// before. At most `limit`, the greatest rise first.
    ///
    /// Reads what the history has of these times of every token.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::CorruptKey`], [`Error::Engine`].
    pub fn pumps(
        &self,
        times: impl RangeBounds<Timestamp>,
        min_multiple: Ratio,
        limit: usize,
    ) -> Result<Vec<Move>, Error> {
        self.moves(Direction::Up, &times, min_multiple, limit)
    }

    /// The tokens whose price fell most within `times`: by at least the part `min_part` of what it was
    /// before, such as `Ratio::percent(80)`. At most `limit`, the greatest fall first.
    ///
    /// Reads what the history has of these times of every token.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::CorruptKey`], [`Error::Engine`].
    pub fn drawdowns(
        &self,
        times: impl RangeBounds<Timestamp>,
        min_part: Ratio,
        limit: usize,
    ) -> Result<Vec<Move>, Error> {
        self.moves(Direction::Down, &times, min_part, limit)
    }

    fn moves(
        &self,
        direction: Direction,
        times: &impl RangeBounds<Timestamp>,
        least: Ratio,
        limit: usize,
    ) -> Result<Vec<Move>, Error> {
        let mut best = Best { limit, moves: Vec::new() };
        let Some((first, last)) = keys::ends(times) else { return Ok(best.moves) };
        for stored in self.reader.scan(HISTORY, KeyRange::all()) {
            let (stored_key, row) = stored?;
            let Some(key) = TokenKey::from_bytes(&stored_key) else {
                return Err(Error::CorruptKey { key: stored_key });
            };
            let history = read(&key, &row, state::decode)?;
            let mut greatest = Greatest {
                direction,
                beginning: None,
                reaching: Vec::new(),
                instant: Instant::default(),
                found: None,
            };
            for span in self.spans(&key, &history, first, last) {
                greatest.take(span?);
            }
            let Some((from, to)) = greatest.found else { continue };
            let (numerator, denominator) = direction.fraction(from.price, to.price);
            let ratio = Ratio::new(numerator.units(), denominator.units());
            if let Some(ratio) = ratio.filter(|ratio| *ratio >= least) {
                best.take(Move { key, from, to, ratio });
            }
        }
        Ok(best.moves)
    }

    /// Whether the high or the low of a candle may be that of a tick that was taken back: one that reached
    /// below the watermark then still has it. What cannot be read may be anything.
    fn may_hold_retracted(&self, key: &TokenKey, candle: &Candle) -> bool {
        let last = candle.resolution.last_of(candle.start);
        let mut rows = self.reader.scan(RETRACTED, keys::ticks(key, candle.start, last));
        rows.any(|stored| {
            let tick = stored.ok().and_then(|(tick_key, _)| keys::tick_of(&tick_key));
            tick.is_none_or(|(_, tick)| [candle.high, candle.low].contains(&tick.price))
        })
    }

    /// What is known of the prices of a token from `first` to `last`, by its start.
    fn spans(
        &self,
        key: &TokenKey,
        history: &HistoryState<'_>,
        first: Timestamp,
        last: Timestamp,
    ) -> HistoryIter<'a, Span> {
        let mut spans: Box<dyn DoubleEndedIterator<Item = Result<Span, Error>> + 'a> =
            Box::new(std::iter::empty());
        // Each resolution stands for what the finer one, or the ticks, have no more.
        let mut reach = history.watermark();
        for resolution in Resolution::ALL {
            let Some(up_to) = reach else { break };
            let whole = move |start: Timestamp| start >= first && resolution.last_of(start) <= last;
            let candles = self.candles(key, resolution, first..=up_to.min(last));
            let (tokens, of_token, retracted) = (*self, key.clone(), history.retracted);
            let candles = candles.filter(move |candle| match candle {
                Ok(candle) => retracted == 0 || !tokens.may_hold_retracted(&of_token, candle),
                Err(_) => true,
            });
            let candles = candles.filter_map(move |candle| match candle {
                Ok(candle) => whole(candle.start).then(|| {
                    Ok(Span {
                        start: candle.start,
                        last: resolution.last_of(candle.start),
                        high: candle.high,
                        low: candle.low,
                        numbered: None,
                    })
                }),
                Err(error) => Some(Err(error)),
            });
            spans = Box::new(candles.chain(spans));
            reach = history.of(resolution).purged_to.map(|purged_to| purged_to.min(up_to));
        }
        let ticks = self.ticks(key, first..=last).map(|tick| {
            let tick = tick?;
            let (at, price) = (tick.observed_at, tick.price);
            let numbered = tick.seq.map(|seq| (tick.source, seq));
            Ok(Span { start: at, last: at, high: price, low: price, numbered })
        });
        HistoryIter::new(spans.chain(ticks))
    }
}

/// The best of many, no more than are asked for, the best first.
struct Best {
    limit: usize,
    moves: Vec<Move>,
}

impl Best {
    fn take(&mut self, one: Move) {
        // Of equal ones, the token that comes first: those taken before stay in front.
        let place =
            self.moves.partition_point(|other| other.ratio.cmp(&one.ratio) != Ordering::Less);
        if place < self.limit {
            self.moves.insert(place, one);
            self.moves.truncate(self.limit);
        }
    }
}
