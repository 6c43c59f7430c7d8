//! What is measured: a file for each kind of work, with its cases and how one of them is run.

pub mod checkpoint;
pub mod growth;
pub mod read;
pub mod reopen;
pub mod sync;
pub mod transfer;
pub mod upsert;
