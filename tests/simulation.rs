//! The simulation: runs of the whole library on disks that fail it, past findings, and a bot's day that
//! is interrupted everywhere.
//!
//! `HIGHWATER_SIMULATION_RUNS=n` makes n runs, `HIGHWATER_SIMULATION_SEED=n` that one alone.

#![cfg(feature = "simulation")]

#[path = "simulation/day.rs"]
mod day;
#[path = "simulation/findings.rs"]
mod findings;
#[path = "simulation/runs.rs"]
mod runs;
