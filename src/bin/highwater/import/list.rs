//! A list as a file has it, told apart by its first letter: a JSON array (`[`), JSON Lines (`{`), or CSV.
//!
//! Whatever its size, one record of it is in memory. What breaks off is told as such and never taken for
//! the end.

use std::borrow::Cow;
use std::io::{self, BufRead, Cursor, Read};

use csv::ByteRecord;
use highwater::{Malformed, SyncRow};
use indicatif::ProgressBar;

use crate::failure::Failure;
use crate::input::{Input, LINE_LIMIT, Line, Lines};
use crate::trades::{InputError, parse_headers, shortened, split};

use super::elements::{Element, Elements};
use super::fields::Fields;
use super::record::{Value, object};
use super::token::Reading;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A list that is being read.
pub(crate) struct List {
    label: String,
    records: Records,
    buffer: Vec<u8>,
}

enum Records {
    Array(Elements<Box<dyn BufRead>>),
    /// Of the lines, so many were passed over before the first one that is read.
    Objects {
        lines: Lines,
        before: u64,
    },
    Rows {
        lines: Lines,
        before: u64,
        headers: Vec<String>,
        cells: ByteRecord,
    },
}

impl List {
    /// Opens `input` and finds out what it is.
    pub(crate) fn open(
        input: &Input,
        fields: &mut Fields,
        progress: &ProgressBar,
    ) -> Result<Self, Failure> {
        let label = input.label();
        let opened = input.text(progress).and_then(begin);
        let (text, before, first) =
            opened.map_err(|source| InputError::Open { label: label.clone(), source })?;
        let (records, buffer) = match first {
            None => return Err(Failure::EmptyList { label }),
            Some(b'[') => (Records::Array(Elements::new(text, before + 1)), Vec::new()),
            Some(b'{') => (Records::Objects { lines: Lines::of(text), before }, Vec::new()),
            Some(_) => rows(&label, text, before, fields)?,
        };
        Ok(Self { label, records, buffer })
    }

    /// What the list is, in words.
    pub(crate) fn form(&self) -> &'static str {
        match self.records {
            Records::Array(_) => "a JSON array",
            Records::Objects { .. } => "JSON Lines",
            Records::Rows { .. } => "CSV",
        }
    }

    /// The next row; `None` behind the last one.
    pub(crate) fn next(&mut self, reading: &mut Reading) -> Option<SyncRow> {
        let row = match &mut self.records {
            Records::Array(elements) => match elements.read(&mut self.buffer) {
                Ok(Element::Whole) => of_json(&self.buffer, reading),
                Ok(Element::Malformed(reason)) => SyncRow::Malformed(Malformed::new(reason)),
                Ok(Element::BrokenOff(reason)) => SyncRow::BrokenOff(Malformed::new(reason)),
                Ok(Element::End) => return None,
                Err(error) => broken_off(&error),
            },
            Records::Objects { lines, .. } => match next_line(lines, &mut self.buffer)? {
                Ok(()) => of_json(&self.buffer, reading),
                Err(row) => row,
            },
            Records::Rows { lines, headers, cells, .. } => {
                match next_line(lines, &mut self.buffer)? {
                    Ok(()) => of_cells(&self.buffer, headers, cells, reading),
                    Err(row) => row,
                }
            }
        };
        Some(match row {
            SyncRow::Malformed(malformed) => SyncRow::Malformed(malformed.at(self.place())),
            SyncRow::BrokenOff(malformed) => SyncRow::BrokenOff(malformed.at(self.place())),
            row => row,
        })
    }

    fn place(&self) -> String {
        let line = match &self.records {
            Records::Array(elements) => elements.element_line(),
            Records::Objects { lines, before } | Records::Rows { lines, before, .. } => {
                before + lines.number()
            }
        };
        format!("{}:{line}", self.label)
    }
}

/// A text without a byte order mark and blanks at its beginning, how many lines were passed over with
/// them, and the first byte.
fn begin(mut text: Box<dyn BufRead>) -> io::Result<(Box<dyn BufRead>, u64, Option<u8>)> {
    let mut head = Vec::with_capacity(BYTE_ORDER_MARK.len());
    (&mut text).take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
    if head == BYTE_ORDER_MARK {
        head.clear();
    }
    let mut text: Box<dyn BufRead> = Box::new(Cursor::new(head).chain(text));
    let mut lines = 0;
    loop {
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            return Ok((text, lines, None));
        }
        let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        lines += bytes[..blanks].iter().filter(|byte| **byte == b'\n').count() as u64;
        let first = bytes.get(blanks).copied();
        text.consume(blanks);
        if first.is_some() {
            return Ok((text, lines, first));
        }
    }
}

/// A CSV file, whose first line names its columns.
fn rows(
    label: &str,
    text: Box<dyn BufRead>,
    before: u64,
    fields: &mut Fields,
) -> Result<(Records, Vec<u8>), Failure> {
    let (mut lines, mut buffer, label) = (Lines::of(text), Vec::new(), label.to_owned());
    let headers = match lines.read(&mut buffer) {
        Ok(Line::Whole) => parse_headers(&buffer),
        Ok(Line::TooLong | Line::End) => Err("the line is longer than 65,536 bytes"),
        Err(source) => return Err(InputError::Read { label, line: 0, source }.into()),
    };
    let headers =
        headers.map_err(|reason| InputError::NoHeaders { label: label.clone(), reason })?;
    if !fields.has_address(&headers) {
        let headers = shortened(&headers.join(", "));
        return Err(Failure::NoAddress { label, headers });
    }
    Ok((Records::Rows { lines, before, headers, cells: ByteRecord::new() }, buffer))
}

/// Reads the next line that is not empty: `Err` has what it is instead of one that can be read.
fn next_line(lines: &mut Lines, buffer: &mut Vec<u8>) -> Option<Result<(), SyncRow>> {
    loop {
        match lines.read(buffer) {
            Ok(Line::Whole) if buffer.trim_ascii().is_empty() => {}
            Ok(Line::Whole) => return Some(Ok(())),
            Ok(Line::TooLong) => {
                let reason = format!("the line is longer than {LINE_LIMIT} bytes");
                return Some(Err(SyncRow::Malformed(Malformed::new(reason))));
            }
            Ok(Line::End) => return None,
            Err(error) => return Some(Err(broken_off(&error))),
        }
    }
}

fn broken_off(error: &io::Error) -> SyncRow {
    SyncRow::BrokenOff(Malformed::new(format!("it cannot be read any further: {error}")))
}

fn of_json(json: &[u8], reading: &mut Reading) -> SyncRow {
    match object(json) {
        Ok(entries) => reading.row(&entries),
        Err(error) => {
            let text = shortened(&String::from_utf8_lossy(json.trim_ascii()));
            SyncRow::Malformed(Malformed::new(format!("{error} in {text}")))
        }
    }
}

fn of_cells(
    line: &[u8],
    headers: &[String],
    cells: &mut ByteRecord,
    reading: &mut Reading,
) -> SyncRow {
    let malformed = |reason: String| SyncRow::Malformed(Malformed::new(reason));
    if let Err(reason) = split(line, cells) {
        return malformed(reason.to_owned());
    }
    if cells.len() != headers.len() {
        let (found, expected) = (cells.len(), headers.len());
        return malformed(format!("it has {found} fields where the headers have {expected}"));
    }
    let texts = cells.iter().map(|cell| str::from_utf8(cell).ok());
    let entries = headers
        .iter()
        .zip(texts)
        .map(|(header, text)| Some((Cow::Borrowed(header.as_str()), Value::Cell(text?))));
    match entries.collect::<Option<Vec<_>>>() {
        Some(entries) => reading.row(&entries),
        None => malformed("it is not UTF-8 text".to_owned()),
    }
}
