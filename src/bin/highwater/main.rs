//! `highwater`: the command-line program. It replays trades and imports lists of tokens into a store,
//! shows what a store knows of tokens, events, operations and money, tells what state a store is in and
//! whether it is sound, copies it, and does what is due in it.
//!
//! This file has the commands, where their output goes and how the program exits; what a command
//! does stands in the module of its name. Only `replay`, `import`, `maintain` and `repair` write to a
//! store;
//! `backup` and `load` make new ones.

mod backup;
mod batches;
mod books;
mod claims;
mod columns;
mod completions;
mod diff;
mod discovery;
mod dump;
mod failure;
mod grid;
mod health;
mod history;
mod import;
mod info;
mod input;
mod known;
mod listing;
mod maintain;
mod market;
mod missing;
mod opened;
mod ops;
mod print;
mod reference;
mod refusal;
mod repair;
mod replay;
mod store_argument;
mod summary;
mod sums;
mod time;
mod tokens;
mod trades;
mod verify;
mod wal;

use std::io::{self, BufWriter, Write};
use std::panic;
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
    /// Look for everything that is wrong in a store, file by file and rule by rule; never writes
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Arguments),
    /// Read the log commit by commit, damaged or beside a running bot; never writes
    #[command(subcommand)]
    Wal(wal::Command),
    /// Show operations: what was under way, what came of it, what is stuck; never writes
    #[command(subcommand)]
    Ops(ops::Command),
    /// Show positions, open and closed; never writes
    #[command(after_help = books::positions::EXAMPLES)]
    Positions(books::positions::Arguments),
    /// Show what accounts hold and what of it can be spent; never writes
    #[command(after_help = books::accounts::EXAMPLES)]
    Accounts(books::accounts::Arguments),
    /// Show entries of the ledger with their legs; never writes
    #[command(after_help = books::entries::EXAMPLES)]
    Entries(books::entries::Arguments),
    /// Show each account at a glance; never writes
    #[command(after_help = books::overview::EXAMPLES)]
    Summary(books::overview::Arguments),
    /// Tell what somebody should know of operations and books; never writes
    #[command(after_help = health::EXAMPLES)]
    Health(health::Arguments),
    /// Tell which rows differ between the states after two commits; never writes
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Arguments),
    /// Make a whole copy of a store that no bot has open
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Arguments),
    /// Write the rows of a store as lines of text; never writes to it
    #[command(after_help = dump::export::EXAMPLES)]
    Export(dump::export::Arguments),
    /// Make a new store of an export
    #[command(after_help = dump::load::EXAMPLES)]
    Load(dump::load::Arguments),
    /// Cut the log of a store that refuses to open, and keep what is cut
    #[command(after_help = repair::EXAMPLES)]
    Repair(repair::Arguments),
    /// Print what a shell needs to complete this program's words
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Arguments),
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
  highwater verify /tmp/demo
  highwater ops stuck --store /tmp/demo

Exit codes: 0 done; 1 wrong usage, bad input or an error of the machine; 2 the log ends in a torn \
tail, not known to have been synced (info, verify, wal); 3 acknowledged data is damaged; 4 what can be read contradicts itself \
(verify, load); 5 the store is locked or of an unknown version.";

fn main() -> ExitCode {
    keep_answers_quiet();
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
            refusal::print(&line.command, &failure);
            if let Some(message) = failure.message() {
                tell(&message);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

/// What reads a damaged base panics now and then, and the library makes an answer of it. Nobody who asks
/// what is wrong with a file needs the panic's words as well.
fn keep_answers_quiet() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !highwater::inspect::is_panic_an_answer() {
            told(info);
        }
    }));
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
        Command::Diff(arguments) => diff::run(arguments, &mut out),
        Command::Repair(arguments) => repair::run(arguments, &mut out),
        Command::Verify(arguments) => verify::run(arguments, &mut out),
        Command::Ops(command) => ops::run(command, &mut out),
        Command::Positions(arguments) => books::positions::run(arguments, &mut out),
        Command::Accounts(arguments) => books::accounts::run(arguments, &mut out),
        Command::Entries(arguments) => books::entries::run(arguments, &mut out),
        Command::Summary(arguments) => books::overview::run(arguments, &mut out),
        Command::Health(arguments) => health::run(arguments, &mut out),
        Command::Backup(arguments) => backup::run(arguments, &mut out),
        Command::Export(arguments) => dump::export::run(arguments, &mut out),
        Command::Load(arguments) => dump::load::run(arguments, &mut out),
        Command::Completions(arguments) => completions::run(arguments, &mut out),
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
