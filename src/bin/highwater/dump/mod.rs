//! What a store holds as lines of text: first what it says of itself, then a line for each row, by table
//! and key, and at the end a line that counts them.
//!
//! ```text
//! JSON lines                                                   CSV
//! {"kind":"store","format":1,"store_id":"..","identity":"..",  table,key,row,readable
//!  "last_lsn":9,"last_micros":..,"segment":3}                  @format,1,,
//!                                                              @store_id,..,,   and so on
//! {"kind":"row","table":"tokens","key":"..","row":"..",        tokens,..,..,".."
//!  "readable":{"key":..,"row":..}}
//! {"kind":"end","rows":1}                                      @end,1,,
//! ```
//!
//! Keys and rows are hex digits: the bytes as they are stored, so that what is loaded is what was
//! exported. What they say in words stands beside them (`readable`) unless it is left out, and is passed
//! over when they are loaded, as fields that are not known are.

pub(crate) mod export;
mod lines;
pub(crate) mod load;

use clap::ValueEnum;
use highwater::inspect;

/// The version of the lines.
const VERSION: u64 = 1;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

/// The name of a table; one that is not known here is named after its number.
fn table_name(number: u8) -> String {
    let known = inspect::table_names().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("table-{number}"), |(_, name)| name.to_owned())
}

fn table_number(name: &str) -> Option<u8> {
    let known = inspect::table_names().find(|(_, known)| *known == name);
    let number = known.map(|(number, _)| number);
    let unnamed = || name.strip_prefix("table-")?.parse().ok();
    number.or_else(unnamed).filter(|number| table_name(*number) == name)
}

/// The bytes that hex digits say.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| {
        // Two digits make at most 255.
        Some((digit(high)? * 16 + digit(low)?) as u8)
    });
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written as digits is read back, and nothing else is taken for digits.
    #[test]
    fn digits_are_bytes_and_nothing_else_is() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes_of(&crate::sums::hex(&all)), Some(all));
        assert_eq!(bytes_of("0A0a"), Some(vec![10, 10]));
        for text in ["0", "0g", "+1", " 00", "é"] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }

    /// Every table has one name, also those that this release does not know.
    #[test]
    fn every_table_is_found_by_its_name() {
        for number in 0..=255 {
            assert_eq!(table_number(&table_name(number)), Some(number));
        }
        for name in ["", "table-", "table-1", "table-256", "table-077", "another table"] {
            assert_eq!(table_number(name), None, "{name}");
        }
    }
}
