//! Threads that begin together and are measured until the last one is done.

use std::path::Path;
use std::sync::Barrier;
use std::time::Instant;

use crate::Outcome;
use crate::engines::{Engine, Session};
use crate::measure::{Meter, Used};

/// Each thread of an engine in `dir` calls `work` with its own session, its number and the number of the call. Answers what all of it
/// used and how long each call took, in nanoseconds.
///
/// Sessions are opened before the measurement begins, and end after it has ended.
pub fn measured(
    engine: &dyn Engine,
    dir: &Path,
    threads: u64,
    calls: u64,
    work: impl Fn(&mut dyn Session, u64, u64) -> Outcome<()> + Sync,
) -> Outcome<(Used, Vec<u32>)> {
    let together = Barrier::new(threads as usize + 1);
    let one = &|thread| {
        let mut session = engine.session()?;
        let mut nanos = vec![0; calls as usize];
        together.wait();
        for (call, nanos) in (0..calls).zip(&mut nanos) {
            let begun = Instant::now();
            work(&mut *session, thread, call)?;
            *nanos = begun.elapsed().as_nanos() as u32;
        }
        together.wait(); // all are done
        together.wait(); // it was measured
        Outcome::Ok(nanos)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || or_exit(one(thread)))).collect();
        let meter = Meter::start(dir)?;
        together.wait();
        together.wait();
        let used = meter.stop()?;
        together.wait();
        let nanos = running.into_iter().flat_map(|thread| thread.join().unwrap_or_default());
        Ok((used, nanos.collect()))
    })
}

/// The others wait for each other: a run of which one thread failed ends here.
fn or_exit<T>(done: Outcome<T>) -> T {
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1)
    })
}
