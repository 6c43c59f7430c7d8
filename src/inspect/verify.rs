//! Verification: everything that can be wrong with a store, looked for in all of it, and told one by one.
//!
//! The files come first: every page and row of the base, every batch of every segment. Then every row that
//! can be had is read by its own codec, and what can be read is held against the rules: indexes, ledger, operations, claims, marks. What is damaged is left
//! out there, so that one damaged row ends nothing; rules that it breaks are told as well.

use std::error::Error as _;
use std::fmt;
use std::path::Path;

use crate::codec;
use crate::disk::{Disk, RealDisk};
use crate::engine::{self, Examined, KeyRange, Lsn, Reader, Row, Table, Weight};
use crate::ledger::{self, Finding};
use crate::operations;
use crate::price_status;
use crate::processed;
use crate::store::{Error, Identity};
use crate::tokens::{self, Tokens};

use super::rows::check_row;
use super::{table_name, table_names};

/// What something wrong in a store comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is missing by it: the base has what stood there, or nobody needs it.
    Harmless,
    /// It was never acknowledged as synced. The next opening leaves it out.
    TornTail,
    /// The machine did not give it out, so nothing can be said of it.
    Unreadable,
    /// What can be read contradicts itself.
    Rule,
    /// It was acknowledged, and is damaged or gone.
    Damage,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Harmless => "harmless",
            Self::TornTail => "torn tail",
            Self::Unreadable => "unreadable",
            Self::Rule => "rule",
            Self::Damage => "damage",
        })
    }
}

/// Something wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Flaw {
    /// What it comes to.
    pub severity: Severity,
    /// The file, inside the store's directory, where it is one file's.
    pub file: Option<String>,
    /// Where in the file, in bytes, where that is known.
    pub offset: Option<u64>,
    /// The table, where it is a row's.
    pub table: Option<String>,
    /// The row, as hex digits of its key or in words.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
}

/// What a verification came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Verification {
    /// The last commit that can be read.
    pub last_lsn: Lsn,
    /// How many rows of the base were read and are sound.
    pub base_rows: u64,
    /// How many batches of the log were read and are sound, those of kept segments included.
    pub batches: u64,
    /// Everything that was found: first of the files, then of the rules.
    pub flaws: Vec<Flaw>,
}

impl Verification {
    /// The worst that was found; `None` where nothing was.
    pub fn worst(&self) -> Option<Severity> {
        self.flaws.iter().map(|flaw| flaw.severity).max()
    }

    /// Whether nothing was found but what nobody needs.
    pub fn is_sound(&self) -> bool {
        self.worst().is_none_or(|worst| worst == Severity::Harmless)
    }
}

/// Verifies all of the store in the directory `path`, whatever state it is in. Nothing is written, and
/// nothing ends it before all that can be read was looked at.
///
/// ```
/// use highwater::{Asset, Mode, Options, inspect};
///
/// let dir = tempfile::tempdir()?;
/// let usd = Asset::new("fiat", "USD", 6)?;
/// Options::new(Mode::Paper, usd).open(dir.path().join("bot"))?.close()?;
/// let found = inspect::verify(dir.path().join("bot"))?;
/// assert!(found.is_sound(), "{:?}", found.flaws);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Locked`] where a bot has it open, [`Error::Version`] where a later release
/// wrote any of it, [`Error::Io`] where not even the names of its files can be had.
pub fn verify(path: impl AsRef<Path>) -> Result<Verification, Error> {
    verify_on(&RealDisk::new(path.as_ref()))
}

/// Verifies all of the store on any [`Disk`], as [`verify`].
///
/// # Errors
///
/// As [`verify`].
pub fn verify_on(disk: &dyn Disk) -> Result<Verification, Error> {
    let examined = engine::verify(disk)?;
    let mut flaws = Flaws::of_files(&examined);
    flaws.of_identity(&examined);
    flaws.of_rows(&examined.state)?;
    flaws.of_rules(&examined.state)?;
    flaws.of_marks(&examined.state)?;
    let Examined { last, base_rows, batches, .. } = examined;
    Ok(Verification { last_lsn: last, base_rows, batches, flaws: flaws.0 })
}

struct Flaws(Vec<Flaw>);

impl Flaws {
    fn of_files(examined: &Examined) -> Self {
        let flaws = examined.faults.iter().map(|fault| Flaw {
            severity: match fault.weight {
                Weight::Harmless => Severity::Harmless,
                Weight::Torn => Severity::TornTail,
                Weight::Unreadable => Severity::Unreadable,
                Weight::Damage => Severity::Damage,
            },
            file: Some(fault.file.clone()),
            offset: fault.offset,
            table: fault.table.map(|table| match table_name(table) {
                "" => format!("table {}", table.0),
                name => name.to_owned(),
            }),
            key: fault.row.as_ref().map(|(_, key)| hex(key)),
            problem: fault.problem.clone(),
        });
        Self(flaws.collect())
    }

    fn of_identity(&mut self, examined: &Examined) {
        let unknown = |identity: &Vec<u8>| Identity::decode(identity).is_none();
        if examined.identity.as_ref().is_some_and(unknown) {
            let problem = "the mode and the reference currency cannot be read".to_owned();
            self.0.push(Flaw {
                severity: Severity::Damage,
                file: Some("base.redb".to_owned()),
                offset: None,
                table: None,
                key: None,
                problem,
            });
        }
    }

    /// What is derived is computed anew. Where one part cannot be read the others are looked at.
    fn of_rules(&mut self, reader: &dyn Reader) -> Result<(), Error> {
        self.take(ledger::verify(reader))?;
        self.take(operations::verify(reader))?;
        self.take(each(processed::verify(reader), |one| {
            Finding::new(one.table, one.row, one.problem)
        }))?;
        self.take(each(tokens::verify(reader), |one| {
            Finding::new(one.table, one.row, one.problem)
        }))?;
        self.take(each(price_status::verify(reader), |one| {
            Finding::new(one.table, one.row, one.problem)
        }))?;
        self.take(each(tokens::verify_missing(reader), |one| {
            Finding::new(one.table, one.row, one.problem)
        }))?;
        self.take(each(processed::verify_missing(reader), |one| {
            Finding::new(one.table, one.row, one.problem)
        }))
    }

    fn take(&mut self, found: Result<Vec<Finding>, impl Into<Error>>) -> Result<(), Error> {
        match found {
            Ok(findings) => {
                self.0.extend(findings.into_iter().map(|Finding { table, row, problem }| Flaw {
                    severity: Severity::Rule,
                    file: None,
                    offset: None,
                    table: Some(table.to_owned()),
                    key: Some(row),
                    problem,
                }));
                Ok(())
            }
            Err(error) => self.unread(error.into()),
        }
    }

    /// Every row of every table that this release knows is read by its own codec.
    fn of_rows(&mut self, reader: &dyn Reader) -> Result<(), Error> {
        for (number, name) in table_names() {
            let table = Table(number);
            for row in reader.scan(table, KeyRange::all()) {
                let (key, row) = match row {
                    Ok(row) => row,
                    Err(error) => {
                        self.unread(error.into())?;
                        break;
                    }
                };
                let Err(untold) = check_row(table, &key, &row) else { continue };
                if let Some((found, known)) = untold.later {
                    return Err(later_release(found.into(), known.into()));
                }
                self.0.push(Flaw {
                    severity: Severity::Damage,
                    file: Some(place_of(&row).to_owned()),
                    offset: None,
                    table: Some(name.to_owned()),
                    key: Some(hex(&key)),
                    problem: untold.problem,
                });
            }
        }
        Ok(())
    }

    /// Marks that no history is kept of.
    fn of_marks(&mut self, reader: &dyn Reader) -> Result<(), Error> {
        for token in Tokens::new(reader).integrity() {
            match token {
                Ok(token) => self.0.push(Flaw {
                    severity: Severity::Rule,
                    file: None,
                    offset: None,
                    table: Some("tokens".to_owned()),
                    key: Some(token.key.to_string()),
                    problem: "its latest price is above its highest one".to_owned(),
                }),
                Err(error) => {
                    let error = Error::from(error);
                    // That a row cannot be read is told already.
                    if !error.is_corrupt() {
                        self.unread(error)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A row that stands there whole and says nothing that can be read.
    fn unread(&mut self, error: Error) -> Result<(), Error> {
        if let Some((found, supported)) = later_version(&error) {
            return Err(later_release(found, supported));
        }
        let severity = match error {
            Error::Io { .. } => Severity::Unreadable,
            _ if error.is_corrupt() => Severity::Damage,
            _ => Severity::Rule,
        };
        let problem = sentence(&error);
        self.0.push(Flaw { severity, file: None, offset: None, table: None, key: None, problem });
        Ok(())
    }
}

/// What one part found, in the words of all.
fn each<F, E>(found: Result<Vec<F>, E>, finding: fn(F) -> Finding) -> Result<Vec<Finding>, E> {
    found.map(|found| found.into_iter().map(finding).collect())
}

/// Where a row lies: in the base, or in the segments that it was not yet taken from.
fn place_of(row: &Row) -> &'static str {
    match row {
        Row::Base(_) => "base.redb",
        Row::Memory(_) => "journal",
    }
}

fn later_release(found: u32, supported: u32) -> Error {
    Error::Version { file: "base.redb".to_owned(), found, supported }
}

/// The version of a row that a later release wrote, and the one that is known.
fn later_version(error: &Error) -> Option<(u32, u32)> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(codec::Error::UnknownVersion { found, known }) = error.downcast_ref() {
            return (found > known).then_some(((*found).into(), (*known).into()));
        }
        cause = error.source();
    }
    None
}

/// An error with its causes.
fn sentence(error: &Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !sentence.contains(&text) {
            sentence = format!("{sentence}: {text}");
        }
        cause = error.source();
    }
    sentence
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
