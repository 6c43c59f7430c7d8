//! What the program reads, whatever it is: numbers, times, and files of trades, plain and compressed.
//!
//! The program's own modules are compiled into the crate that has this one: the fuzz target, and the
//! replay of its corpus.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use highwater::disk::MemoryDisk;
use highwater::simulation::fuzzing::{micros, numbers, price_units};
use highwater::{
    Asset, Background, Durability, ManualClock, Mode, Options, Price, Store, Timestamp, TokenKey,
};

use crate::batches::{Batches, Way};
use crate::columns::ColumnFlags;
use crate::input::Lines;
use crate::time::{TimeUnit, rfc3339};
use crate::trades::{InputError, RowProblem, Trade, Trades};

/// The headers whose columns are known without the program's help.
const HEADERS: &str = "time_ms,venue,instrument,trade_id,price";
const LABEL: &str = "trades.csv";
/// The times that can be printed: the years -9999 to 9999.
const PRINTABLE: std::ops::RangeInclusive<i64> = -377_705_023_201_000_000..=253_402_207_200_999_999;
const NOW_MICROS: i64 = 1_723_161_255_342_000;

/// The first byte says as what the others are read.
pub(crate) fn cli_inputs(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    match choice % 8 {
        0 => numbers(rest),
        1 => times(rest),
        2 => file(rest.to_vec(), choice / 8),
        3 => cut_short(rest, choice / 8),
        4 => file(with_headers(rest), choice / 8),
        5 => replayed(with_headers(rest), choice / 8),
        // A gzip file of the fuzzer's own.
        6 => file([b"\x1f\x8b\x08", rest].concat(), choice / 8),
        _ => file(gzip(rest), choice / 8),
    }
}

fn with_headers(rest: &[u8]) -> Vec<u8> {
    [HEADERS.as_bytes(), b"\n", rest].concat()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("a vector takes every byte");
    encoder.finish().expect("a vector takes every byte")
}

fn times(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let text = &*String::from_utf8_lossy(text);
    let units = [(TimeUnit::S, 6), (TimeUnit::Ms, 3), (TimeUnit::Us, 0), (TimeUnit::Ns, -3)];
    let read = match units.get(usize::from(choice % 5)) {
        Some((unit, places)) => {
            let read = unit.parse(text).map(Timestamp::as_micros);
            let expected = micros(text, *places).filter(|micros| PRINTABLE.contains(micros));
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text:?} as {unit:?}: {read:?}");
            read.ok()
        }
        None => TimeUnit::Rfc3339.parse(text).ok().map(Timestamp::as_micros),
    };
    if let Some(micros) = read {
        let printed = rfc3339(Timestamp::from_micros(micros));
        let again = TimeUnit::Rfc3339.parse(&printed).map(Timestamp::as_micros);
        assert_eq!(again, Ok(micros), "{text:?} prints as {printed}");
    }
}

type Row = Result<Trade, RowProblem>;

/// What came of one file.
#[derive(Debug)]
struct Read {
    rows: Vec<Row>,
    /// Why it could not be read any further.
    broken: Option<String>,
}

fn flags(choice: u8) -> ColumnFlags {
    let mut flags = ColumnFlags::default();
    if choice & 1 != 0 {
        flags.chain_name = Some("chain".to_owned());
    }
    if choice & 2 != 0 {
        flags.time_unit = Some(TimeUnit::Us);
    }
    if choice & 4 != 0 {
        (flags.time, flags.price) = (Some("when".to_owned()), Some("last".to_owned()));
    }
    flags
}

fn open(bytes: Vec<u8>, flags: &ColumnFlags) -> Result<Trades, String> {
    let lines = Lines::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    Trades::of(LABEL.to_owned(), lines, flags).map_err(|error| {
        let message = error.to_string();
        assert!(message.contains(LABEL), "{message} names no file");
        message
    })
}

fn read(bytes: Vec<u8>, flags: &ColumnFlags) -> Read {
    let mut rows = Vec::new();
    let trades = match open(bytes, flags) {
        Ok(trades) => trades,
        Err(reason) => return Read { rows, broken: Some(reason) },
    };
    assert!(!trades.found().is_empty());
    for row in trades {
        match row {
            Ok(row) => rows.push(row),
            Err(InputError::Read { label, line, source }) => {
                let last = rows.last().map_or(1, line_of);
                assert!(label == LABEL && line >= last, "{source} beyond line {line} of {last}");
                return Read { rows, broken: Some(source.to_string()) };
            }
            Err(error) => panic!("among the rows: {error}"),
        }
    }
    Read { rows, broken: None }
}

fn line_of(row: &Row) -> u64 {
    match row {
        Ok(trade) => trade.line,
        Err(problem) => problem.line,
    }
}

/// Rows that were read and rows that were refused are all the lines there are.
fn file(bytes: Vec<u8>, choice: u8) {
    let flags = flags(choice);
    let found = read(bytes.clone(), &flags);
    for problem in found.rows.iter().filter_map(|row| row.as_ref().err()) {
        assert!(!problem.reason.is_empty() && problem.text.chars().count() <= 81, "{problem:?}");
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return;
    }
    let packed = read(gzip(&bytes), &flags);
    assert_eq!((&packed.rows, &packed.broken), (&found.rows, &found.broken), "it was compressed");
    if found.broken.is_some() {
        assert!(found.rows.is_empty(), "memory does not break off");
        return;
    }
    let lines = lines(&bytes);
    let numbers: Vec<u64> = found.rows.iter().map(line_of).collect();
    let expected: Vec<u64> = lines.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, expected, "a line is missing, or there twice");
    if bytes.starts_with(with_headers(b"").as_slice()) && flags == ColumnFlags::default() {
        for (row, (number, line)) in found.rows.iter().zip(&lines) {
            let expected = known(line).filter(|_| !line.contains(&b'"'));
            let unquoted = !line.contains(&b'"');
            let found = row.as_ref().ok().map(said);
            assert!(!unquoted || found == expected, "line {number}: {row:?}, not {expected:?}");
        }
    }
}

/// The lines behind the first one that are not empty, with their numbers.
fn lines(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // What stands behind the last line break is a line only where there is something.
    let last = lines.pop().unwrap_or_default();
    let whole = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let all = whole.chain([last]);
    let numbered = (1..).zip(all.map(<[u8]>::to_vec));
    numbered.skip(1).filter(|(_, line)| !line.is_empty()).collect()
}

type Said = (String, String, Option<u64>, i64, u128);

fn said(trade: &Trade) -> Said {
    let (chain, address) = (trade.key.chain().to_owned(), trade.key.address().to_owned());
    assert_eq!(trade.source, chain);
    (chain, address, trade.seq, trade.observed_at.as_micros(), trade.price.units())
}

/// What a line without quotes says under the known headers.
fn known(line: &[u8]) -> Option<Said> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let texts: Option<Vec<&str>> =
        fields.iter().map(|field| std::str::from_utf8(field).ok().map(str::trim)).collect();
    let [time, venue, instrument, seq, price] = *texts?.as_slice() else { return None };
    let key = TokenKey::new(venue, instrument).ok()?;
    let seq = if seq.is_empty() { None } else { Some(seq.parse().ok()?) };
    let micros = micros(time, 3).filter(|micros| PRINTABLE.contains(micros))?;
    Some((key.chain().into(), key.address().into(), seq, micros, price_units(price)?))
}

/// A download that broke off is told, and what was read before is what the whole file has.
fn cut_short(bytes: &[u8], choice: u8) {
    let Some((first, rest)) = bytes.split_first_chunk::<2>() else { return };
    let text = with_headers(rest);
    let (flags, mut packed) = (flags(choice), gzip(&text));
    let whole = read(text, &flags);
    let left = 2 + usize::from(u16::from_le_bytes(*first)) % (packed.len() - 2);
    packed.truncate(left);
    let part = read(packed, &flags);
    assert!(part.broken.is_some(), "it was cut and reads as if it were whole");
    assert!(whole.rows.starts_with(&part.rows), "cut, it says {:?}", part.rows);
}

/// Rows are counted once each, and the store has the highest of the prices that it took.
fn replayed(bytes: Vec<u8>, choice: u8) {
    let rows = read(bytes.clone(), &ColumnFlags::default()).rows;
    let store = store();
    let batch_rows = 1 + usize::from(choice % 4);
    let way = Way { durability: Durability::Synced, batch_rows, strict: choice & 4 != 0 };
    let mut batches = Batches::new(&store, Path::new("store"), way);
    let trades = open(bytes, &ColumnFlags::default()).expect("the headers are known");
    let ended = batches.replay(LABEL.to_owned(), trades);
    let (run, ticks) = batches.finish();
    assert!(run.problems.iter().all(|problem| problem.sentence().starts_with(LABEL)));
    if way.strict {
        assert_eq!(ended.is_err(), run.malformed + run.refused > 0);
        return;
    }
    if let Err(failure) = ended {
        panic!("memory does not break off: {:?}", failure.message());
    }
    let malformed = rows.iter().filter(|row| row.is_err()).count() as u64;
    assert_eq!((run.rows, run.malformed), (rows.len() as u64, malformed));
    assert_eq!(ticks.values().sum::<u64>(), run.rows - run.malformed - run.refused);
    assert!(run.changed <= run.rows - run.malformed - run.refused);
    if run.refused == 0 {
        marks_are_the_highest(&store, &rows, &ticks);
    }
}

fn marks_are_the_highest(store: &Store, rows: &[Row], ticks: &HashMap<TokenKey, u64>) {
    let mut highest: BTreeMap<TokenKey, Price> = BTreeMap::new();
    for trade in rows.iter().flatten() {
        let highest = highest.entry(trade.key.clone()).or_default();
        *highest = trade.price.max(*highest);
    }
    assert_eq!(highest.len(), ticks.len());
    for (key, price) in highest {
        let token = store.tokens().get(&key).expect("memory is read").expect("it was taken");
        assert_eq!(token.max.map(|tick| tick.price), Some(price), "{key}");
    }
}

fn store() -> Store {
    let usd = Asset::new("fiat", "USD", 6).expect("a plain asset");
    let clock = ManualClock::new(Timestamp::from_micros(NOW_MICROS));
    let options = Options::new(Mode::Paper, usd).background(Background::Manual).seed(7);
    let options = options.clock(Arc::new(clock)).memory_bytes(256 * 1024);
    let options = options.segment_bytes(64 * 1024, 64 * 1024);
    options.open_on(Arc::new(MemoryDisk::new())).expect("memory opens")
}
