//! `highwater`: the command-line program. It replays trades and imports lists of tokens into a store,
//! shows what a store knows of its tokens and which events it dealt with, tells what state a store is
//! in, and does what is due in it.
//!
//! This file has the commands, where their output goes and how the program exits; what a command
//! does stands in the module of its name. Only `replay`, `import`, `maintain` and `repair` write to a
//! store.

mod batches;
mod claims;
mod columns;
mod diff;
mod discovery;
mod failure;
mod health;
mod history;
mod import;
mod info;
mod input;
mod listing;
mod maintain;
mod market;
mod missing;
mod print;
mod reference;
mod repair;
mod replay;
mod store_argument;
mod summary;
mod time;
mod tokens;
mod trades;
mod wal;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// A crash-proof store for trading bots, from the command line.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay trades into the tokens of a store
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::Arguments),
    /// Import lists of what a source knows
    #[command(subcommand)]
    Import(import::Command),
    /// Show tokens; never writes
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// Show which outside events were dealt with; never writes
    #[command(after_help = claims::EXAMPLES)]
    Claims(claims::Arguments),
    /// Show ticks and candles of a token; never writes
    #[command(after_help = history::EXAMPLES)]
    History(history::Arguments),
    /// Tell what state a store is in, a crashed or damaged one too; never writes
    #[command(after_help = info::EXAMPLES)]
    Info(info::Arguments),
    /// Read the log commit by commit, damaged or beside a running bot; never writes
    #[command(subcommand)]
    Wal(wal::Command),
    /// Tell what somebody should know of operations and books; never writes
    #[command(after_help = health::EXAMPLES)]
    Health(health::Arguments),
    /// Tell which rows differ between the states after two commits; never writes
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Arguments),
    /// Cut the log of a store that refuses to open, and keep what is cut
    #[command(after_help = repair::EXAMPLES)]
    Repair(repair::Arguments),
    /// Do what is due: late operations go, old rows are purged
    #[command(after_help = maintain::EXAMPLES)]
    Maintain(maintain::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  highwater replay --store /tmp/demo
  highwater import tokens list.json --store /tmp/demo --source lists --filter all
  highwater tokens list --store /tmp/demo
  highwater info /tmp/demo

Exit codes: 0 done; 1 wrong usage, bad input or an error of the machine; 2 the log ends in a torn \
tail, not known to have been synced (info, wal); 3 acknowledged data is damaged; 4 is reserved; 5 the \
store is locked or of an unknown version.";

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            let code = if error.use_stderr() { 1 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(&line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                tell(&message);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(anstream::stdout().lock());
    let outcome = match command {
        Command::Replay(arguments) => replay::run(arguments, &mut out),
        Command::Import(command) => import::run(command, &mut out),
        Command::Tokens(command) => tokens::run(command, &mut out),
        Command::Claims(arguments) => claims::run(arguments, &mut out),
        Command::History(arguments) => history::run(arguments, &mut out),
        Command::Info(arguments) => info::run(arguments, &mut out),
        Command::Wal(command) => wal::run(command, &mut out),
        Command::Health(arguments) => health::run(arguments, &mut out),
        Command::Diff(arguments) => diff::run(arguments, &mut out),
        Command::Repair(arguments) => repair::run(arguments, &mut out),
        Command::Maintain(arguments) => maintain::run(arguments, &mut out),
    };
    // What was printed before a failure is printed all the same.
    let flushed = out.flush();
    outcome?;
    flushed?;
    Ok(())
}

/// Says on standard error why the program failed; the word in red where that is a terminal.
fn tell(message: &str) {
    let message = print::visible(message);
    let mut err = anstream::stderr().lock();
    let _: io::Result<()> = writeln!(err, "\u{1b}[1;31merror:\u{1b}[0m {message}");
}
