//! `highwater health`: what the rows of a store say that somebody should know. Never writes.

use std::io::Write;

use clap::Args;
use highwater::{Level, ReadOnly, Reason};
use serde::Serialize;

use crate::failure::Failure;
use crate::print::{Form, facts, json_line};
use crate::store_argument::StoreArgument;

pub(crate) const EXAMPLES: &str = "\
Examples:
  highwater health --store /tmp/demo
  highwater health --store /tmp/demo --json | jq -r .level

No bot may have the store open: a bot asks `Store::health` itself, which also knows of its memory, \
its disk and its threads. docs/operating.md explains every reason. The exit code says whether the \
store could be read, and nothing of its health.";

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    level: Level,
    reasons: Vec<ReasonLine<'a>>,
}

/// A reason with its level and the sentence that tells it.
#[derive(Serialize)]
struct ReasonLine<'a> {
    level: Level,
    #[serde(flatten)]
    reason: &'a Reason,
    text: String,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let directory = arguments.store.existing_directory()?;
    let store = ReadOnly::open(directory).map_err(Failure::of_store(directory))?;
    let reasons = store.health();
    let level = reasons.first().map_or(Level::Healthy, Reason::level);
    match Form::from_flag(arguments.json) {
        Form::Json => {
            let line = |reason| ReasonLine {
                level: Reason::level(reason),
                reason,
                text: reason.to_string(),
            };
            let reasons = reasons.iter().map(line).collect();
            json_line(out, &Line { kind: "health", level, reasons })?;
        }
        Form::Table => {
            writeln!(out, "{level}")?;
            let lines = reasons.iter().map(|reason| {
                (reason.name(), format!("{:8}  {reason}", reason.level().to_string()))
            });
            facts(out, &lines.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
