//! The whole library on a simulated disk, held against a model of it; and the same for your bot.
//!
//! A [`Simulation`] draws what happens from one seed: bots begin, run and settle operations, book by
//! hand, follow tokens, claim transactions, keep snapshots, close, die and recover, while the disk
//! loses power at any call, fails, fills up, lies and is damaged. A model in plain maps, written from
//! the rules alone, says what each call must answer and what is then to be seen. Whatever is found
//! after a crash must be a state that the store went through, and none older than it promised.
//!
//! A run that fails is brought down to the few events that it takes, and prints as a test
//! ([`Failure`], [`replay`]). [`Coverage`] says what runs met with.
//!
//! ```text
//! choices -> script, misfortunes -> life: subject (the store) | model
//!                                         prefixes: what a crash may leave
//! ```
//!
//! Panics inside a run are how it failed, too: the first run installs a panic hook that keeps them
//! from being printed, and passes all others on.

mod cast;
mod choices;
mod coverage;
mod damage;
mod event;
mod everywhere;
pub mod fuzzing;
mod life;
#[cfg(test)]
mod metamorphic;
mod model;
mod panics;
mod play;
mod prefixes;
mod readers;
mod run;
mod script;
mod setup;
mod subject;
mod text;
mod view;

pub use coverage::Coverage;
pub use everywhere::{interrupt_everywhere, interrupt_twice};
pub use run::{Failure, Simulation, replay, steered};
