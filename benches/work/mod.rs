//! The pieces of work that are measured, each on a store made ready for it.
//!
//! The same list is timed by `cargo bench --bench hot_paths` and counted in instructions by
//! `cargo bench --bench instructions`.

mod books;
mod store;
mod tokens;

use std::path::Path;

/// A piece of work on a store of its own.
pub(crate) trait Work {
    /// Makes ready what the next run needs; not measured.
    fn prepare(&mut self);

    /// The work.
    fn run(&mut self);
}

/// A piece of work that can be set up.
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    /// How many things one run does: what is told is for one of them.
    pub(crate) units: u64,
    /// How often it is run for a count.
    #[allow(dead_code, reason = "what is timed is run as often as it takes")]
    pub(crate) runs: u64,
    pub(crate) set_up: fn(&Path) -> Box<dyn Work>,
}

/// All of them.
pub(crate) fn benches() -> Vec<Bench> {
    [tokens::benches(), books::benches(), store::benches()].into_iter().flatten().collect()
}

/// What a run is made from, and what it does with it.
struct Steps<I, P, R> {
    input: Option<I>,
    prepare: P,
    run: R,
}

impl<I, P: FnMut() -> I, R: FnMut(I)> Work for Steps<I, P, R> {
    fn prepare(&mut self) {
        self.input = Some((self.prepare)());
    }

    fn run(&mut self) {
        (self.run)(self.input.take().expect("every run is prepared"));
    }
}

fn work<I: 'static>(
    prepare: impl FnMut() -> I + 'static,
    run: impl FnMut(I) + 'static,
) -> Box<dyn Work> {
    Box::new(Steps { input: None, prepare, run })
}
