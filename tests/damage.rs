//! Damaged stores, every bit and every file: small stores with tokens, books and an unfinished
//! operation, damaged in one place each, held against what the documented format says must come of it.
//!
//! Damage to what was acknowledged is refused, named, and changes nothing; what was never acknowledged
//! is cut and told; everything else is as it was. Nothing is lost in silence, nothing panics.
//!
//! By itself this tries a part of all bits and lengths, drawn anew for each `HIGHWATER_DAMAGE_SEED`.
//! `HIGHWATER_DAMAGE=all` tries every length, and every bit but for room and long rows, where it tries
//! every byte; `HIGHWATER_DAMAGE=every-bit` tries those as well and takes hours.
#![cfg(feature = "simulation")]

#[path = "damage/bits.rs"]
mod bits;
#[path = "damage/effort.rs"]
mod effort;
#[path = "damage/expected.rs"]
mod expected;
#[path = "damage/files.rs"]
mod files;
#[path = "damage/history.rs"]
mod history;
#[path = "damage/layout.rs"]
mod layout;
#[path = "damage/reads.rs"]
mod reads;
#[path = "damage/stores.rs"]
mod stores;
#[path = "damage/trial.rs"]
mod trial;
#[path = "damage/verified.rs"]
mod verified;
