//! How the program prints: tables for people, JSON lines for programs.
//!
//! Standard output carries results only; everything said about them goes to standard error. Text
//! that came from outside never reaches a terminal raw. Money is printed as exact strings.

use std::io::{self, Write};

use comfy_table::{LineStyle, Row, Table, TableStyle};
use indicatif::HumanCount;
use serde::Serialize;

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

/// How many of what.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {one}{ending}", HumanCount(count))
}

/// A table that is as wide as its text: a number broken over two lines is easily misread.
pub(crate) fn table(header: impl Into<Row>) -> Table {
    const STYLE: TableStyle =
        TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header);
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

    /// One is not many.
    #[test]
    fn a_count_agrees_with_its_noun() {
        assert_eq!(counted(1, "bad row"), "1 bad row");
        assert_eq!(counted(0, "bad row"), "0 bad rows");
        assert_eq!(counted(20_000, "byte"), "20,000 bytes");
    }
}
