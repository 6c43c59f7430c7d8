//! The same work on highwater and on its peers, side by side, each used as its own documentation recommends.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- sync LIST.json DIR
//! ```
//!
//! Every run of an engine is a process of its own, so that its memory and its CPU time are its own; engines
//! take turns, for several rounds, and what is printed are medians over the rounds. The machine's disk decides
//! wall times, so look at CPU, bytes and memory first; DIR on a tmpfs takes the disk out of it.

mod engines;
mod list;
mod measure;
mod sync;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A source's list of tokens into an empty store, and again, with other prices, into a full one
    Sync(sync::Arguments),
    /// One run of one engine, for the others to start
    #[command(hide = true)]
    SyncOnce { engine: engines::Engine, list: PathBuf, dir: PathBuf, session: u64 },
}

fn main() -> Outcome<()> {
    match CommandLine::parse().command {
        Command::Sync(arguments) => sync::compare(&arguments),
        Command::SyncOnce { engine, list, dir, session } => {
            sync::once(engine, &list, &dir, session)
        }
    }
}
