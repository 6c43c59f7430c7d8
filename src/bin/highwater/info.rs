//! `highwater info`: what state a store is in, crashed and damaged ones too, without writing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::CellAlignment;
use highwater::inspect::{FileOutline, LogEnd, Outline, Place, Report, Segment, TableRows};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::failure::{Failure, one_line};
use crate::print::{Form, counted, facts, json_line, note, table};
use crate::store_argument::StoreArgument;
use crate::time::rfc3339;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater info /tmp/demo
  highwater info --store /tmp/demo --json | jq .last_lsn

Of a store of another version it tells the files with their lengths and versions, and whose it is where \
a file of this version says so; no other command reads such a store.

Exit codes: 0 sound, which includes a store that was not closed and that the next opening \
recovers, and one of another version; 1 an error of the machine; 2 the log ends in a torn tail, which is not known to have been synced \
and which the next opening leaves out; 3 acknowledged data is damaged; 4 is reserved; 5 locked.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Directory of the store, instead of --store
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.or_named(arguments.directory.as_deref())?;
    let form = Form::from_flag(arguments.json);
    let report = match Report::read(directory) {
        Ok(report) => report,
        Err(highwater::Error::Version { .. }) => return outline(directory, form, out),
        Err(error) => {
            if form == Form::Json && error.is_corrupt() {
                json_line(out, &Damage::new(&error))?;
            }
            return Err(Failure::of_store(directory)(error));
        }
    };
    let reference = report.reference.clone();
    match form {
        Form::Json => json_line(out, &Line::new(&report, reference))?,
        Form::Table => {
            facts(out, &all_facts(directory, &report, reference))?;
            segments(out, &report.segments)?;
        }
    }
    if report.has_torn_tail() {
        return Err(Failure::TornTail);
    }
    Ok(())
}

/// What can be told of a store of another version, as one line of JSON.
#[derive(Serialize)]
struct OutlineLine<'a> {
    kind: &'static str,
    store_id: Option<&'a str>,
    supported: u32,
    disk_bytes: u64,
    files: &'a [FileOutline],
}

/// Tells of a store of another version what can be told of it.
fn outline(directory: &Path, form: Form, out: &mut impl Write) -> Result<(), Failure> {
    let outline = Outline::read(directory).map_err(Failure::of_store(directory))?;
    let Outline { store_id, supported, files, .. } = &outline;
    let (store_id, disk_bytes) = (store_id.as_deref(), outline.bytes());
    if form == Form::Json {
        let (kind, supported) = ("other_version", *supported);
        return Ok(json_line(out, &OutlineLine { kind, store_id, supported, disk_bytes, files })?);
    }
    let version = |file: &FileOutline| {
        file.version.map_or_else(|| "of no version that can be read".to_owned(), version_words)
    };
    let all = [
        ("store", directory.display().to_string()),
        ("store id", store_id.unwrap_or("unknown").to_owned()),
        ("format", format!("another version: this program reads version {supported}")),
        ("on disk", HumanBytes(disk_bytes).to_string()),
    ];
    let of_files = files.iter().map(|file| {
        ("file", format!("{} {}, {}", file.file, HumanBytes(file.bytes), version(file)))
    });
    facts(out, &all.into_iter().chain(of_files).collect::<Vec<_>>())?;
    note("no other command reads this store: use the release that wrote it");
    Ok(())
}

fn version_words(version: u32) -> String {
    format!("version {version}")
}

/// The report as one line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    format_version: u32,
    store_id: &'a str,
    mode: Option<&'a str>,
    reference: Option<String>,
    checkpoint_lsn: u64,
    previous_checkpoint_lsn: u64,
    durable_lsn: u64,
    last_lsn: u64,
    last_commit_at: Option<String>,
    ending: &'a LogEnd,
    segments: &'a [Segment],
    kept_segments: u64,
    base_bytes: u64,
    disk_bytes: u64,
    tables: &'a [TableRows],
    stepped_over: &'a [Place],
}

impl<'a> Line<'a> {
    fn new(report: &'a Report, reference: Option<String>) -> Self {
        Self {
            kind: "info",
            format_version: report.format_version,
            store_id: &report.store_id,
            mode: report.mode.as_deref(),
            reference,
            checkpoint_lsn: report.checkpoint_lsn,
            previous_checkpoint_lsn: report.previous_checkpoint_lsn,
            durable_lsn: report.durable_lsn,
            last_lsn: report.last_lsn,
            last_commit_at: report.last_commit_at.map(rfc3339),
            ending: &report.ending,
            segments: &report.segments,
            kept_segments: report.kept_segments,
            base_bytes: report.base_bytes,
            disk_bytes: report.base_bytes + segment_bytes(report),
            tables: &report.tables,
            stepped_over: &report.stepped_over,
        }
    }
}

/// Damage to acknowledged data as one line of JSON.
#[derive(Serialize)]
struct Damage<'a> {
    kind: &'static str,
    file: Option<&'a str>,
    offset: Option<u64>,
    lsn: Option<u64>,
    message: String,
}

impl<'a> Damage<'a> {
    fn new(error: &'a highwater::Error) -> Self {
        let (file, offset, lsn) = match error {
            highwater::Error::Corrupt { file, offset, lsn, .. } => {
                (Some(file.as_str()), *offset, *lsn)
            }
            _ => (None, None, None),
        };
        Self { kind: "damage", file, offset, lsn, message: one_line(error) }
    }
}

fn segment_bytes(report: &Report) -> u64 {
    report.segments.iter().map(|segment| segment.file_bytes).sum()
}

fn all_facts(
    directory: &Path,
    report: &Report,
    reference: Option<String>,
) -> Vec<(&'static str, String)> {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let last_commit = match report.last_commit_at {
        Some(time) => format!("{} at {}", report.last_lsn, rfc3339(time)),
        None => "none".to_owned(),
    };
    let (checkpoint, previous) = (report.checkpoint_lsn, report.previous_checkpoint_lsn);
    let mut all = vec![
        ("store", directory.display().to_string()),
        ("store id", report.store_id.clone()),
        ("format", format!("version {}", report.format_version)),
        ("mode", or_unknown(report.mode.clone())),
        ("reference", or_unknown(reference)),
        ("last commit", last_commit),
        ("known as synced", format!("up to {}", report.durable_lsn)),
        ("checkpoint", format!("{checkpoint} (previous {previous})")),
        ("log ends", log_end(report)),
        ("on disk", on_disk(report)),
    ];
    for table in &report.tables {
        let rows = HumanCount(table.rows);
        let name = match table.name {
            "" => format!("{rows} in table {}, unknown here", table.number),
            name => format!("{rows} in {name}"),
        };
        all.push(("rows", name));
    }
    for place in &report.stepped_over {
        let (file, offset) = (&place.file, place.offset);
        let harmless =
            format!("{file} at offset {offset}: harmless, the base has what stood there");
        all.push(("damage", harmless));
    }
    all
}

/// The bytes of the base and of the log; what is kept of earlier logs is told by its number only.
fn on_disk(report: &Report) -> String {
    let (base, segments) = (report.base_bytes, segment_bytes(report));
    let total = HumanBytes(base + segments);
    let kept = match report.kept_segments {
        0 => String::new(),
        kept => format!(", and {} besides", counted(kept, "kept segment")),
    };
    format!("{total} (base {}, segments {}){kept}", HumanBytes(base), HumanBytes(segments))
}

fn log_end(report: &Report) -> String {
    match &report.ending {
        LogEnd::Closed => "closed (clean)".to_owned(),
        LogEnd::Unclosed => "not closed: the next opening recovers it".to_owned(),
        LogEnd::TornTail { file, offset, bytes } => {
            let are = if *bytes == 1 { "is" } else { "are" };
            let (bytes, last) = (counted(*bytes, "byte"), report.last_lsn);
            format!(
                "torn tail: {bytes} behind commit {last} in {file} at {offset} {are} not known to \
                 have been synced; the next opening leaves them out"
            )
        }
        _ => "in a way that this program does not know".to_owned(),
    }
}

fn segments(out: &mut impl Write, segments: &[Segment]) -> io::Result<()> {
    if segments.is_empty() {
        return Ok(());
    }
    let header = ["segment", "bytes", "batches", "first", "last", ""];
    let mut table = table(header);
    for segment in segments {
        let lsn = |lsn: Option<u64>| lsn.map_or_else(|| "-".to_owned(), |lsn| lsn.to_string());
        let restart = if segment.restart { "restart" } else { "" };
        table.add_row([
            segment.number.to_string(),
            HumanBytes(segment.file_bytes).to_string(),
            segment.batches.to_string(),
            lsn(segment.first_lsn),
            lsn(segment.last_lsn),
            restart.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().take(header.len() - 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out)?;
    writeln!(out, "{}", table.trim_fmt())
}
