//! Why the program ended without doing what it was asked, and the exit code that says so.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | a wrong argument, a bad input, or an error of the machine |
//! | 2 | from `info`, `verify` and `wal`: the log ends in a torn tail, which is not known to have been synced |
//! | 3 | acknowledged data is damaged |
//! | 4 | only from `verify` and `load`: what can be read contradicts itself |
//! | 5 | the store is locked by another process, or of a version this program does not know |

use std::io;
use std::path::{Path, PathBuf};

use highwater::inspect::Severity;

use crate::print::counted;
use crate::reference;
use crate::trades::InputError;

/// What went wrong. Every message names the thing and says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no store is named: add --store DIR or set HIGHWATER_STORE")]
    NoStoreNamed,
    #[error("there is no store at {} ({source}): check --store, or make one with `highwater replay`", directory.display())]
    NoDirectory { directory: PathBuf, source: io::Error },
    #[error("{} is a file, not the directory of a store", directory.display())]
    NotADirectory { directory: PathBuf },
    #[error("--store {} names a second store: name one of the two", store.display())]
    NamedTwice { store: PathBuf },
    #[error("{} is a directory: name one store, or files of single segments", directory.display())]
    SeveralLogs { directory: PathBuf },
    #[error(
        "--reference {text} is no currency: write it as USD, USD:6 with its decimals, or CHAIN/ID:6"
    )]
    Reference { text: String },
    #[error(
        "the built-in market is made up and is replayed into paper stores only: name a FILE, or - for standard input"
    )]
    MarketIsNotLive,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("stopped by --strict at {row}")]
    Strict { row: String },
    #[error(
        "no row was good ({malformed} malformed, {refused} refused): are the columns and their units the right ones?"
    )]
    NoGoodRow { malformed: u64, refused: u64 },
    #[error("{asked} is no {what}: write it as {form}")]
    Argument { what: &'static str, asked: String, form: &'static str },
    #[error("{label} is empty: an empty list is written as []")]
    EmptyList { label: String },
    #[error(
        "{label}: no column for the address was found: name it with --field address=COLUMN (its headers are: {headers})"
    )]
    NoAddress { label: String, headers: String },
    #[error(
        "no field with a time was found, though --time-unit says how times count: name it with --field time=PATH"
    )]
    NoTime,
    #[error("standard input is named twice, and can be read once only: name - once")]
    StandardInputTwice,
    #[error(
        "standard input can be read once only: name a session with --session, so that it can go on"
    )]
    NoSession,
    #[error(
        "the import ended early at {place}: {reason}; mend the list and run it again: what is counted is not counted twice"
    )]
    EndedEarly { place: String, reason: String },
    #[error("{}", of_store(directory, source))]
    Store { directory: PathBuf, source: highwater::Error },
    #[error("store {}: {source}{}", directory.display(), of_reach(source))]
    State { directory: PathBuf, source: highwater::inspect::StateError },
    #[error("the store at {} was made by a later release: its mode and currency cannot be read", directory.display())]
    UnknownIdentity { directory: PathBuf },
    #[error("no list of a source `{asked}` was ever imported")]
    NoSource { asked: String },
    #[error("there is no namespace `{asked}`; `highwater claims` shows all of them")]
    NoNamespace { asked: String },
    #[error("no such token: `{asked}`; `highwater tokens list` shows all of them")]
    NoToken { asked: String },
    #[error(
        "`{asked}` may be any of {count} tokens: name one as CHAIN ADDRESS; they are {candidates}"
    )]
    Ambiguous { asked: String, count: u64, candidates: String },
    #[error(
        "the store keeps no history of {token}: it begins with the first price after a replay or a bot asked for it"
    )]
    NoHistory { token: String },
    #[error("there is no {what} {asked}{hint}")]
    NoSuch { what: &'static str, asked: String, hint: &'static str },
    #[error("{count} tokens have a latest price above their highest one")]
    BrokenMarks { count: u64 },
    #[error("the results could not be printed")]
    Print {
        #[from]
        source: io::Error,
    },
    #[error("{}", of_log(error))]
    Log { error: highwater::Error },
    #[error("{}", of_damage(*breaks))]
    DamagedLog { breaks: u64 },
    #[error(
        "{}: a repair mends the log only and makes nothing up: restore the directory from a copy; what its log holds, `highwater wal dump` still tells",
        one_line(source)
    )]
    BeyondRepair { source: highwater::Error },
    #[error(transparent)]
    Diff(highwater::inspect::DiffError),
    #[error("the store is damaged and was not repaired; copy its directory before anything else")]
    NotRepaired,
    #[error("{} cannot be written", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("{label}:{line}: {reason}; nothing was made")]
    Line { label: String, line: u64, reason: String },
    #[error("{label} cannot be opened; nothing was made")]
    Unopened { label: String, source: io::Error },
    #[error("{} is there already: name a directory that is not", path.display())]
    Taken { path: PathBuf },
    #[error("{} cannot be the name of a store: it may hold neither `:` nor `\\`", path.display())]
    NoName { path: PathBuf },
    #[error("{label} holds no sound store: {}; nothing was made", counted(*count as u64, "finding"))]
    NotLoaded { label: String, count: usize, worst: Severity },
    /// Already told by the findings that were printed.
    #[error("the store is not sound")]
    Unsound { worst: Severity },
    /// Already told by the report that was printed.
    #[error("the log ends in a torn tail")]
    TornTail,
}

impl Failure {
    /// Names the store at `directory` in what one of its calls answered.
    pub(crate) fn of_store(directory: &Path) -> impl Fn(highwater::Error) -> Self {
        move |source| Self::Store { directory: directory.to_owned(), source }
    }

    /// Names the directory in which a new store could not be made.
    pub(crate) fn of_new_store(directory: &Path) -> impl Fn(highwater::Error) -> Self {
        move |error| {
            let path = directory.to_owned();
            let kind = match &error {
                highwater::Error::Io { source, .. } => Some(source.kind()),
                _ => None,
            };
            match kind {
                Some(io::ErrorKind::AlreadyExists) => Self::Taken { path },
                Some(io::ErrorKind::InvalidInput) => Self::NoName { path },
                _ => Self::of_store(directory)(error),
            }
        }
    }

    /// What the store refused with, where it did and nothing was printed of it.
    pub(crate) fn refusal(&self) -> Option<&highwater::Error> {
        let error = match self {
            Self::Store { source, .. } | Self::BeyondRepair { source } => source,
            Self::Log { error } => error,
            _ => return None,
        };
        (store_code(error) != 1).then_some(error)
    }

    /// The exit code a script can branch on.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            // Whoever read our output has seen enough.
            Self::Print { source } if source.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::TornTail => 2,
            Self::Unsound { worst } | Self::NotLoaded { worst, .. } => match worst {
                Severity::Damage => 3,
                Severity::Rule => 4,
                Severity::TornTail => 2,
                Severity::Harmless => 0,
                _ => 1,
            },
            Self::BrokenMarks { .. } => 3,
            Self::DamagedLog { .. } | Self::NotRepaired | Self::BeyondRepair { .. } => 3,
            Self::Diff(highwater::inspect::DiffError::Damaged(_)) => 3,
            Self::Store { source: error, .. } | Self::Log { error } => store_code(error),
            _ => 1,
        }
    }

    /// The message and its causes as one line; `None` where all is said already.
    pub(crate) fn message(&self) -> Option<String> {
        if self.exit_code() == 0 || matches!(self, Self::TornTail | Self::Unsound { .. }) {
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
        highwater::Error::Locked { .. } | highwater::Error::Version { .. } => 5,
        error if error.is_corrupt() => 3,
        _ => 1,
    }
}

/// Which store answered what, and what to do about it.
fn of_store(directory: &Path, error: &highwater::Error) -> String {
    let mut message = match error {
        highwater::Error::OtherIdentity { found, stated } => {
            let (found, stated) = (reference::identity(found), reference::identity(stated));
            format!("the store was created as {found}, not as {stated}")
        }
        error => one_line(error),
    };
    let directory = directory.display().to_string();
    if !message.contains(&directory) {
        message = format!("store {directory}: {message}");
    }
    match advice(error) {
        Some(advice) => format!("{message}; {advice}"),
        None => message,
    }
}

/// What to do about a state that cannot be told.
fn of_reach(error: &highwater::inspect::StateError) -> &'static str {
    match error {
        highwater::inspect::StateError::BeyondLog { .. } => {
            "; a bot whose `Options::keep_log` is more keeps more, and `highwater wal verify` tells whether what is kept is whole"
        }
        _ => "; `highwater wal list --reverse` lists the commits",
    }
}

/// What reading a log answered, and what to do about it.
fn of_log(error: &highwater::Error) -> String {
    match (error, advice(error)) {
        (highwater::Error::Missing { path }, _) => {
            format!("there is no log at {}: name a store's directory or segments", path.display())
        }
        // A real disk says by itself what it could not do with which path.
        (highwater::Error::Io { file, source, .. }, _) if source.to_string().contains(file) => {
            source.to_string()
        }
        (error, Some(advice)) => format!("{}; {advice}", one_line(error)),
        (error, None) => one_line(error),
    }
}

fn advice(error: &highwater::Error) -> Option<String> {
    use highwater::Error;
    let advice = match error {
        Error::OtherIdentity { found, .. } => {
            let (mode, asset) = (found.mode, reference::written(&found.reference));
            return Some(format!("to use it all the same: --mode {mode} --reference {asset}"));
        }
        Error::Locked { .. } => "wait for the other process, or end it",
        Error::Version { .. } => "use the release that wrote it, or a later one",
        Error::Full { .. } => "make room and run it again: what was done is not done twice",
        Error::Missing { .. } => "check --store, or make one with `highwater replay`",
        error if error.is_corrupt() => "keep a copy of the directory as it is before anything else",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// What is wrong where `wal` found so many damaged places in a log.
fn of_damage(breaks: u64) -> String {
    let before = "keep a copy of the files as they are before anything else";
    match breaks {
        0 => format!("the store does not open, and what is wrong is not in its log; {before}"),
        _ => format!("the log has {}; {before}", counted(breaks, "damaged place")),
    }
}

#[cfg(test)]
mod tests {
    use highwater::Error;

    use super::*;

    /// A script restarts the bot, calls the operator, or restores a copy by the exit code alone.
    #[test]
    fn every_exit_code_means_one_thing() {
        let code = |error| Failure::of_store(Path::new("/bot"))(error).exit_code();
        let corrupt = Error::Corrupt {
            file: "base.redb".to_owned(),
            offset: None,
            lsn: None,
            source: "a row is damaged".into(),
        };
        assert_eq!(code(corrupt), 3);
        let path = PathBuf::from("/bot");
        assert_eq!(code(Error::Locked { path: path.clone() }), 5);
        let version = Error::Version { file: "base.redb".to_owned(), found: 9, supported: 1 };
        assert_eq!(code(version), 5);
        assert_eq!(code(Error::Missing { path }), 1);
        assert_eq!(code(Error::Closed), 1);
        assert_eq!(Failure::TornTail.exit_code(), 2);
        let print = |kind: io::ErrorKind| Failure::from(io::Error::from(kind));
        assert_eq!(print(io::ErrorKind::BrokenPipe).exit_code(), 0);
        assert_eq!(print(io::ErrorKind::BrokenPipe).message(), None);
        assert_eq!(print(io::ErrorKind::StorageFull).exit_code(), 1);
    }

    /// The message is one sentence that names the store once, says the cause, and what to do.
    #[test]
    fn a_message_names_the_store_the_cause_and_the_way_out() {
        let said = |error| Failure::of_store(Path::new("/bot"))(error).message();
        let corrupt = Error::Corrupt {
            file: "base.redb".to_owned(),
            offset: Some(7),
            lsn: None,
            source: "a row is damaged".into(),
        };
        assert_eq!(
            said(corrupt).unwrap(),
            "store /bot: base.redb is damaged at offset 7: a row is damaged; \
             keep a copy of the directory as it is before anything else"
        );
        let path = PathBuf::from("/bot");
        assert_eq!(
            said(Error::Locked { path }).unwrap(),
            "the store at /bot is open elsewhere; wait for the other process, or end it"
        );
    }
}
