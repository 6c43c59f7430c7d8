//! The lines of an export, read back one by one; whatever stands in a file, it is a line or a reason.

use std::io::{BufRead, Read};

use highwater::copies::{BareRow, Contents};
use highwater::inspect::decode_row;
use serde::Deserialize;

use super::{Format, VERSION, bytes_of, table_number};

/// A row of the largest size, its key, and room for the words around them.
const LINE_LIMIT: u64 = 2 * (1024 * 1024 + 1024) + 64 * 1024;

/// One thing that a line says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// What the store says of itself, a part or all of it.
    Facts(Facts),
    Row(BareRow),
    End(u64),
    /// The header of a CSV.
    Nothing,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Facts {
    format: Option<u64>,
    store_id: Option<String>,
    identity: Option<String>,
    last_lsn: Option<u64>,
    last_micros: Option<i64>,
    segment: Option<u64>,
}

/// A line of JSON; which fields it has its kind says.
#[derive(Deserialize)]
struct Line {
    kind: String,
    table: Option<String>,
    key: Option<String>,
    row: Option<String>,
    rows: Option<u64>,
    #[serde(flatten)]
    facts: Facts,
}

/// The lines of an export.
pub(super) struct Lines<R> {
    input: R,
    format: Format,
    buffer: Vec<u8>,
    /// The number of the line that was read last.
    pub(super) number: u64,
    /// That of the one that says the identity.
    pub(super) identity: u64,
    /// The first row, which ends what the store says of itself.
    first: Option<Said>,
    rows: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    /// Reads what the store says of itself.
    pub(super) fn open(mut input: R) -> (Self, Result<Contents, String>) {
        let format = match input.fill_buf() {
            Ok(bytes) if bytes.first() == Some(&b'{') => Format::Jsonl,
            _ => Format::Csv,
        };
        let (buffer, first) = (Vec::new(), None);
        let mut lines =
            Self { input, format, buffer, number: 0, identity: 0, first, rows: 0, ended: false };
        let contents = lines.contents();
        (lines, contents)
    }

    fn contents(&mut self) -> Result<Contents, String> {
        let mut facts = Facts::default();
        loop {
            match self.said()? {
                Some(Said::Facts(more)) => {
                    if more.identity.is_some() {
                        self.identity = self.number;
                    }
                    facts.add(more);
                }
                Some(Said::Nothing) => {}
                other => {
                    self.first = other;
                    return facts.contents();
                }
            }
        }
    }

    /// What the next line says; none at the end of the file.
    fn said(&mut self) -> Result<Option<Said>, String> {
        self.buffer.clear();
        let read = self.input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|error| format!("it cannot be read: {error}"))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = match self.buffer.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None if read as u64 == LINE_LIMIT => {
                return Err(format!("the line is longer than {LINE_LIMIT} bytes"));
            }
            None => &self.buffer,
        };
        let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8 text".to_owned())?;
        match self.format {
            Format::Jsonl => json(line),
            Format::Csv => csv(line),
        }
        .map(Some)
    }

    /// The next row; none behind the line that counts them.
    pub(super) fn row(&mut self) -> Option<Result<BareRow, String>> {
        if self.ended {
            return None;
        }
        let said = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.said(),
        };
        let row = match said {
            Ok(Some(Said::Row(row))) => {
                self.rows += 1;
                let row = readable(row);
                self.ended = row.is_err();
                return Some(row);
            }
            Ok(Some(Said::End(rows))) => self.end(rows),
            Ok(Some(Said::Facts(_) | Said::Nothing)) => {
                Err("it is no row: what a store says of itself stands before its rows".to_owned())
            }
            Ok(None) => {
                Err("the file is cut short: the line that counts its rows is missing".to_owned())
            }
            Err(reason) => Err(reason),
        };
        self.ended = true;
        row.err().map(Err)
    }

    fn end(&mut self, rows: u64) -> Result<(), String> {
        if rows != self.rows {
            return Err(format!("it counts {rows} rows, and {} stand before it", self.rows));
        }
        match self.said() {
            Ok(None) => Ok(()),
            _ => Err("nothing may stand behind the line that counts the rows".to_owned()),
        }
    }
}

impl Facts {
    /// Takes over what `more` says.
    fn add(&mut self, more: Self) {
        self.format = more.format.or(self.format);
        self.store_id = more.store_id.or(self.store_id.take());
        self.identity = more.identity.or(self.identity.take());
        self.last_lsn = more.last_lsn.or(self.last_lsn);
        self.last_micros = more.last_micros.or(self.last_micros);
        self.segment = more.segment.or(self.segment);
    }

    fn contents(self) -> Result<Contents, String> {
        let missing = |what: &str| format!("what the store says of itself lacks its {what}");
        match self.format {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!("it has format {other}, and this program reads {VERSION}"));
            }
            None => return Err("it is no export: an export begins with its format".to_owned()),
        }
        let bytes = |hex: Option<String>, what| {
            let hex = hex.ok_or_else(|| missing(what))?;
            bytes_of(&hex).ok_or_else(|| format!("the {what} is not made of hex digits"))
        };
        let store_id = bytes(self.store_id, "store_id")?.try_into();
        let segment = self.segment.ok_or_else(|| missing("segment"))?;
        if !(1..=1 << 60).contains(&segment) {
            return Err(format!("{segment} is not the number of a segment"));
        }
        let last_lsn = self.last_lsn.ok_or_else(|| missing("last_lsn"))?;
        if last_lsn >= 1 << 60 {
            return Err(format!("{last_lsn} is not the number of a commit"));
        }
        Ok(Contents::new(
            store_id.map_err(|_| "the store_id has not 16 bytes".to_owned())?,
            bytes(self.identity, "identity")?,
            last_lsn,
            self.last_micros.ok_or_else(|| missing("last_micros"))?,
            segment,
        ))
    }
}

fn json(line: &str) -> Result<Said, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| why_not(line, &error))?;
    let missing = |field: &str| Err(format!("its field `{field}` is missing"));
    match (line.kind.as_str(), line.table, line.key, line.row, line.rows) {
        ("store", ..) => Ok(Said::Facts(line.facts)),
        ("row", Some(table), Some(key), Some(row), _) => bare_row(&table, &key, &row),
        ("row", None, ..) => missing("table"),
        ("row", _, None, ..) => missing("key"),
        ("row", ..) => missing("row"),
        ("end", .., Some(rows)) => Ok(Said::End(rows)),
        ("end", ..) => missing("rows"),
        (kind, ..) => Err(format!("`{kind}` is no kind of line: they are store, row and end")),
    }
}

/// Why a text is no line of an export, with the field that is not what it has to be.
fn why_not(line: &str, error: &serde_json::Error) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(line) else {
        let column = error.column();
        return format!("it is no line of an export: no object of JSON, from column {column} on");
    };
    let texts = ["kind", "table", "key", "row", "store_id", "identity"];
    let numbers = ["rows", "format", "last_lsn", "last_micros", "segment"];
    let wrong = |(field, is_right, what): (&str, fn(&serde_json::Value) -> bool, &str)| {
        let value = fields.get(field).filter(|value| !value.is_null() && !is_right(value))?;
        Some(format!("its field `{field}` is {value}, which is not {what}"))
    };
    let texts = texts.map(|field| (field, serde_json::Value::is_string as fn(&_) -> _, "a text"));
    let numbers = numbers.map(|field| {
        let is_whole: fn(&serde_json::Value) -> bool = |value| value.is_u64() || value.is_i64();
        (field, is_whole, "a whole number")
    });
    texts.into_iter().chain(numbers).find_map(wrong).unwrap_or_else(|| {
        match fields.contains_key("kind") {
            true => "a number in it is too large or below zero".to_owned(),
            false => "its field `kind` is missing".to_owned(),
        }
    })
}

/// The row, if it says something that this release can read; of tables that it does not know it takes any.
fn readable(row: BareRow) -> Result<BareRow, String> {
    let said = decode_row(row.table, &row.key, Some(&row.row));
    if said.name.is_empty() {
        return Ok(row);
    }
    let wrong = |field: &str, problem| {
        Err(format!("its {field} cannot be read as one of table {}: {problem}", said.name))
    };
    match (&said.key_problem, &said.row_problem) {
        (Some(problem), _) => wrong("key", problem),
        (_, Some(problem)) => wrong("row", problem),
        (None, None) => Ok(row),
    }
}

fn csv(line: &str) -> Result<Said, String> {
    let mut cells = line.split(',');
    let (Some(table), Some(key), Some(row)) = (cells.next(), cells.next(), cells.next()) else {
        return Err("it has not the cells table, key and row".to_owned());
    };
    let no_number =
        |_| format!("its cell behind `{table}` is `{key}`, which is not a whole number");
    let number = || key.parse().map_err(no_number);
    let fact = |facts: Facts| Ok(Said::Facts(facts));
    match table {
        "table" => Ok(Said::Nothing),
        "@format" => fact(Facts { format: Some(number()?), ..Facts::default() }),
        "@store_id" => fact(Facts { store_id: Some(key.to_owned()), ..Facts::default() }),
        "@identity" => fact(Facts { identity: Some(key.to_owned()), ..Facts::default() }),
        "@last_lsn" => fact(Facts { last_lsn: Some(number()?), ..Facts::default() }),
        "@last_micros" => {
            let micros = key.parse().map_err(no_number)?;
            fact(Facts { last_micros: Some(micros), ..Facts::default() })
        }
        "@segment" => fact(Facts { segment: Some(number()?), ..Facts::default() }),
        "@end" => Ok(Said::End(number()?)),
        table => bare_row(table, key, row),
    }
}

fn bare_row(table: &str, key: &str, row: &str) -> Result<Said, String> {
    let table = table_number(table).ok_or_else(|| format!("`{table}` is no table"))?;
    let bytes = |hex: &str, what| {
        let bytes = bytes_of(hex).map(Into::into);
        bytes.ok_or_else(|| format!("its {what} is not made of hex digits"))
    };
    Ok(Said::Row(BareRow { table, key: bytes(key, "key")?, row: bytes(row, "row")? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "{\"kind\":\"store\",\"format\":1,\"store_id\":\"00112233445566778899aabbccddeeff\",\
        \"identity\":\"01\",\"last_lsn\":3,\"last_micros\":-5,\"segment\":2}\n";

    fn read(text: &str) -> (Result<Contents, String>, Vec<Result<BareRow, String>>, u64) {
        let (mut lines, contents) = Lines::open(text.as_bytes());
        let rows = std::iter::from_fn(|| lines.row()).collect();
        (contents, rows, lines.number)
    }

    /// Whatever is wrong with a line is said, with its number, and nothing behind it is read.
    #[test]
    fn a_wrong_line_is_told_and_ends_the_file() {
        // The cursor `h`, set at 0 to nothing.
        let row = r#"{"kind":"row","table":"cursors","key":"68","row":"010000"}"#;
        let end = r#"{"kind":"end","rows":1}"#;
        let (contents, rows, _) = read(&format!("{HEAD}{row}\n{end}\n"));
        assert_eq!(contents.unwrap().last_micros, -5);
        assert_eq!(rows, [Ok(BareRow { table: 25, key: [0x68].into(), row: [1, 0, 0].into() })]);
        for (wrong, reason) in [
            (r#"{"kind":"row","table":"nowhere","key":"","row":""}"#, "no table"),
            (r#"{"kind":"row","table":"tokens","key":"a","row":""}"#, "hex digits"),
            (r#"{"kind":"row","table":"tokens","key":"aa"}"#, "missing"),
            (r#"{"kind":"row","table":"cursors","key":"68","row":"0100"}"#, "its row cannot be"),
            (r#"{"kind":"row","table":"cursors","key":"","row":"010000"}"#, "its key cannot be"),
            (r#"{"kind":"gift"}"#, "no kind"),
            ("noise", "no line of an export"),
            ("", "no line of an export"),
            (r#"{"kind":"end","rows":2}"#, "it counts 2 rows"),
        ] {
            let (_, rows, number) = read(&format!("{HEAD}{row}\n{wrong}\n{row}\n{end}\n"));
            assert_eq!(rows.len(), 2, "{wrong}");
            let told = rows[1].as_ref().unwrap_err();
            assert!(told.contains(reason), "{told}");
            assert_eq!(number, 3, "{wrong}");
        }
        let (_, rows, _) = read(&format!("{HEAD}{row}\n"));
        assert!(rows[1].as_ref().unwrap_err().contains("cut short"));
        let (_, rows, _) = read(&format!("{HEAD}{row}\n{end}\n{row}\n"));
        assert!(rows[1].as_ref().unwrap_err().contains("behind"));
    }

    /// What is no export is told as such.
    #[test]
    fn what_is_no_export_is_told() {
        for (text, reason) in [
            ("", "no export"),
            ("time,price\n1,2\n", "not the cells"),
            ("{}\n", "`kind` is missing"),
            ("@format,9,\n", "format 9"),
            ("@format,1,\n@store_id,00,\n@segment,1,\n", "last_lsn"),
        ] {
            let told = read(text).0.unwrap_err();
            assert!(told.contains(reason), "{text:?}: {told}");
        }
    }
}
