//! `highwater maintain`: what is due in a store that no bot has open is done.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use highwater::{Maintained, Options, ReadOnly};
use indicatif::HumanCount;
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, facts, json_line};
use crate::store_argument::StoreArgument;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater maintain --store /tmp/demo
  highwater maintain --store /tmp/demo --purge-older-than 720

Opens the store as a bot would, recovers it if it was not closed, rolls back pending operations that \
nobody can start any more, purges what it is told to and what the store's own settings do not keep of \
the history of prices, and closes it. How long operations are kept is the bot's own choice, so without \
--purge-older-than none is purged; claims are let go by the bot alone. Orders in progress are \
left for the bot's own recovery.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// Purge the rows of operations that ended longer ago than this, at least 24 [default: none]
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(24..))]
    purge_older_than: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    kind: &'static str,
    #[serde(flatten)]
    done: Maintained,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.existing_directory()?;
    let failed = Failure::of_store(directory);
    let identity = ReadOnly::open(directory).map_err(&failed)?.identity();
    let identity =
        identity.ok_or_else(|| Failure::UnknownIdentity { directory: directory.into() })?;
    let retention = arguments.purge_older_than.map_or(Duration::MAX, hours);
    let options = Options::new(identity.mode, identity.reference)
        .create(false)
        .operation_retention(retention);
    let store = options.open(directory).map_err(&failed)?;
    let done = store.maintain().map_err(&failed)?;
    store.close().map_err(&failed)?;
    match Form::from_flag(arguments.json) {
        Form::Json => json_line(out, &Line { kind: "maintained", done })?,
        Form::Table => facts(out, &all_facts(&done))?,
    }
    Ok(())
}

fn hours(hours: u32) -> Duration {
    Duration::from_secs(u64::from(hours) * 3600)
}

fn all_facts(done: &Maintained) -> Vec<(&'static str, String)> {
    let count = |count| HumanCount(count).to_string();
    vec![
        ("operations rolled back", count(done.rolled_back)),
        ("operations purged", count(done.purged)),
        ("history rows purged", count(done.history_purged)),
    ]
}
