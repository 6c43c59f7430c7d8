//! Death at a marked point: as sudden as the kernel's, at a place that can be chosen.
//!
//! The bot and its venue are full of calls of [`point`]: between any two things of which a crash could
//! come in between. In the life of a bot nothing but this would be there.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many marked points are left to pass; 0 for a life without a kill.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// The row of the input that the bot is at.
static ROW: AtomicU64 = AtomicU64::new(0);

/// From now on the process lives for this many marked points, and dies at the last of them.
pub(crate) fn after(points: u64) {
    LEFT.store(points, Relaxed);
}

/// From now on the process lives until it ends by itself.
pub(crate) fn never() {
    LEFT.store(0, Relaxed);
}

/// Notes the row of the input that the bot is at, for the last words.
pub(crate) fn at_row(row: u64) {
    ROW.store(row, Relaxed);
}

/// A marked point.
pub(crate) fn point(place: &str) {
    let counted = LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
    if counted == Ok(1) {
        die(place);
    }
}

/// Kills this process with SIGKILL: nothing is dropped, flushed or closed.
fn die(place: &str) {
    let mut out = io::stdout().lock();
    let _ =
        writeln!(out, "killed    at row {}, {place}", ROW.load(Relaxed)).and_then(|()| out.flush());
    // The shell is asked to, because a process cannot do it to itself without unsafe code.
    let _ = Command::new("sh")
        .args(["-c", "kill -KILL $PPID"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Where there is no shell.
    std::process::abort()
}
