//! Trades out of the rows of a CSV file.
//!
//! One line is one row: a row that cannot be read never takes its neighbours with it, so a quoted
//! field may hold commas and doubled quotes but no line break. Nothing is kept of a row once it is
//! read. This module must not know the store.

use std::io;

use csv::ByteRecord;
use highwater::Timestamp;
use highwater::money::{self, KeyPart, Price};
use highwater::tokens::TokenKey;
use indicatif::ProgressBar;

use crate::columns::{ColumnError, ColumnFlags, Columns, Place};
use crate::input::{Input, LINE_LIMIT, Line, Lines};
use crate::print::counted;

/// One observed price: what a row of a trade file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) key: TokenKey,
    pub(crate) symbol: Option<String>,
    pub(crate) source: String,
    pub(crate) seq: Option<u64>,
    pub(crate) observed_at: Timestamp,
    pub(crate) price: Price,
    /// Where it stood, from 1; for messages.
    pub(crate) line: u64,
}

/// A row that says no trade, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowProblem {
    pub(crate) line: u64,
    /// The header over the text at fault, where one column is at fault.
    pub(crate) column: Option<String>,
    /// The text at fault, shortened.
    pub(crate) text: String,
    pub(crate) reason: String,
}

/// Why a whole input cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{label} cannot be opened")]
    Open { label: String, source: io::Error },
    #[error("{label} cannot be read beyond line {line}")]
    Read { label: String, line: u64, source: io::Error },
    #[error("{label} is empty: its first line should name the columns")]
    Empty { label: String },
    #[error("{label} does not begin with a line of headers: {reason}")]
    NoHeaders { label: String, reason: &'static str },
    #[error("{label}: {source} (its headers are: {headers})")]
    Columns { label: String, headers: String, source: ColumnError },
}

/// The trades of one input, in the order of its rows.
pub(crate) struct Trades {
    label: String,
    lines: Lines,
    headers: Vec<String>,
    columns: Columns,
    buffer: Vec<u8>,
    record: ByteRecord,
}

impl Trades {
    /// Opens `input` and finds its columns.
    pub(crate) fn open(
        input: &Input,
        flags: &ColumnFlags,
        progress: &ProgressBar,
    ) -> Result<Self, InputError> {
        let label = input.label();
        match input.open(progress) {
            Ok(lines) => Self::of(label, lines, flags),
            Err(source) => Err(InputError::Open { label, source }),
        }
    }

    /// Finds the columns of `lines`, which `label` names in messages.
    pub(crate) fn of(
        label: String,
        mut lines: Lines,
        flags: &ColumnFlags,
    ) -> Result<Self, InputError> {
        let mut buffer = Vec::new();
        let headers = match lines.read(&mut buffer) {
            Ok(Line::Whole) => parse_headers(&buffer),
            Ok(Line::TooLong) => Err("the line is longer than 65,536 bytes"),
            Ok(Line::End) => return Err(InputError::Empty { label }),
            Err(source) => {
                return Err(InputError::Read { label, line: 0, source });
            }
        };
        let headers = match headers {
            Ok(headers) => headers,
            Err(reason) => return Err(InputError::NoHeaders { label, reason }),
        };
        match Columns::find(&headers, flags) {
            Ok(columns) => {
                Ok(Self { label, lines, headers, columns, buffer, record: ByteRecord::new() })
            }
            Err(source) => {
                Err(InputError::Columns { label, headers: shortened(&headers.join(", ")), source })
            }
        }
    }

    /// Where the values were found, by the names of the columns.
    pub(crate) fn found(&self) -> String {
        let name = |column: usize| self.headers[column].as_str();
        let place = |place: &Place| match place {
            Place::Column(column) => name(*column).to_owned(),
            Place::Constant(constant) => format!("`{constant}`"),
        };
        let columns = &self.columns;
        format!(
            "time {}, chain {}, address {}, venue {}, seq {}, price {}",
            name(columns.time),
            place(&columns.chain),
            name(columns.address),
            place(&columns.venue),
            columns.seq.map_or("none", name),
            name(columns.price),
        )
    }

    fn trade(&self) -> Result<Trade, RowProblem> {
        let columns = &self.columns;
        let chain = self.place(&columns.chain)?;
        let address = self.text(columns.address)?;
        let key = TokenKey::new(chain, address)
            .map_err(|error| self.problem(self.at_fault(&error), error.to_string()))?;
        let symbol = columns.symbol.map(|column| self.text(column)).transpose()?;
        let seq = match columns.seq {
            Some(column) => self.seq(column)?,
            None => None,
        };
        let time = self.text(columns.time)?;
        let observed_at = columns
            .time_unit
            .parse(time)
            .map_err(|error| self.problem(Some(columns.time), format!("it {error}")))?;
        let price = self
            .text(columns.price)?
            .parse::<Price>()
            .map_err(|error| self.problem(Some(columns.price), error.to_string()))?;
        Ok(Trade {
            key,
            symbol: symbol.filter(|symbol| !symbol.is_empty()).map(str::to_owned),
            source: self.place(&columns.venue)?.to_owned(),
            seq,
            observed_at,
            price,
            line: self.lines.number(),
        })
    }

    /// The column that holds the part of a key which was refused.
    fn at_fault(&self, error: &money::Error) -> Option<usize> {
        match (error, &self.columns.chain) {
            (money::Error::InvalidKey { part: KeyPart::Chain, .. }, Place::Column(chain)) => {
                Some(*chain)
            }
            (money::Error::InvalidKey { part: KeyPart::Chain, .. }, Place::Constant(_)) => None,
            _ => Some(self.columns.address),
        }
    }

    /// An empty cell is a trade without a number, as some venues report it.
    fn seq(&self, column: usize) -> Result<Option<u64>, RowProblem> {
        match self.text(column)? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                self.problem(Some(column), "it is not a whole number from 0 to 2^64 - 1".to_owned())
            }),
        }
    }

    fn place<'a>(&'a self, place: &'a Place) -> Result<&'a str, RowProblem> {
        match place {
            Place::Column(column) => self.text(*column),
            Place::Constant(constant) => Ok(constant),
        }
    }

    fn text(&self, column: usize) -> Result<&str, RowProblem> {
        // The row has as many fields as there are headers, so every column is there.
        let bytes = self.record.get(column).unwrap_or_default();
        str::from_utf8(bytes)
            .map(str::trim)
            .map_err(|_| self.problem(Some(column), "it is not UTF-8 text".to_owned()))
    }

    fn problem(&self, column: Option<usize>, reason: String) -> RowProblem {
        let text = match column {
            Some(column) => self.record.get(column).unwrap_or_default(),
            None => &self.buffer,
        };
        RowProblem {
            line: self.lines.number(),
            column: column.map(|column| self.headers[column].clone()),
            text: shortened(&String::from_utf8_lossy(text)),
            reason,
        }
    }

    fn row(&mut self) -> Result<Trade, RowProblem> {
        if let Err(reason) = split(&self.buffer, &mut self.record) {
            return Err(self.problem(None, reason.to_owned()));
        }
        let (fields, headers) = (self.record.len(), self.headers.len());
        if fields != headers {
            let reason = format!(
                "it has {} where the headers have {headers}",
                counted(fields as u64, "field")
            );
            return Err(self.problem(None, reason));
        }
        self.trade()
    }
}

impl Iterator for Trades {
    type Item = Result<Result<Trade, RowProblem>, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.lines.read(&mut self.buffer) {
                Ok(Line::Whole) if self.buffer.is_empty() => {}
                Ok(Line::Whole) => return Some(Ok(self.row())),
                Ok(Line::TooLong) => {
                    let reason = format!("the line is longer than {LINE_LIMIT} bytes");
                    return Some(Ok(Err(self.problem(None, reason))));
                }
                Ok(Line::End) => return None,
                Err(source) => {
                    let (label, line) = (self.label.clone(), self.lines.number());
                    return Some(Err(InputError::Read { label, line, source }));
                }
            }
        }
    }
}

/// The names of the columns; a byte order mark before them is passed over.
pub(crate) fn parse_headers(line: &[u8]) -> Result<Vec<String>, &'static str> {
    let mut record = ByteRecord::new();
    split(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line), &mut record)?;
    let headers = record.iter().map(|header| String::from_utf8(header.trim_ascii().to_vec()));
    headers.collect::<Result<_, _>>().map_err(|_| "the line is not UTF-8 text")
}

/// Splits one line into its fields. Quotes are rare in trade files, and a line without any needs
/// no parser.
pub(crate) fn split(line: &[u8], record: &mut ByteRecord) -> Result<(), &'static str> {
    record.clear();
    match line.iter().filter(|byte| **byte == b'"').count() {
        0 => line.split(|byte| *byte == b',').for_each(|field| record.push_field(field)),
        quotes if quotes % 2 == 1 => return Err("a quote is not closed on the line"),
        _ => {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .buffer_capacity(line.len())
                .from_reader(line);
            if !reader.read_byte_record(record).unwrap_or(false) {
                return Err("the line is not a row of comma-separated values");
            }
            // A lone carriage return ends a record for the parser, and no line for us.
            if reader.read_byte_record(&mut ByteRecord::new()).unwrap_or(true) {
                return Err("a carriage return stands within the line");
            }
        }
    }
    Ok(())
}

/// The beginning of a text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn rows(csv: &[u8], flags: &ColumnFlags) -> Vec<Result<Trade, RowProblem>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(csv).unwrap();
        let input = Input::File(file.path().to_owned());
        let trades = Trades::open(&input, flags, &ProgressBar::hidden()).unwrap();
        trades.map(|row| row.unwrap()).collect()
    }

    fn trade(row: &Result<Trade, RowProblem>) -> (&str, &str, Option<u64>, i64, String) {
        let trade = row.as_ref().unwrap();
        let (chain, address) = (trade.key.chain(), trade.key.address());
        (chain, address, trade.seq, trade.observed_at.as_micros(), trade.price.to_string())
    }

    /// A capture is read as the exchange wrote it: the price to its last digit, the exchange's own
    /// time and number, and nothing else.
    #[test]
    fn a_row_becomes_a_trade_to_the_last_digit() {
        let csv = b"\xef\xbb\xbfrecv_ns,exch_ms,venue,instrument,trade_id,price,qty\r\n\
            1,1723161255342,binance-spot,BTCUSDT,3735683259,61837.63,0.02\r\n\
            \r\n\
            2,-1,\"spot, old\",\"a\"\"b\",,0.000000000000000000000001,1\r\n";
        let rows = rows(csv, &ColumnFlags::default());
        let expected = ("binance-spot", "BTCUSDT", Some(3_735_683_259), 1_723_161_255_342_000);
        let (chain, address, seq, time, price) = trade(&rows[0]);
        assert_eq!((chain, address, seq, time), expected);
        assert_eq!(price, "61837.63");
        let first = rows[0].as_ref().unwrap();
        assert_eq!(
            (first.source.as_str(), first.symbol.as_deref()),
            ("binance-spot", Some("BTCUSDT"))
        );
        let smallest = "0.000000000000000000000001".to_owned();
        assert_eq!(trade(&rows[1]), ("spot, old", "a\"b", None, -1_000, smallest));
        assert_eq!(rows[1].as_ref().unwrap().line, 4);
        assert_eq!(rows.len(), 2);
    }

    /// One bad row tells where it stands and what is wrong, and costs no other row.
    #[test]
    fn a_bad_row_names_its_line_and_column_and_spares_its_neighbours() {
        let long = "x".repeat(LINE_LIMIT + 1);
        let key = "k".repeat(129);
        let csv = format!(
            "time_ms,venue,instrument,trade_id,price\n\
            1,v,A,1,1.5\n\
            noon,v,A,2,1.5\n\
            1,v,A,3,1,5\n\
            1,v,A,4,-1\n\
            1,v,A,5,NaN\n\
            1,v,A,x,1\n\
            1,v,{key},7,1\n\
            1,v,\"A,8,1\n\
            {long}\n\
            1,v,,10,1\n\
            1,v,A,11,2.5\n"
        );
        let rows = rows(csv.as_bytes(), &ColumnFlags::default());
        let problems: Vec<(u64, Option<&str>)> = rows
            .iter()
            .filter_map(|row| row.as_ref().err())
            .map(|problem| (problem.line, problem.column.as_deref()))
            .collect();
        let expected = [
            (3, Some("time_ms")),
            (4, None),
            (5, Some("price")),
            (6, Some("price")),
            (7, Some("trade_id")),
            (8, Some("instrument")),
            (9, None),
            (10, None),
            (11, Some("instrument")),
        ];
        assert_eq!(problems, expected);
        assert_eq!(trade(&rows[0]).4, "1.5");
        assert_eq!(trade(&rows[10]).4, "2.5");
        let problem = rows[2].as_ref().unwrap_err();
        assert_eq!(problem.text, "1,v,A,3,1,5");
        assert!(problem.reason.contains("6 fields"), "{}", problem.reason);
        assert!(rows[8].as_ref().unwrap_err().text.len() < 300, "the text is shown shortened");
    }

    /// Bytes that are no text are a bad row, not a crash.
    #[test]
    fn bytes_that_are_no_text_are_told() {
        let csv = b"time_ms,venue,instrument,price\n1,v,\xff\xfe,1\n1,v,A,1\n";
        let rows = rows(csv, &ColumnFlags::default());
        assert_eq!(rows[0].as_ref().unwrap_err().column.as_deref(), Some("instrument"));
        assert!(rows[1].is_ok());
    }

    /// A file that cannot be understood says which, what its headers are, and which flag helps.
    #[test]
    fn a_file_without_its_columns_is_one_clear_error() {
        let error = |csv: &[u8]| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(csv).unwrap();
            let input = Input::File(file.path().to_owned());
            let opened = Trades::open(&input, &ColumnFlags::default(), &ProgressBar::hidden());
            let message = opened.err().unwrap().to_string();
            assert!(message.contains(&input.label()), "{message}");
            message
        };
        let message = error(b"when,venue,instrument,last\n");
        assert!(message.contains("--time"), "{message}");
        assert!(message.contains("when, venue, instrument, last"), "{message}");
        assert!(error(b"").contains("empty"));
        assert!(error(b"\xff\xfe,a\n").contains("UTF-8"));
        assert!(error(&vec![b'a'; LINE_LIMIT + 1]).contains("longer"));
    }
}
