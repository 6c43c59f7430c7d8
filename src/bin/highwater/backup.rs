//! `highwater backup`: a whole copy of a store that no bot has open.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use highwater::ReadOnly;
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, json_line, visible};
use crate::store_argument::existing;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater backup /tmp/demo /tmp/demo-2024-08-08
  highwater backup /tmp/demo /tmp/copy && highwater verify /tmp/copy

The copy is the store as its next opening would find it: the same rows, the same last commit, the same \
identity, closed. A torn tail is left out. The source is not written to. DEST must not be there; it is \
made as DEST.partial, synced and renamed, so that a copy which was cut short is none. A running bot makes \
its backups itself: `Store::backup`.

Exit codes: 0 done; 1 wrong usage, DEST is there already, or an error of the machine; 3 acknowledged \
data is damaged; 5 the store is locked or of an unknown version.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Directory of the store
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Directory of the copy, which must not be there yet
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    destination: String,
    last_lsn: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = existing(&arguments.directory)?;
    let store = ReadOnly::open(directory).map_err(Failure::of_store(directory))?;
    let backup = store.backup(&arguments.destination);
    let last_lsn = backup.map_err(Failure::of_new_store(&arguments.destination))?;
    let destination = arguments.destination.display().to_string();
    match Form::from_flag(arguments.json) {
        Form::Json => json_line(out, &Line { kind: "backup", destination, last_lsn })?,
        Form::Table => writeln!(out, "{} holds commit {last_lsn}", visible(&destination))?,
    }
    Ok(())
}
