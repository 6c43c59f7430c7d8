//! What commits, breaks and segments look like: lines for people, JSON lines for programs.

use std::io::{self, Write};
use std::sync::LazyLock;

use comfy_table::Table;
use highwater::inspect::{
    BreakVerdict, DecodedRow, KnownAssets, LogBreak, LogCommit, LogSegment, SegmentEnd,
};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::print::{counted, json_line, visible};
use crate::time::rfc3339;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// A commit as one line of JSON, with its rows where they are asked for.
#[derive(Serialize)]
struct CommitLine<'a> {
    kind: &'static str,
    lsn: u64,
    at: String,
    note: &'a str,
    synced: bool,
    finishing: bool,
    rows: u32,
    bytes: u64,
    file: &'a str,
    offset: u64,
    behind: Option<BreakVerdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeLine<'a>>>,
}

/// A row of a commit.
#[derive(Serialize)]
pub(super) struct ChangeLine<'a> {
    #[serde(flatten)]
    pub(super) row: &'a DecodedRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) raw_row: Option<String>,
}

pub(super) fn commit_json(
    out: &mut impl Write,
    commit: &LogCommit,
    changes: Option<Vec<ChangeLine<'_>>>,
) -> io::Result<()> {
    let line = CommitLine {
        kind: "commit",
        lsn: commit.lsn,
        at: rfc3339(commit.at),
        note: &commit.note,
        synced: commit.synced,
        finishing: commit.finishing,
        rows: commit.row_count,
        bytes: commit.bytes(),
        file: &commit.file,
        offset: commit.offset,
        behind: commit.behind,
        changes,
    };
    json_line(out, &line)
}

/// The line above those of commits.
pub(super) fn header(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:>10}  {:27}  {:>5}  {:>8}  what", "lsn", "time", "rows", "bytes")
}

/// A commit as one line, cut where a terminal ends.
pub(super) fn commit_line(out: &mut impl Write, commit: &LogCommit) -> io::Result<()> {
    let mark = match commit.behind {
        None => "",
        Some(BreakVerdict::TornTail) => "  (behind the torn tail: left out by the next opening)",
        Some(_) => "  (behind damage: not reached by an opening)",
    };
    let note = visible(&commit.note);
    let (lsn, at, rows, bytes) = (commit.lsn, rfc3339(commit.at), commit.row_count, commit.bytes());
    line(out, &format!("{lsn:>10}  {at:27}  {rows:>5}  {bytes:>8}  {note}{mark}"))
}

/// A line, cut where a terminal ends.
pub(super) fn line(out: &mut impl Write, text: &str) -> io::Result<()> {
    static WIDTH: LazyLock<usize> =
        LazyLock::new(|| Table::new().width().map_or(usize::MAX, usize::from));
    match text.char_indices().nth(*WIDTH) {
        Some((end, _)) => writeln!(out, "{}", &text[..end]),
        None => writeln!(out, "{text}"),
    }
}

#[derive(Serialize)]
struct Kinded<'a, T> {
    kind: &'static str,
    #[serde(flatten)]
    what: &'a T,
}

pub(super) fn break_json(out: &mut impl Write, found: &LogBreak) -> io::Result<()> {
    json_line(out, &Kinded { kind: "break", what: found })
}

pub(super) fn segment_json(out: &mut impl Write, segment: &LogSegment) -> io::Result<()> {
    json_line(out, &Kinded { kind: "segment", what: segment })
}

/// A break as a sentence, in the colour of what it means where that is shown.
pub(super) fn break_line(out: &mut impl Write, found: &LogBreak) -> io::Result<()> {
    let (colour, word) = match found.verdict {
        BreakVerdict::TornTail => (YELLOW, "torn tail"),
        BreakVerdict::Damage => (RED, "DAMAGE"),
        BreakVerdict::Covered => (YELLOW, "harmless damage"),
        _ => (RED, "break"),
    };
    writeln!(out, "{colour}{word}{PLAIN}: {}", visible(&break_sentence(found)))
}

pub(super) fn break_sentence(found: &LogBreak) -> String {
    let LogBreak { file, offset, bytes, fault, .. } = found;
    let mut text = format!("{file} at offset {offset}, {}: {fault}", counted(*bytes, "byte"));
    if let (Some(stored), Some(computed)) = (found.stored, found.computed) {
        text.push_str(&format!(" (it says {stored:08x}, the bytes have {computed:08x})"));
    }
    let lost = match (found.first_lost, found.lost) {
        (_, Some(0)) => "no commit is lost".to_owned(),
        (Some(first), Some(1)) => format!("commit {first} cannot be read"),
        (Some(first), Some(lost)) => {
            format!("commits {first} to {} cannot be read", first + lost - 1)
        }
        (Some(first), None) => format!("nothing can be read from commit {first} on"),
        (None, _) => "which commits stood there is not known".to_owned(),
    };
    text.push_str("; ");
    text.push_str(&lost);
    text.push_str(match found.verdict {
        BreakVerdict::TornTail => ": never known to be synced, the next opening leaves it out",
        BreakVerdict::Covered => ": the base or a later segment has what stood there",
        _ => "",
    });
    text
}

/// How a segment ends, in a few words.
pub(super) fn end_of(segment: &LogSegment) -> String {
    match &segment.end {
        SegmentEnd::Continued { number } => format!("goes on in {number}"),
        SegmentEnd::Closed => "closed".to_owned(),
        SegmentEnd::Open => "open".to_owned(),
        SegmentEnd::TornTail { offset, bytes } => {
            format!("torn tail of {} at {offset}", HumanBytes(*bytes))
        }
        SegmentEnd::LeftOut { offset, bytes } => {
            format!("{} at {offset} left out by a recovery", HumanBytes(*bytes))
        }
        SegmentEnd::Damaged => "damaged".to_owned(),
        SegmentEnd::Unreadable => "unreadable".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// A decoded row with its amounts named.
pub(super) fn named(mut row: DecodedRow, assets: &KnownAssets) -> DecodedRow {
    row.name_assets(assets);
    row
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
