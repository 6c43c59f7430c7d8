//! How the program prints: tables for people, JSON lines for programs.
//!
//! Standard output carries results only; everything said about them goes to standard error. Text
//! that came from outside never reaches a terminal raw. Money is printed as exact strings.

use std::io::{self, Write};

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use highwater::tokens::{Observed, Tick, Token};
use indicatif::HumanCount;
use serde::Serialize;

use crate::time::rfc3339;

/// What results are printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Tables.
    Table,
    /// One JSON object per line.
    Json,
}

impl Form {
    /// The form that `--json`, given or not, asks for.
    pub(crate) fn from_flag(json: bool) -> Self {
        if json { Self::Json } else { Self::Table }
    }
}

/// A token as one line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct TokenLine {
    kind: &'static str,
    chain: String,
    address: String,
    symbol: Option<String>,
    name: Option<String>,
    decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticks: Option<u64>,
    current: Option<String>,
    current_at: Option<String>,
    max: Option<String>,
    max_at: Option<String>,
    min: Option<String>,
    min_at: Option<String>,
    first: Option<String>,
    first_at: Option<String>,
}

impl TokenLine {
    /// `ticks` is how many rows of this run were about the token, where there was a run.
    pub(crate) fn new(token: &Token, ticks: Option<u64>) -> Self {
        let text = |text: &Option<Observed<Box<str>>>| {
            text.as_ref().map(|observed| observed.value.to_string())
        };
        let price = |tick: Option<&Tick>| tick.map(|tick| tick.price.to_string());
        let time = |tick: Option<&Tick>| tick.map(|tick| rfc3339(tick.observed_at));
        let (current, max) = (token.current.as_ref(), token.max.as_ref());
        let (min, first) = (token.min.as_ref(), token.first.as_ref());
        Self {
            kind: "token",
            chain: token.key.chain().to_owned(),
            address: token.key.address().to_owned(),
            symbol: text(&token.symbol),
            name: text(&token.name),
            decimals: token.decimals,
            ticks,
            current: price(current),
            current_at: time(current),
            max: price(max),
            max_at: time(max),
            min: price(min),
            min_at: time(min),
            first: price(first),
            first_at: time(first),
        }
    }
}

/// Prints tokens one by one, in the form asked for.
pub(crate) struct TokenPrinter {
    form: Form,
    table: Table,
    with_ticks: bool,
    narrow: bool,
    rows: u64,
}

impl TokenPrinter {
    /// A printer of tokens alone, or of tokens with their ticks in a run.
    pub(crate) fn new(form: Form, with_ticks: bool) -> Self {
        let ticks = with_ticks.then_some("ticks");
        let header = ["chain", "address", "symbol"].into_iter().chain(ticks);
        let header = header.chain(["current", "current at", "max", "max at"]);
        let table = table(header);
        let narrow = table.width().is_some_and(|width| width < FULL_WIDTH);
        Self { form, table, with_ticks, narrow, rows: 0 }
    }

    /// Takes one token: a JSON line is printed at once, a table row at the end.
    pub(crate) fn token(&mut self, out: &mut impl Write, line: &TokenLine) -> io::Result<()> {
        self.rows += 1;
        if self.form == Form::Json {
            return json_line(out, line);
        }
        let text = |text: &Option<String>| visible(text.as_deref().unwrap_or("-"));
        let time = |time: &Option<String>| table_time(&text(time), self.narrow);
        let address = visible(&line.address);
        let address = if self.narrow { middle_cut(&address) } else { address };
        let ticks = line.ticks.filter(|_| self.with_ticks);
        let names = [visible(&line.chain), address, text(&line.symbol)];
        let names = names.into_iter().chain(ticks.map(|ticks| HumanCount(ticks).to_string()));
        let (current, max) = (text(&line.current), text(&line.max));
        let ends = [current, time(&line.current_at), max, time(&line.max_at)];
        self.table.add_row(names.chain(ends));
        Ok(())
    }

    /// Prints what was kept for the end.
    pub(crate) fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        if self.form == Form::Json || self.rows == 0 {
            return Ok(());
        }
        let current = if self.with_ticks { 4 } else { 3 };
        let padding = if self.narrow { (0, 1) } else { (0, 2) };
        for (place, column) in self.table.column_iter_mut().enumerate() {
            column.set_padding(padding);
            if place == current + 1 || place == current + 3 {
                // A time may be broken between date and clock, and nowhere else.
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(DATE_WIDTH)));
            } else if place >= 3 {
                // A number that is broken over two lines is easily misread.
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        writeln!(out, "{}", self.table.trim_fmt())
    }
}

/// A terminal narrower than this shows long addresses cut in the middle and times to the second.
const FULL_WIDTH: u16 = 150;

/// A date and a blank.
const DATE_WIDTH: u16 = 11;

/// The two ends of a long address; whole ones are in JSON and in `tokens show`.
fn middle_cut(address: &str) -> String {
    const END_CHARS: usize = 4;
    let letters: Vec<char> = address.chars().collect();
    if letters.len() <= 3 * END_CHARS {
        return address.to_owned();
    }
    let head: String = letters[..END_CHARS].iter().collect();
    let tail: String = letters[letters.len() - END_CHARS..].iter().collect();
    format!("{head}…{tail}")
}

/// An RFC 3339 time as a table shows it: with a blank to break at, to the microsecond or, in a
/// narrow one, to the second.
fn table_time(time: &str, narrow: bool) -> String {
    let Some((date, clock)) = time.trim_end_matches('Z').split_once('T') else {
        return time.to_owned();
    };
    let clock = match clock.split_once('.') {
        Some((seconds, _)) if narrow => seconds,
        _ => clock,
    };
    format!("{date} {clock}")
}

/// Says something about the results, on standard error. Nobody listening is no fault.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", visible(text));
}

/// Prints pairs of a name and a value, one per line.
pub(crate) fn facts(out: &mut impl Write, facts: &[(&str, String)]) -> io::Result<()> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        writeln!(out, "{name:width$}  {}", visible(value))?;
    }
    Ok(())
}

/// Prints one JSON object on a line of its own.
pub(crate) fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

/// A table that fits the terminal, or is as wide as it needs to be where there is none.
pub(crate) fn table<'a>(header: impl Iterator<Item = &'a str>) -> Table {
    const STYLE: TableStyle =
        TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.collect::<Vec<_>>());
    table
}

/// `text` with everything escaped that could steer a terminal or reorder what is shown: names of
/// tokens are whatever strangers put on a chain.
pub(crate) fn visible(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token named with escape sequences must not clear the operator's screen or show another
    /// address than it has.
    #[test]
    fn names_from_strangers_cannot_steer_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("x\u{202e}y\r\n"), "x\\u{202e}y\\u{d}\\u{a}");
        assert_eq!(visible("Ünï 狗 ₿"), "Ünï 狗 ₿");
    }

    /// A narrow table shows less of addresses and times, and never less of what is short.
    #[test]
    fn tables_cut_only_what_can_be_spared() {
        assert_eq!(middle_cut("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"), "0xc0…6cc2");
        assert_eq!(middle_cut("BTCUSDT-PERP"), "BTCUSDT-PERP");
        assert_eq!(middle_cut(&"狗".repeat(20)), "狗狗狗狗…狗狗狗狗");
        let time = "2024-08-08T23:54:15.342000Z";
        assert_eq!(table_time(time, false), "2024-08-08 23:54:15.342000");
        assert_eq!(table_time(time, true), "2024-08-08 23:54:15");
        assert_eq!(table_time("-", true), "-");
    }
}
