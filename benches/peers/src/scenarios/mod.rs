//! What is measured: a file for each kind of work, with its cases and how one of them is run.

pub mod checkpoint;
pub mod growth;
pub mod read;
pub mod reopen;
pub mod sync;
pub mod transfer;
pub mod upsert;

/// How the name of a case says that only so many of the tokens are drawn.
fn hot_name(hot: Option<usize>) -> String {
    hot.map_or(String::new(), |hot| format!(" hot={hot}"))
}
