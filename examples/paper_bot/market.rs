//! The trades that the bot copies: the rows of a file, or a small market of its own.
//!
//! Both can be read from any row on, because a bot that comes back goes on where it was. A trade's id
//! is the venue's own: the same trade has it however often it is read.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use fastrand::Rng;
use flate2::read::MultiGzDecoder;
use highwater::{Amount, Asset, Money, Price, Timestamp};

/// Units of anything traded have this many decimals.
pub(crate) const UNIT_SCALE: u8 = 8;

/// 2024-01-01T00:00:00Z, the time of the first trade that is made up.
const START_MICROS: i64 = 1_704_067_200_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "buy" => Ok(Self::Buy),
            "sell" => Ok(Self::Sell),
            other => Err(format!("a side is buy or sell, not {other:?}")),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Buy { "buy" } else { "sell" })
    }
}

/// What somebody did, whom the bot copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trade {
    /// The row it stood in, from 1.
    pub(crate) row: u64,
    pub(crate) id: String,
    pub(crate) side: Side,
    pub(crate) quantity: Money,
    pub(crate) price: Price,
    pub(crate) at: Timestamp,
}

pub(crate) type Trades = Box<dyn Iterator<Item = Result<Trade, Box<dyn Error>>>>;

/// The made-up trades of this seed from the row after `row` on, without an end.
pub(crate) fn made_up(seed: u64, row: u64) -> Result<Trades, Box<dyn Error>> {
    let skipped = usize::try_from(row)?;
    Ok(Box::new(Market::new(seed)?.map(Ok).skip(skipped)))
}

/// The trades of a CSV file, plain or gzip, from the row after `row` on.
pub(crate) fn of_file(path: &Path, row: u64) -> Result<Trades, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let bytes: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut lines = BufReader::new(bytes).lines();
    let headers = lines.next().ok_or("the file is empty")??;
    let columns = Columns::find(&headers)?;
    let rows = (1..).zip(lines).skip(usize::try_from(row)?);
    Ok(Box::new(rows.map(move |(row, line)| {
        let trade = columns.trade(row, &line?);
        trade.map_err(|error| format!("line {}: {error}", row + 1).into())
    })))
}

/// Where the columns of a file stand.
struct Columns {
    time: (usize, i64),
    venue: usize,
    instrument: usize,
    seq: usize,
    price: usize,
    quantity: usize,
    side: usize,
}

impl Columns {
    fn find(headers: &str) -> Result<Self, String> {
        let headers: Vec<_> = headers.trim_start_matches('\u{feff}').split(',').collect();
        let find = |names: &[&str]| {
            let place = headers.iter().position(|header| names.contains(&header.trim()));
            place.ok_or_else(|| format!("no column {}, only {headers:?}", names.join(" or ")))
        };
        let millis = |names| find(names).map(|column| (column, 1_000));
        let time = millis(&["exch_ms", "time_ms"]).or_else(|_| find(&["time_us"]).map(|c| (c, 1)));
        Ok(Self {
            time: time.or_else(|_| millis(&["exch_ms", "time_ms", "time_us"]))?,
            venue: find(&["venue", "chain"])?,
            instrument: find(&["instrument", "address"])?,
            seq: find(&["trade_id", "seq"])?,
            price: find(&["price"])?,
            quantity: find(&["qty", "quantity"])?,
            side: find(&["taker_side", "side"])?,
        })
    }

    fn trade(&self, row: u64, line: &str) -> Result<Trade, Box<dyn Error>> {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let field = |column: usize| fields.get(column).copied().ok_or("the row is too short");
        let (column, factor) = self.time;
        let micros = field(column)?.parse::<i64>()?.checked_mul(factor).ok_or("no such time")?;
        let (venue, instrument) = (field(self.venue)?, field(self.instrument)?);
        let asset = Asset::new(venue, instrument, UNIT_SCALE)?;
        Ok(Trade {
            row,
            id: format!("{venue}/{instrument}/{}", field(self.seq)?),
            side: field(self.side)?.to_lowercase().parse()?,
            quantity: Money::parse(&asset, field(self.quantity)?)?,
            price: field(self.price)?.parse()?,
            at: Timestamp::from_micros(micros),
        })
    }
}

/// Chain, symbol, decimals of the price, first price in its smallest steps.
const LISTINGS: [(&str, &str, u8, u128); 8] = [
    ("ethereum", "HERON", 2, 341_205),
    ("ethereum", "KELP", 6, 912_004),
    ("base", "GULL", 6, 1_204_511),
    ("base", "SPRAY", 12, 640_117),
    ("solana", "REEF", 6, 2_410_992),
    ("solana", "NEAP", 9, 411_309),
    ("bsc", "SEXTANT", 4, 204_455),
    ("bsc", "OTTER", 10, 88_008),
];

/// A market whose prices walk at random in whole steps. As on real feeds, some trades come twice.
struct Market {
    random: Rng,
    walks: Vec<Walk>,
    now_micros: i64,
    row: u64,
    last: Option<Trade>,
}

struct Walk {
    asset: Asset,
    units_per_step: u128,
    steps: u128,
    seq: u64,
}

impl Market {
    fn new(seed: u64) -> Result<Self, highwater::money::Error> {
        let walks = LISTINGS.iter().map(|&(chain, symbol, decimals, steps)| {
            let units_per_step = 10_u128.pow(u32::from(Price::DECIMALS - decimals));
            let asset = Asset::new(chain, symbol, UNIT_SCALE)?;
            Ok(Walk { asset, units_per_step, steps, seq: 0 })
        });
        let walks = walks.collect::<Result<_, _>>()?;
        let random = Rng::with_seed(seed);
        Ok(Self { random, walks, now_micros: START_MICROS, row: 0, last: None })
    }

    fn trade(&mut self) -> Trade {
        let random = &mut self.random;
        let chosen = random.usize(..self.walks.len());
        let walk = &mut self.walks[chosen];
        // By up to 0.6 percent and one step, never below one step.
        let span = walk.steps * 6 / 1_000 + 1;
        let moved = walk.steps + random.u128(0..=2 * span);
        walk.steps = moved.saturating_sub(span).max(1);
        walk.seq += 1;
        self.now_micros += random.i64(1_000..2_000_000);
        let price = Price::from_units(walk.steps * walk.units_per_step);
        // Worth about 10 to 1,000 dollars, so that the bot, which stakes at most 250, cuts some short.
        let dollars = random.u128(10..1_000);
        let one = 10_u128.pow(u32::from(Price::DECIMALS + UNIT_SCALE));
        let units = (dollars * one / price.units()).max(1);
        let quantity = Amount::from_units(i128::try_from(units).unwrap_or(i128::MAX));
        Trade {
            row: self.row,
            id: format!("{}/{}/{}", walk.asset.chain(), walk.asset.id(), walk.seq),
            side: if random.u8(..100) < 65 { Side::Buy } else { Side::Sell },
            quantity: Money::new(walk.asset.clone(), quantity),
            price,
            at: Timestamp::from_micros(self.now_micros),
        }
    }
}

impl Iterator for Market {
    type Item = Trade;

    fn next(&mut self) -> Option<Trade> {
        self.row += 1;
        let again = self.random.u8(..100) == 0;
        let trade = match self.last.take() {
            Some(last) if again => Trade { row: self.row, ..last },
            _ => self.trade(),
        };
        self.last = Some(trade.clone());
        Some(trade)
    }
}
