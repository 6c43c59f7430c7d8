//! The list of tokens: one JSON array with an element to a line, read a line at a time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use highwater::Price;
use serde::Deserialize;

use crate::Outcome;

/// What a row of the list says, as every engine gets it.
#[derive(Clone, Debug)]
pub struct Row {
    pub chain: String,
    pub address: String,
    pub symbol: String,
    pub name: String,
    /// More than 24 are refused.
    pub decimals: u64,
    pub price: Price,
    pub market_cap: Price,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    chain: String,
    address: String,
    symbol: Option<String>,
    name: Option<String>,
    decimals: Option<u64>,
    price_usd: String,
    market_cap: u64,
}

/// The rows of the list. A session sees prices of its own: the second one sees them all a little higher.
pub fn rows(path: &Path, session: u64) -> Outcome<impl Iterator<Item = Outcome<Row>>> {
    let lines = BufReader::with_capacity(1 << 16, File::open(path)?).lines();
    Ok(lines.filter_map(move |line| match line {
        Ok(line) => row(line.trim_end_matches(',').trim(), session),
        Err(error) => Some(Err(error.into())),
    }))
}

fn row(line: &str, session: u64) -> Option<Outcome<Row>> {
    if matches!(line, "" | "[" | "]") {
        return None;
    }
    Some(parse(line, session))
}

fn parse(line: &str, session: u64) -> Outcome<Row> {
    let listed: Listed = serde_json::from_str(line)?;
    let price: Price = listed.price_usd.parse()?;
    Ok(Row {
        chain: listed.chain,
        address: listed.address,
        symbol: listed.symbol.unwrap_or_default(),
        name: listed.name.unwrap_or_default(),
        decimals: listed.decimals.unwrap_or(0),
        price: Price::from_units(price.units() + u128::from(session)),
        market_cap: listed.market_cap.to_string().parse()?,
    })
}
