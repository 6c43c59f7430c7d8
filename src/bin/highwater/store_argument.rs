//! The arguments that name a store and say how it is opened, the same for every command.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use highwater::inspect::{StateError, state_at};
use highwater::{Durability, History, Mode, Options, ReadOnly, Resolution, Retention, Store};

use crate::failure::Failure;
use crate::print::note;
use crate::reference;
use crate::time::rfc3339;

/// Where the store is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgument {
    /// Directory of the store
    #[arg(long, value_name = "DIR", env = "HIGHWATER_STORE")]
    store: Option<PathBuf>,
}

impl StoreArgument {
    /// The directory that was named.
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        self.store.as_deref().ok_or(Failure::NoStoreNamed)
    }

    /// The one directory that was named, as an argument of its own or by `--store`, which has to be there.
    pub(crate) fn or_named<'a>(&'a self, named: Option<&'a Path>) -> Result<&'a Path, Failure> {
        match named {
            Some(named) => {
                self.is_not_named_too()?;
                existing(named)
            }
            None => self.existing_directory(),
        }
    }

    /// Refuses `--store` where something else names the store; the environment may name another one.
    pub(crate) fn is_not_named_too(&self) -> Result<(), Failure> {
        let of_environment = std::env::var_os("HIGHWATER_STORE").map(PathBuf::from);
        match &self.store {
            Some(store) if Some(store) != of_environment.as_ref() => {
                Err(Failure::NamedTwice { store: store.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The directory that was named, which has to be there: a command that reads never makes one.
    pub(crate) fn existing_directory(&self) -> Result<&Path, Failure> {
        existing(self.directory()?)
    }
}

/// Which store, and as of which commit.
#[derive(Args, Clone, Debug)]
pub(crate) struct StateArgument {
    #[command(flatten)]
    store: StoreArgument,
    /// As it was after this commit, 0 before the first, as far back as the log that is kept tells it [default:
    /// the last commit]
    #[arg(long, value_name = "LSN")]
    at: Option<u64>,
}

impl StateArgument {
    /// Opens the store for reading; with its directory, for errors to name.
    pub(crate) fn open(&self) -> Result<(&Path, ReadOnly), Failure> {
        let directory = self.store.existing_directory()?;
        let failed = Failure::of_store(directory);
        let Some(lsn) = self.at else {
            return Ok((directory, ReadOnly::open(directory).map_err(failed)?));
        };
        let state = state_at(directory, lsn).map_err(|error| match error {
            StateError::Store(error) => failed(error),
            error => Failure::State { directory: directory.to_owned(), source: error },
        })?;
        let made = state.last_commit_at().map(|at| format!(", made at {}", rfc3339(at)));
        note(&format!("as of commit {lsn}{}", made.unwrap_or_default()));
        Ok((directory, state))
    }
}

/// `directory`, if it is one.
pub(crate) fn existing(directory: &Path) -> Result<&Path, Failure> {
    match directory.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(directory),
        Ok(_) => Err(Failure::NotADirectory { directory: directory.to_owned() }),
        Err(source) => Err(Failure::NoDirectory { directory: directory.to_owned(), source }),
    }
}

/// How a store is opened for writing, and made where there is none.
#[derive(Args, Clone, Debug)]
pub(crate) struct Opening {
    /// When a commit returns: `synced` survives power loss, `written` the death of the process
    #[arg(long, value_enum, default_value_t = Promise::Synced)]
    durability: Promise,
    /// Mode of the store, which is made if there is none; a store of another mode is refused
    #[arg(long, value_enum, default_value_t = StoreMode::Paper)]
    mode: StoreMode,
    /// Currency of the prices, with its decimals
    #[arg(long, value_name = "[CHAIN/]ID[:DECIMALS]", default_value = "USD:6")]
    reference: String,
    /// Keep every price, and candles, from now on and for ever, not only the marks; a store that keeps a
    /// history already goes on with what it keeps
    #[arg(long)]
    history: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Promise {
    Synced,
    Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoreMode {
    Paper,
    Live,
}

impl Opening {
    pub(crate) fn durability(&self) -> Durability {
        match self.durability {
            Promise::Synced => Durability::Synced,
            Promise::Written => Durability::Written,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.mode == StoreMode::Live
    }

    /// Opens the store at `directory`.
    pub(crate) fn open(&self, directory: &Path) -> Result<Store, Failure> {
        let text = &self.reference;
        let asset =
            reference::parse(text).ok_or_else(|| Failure::Reference { text: text.clone() })?;
        let mode = match self.mode {
            StoreMode::Paper => Mode::Paper,
            StoreMode::Live => Mode::Live,
        };
        let options = || Options::new(mode, asset.clone()).durability(self.durability());
        let failed = Failure::of_store(directory);
        let store = options().open(directory).map_err(&failed)?;
        if !self.history {
            return Ok(store);
        }
        match store.tokens().history() {
            Some(kept) if *kept == everything() => Ok(store),
            // How much it keeps, and what it holds back, is for whoever said so to change.
            Some(_) => {
                note(
                    "the store keeps a history already: --history leaves its retention and quarantine as they are",
                );
                Ok(store)
            }
            None => {
                store.close().map_err(&failed)?;
                options().history(everything()).open(directory).map_err(failed)
            }
        }
    }
}

/// A history of which nothing is ever purged: what is replayed may be years old.
fn everything() -> History {
    let all = History::new().ticks(Retention::EVERYTHING);
    Resolution::ALL.into_iter().fold(all, |all, one| all.candles(one, Retention::EVERYTHING))
}
