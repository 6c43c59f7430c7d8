//! Why the program ended without doing what it was asked, and the exit code that says so.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | a wrong argument, a bad input, or an error of the machine |
//! | 2 | only from `info`: the log ends in a torn tail, which was never acknowledged as synced |
//! | 3 | acknowledged data is damaged |
//! | 5 | the store is locked by another process, or of a version this program does not know |

use std::io;
use std::path::{Path, PathBuf};

use crate::trades::{InputError, RowProblem};

/// What went wrong. Every message names the thing and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no store is named: add --store DIR or set HIGHWATER_STORE")]
    NoStoreNamed,
    #[error("there is no store at {}: check --store, or make one with `highwater replay`", directory.display())]
    NoDirectory { directory: PathBuf, source: io::Error },
    #[error("{} is a file, not the directory of a store", directory.display())]
    NotADirectory { directory: PathBuf },
    #[error("--reference {text} is no currency: write it as USD or USD:6, with its decimals")]
    Reference { text: String },
    #[error(
        "the built-in market is made up and is replayed into paper stores only: name a FILE, or - for standard input"
    )]
    MarketIsNotLive,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("stopped by --strict at {label}:{}: {}", problem.line, problem.reason)]
    Strict { label: String, problem: RowProblem },
    #[error("store {}", directory.display())]
    Store { directory: PathBuf, source: highwater::Error },
    #[error("no token answers to `{asked}`: `highwater tokens list` shows all of them")]
    NoToken { asked: String },
    #[error(
        "`{asked}` may be any of {count} tokens: name one as CHAIN ADDRESS; they are {candidates}"
    )]
    Ambiguous { asked: String, count: u64, candidates: String },
    #[error("the results could not be printed")]
    Print {
        #[from]
        source: io::Error,
    },
    /// Already told by the report that was printed.
    #[error("the log ends in a torn tail")]
    TornTail,
    /// Already told by the report that was printed.
    #[error("acknowledged data is damaged")]
    Damaged,
}

impl Failure {
    /// Names the store at `directory` in what one of its calls answered.
    pub(crate) fn of_store(directory: &Path) -> impl Fn(highwater::Error) -> Self {
        move |source| Self::Store { directory: directory.to_owned(), source }
    }

    /// The exit code a script can branch on.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            // Whoever read our output has seen enough.
            Self::Print { source } if source.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::TornTail => 2,
            Self::Damaged => 3,
            Self::Store { source, .. } => store_code(source),
            _ => 1,
        }
    }

    /// The message and its causes as one line; `None` where all is said already.
    pub(crate) fn message(&self) -> Option<String> {
        if self.exit_code() == 0 || matches!(self, Self::TornTail | Self::Damaged) {
            return None;
        }
        Some(one_line(self))
    }
}

/// An error and its causes as one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause in their own words.
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

fn store_code(error: &highwater::Error) -> u8 {
    match error {
        highwater::Error::Corrupt { .. } => 3,
        highwater::Error::Locked { .. } | highwater::Error::Version { .. } => 5,
        _ => 1,
    }
}
