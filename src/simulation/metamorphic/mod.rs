//! One script, many stores: the same operations give the same answers whatever a store is opened with.
//!
//! Memory, segments, durability, checkpoints, background threads, the disk below, who calls, and how a
//! life ends are promised to change nothing of what is answered and found. So a script is played on a
//! plain store, and on others that differ in all of that; what they say and hold is laid side by side.
//! The model judges nothing here: it keeps scripts from running into a wall of refusals.
//!
//! `HIGHWATER_METAMORPHIC_CASES=n` plays n scripts, `HIGHWATER_METAMORPHIC_SEED=n` that one alone. A
//! script that fails is shortened and printed.

mod campaign;
mod commits;
mod configuration;
mod contents;
mod place;
mod plan;
mod player;
