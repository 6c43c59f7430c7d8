//! Tokens as the program prints them: a line of JSON, a row of a table, or all facts of one.
//!
//! A row of a table is one line of the terminal. Where the terminal is too narrow, first the times
//! and then the middles of long addresses are left out; where there is no terminal, nothing is.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table};
use highwater::Timestamp;
use highwater::tokens::{Observed, Tick, Token};
use indicatif::HumanCount;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::print::{Form, json_line, table, visible};
use crate::time::rfc3339;

/// A token as one line of JSON. What is not known is null and never left out.
pub(crate) struct TokenLine<'a> {
    pub(crate) token: &'a Token,
    /// How many rows of this run were about the token, where there was a run.
    pub(crate) ticks: Option<u64>,
}

impl Serialize for TokenLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let token = self.token;
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("kind", "token")?;
        line.serialize_entry("chain", token.key.chain())?;
        line.serialize_entry("address", token.key.address())?;
        for (name, text) in [("symbol", &token.symbol), ("name", &token.name)] {
            line.serialize_entry(name, &text.as_ref().map(|text| &text.value))?;
            line.serialize_entry(&format!("{name}_at"), &seen_at(text))?;
        }
        line.serialize_entry("decimals", &token.decimals)?;
        let market_cap = token.market_cap.as_ref().map(|cap| cap.value.to_string());
        line.serialize_entry("market_cap", &market_cap)?;
        line.serialize_entry("market_cap_at", &seen_at(&token.market_cap))?;
        line.serialize_entry("first_seen", &token.first_seen.map(rfc3339))?;
        if let Some(ticks) = self.ticks {
            line.serialize_entry("ticks", &ticks)?;
        }
        for (name, tick) in ticks_of(token) {
            line.serialize_entry(name, &tick.map(|tick| tick.price.to_string()))?;
            let observed_at = tick.map(|tick| rfc3339(tick.observed_at));
            line.serialize_entry(&format!("{name}_at"), &observed_at)?;
            line.serialize_entry(&format!("{name}_seq"), &tick.and_then(|tick| tick.seq))?;
            line.serialize_entry(&format!("{name}_source"), &tick.map(|tick| &tick.source))?;
        }
        line.end()
    }
}

fn seen_at<T>(observed: &Option<Observed<T>>) -> Option<String> {
    observed.as_ref().map(|observed| rfc3339(observed.observed_at))
}

/// The prices that a token keeps, by their names.
fn ticks_of(token: &Token) -> [(&'static str, Option<&Tick>); 5] {
    [
        ("current", token.current.as_ref()),
        ("max", token.max.as_ref()),
        ("min", token.min.as_ref()),
        ("first", token.first.as_ref()),
        ("mock", token.mock.as_ref()),
    ]
}

/// All that is known of a token, one fact a line.
pub(crate) fn all_facts(token: &Token) -> Vec<(&'static str, String)> {
    let decimals = token.decimals.map(|decimals| decimals.to_string());
    let mut all = vec![
        ("chain", token.key.chain().to_owned()),
        ("address", token.key.address().to_owned()),
        ("symbol", seen(&token.symbol)),
        ("name", seen(&token.name)),
        ("decimals", or_dash(decimals)),
        ("market cap", seen(&token.market_cap)),
        ("first seen", or_dash(token.first_seen.map(rfc3339))),
    ];
    all.extend(ticks_of(token).map(|(name, tick)| (name, or_dash(tick.map(tick_fact)))));
    all
}

fn seen<T: ToString>(observed: &Option<Observed<T>>) -> String {
    or_dash(observed.as_ref().map(|observed| at(&observed.value, observed.observed_at)))
}

fn at(value: &impl ToString, time: Timestamp) -> String {
    format!("{} at {}", value.to_string(), rfc3339(time))
}

fn tick_fact(tick: &Tick) -> String {
    let mut fact = at(&tick.price, tick.observed_at);
    if !tick.source.is_empty() {
        fact = format!("{fact} from {}", tick.source);
    }
    match tick.seq {
        Some(seq) => format!("{fact}, seq {seq}"),
        None => fact,
    }
}

fn or_dash(fact: Option<String>) -> String {
    fact.unwrap_or_else(|| "-".to_owned())
}

/// Prints tokens one by one, in the form asked for.
pub(crate) struct TokenPrinter {
    form: Form,
    /// The rows of the table so far, its header first.
    rows: Vec<Row>,
}

impl TokenPrinter {
    /// A printer of tokens alone.
    pub(crate) fn new(form: Form) -> Self {
        Self { form, rows: vec![Row::header(None)] }
    }

    /// A printer of tokens with their ticks in a run.
    pub(crate) fn with_ticks(form: Form) -> Self {
        Self { form, rows: vec![Row::header(Some("ticks"))] }
    }

    /// Takes one token: a JSON line is printed at once, a table row at the end.
    pub(crate) fn token(&mut self, out: &mut impl Write, line: &TokenLine<'_>) -> io::Result<()> {
        if self.form == Form::Json {
            return json_line(out, line);
        }
        self.rows.push(Row::new(line));
        Ok(())
    }

    /// Prints what was kept for the end.
    pub(crate) fn finish(self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.len() == 1 {
            return Ok(());
        }
        writeln!(out, "{}", self.arranged(Table::new().width()))
    }

    /// The table in the fullest layout that fits a terminal of this width; in full without one.
    fn arranged(&self, terminal_width: Option<u16>) -> String {
        let full = self.laid_out(Layout::Full);
        let Some(terminal_width) = terminal_width else {
            return full;
        };
        // The line below the header is as wide as the table and has one character to a column.
        let fits = |text: &String| {
            let line = text.lines().nth(1).unwrap_or_default();
            line.chars().count() <= usize::from(terminal_width)
        };
        let layouts = [Layout::WithoutTimes, Layout::Short].into_iter();
        let mut texts = std::iter::once(full).chain(layouts.map(|layout| self.laid_out(layout)));
        texts.find(fits).unwrap_or_else(|| self.laid_out(Layout::Short))
    }

    fn laid_out(&self, layout: Layout) -> String {
        let mut rows = self.rows.iter().map(|row| row.cells(layout));
        let mut table = table(rows.next().unwrap_or_default());
        table.add_rows(rows);
        let padding = if layout == Layout::Full { (0, 2) } else { (0, 1) };
        table.column_iter_mut().for_each(|column| {
            column.set_padding(padding);
        });
        table.trim_fmt()
    }
}

/// How much of a token a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Full,
    WithoutTimes,
    /// Without times, and of long addresses the two ends.
    Short,
}

/// What a table shows of a token.
struct Row {
    chain: String,
    address: String,
    symbol: String,
    ticks: Option<String>,
    /// A price and its time.
    current: (String, String),
    max: (String, String),
}

impl Row {
    fn header(ticks: Option<&str>) -> Self {
        let marked = |name: &str| (name.to_owned(), format!("{name} at"));
        Self {
            chain: "chain".to_owned(),
            address: "address".to_owned(),
            symbol: "symbol".to_owned(),
            ticks: ticks.map(str::to_owned),
            current: marked("current"),
            max: marked("max"),
        }
    }

    fn new(line: &TokenLine<'_>) -> Self {
        let token = line.token;
        let symbol = token.symbol.as_ref().map(|symbol| visible(&symbol.value));
        let marked = |tick: &Option<Tick>| {
            let price = tick.as_ref().map(|tick| tick.price.to_string());
            (or_dash(price), or_dash(tick.as_ref().map(|tick| table_time(tick.observed_at))))
        };
        Self {
            chain: visible(token.key.chain()),
            address: visible(token.key.address()),
            symbol: or_dash(symbol),
            ticks: line.ticks.map(|ticks| HumanCount(ticks).to_string()),
            current: marked(&token.current),
            max: marked(&token.max),
        }
    }

    fn cells(&self, layout: Layout) -> Vec<Cell> {
        let address = match layout {
            Layout::Short => middle_cut(&self.address),
            Layout::Full | Layout::WithoutTimes => self.address.clone(),
        };
        let number = |text: &String| Cell::new(text).set_alignment(CellAlignment::Right);
        let mut cells = vec![Cell::new(&self.chain), Cell::new(address), Cell::new(&self.symbol)];
        cells.extend(self.ticks.as_ref().map(number));
        for (price, time) in [&self.current, &self.max] {
            cells.push(number(price));
            if layout == Layout::Full {
                cells.push(Cell::new(time));
            }
        }
        cells
    }
}

/// The two ends of a long address; whole ones are in JSON and in `tokens show`.
fn middle_cut(address: &str) -> String {
    const HEAD_CHARS: usize = 6;
    const TAIL_CHARS: usize = 4;
    const WHOLE_CHARS: usize = 12;
    let letters: Vec<char> = address.chars().collect();
    if letters.len() <= WHOLE_CHARS {
        return address.to_owned();
    }
    let head: String = letters[..HEAD_CHARS].iter().collect();
    let tail: String = letters[letters.len() - TAIL_CHARS..].iter().collect();
    format!("{head}…{tail}")
}

/// A time as a table shows it, which is easier on the eye than RFC 3339.
fn table_time(time: Timestamp) -> String {
    rfc3339(time).replace('T', " ").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use highwater::money::Asset;
    use highwater::tokens::{TokenKey, Update};
    use highwater::{Mode, Store};

    use super::*;

    const ADDRESS: &str = "0x2106bcf787afc2b717f94033310bf0b75fc59fbd";

    fn token() -> Token {
        let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap()).unwrap();
        let at = Timestamp::from_micros(1_704_067_200_000_000);
        let update = Update::new(TokenKey::new("ethereum", ADDRESS).unwrap());
        let update = update.symbol("PELICAN", at).price("0.000000000638".parse().unwrap(), at);
        store.tokens().upsert(&update.source("market").seq(7)).unwrap().token
    }

    /// On a terminal of 80 columns every token stays on one line of its own, with its chain and its
    /// symbol whole; a pipe gets every letter.
    #[test]
    fn a_narrow_table_leaves_out_times_first_and_never_breaks_a_row() {
        let token = token();
        let mut printer = TokenPrinter::with_ticks(Form::Table);
        let line = TokenLine { token: &token, ticks: Some(1_234) };
        printer.token(&mut Vec::new(), &line).unwrap();
        let shown = |width: Option<u16>| {
            let text = printer.arranged(width);
            assert_eq!(text.lines().count(), 3, "{text}");
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            (text, widest)
        };
        let (full, widest) = shown(None);
        assert!(full.contains(ADDRESS) && full.contains("2024-01-01 00:00:00.000000"), "{full}");
        assert_eq!(shown(u16::try_from(widest).ok()), (full.clone(), widest));
        let (middle, without_times) = shown(u16::try_from(widest - 1).ok());
        assert!(middle.contains(ADDRESS) && !middle.contains("2024"), "{middle}");
        let (short, widest) = shown(Some(80));
        assert!(widest <= 80 && without_times > 80, "{short}");
        for whole in ["ethereum", "PELICAN", "0x2106…9fbd", "1,234", "0.000000000638"] {
            assert!(short.contains(whole), "{short}");
        }
        assert_eq!(shown(Some(20)).0, short);
    }

    /// An address is cut where that saves something, and never inside a letter.
    #[test]
    fn only_long_addresses_are_cut() {
        assert_eq!(middle_cut("BTCUSDT-PERP"), "BTCUSDT-PERP");
        assert_eq!(middle_cut(&"狗".repeat(20)), "狗狗狗狗狗狗…狗狗狗狗");
    }
}
