//! The whole store through faults and crashes, with every decision of the run taken from the fuzzer.

use crate::simulation::steered;

/// The bytes decide what bots do, where the disk fails and when the power goes out; see
/// [`Simulation`](crate::simulation::Simulation).
///
/// # Panics
///
/// Where the store does not keep a promise, with the shortest script found that shows it, as a test.
pub fn crash_recovery(bytes: &[u8]) {
    if let Err(failure) = steered(bytes) {
        panic!("{failure}");
    }
}
