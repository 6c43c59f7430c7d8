//! `highwater wal verify`: every checksum, a verdict on every segment, and what an opening would say.

use std::io::Write;

use clap::Args;
use comfy_table::CellAlignment;
use highwater::inspect::{LogBase, LogEnd, LogVerdict, StoreVerdict};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, counted, facts, json_line, table};

use super::{Which, failed, lines};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater wal verify /tmp/demo
  highwater wal verify /tmp/demo --json | tail -1 | jq .store
  highwater wal verify copied/journal/*.wal

Damage to what the base has is printed as harmless: nothing is lost by it and the store opens, but the \
disk lost bytes that it had. Without a base beside them, single segments are judged by themselves. Of \
the segments, `restart` is one that a recovery wrote, and `kept` one that nothing needs any more.
";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Print one JSON object per line: segments, breaks, and the verdict last
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    kind: &'static str,
    sound: bool,
    damaged: bool,
    harmless_damage: bool,
    torn_tail: bool,
    first_lsn: Option<u64>,
    last_lsn: Option<u64>,
    durable_lsn: u64,
    commits: u64,
    rows: u64,
    bytes: u64,
    breaks: u64,
    lost: u64,
    store: &'a StoreVerdict,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let log = arguments.which.open()?;
    let verdict = log.verify().map_err(failed)?;
    match Form::from_flag(arguments.json) {
        Form::Json => print_json(&verdict, out)?,
        Form::Table => {
            print_segments(&verdict, out)?;
            verdict.breaks.iter().try_for_each(|found| lines::break_line(out, found))?;
            print_facts(&verdict, log.base(), out)?;
        }
    }
    match (verdict.is_damaged(), verdict.has_torn_tail()) {
        (true, _) => Err(Failure::DamagedLog { breaks: verdict.break_count }),
        (false, true) => Err(Failure::TornTail),
        (false, false) => Ok(()),
    }
}

fn print_json(verdict: &LogVerdict, out: &mut impl Write) -> Result<(), Failure> {
    verdict.segments.iter().try_for_each(|segment| lines::segment_json(out, segment))?;
    verdict.breaks.iter().try_for_each(|found| lines::break_json(out, found))?;
    let line = VerdictLine {
        kind: "verdict",
        sound: !verdict.is_damaged() && !verdict.has_torn_tail(),
        damaged: verdict.is_damaged(),
        harmless_damage: verdict.has_harmless_damage(),
        torn_tail: verdict.has_torn_tail(),
        first_lsn: verdict.first_lsn,
        last_lsn: verdict.last_lsn,
        durable_lsn: verdict.durable_lsn,
        commits: verdict.commits,
        rows: verdict.rows,
        bytes: verdict.bytes,
        breaks: verdict.break_count,
        lost: verdict.lost,
        store: &verdict.store,
    };
    Ok(json_line(out, &line)?)
}

fn print_segments(verdict: &LogVerdict, out: &mut impl Write) -> Result<(), Failure> {
    if verdict.segments.is_empty() {
        return Ok(());
    }
    let mut rows =
        table(["segment", "used", "of", "commits", "first", "last", "breaks", "ends", ""]);
    for segment in &verdict.segments {
        let lsn = |lsn: Option<u64>| lsn.map_or_else(|| "-".to_owned(), |lsn| lsn.to_string());
        let kind = match (segment.is_restart, segment.is_kept) {
            (_, true) => "kept",
            (true, false) => "restart",
            (false, false) => "",
        };
        rows.add_row([
            segment.number.map_or_else(|| segment.file.clone(), |number| number.to_string()),
            HumanBytes(segment.used_bytes).to_string(),
            HumanBytes(segment.file_bytes).to_string(),
            HumanCount(segment.commits).to_string(),
            lsn(segment.first_lsn),
            lsn(segment.last_lsn),
            segment.breaks.to_string(),
            lines::end_of(segment),
            kind.to_owned(),
        ]);
    }
    for column in rows.column_iter_mut().take(7) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{}", rows.trim_fmt())?;
    Ok(())
}

fn print_facts(verdict: &LogVerdict, base: &LogBase, out: &mut impl Write) -> Result<(), Failure> {
    let range = match (verdict.first_lsn, verdict.last_lsn) {
        (Some(first), Some(last)) => {
            format!("{first} to {last}, {} of them", HumanCount(verdict.commits))
        }
        _ => "none".to_owned(),
    };
    let verdict_words = match (verdict.is_damaged(), verdict.has_torn_tail()) {
        (true, _) if verdict.break_count > 0 => {
            format!("damaged: {}", counted(verdict.break_count, "break"))
        }
        (true, _) => "whole, as far as it goes".to_owned(),
        (false, true) => "torn tail, normal after a crash".to_owned(),
        (false, false) if verdict.has_harmless_damage() => {
            let places = counted(verdict.break_count, "place");
            format!("sound, but for {places} that nothing needs: look at the disk")
        }
        (false, false) => "sound: every checksum is right".to_owned(),
    };
    let mut all = vec![
        ("commits", range),
        ("known as synced", format!("up to {}", verdict.durable_lsn)),
        ("log", verdict_words),
        ("opening", opening(verdict)),
    ];
    match base {
        LogBase::Checkpoint { lsn, .. } => all.push(("base", format!("as of commit {lsn}"))),
        LogBase::Unreadable { reason } => all.push(("base", reason.clone())),
        _ => {}
    }
    writeln!(out)?;
    Ok(facts(out, &all)?)
}

fn opening(verdict: &LogVerdict) -> String {
    match &verdict.store {
        StoreVerdict::Opens { last_lsn, ending, stepped_over } => {
            let how = match ending {
                LogEnd::Closed => "it was closed",
                LogEnd::Unclosed => "it was not closed",
                _ => "the torn tail is left out",
            };
            let over = match stepped_over.len() as u64 {
                0 => String::new(),
                places => format!(", {} stepped over", counted(places, "damaged place")),
            };
            format!("goes on from commit {last_lsn}: {how}{over}")
        }
        StoreVerdict::Refuses { file, offset, problem, lsn } => {
            let at = offset.map_or_else(String::new, |offset| format!(" at offset {offset}"));
            let from = lsn.map_or_else(String::new, |lsn| format!(", from commit {lsn} on"));
            let hint = match verdict.break_count {
                0 => "restore the directory from a copy, or what is missing in it",
                _ => "see `highwater repair --dry-run`",
            };
            format!("refuses: {file}{at}: {problem}{from}; {hint}")
        }
        StoreVerdict::InUse => "not asked: a process has the store open".to_owned(),
        _ => "not asked: single segments".to_owned(),
    }
}
