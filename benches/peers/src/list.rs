//! The list of tokens: one JSON array with an element to a line, read a line at a time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use highwater::Price;
use serde::Deserialize;

use crate::Outcome;
use crate::world::{TOKENS, World};

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

/// A made-up list for who has no real one: as many rows as there are real tokens, five of them impossible.
pub fn make(path: &Path) -> Outcome<()> {
    use std::io::Write;
    let world = World::new(TOKENS)?;
    let mut file = std::io::BufWriter::new(File::create(path)?);
    writeln!(file, "[")?;
    for (number, token) in world.tokens.iter().enumerate() {
        let (chain, address) = token.key.split_once('/').ok_or("a key without a chain")?;
        let (symbol, name) = (&token.texts.symbol, &token.texts.name);
        let decimals = if number % 30_000 == 7 { 69 } else { token.texts.decimals };
        let price = Price::from_units(world.preloaded(number).tick.price);
        let cap = token.texts.cap % 1_000_000_000_000;
        let filler = "x".repeat(700); // a real row has as much beside what is wanted
        writeln!(
            file,
            r#"{{"chain":"{chain}","address":"{address}","symbol":"{symbol}","name":"{name}","decimals":{decimals},"priceUsd":"{price}","marketCap":{cap},"rest":"{filler}"}},"#
        )?;
    }
    writeln!(file, "]")?;
    Ok(file.flush()?)
}
