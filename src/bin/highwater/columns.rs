//! Which column of a CSV file holds what: found by the headers, or named on the command line.
//!
//! A role is never guessed from the values, and a time without a stated unit is refused: a wrong
//! guess would put wrong prices behind a mark that never falls. Receive clocks (`recv_ns`) are not
//! candidates; the exchange's own time is what orders trades. Knows no files and no store.

use clap::Args;

use crate::time::TimeUnit;

/// The flags that name columns where their headers are not the usual ones.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Columns")]
pub(crate) struct ColumnFlags {
    /// Column of the exchange's time [usual: exch_ms, exchange_time, trade_time, timestamp ...]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) time: Option<String>,
    /// Unit of that column [default: what its name ends in: _s, _ms, _us, _ns]
    #[arg(long, value_name = "UNIT", requires = "files", value_enum)]
    pub(crate) time_unit: Option<TimeUnit>,
    /// Column of the symbol [usual: instrument, symbol, ticker, pair]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) symbol: Option<String>,
    /// Column of the token's address [usual: address, token_address, mint; else the symbol's]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) address: Option<String>,
    /// Column of the token's chain [usual: chain, blockchain; else the venue's]
    #[arg(long, value_name = "COL", requires = "files", conflicts_with = "chain_name")]
    pub(crate) chain: Option<String>,
    /// The chain of every row, where no column says it
    #[arg(long, value_name = "NAME", requires = "files")]
    pub(crate) chain_name: Option<String>,
    /// Column of the venue that reported the trade [usual: venue, exchange; else the chain's]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) venue: Option<String>,
    /// Column of the price in the store's reference currency [usual: price, price_usd]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) price: Option<String>,
    /// Column of the venue's trade number [usual: trade_id, seq, sequence; may be absent]
    #[arg(long, value_name = "COL", requires = "files")]
    pub(crate) seq: Option<String>,
}

/// Where one value of a trade comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The column at this index.
    Column(usize),
    /// The same for every row.
    Constant(String),
}

/// Where each value of a trade stands in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) time: usize,
    pub(crate) time_unit: TimeUnit,
    pub(crate) chain: Place,
    pub(crate) address: usize,
    pub(crate) symbol: Option<usize>,
    pub(crate) venue: Place,
    pub(crate) price: usize,
    pub(crate) seq: Option<usize>,
}

/// Why the headers do not tell where a trade's values are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ColumnError {
    #[error("no column for the {role} was found: name it with {flag}")]
    Missing { role: &'static str, flag: &'static str },
    #[error("{flag} names the column `{name}`, which is not among the headers")]
    Unknown { flag: &'static str, name: String },
    #[error("the column `{name}` stands there twice: rename one of them")]
    Twice { name: String },
    #[error("the name of the time column `{name}` does not say its unit: add --time-unit")]
    NoUnit { name: String },
}

/// The stems of usual time columns, best first. Each may end in `_s`, `_ms`, `_us`, `_ns`.
const TIMES: [&str; 9] = [
    "exch",
    "exchange_time",
    "exch_time",
    "trade_time",
    "event_time",
    "transact_time",
    "timestamp",
    "time",
    "ts",
];
const CHAINS: [&str; 2] = ["chain", "blockchain"];
const VENUES: [&str; 2] = ["venue", "exchange"];
const ADDRESSES: [&str; 3] = ["address", "token_address", "mint"];
const SYMBOLS: [&str; 4] = ["instrument", "symbol", "ticker", "pair"];
const PRICES: [&str; 3] = ["price", "trade_price", "price_usd"];
const SEQS: [&str; 3] = ["trade_id", "seq", "sequence"];

impl Columns {
    /// Finds the columns among `headers`; what `flags` name comes first. A flag that names no column
    /// is told before a role that has none.
    pub(crate) fn find(headers: &[String], flags: &ColumnFlags) -> Result<Self, ColumnError> {
        let headers = Headers::new(headers);
        let time = match &flags.time {
            Some(name) => headers.named("--time", name)?,
            None => headers.usual_time()?,
        };
        let symbol = headers.role("--symbol", flags.symbol.as_deref(), &SYMBOLS)?;
        let address = headers.role("--address", flags.address.as_deref(), &ADDRESSES)?;
        let chain = match &flags.chain_name {
            Some(name) => Some(Place::Constant(name.clone())),
            None => headers.role("--chain", flags.chain.as_deref(), &CHAINS)?.map(Place::Column),
        };
        let venue = headers.role("--venue", flags.venue.as_deref(), &VENUES)?;
        let venue = venue.map(Place::Column);
        let price = headers.role("--price", flags.price.as_deref(), &PRICES)?;
        let seq = headers.role("--seq", flags.seq.as_deref(), &SEQS)?;

        let time = time.ok_or(missing("time", "--time COL --time-unit UNIT"))?;
        let address =
            address.or(symbol).ok_or(missing("token", "--symbol COL or --address COL"))?;
        let chain = chain
            .or_else(|| venue.clone())
            .ok_or(missing("chain", "--chain COL, --venue COL or --chain-name NAME"))?;
        let price = price.ok_or(missing("price", "--price COL"))?;
        let time_unit = flags
            .time_unit
            .or_else(|| TimeUnit::of_name(headers.name(time)))
            .ok_or_else(|| ColumnError::NoUnit { name: headers.name(time).to_owned() })?;
        let venue = venue.unwrap_or_else(|| chain.clone());
        Ok(Self { time, time_unit, chain, address, symbol, venue, price, seq })
    }
}

fn missing(role: &'static str, flag: &'static str) -> ColumnError {
    ColumnError::Missing { role, flag }
}

/// The names of a file's columns, in lower case and without the blanks around them.
struct Headers(Vec<String>);

impl Headers {
    fn new(headers: &[String]) -> Self {
        Self(headers.iter().map(|header| header.trim().to_lowercase()).collect())
    }

    fn name(&self, column: usize) -> &str {
        &self.0[column]
    }

    /// The column that a flag names, or the first usual name that is there.
    fn role(
        &self,
        flag: &'static str,
        name: Option<&str>,
        usual: &[&str],
    ) -> Result<Option<usize>, ColumnError> {
        match name {
            Some(name) => self.named(flag, name),
            None => {
                let mut found = usual.iter().map(|name| self.only(name));
                found.find_map(Result::transpose).transpose()
            }
        }
    }

    fn named(&self, flag: &'static str, name: &str) -> Result<Option<usize>, ColumnError> {
        match self.only(&name.trim().to_lowercase())? {
            Some(column) => Ok(Some(column)),
            None => Err(ColumnError::Unknown { flag, name: name.to_owned() }),
        }
    }

    fn usual_time(&self) -> Result<Option<usize>, ColumnError> {
        for stem in TIMES {
            let is_time = |header: &String| match header.strip_prefix(stem) {
                // A bare `exch` is more likely an exchange than a time.
                Some("") => stem != "exch",
                Some(rest) => rest.starts_with('_') && TimeUnit::of_name(rest).is_some(),
                None => false,
            };
            if let Some(name) = self.0.iter().find(|header| is_time(header)) {
                return self.only(name);
            }
        }
        Ok(None)
    }

    /// The one column of this name; two of them are an error, for either could be meant.
    fn only(&self, name: &str) -> Result<Option<usize>, ColumnError> {
        let mut found = self.0.iter().enumerate().filter(|(_, header)| *header == name);
        let first = found.next().map(|(column, _)| column);
        match found.next() {
            Some(_) => Err(ColumnError::Twice { name: name.to_owned() }),
            None => Ok(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(headers: &str, flags: &ColumnFlags) -> Result<Columns, ColumnError> {
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        Columns::find(&headers, flags)
    }

    /// Raw captures of a crypto exchange carry two clocks. The receive clock comes first in the
    /// file, and taking it would misorder trades by its skew.
    #[test]
    fn a_crypto_capture_is_ordered_by_the_exchange_and_not_by_the_receive_clock() {
        let headers = "recv_ns,exch_ms,venue,instrument,trade_id,price,qty,taker_side";
        let columns = find(headers, &ColumnFlags::default()).unwrap();
        assert_eq!((columns.time, columns.time_unit), (1, TimeUnit::Ms));
        assert_eq!((columns.chain, columns.venue), (Place::Column(2), Place::Column(2)));
        assert_eq!((columns.address, columns.symbol), (3, Some(3)));
        assert_eq!((columns.seq, columns.price), (Some(4), 5));
        let error = find("recv_ns,venue,instrument,price", &ColumnFlags::default()).unwrap_err();
        assert!(matches!(error, ColumnError::Missing { role: "time", .. }), "{error}");
    }

    /// Equity ticks have a `venue` and an `exchange` letter; the venue makes the token's key.
    #[test]
    fn an_equity_file_is_keyed_by_its_venue() {
        let headers = "exch_ms,venue,instrument,seq,price,qty,exchange,conditions,suspicious";
        let columns = find(headers, &ColumnFlags::default()).unwrap();
        assert_eq!((columns.chain, columns.seq), (Place::Column(1), Some(3)));
    }

    /// A file with a chain, an address and a symbol keys by chain and address and keeps the symbol.
    #[test]
    fn chain_address_and_symbol_each_find_their_place() {
        let columns =
            find("Timestamp_US, Chain ,address,symbol,venue,Price", &ColumnFlags::default())
                .unwrap();
        assert_eq!((columns.time, columns.time_unit), (0, TimeUnit::Us));
        assert_eq!((columns.chain, columns.venue), (Place::Column(1), Place::Column(4)));
        assert_eq!((columns.address, columns.symbol, columns.seq), (2, Some(3), None));
    }

    /// Unusual headers are named by flags, and a constant stands in for a column that is missing.
    #[test]
    fn flags_come_before_what_is_usual() {
        let flags = ColumnFlags {
            time: Some("When".to_owned()),
            time_unit: Some(TimeUnit::Rfc3339),
            address: Some("coin".to_owned()),
            chain_name: Some("solana".to_owned()),
            price: Some("last".to_owned()),
            ..ColumnFlags::default()
        };
        let columns = find("when,coin,price,last", &flags).unwrap();
        assert_eq!((columns.time, columns.time_unit), (0, TimeUnit::Rfc3339));
        assert_eq!((columns.address, columns.symbol, columns.price), (1, None, 3));
        assert_eq!(columns.chain, Place::Constant("solana".to_owned()));
        assert_eq!(columns.venue, columns.chain);
    }

    /// Every way in which headers can leave a role open is its own error, and nothing is guessed.
    #[test]
    fn what_the_headers_do_not_say_is_asked_for() {
        let none = ColumnFlags::default();
        let missing = |headers: &str| match find(headers, &none) {
            Err(ColumnError::Missing { role, .. }) => role,
            other => panic!("{headers}: {other:?}"),
        };
        assert_eq!(missing("venue,instrument,price"), "time");
        assert_eq!(missing("exch,venue,instrument,price"), "time");
        assert_eq!(missing("time_ms,venue,price"), "token");
        assert_eq!(missing("time_ms,instrument,price"), "chain");
        assert_eq!(missing("time_ms,venue,instrument"), "price");
        let unit = find("timestamp,venue,instrument,price", &none);
        assert_eq!(unit, Err(ColumnError::NoUnit { name: "timestamp".to_owned() }));
        let twice = find("time_ms,venue,instrument,price,price", &none);
        assert_eq!(twice, Err(ColumnError::Twice { name: "price".to_owned() }));
        let flags = ColumnFlags { price: Some("p".to_owned()), ..none };
        let unknown = find("time_ms,venue,instrument,price", &flags);
        assert_eq!(unknown, Err(ColumnError::Unknown { flag: "--price", name: "p".to_owned() }));
    }
}
