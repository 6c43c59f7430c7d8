//! `highwater export`: the rows of a store as lines of text.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use highwater::ReadOnly;
use highwater::copies::{self, BareRow, Contents};
use highwater::inspect::{DecodedRow, KnownAssets, Value, decode_row};
use serde::Serialize;

use super::{Format, VERSION, table_name, table_number};
use crate::failure::Failure;
use crate::print::{json_line, note, visible};
use crate::store_argument::existing;
use crate::sums::hex;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater export all /tmp/demo -o demo.jsonl
  highwater export tokens /tmp/demo --format csv | head
  highwater export all /tmp/demo -o demo.jsonl && highwater load demo.jsonl /tmp/copy

TABLE is one of the tables that `highwater info` counts, or all. Keys and rows are hex digits of what is \
stored; what they say in words stands beside them for whoever reads the file, and is passed over by load. FILE must not be there; only its owner can read it.

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

/// What longer rows say is left out: nobody reads it, and lines have to stay within a limit.
const LONGEST_READABLE_ROW: usize = 16 * 1024;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The table, or all
    #[arg(value_name = "TABLE")]
    table: String,
    /// Directory of the store
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// How lines are written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Leave out what keys and rows say in words: half the bytes, and loaded all the same
    #[arg(long)]
    bare: bool,
    /// Write to this file, which must not be there yet, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let tables = tables(&arguments.table)?;
    let directory = existing(&arguments.directory)?;
    let store = ReadOnly::open(directory).map_err(Failure::of_store(directory))?;
    let Some(path) = &arguments.output else {
        return write_all(&store, directory, &tables, arguments, out).map(drop);
    };
    let failed = |source| Failure::Output { path: path.clone(), source };
    let mut file = BufWriter::new(create(path).map_err(failed)?);
    let written = write_all(&store, directory, &tables, arguments, &mut file);
    let synced = match written {
        Ok(rows) => {
            file.flush().and_then(|()| file.get_ref().sync_all()).map(|()| rows).map_err(failed)
        }
        Err(Failure::Print { source }) => Err(failed(source)),
        Err(failure) => Err(failure),
    };
    match synced {
        Ok(rows) => note(&format!("{rows} rows in {}", path.display())),
        Err(failure) => {
            // Half of an export would be taken for one.
            let _ = std::fs::remove_file(path);
            return Err(failure);
        }
    }
    Ok(())
}

fn tables(asked: &str) -> Result<Vec<u8>, Failure> {
    if asked == "all" {
        return Ok((0..=u8::MAX).collect());
    }
    let form = "all, or as `highwater info` counts it";
    let none = || Failure::Argument { what: "table", asked: asked.to_owned(), form };
    Ok(vec![table_number(asked).ok_or_else(none)?])
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write_all(
    store: &ReadOnly,
    directory: &Path,
    tables: &[u8],
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<u64, Failure> {
    let assets = match arguments.bare {
        true => None,
        false => Some(assets_of(store).map_err(Failure::of_store(directory))?),
    };
    let mut lines = Lines { format: arguments.format, assets, out };
    lines.begin(&Contents::of(store))?;
    let mut count = 0;
    for table in tables {
        let name = table_name(*table);
        for row in copies::rows(store, *table) {
            let row = row.map_err(Failure::of_store(directory))?;
            lines.row(&name, &row)?;
            count += 1;
        }
    }
    lines.end(count)?;
    Ok(count)
}

/// What it takes to print amounts with their points.
fn assets_of(store: &ReadOnly) -> Result<KnownAssets, highwater::Error> {
    let mut assets = KnownAssets::default();
    for row in copies::rows(store, table_number("asset_keys").unwrap_or(0)) {
        let row = row?;
        assets.learn(row.table, &row.key, Some(&row.row));
    }
    Ok(assets)
}

struct Lines<'o, W> {
    format: Format,
    /// None where nothing is to be said in words.
    assets: Option<KnownAssets>,
    out: &'o mut W,
}

#[derive(Serialize)]
struct StoreLine {
    kind: &'static str,
    format: u64,
    store_id: String,
    identity: String,
    last_lsn: u64,
    last_micros: i64,
    segment: u64,
}

#[derive(Serialize)]
struct RowLine<'a> {
    kind: &'static str,
    table: &'a str,
    key: String,
    row: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    readable: Option<Readable>,
}

/// What key and row say, for people; nobody reads it back.
#[derive(Serialize)]
struct Readable {
    key: Value,
    row: Option<Value>,
}

#[derive(Serialize)]
struct EndLine {
    kind: &'static str,
    rows: u64,
}

impl<W: Write> Lines<'_, W> {
    fn begin(&mut self, contents: &Contents) -> std::io::Result<()> {
        let Contents { last_lsn, last_micros, segment, .. } = *contents;
        let (store_id, identity) = (hex(&contents.store_id), hex(&contents.identity));
        if self.format == Format::Jsonl {
            let (kind, format) = ("store", VERSION);
            let line =
                StoreLine { kind, format, store_id, identity, last_lsn, last_micros, segment };
            return json_line(self.out, &line);
        }
        let end = if self.assets.is_some() { ",," } else { "," };
        writeln!(
            self.out,
            "table,key,row{}",
            if self.assets.is_some() { ",readable" } else { "" }
        )?;
        writeln!(self.out, "@format,{VERSION}{end}")?;
        writeln!(self.out, "@store_id,{store_id}{end}\n@identity,{identity}{end}")?;
        writeln!(self.out, "@last_lsn,{last_lsn}{end}\n@last_micros,{last_micros}{end}")?;
        writeln!(self.out, "@segment,{segment}{end}")
    }

    /// What a row says, unless that is longer than a line has room for.
    fn readable(&self, row: &BareRow) -> Option<DecodedRow> {
        let assets = self.assets.as_ref().filter(|_| row.row.len() <= LONGEST_READABLE_ROW)?;
        let mut said = decode_row(row.table, &row.key, Some(&row.row));
        said.name_assets(assets);
        Some(said)
    }

    fn row(&mut self, table: &str, row: &BareRow) -> std::io::Result<()> {
        let said = self.readable(row);
        let (key, row) = (hex(&row.key), hex(&row.row));
        match (self.format, said) {
            (Format::Jsonl, said) => {
                let readable = said.map(|said| Readable { key: said.key, row: said.row });
                json_line(self.out, &RowLine { kind: "row", table, key, row, readable })
            }
            (Format::Csv, _) if self.assets.is_none() => writeln!(self.out, "{table},{key},{row}"),
            (Format::Csv, said) => {
                let said = said.map(|said| visible(&said.to_string()).replace('"', "\"\""));
                writeln!(self.out, "{table},{key},{row},\"{}\"", said.unwrap_or_default())
            }
        }
    }

    fn end(&mut self, rows: u64) -> std::io::Result<()> {
        match self.format {
            Format::Jsonl => json_line(self.out, &EndLine { kind: "end", rows }),
            Format::Csv if self.assets.is_none() => writeln!(self.out, "@end,{rows},"),
            Format::Csv => writeln!(self.out, "@end,{rows},,"),
        }
    }
}
