//! Why a store was refused, as a line of JSON: who reads lines has one to read, whatever came of it.

use std::io::{self, Write};

use serde::Serialize;

use crate::Command;
use crate::failure::{Failure, one_line};
use crate::print::json_line;

/// The refusal of a store. What is not known is null.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    reason: &'static str,
    code: u8,
    file: Option<&'a str>,
    offset: Option<u64>,
    lsn: Option<u64>,
    found: Option<u32>,
    supported: Option<u32>,
    message: String,
}

/// Prints the refusal that the failure is, where JSON was asked for and no line told of it.
pub(crate) fn print(command: &Command, failure: &Failure) {
    // Every command's flag is this word.
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let Some(error) = failure.refusal().filter(|_| is_json) else { return };
    let mut line = Line {
        kind: "refusal",
        reason: "damage",
        code: failure.exit_code(),
        file: None,
        offset: None,
        lsn: None,
        found: None,
        supported: None,
        message: one_line(error),
    };
    match error {
        highwater::Error::Locked { .. } => line.reason = "locked",
        highwater::Error::Version { file, found, supported } => {
            line.reason = "version";
            line.file = Some(file);
            (line.found, line.supported) = (Some(*found), Some(*supported));
        }
        // It says so by a line of its own.
        _ if matches!(command, Command::Info(_)) => return,
        highwater::Error::Corrupt { file, offset, lsn, .. } => {
            line.file = Some(file);
            (line.offset, line.lsn) = (*offset, *lsn);
        }
        _ => {}
    }
    // The exit code says what there is to say where nobody reads.
    let mut out = io::stdout().lock();
    let _: io::Result<()> = json_line(&mut out, &line).and_then(|()| out.flush());
}
