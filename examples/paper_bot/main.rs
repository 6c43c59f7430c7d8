//! A small copy-trading bot that can be killed anywhere and loses nothing.
//!
//! ```text
//! cargo run --example paper_bot -- --supervise
//! ```
//!
//! Three files show the library as a bot uses it, and are the ones to read: [`bot`] (claim a trade, set
//! money aside, begin), [`execute`] (send the order, write down what the venue does) and [`recovery`]
//! (come back from a death). The others are the world around it: [`venue`] is an exchange on paper,
//! [`market`] the trades to copy, [`kills`] the marked points at which the process dies, [`supervise`]
//! starts it again, and [`proof`] holds its books against the venue's.

mod arguments;
mod bot;
mod execute;
mod kills;
mod market;
mod proof;
mod recovery;
mod supervise;
mod venue;

use std::error::Error;
use std::process::ExitCode;

use highwater::{Amount, Mode, Money, Options, Store};

use crate::arguments::{Arguments, Task};
use crate::bot::{ACCOUNT, Bot};
use crate::venue::{Venue, dollars};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("paper_bot: {}", whole(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The error with all its causes, on one line.
fn whole(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| Error::source(*cause));
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether what was asked for came out right.
fn run() -> Result<bool, Box<dyn Error>> {
    match Arguments::read(std::env::args().skip(1))? {
        Task::Help => {
            println!("{}", arguments::HELP);
            Ok(true)
        }
        Task::Live(arguments) => live(&arguments),
        Task::Supervise(arguments, kills) => supervise::until_done(&arguments, kills),
    }
}

/// One life of the bot: to the end of its input and through the proof, or until it is killed.
fn live(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory)?;
    if arguments.is_new_directory {
        println!("store     {}", directory.display());
    }
    if let Some(points) = arguments.kill_after {
        kills::after(points);
    }
    let (file, feed) = (directory.join("venue.log"), arguments.feed());
    let mut venue = Venue::open(&file, &feed, arguments.seed, first_cash())?;
    let store = Options::new(Mode::Paper, dollars()).open(directory.join("store"))?;
    kills::point("with the store just opened");
    let rows = copy_all(&store, &mut venue, arguments)?;
    kills::never();
    tell(&store, &venue, rows)?;
    let is_proven = proof::prove(&store, &venue, arguments)?;
    store.close()?;
    Ok(is_proven)
}

/// The bot's work: to recover, and to copy what is left of the input. Answers the rows there were.
fn copy_all(
    store: &Store,
    venue: &mut Venue,
    arguments: &Arguments,
) -> Result<u64, Box<dyn Error>> {
    let mut bot = Bot::new(store, venue)?;
    bot.recover()?;
    bot.open_book(&first_cash())?;
    let mut row = bot.rows_done();
    if row >= arguments.trades.max(1) {
        return Err("the store has read more of this input than that".into());
    }
    for trade in arguments.input(row)? {
        let trade = trade?;
        row = trade.row;
        bot.copy(&trade)?;
    }
    Ok(row)
}

/// What it came to, in two lines.
fn tell(store: &Store, venue: &Venue, rows: u64) -> Result<(), Box<dyn Error>> {
    let executions: usize = venue.filled().map(|report| report.executions.len()).sum();
    println!(
        "done      {rows} trades read, {} orders, {executions} executions",
        venue.orders().len()
    );
    let summary = store.snapshot().ledger().summary(ACCOUNT, None)?;
    let (wins, losses, open) = (summary.wins, summary.losses, summary.open.len());
    print!("          {open} positions open, {wins} closed with a profit, {losses} with a loss");
    for line in &summary.quotes {
        print!("; realized {}, unrealized {} dollars", line.realized, line.unrealized);
    }
    println!();
    Ok(())
}

/// What the account begins with, in the book and at the venue.
fn first_cash() -> Money {
    let dollars = dollars();
    let units = 5_000 * 10_i128.pow(u32::from(dollars.scale()));
    Money::new(dollars, Amount::from_units(units))
}
