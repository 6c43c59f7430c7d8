//! What a store holds as bare rows, and a store made of such rows: the way out, and the way back in.
//!
//! Nothing that comes in takes effect unchecked: a store is made beside where it is to stand, verified as
//! [`inspect::verify`](crate::inspect::verify()) does, and gets its name only if it is sound.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::engine::{self, Draft, KeyRange, Lsn, Table, check_row, draw_salt};
use crate::inspect::{self, Verification};
use crate::store::{Error, Identity, ReadOnly, place_of};

/// What a store says of itself, beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// Tells the store from every other.
    pub store_id: [u8; 16],
    /// What it was created as, in the bytes of `docs/format.md`.
    pub identity: Box<[u8]>,
    /// Its last commit.
    pub last_lsn: Lsn,
    /// When that was, in microseconds since 1970 UTC; the least number there is where there is none.
    pub last_micros: i64,
    /// A number above that of every opening which any row names.
    pub segment: u64,
}

/// A row as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct BareRow {
    /// The table's number.
    pub table: u8,
    /// Its key.
    pub key: Box<[u8]>,
    /// The row.
    pub row: Box<[u8]>,
}

impl fmt::Debug for BareRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, key) = (self.table, self.key.escape_ascii());
        write!(f, "BareRow({table}, {key}, {} bytes)", self.row.len())
    }
}

impl Contents {
    /// What a store says of itself, from its parts.
    pub fn new(
        store_id: [u8; 16],
        identity: impl Into<Box<[u8]>>,
        last_lsn: Lsn,
        last_micros: i64,
        segment: u64,
    ) -> Self {
        Self { store_id, identity: identity.into(), last_lsn, last_micros, segment }
    }

    /// Whether this release knows what the identity says: in which mode the store is, and in which asset its
    /// prices are.
    pub fn is_identity_known(&self) -> bool {
        Identity::decode(&self.identity).is_some()
    }

    /// What `store` says of itself.
    pub fn of(store: &ReadOnly) -> Self {
        let engine::Contents { store_id, identity, last, last_micros, segment } = store.contents();
        Self { store_id, identity: identity.into(), last_lsn: last, last_micros, segment }
    }
}

/// The rows of one table of `store`, by key.
///
/// # Errors
///
/// [`Error::Corrupt`] and [`Error::Io`] where a row cannot be read; then it ends.
pub fn rows(store: &ReadOnly, table: u8) -> impl Iterator<Item = Result<BareRow, Error>> {
    let rows = store.reader().scan(Table(table), KeyRange::all());
    rows.map(move |row| {
        let (key, row) = row?;
        Ok(BareRow { table, key, row: (*row).into() })
    })
}

/// Why a store was not made. There is none then.
#[derive(Debug)]
pub enum NotLoaded<E> {
    /// The rows ended with this.
    Rows(E),
    /// A row stands where it cannot: not behind the one before, or it is too long. With its place, counted
    /// from 0.
    Row {
        /// Its place.
        place: u64,
        /// What is wrong.
        problem: String,
    },
    /// It cannot be written, or something is there already.
    Store(Error),
    /// What was written is not sound.
    Unsound(Verification),
}

impl<E> From<engine::Error> for NotLoaded<E> {
    fn from(error: engine::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a store of `rows` in the directory `path`, where there must be nothing yet. The rows come by table
/// and key, each once. Answers what its verification came to.
///
/// It is made under the name `path` with `.partial` behind it, verified, synced and renamed.
///
/// # Errors
///
/// [`NotLoaded`]: there is no store then.
pub fn load<E>(
    path: impl AsRef<Path>,
    contents: &Contents,
    rows: impl Iterator<Item = Result<BareRow, E>>,
) -> Result<Verification, NotLoaded<E>> {
    let (above, name) = place_of(path.as_ref()).map_err(NotLoaded::Store)?;
    load_on(above, &name, contents, rows)
}

/// Makes a store of `rows` in the directory `name` of any [`Disk`], as [`load`].
///
/// # Errors
///
/// As [`load`].
pub fn load_on<E>(
    above: Arc<dyn Disk>,
    name: &str,
    contents: &Contents,
    rows: impl Iterator<Item = Result<BareRow, E>>,
) -> Result<Verification, NotLoaded<E>> {
    let draft = Draft::begin(above, name, draw_salt()?)?;
    let contents = engine::Contents {
        store_id: contents.store_id,
        identity: contents.identity.clone().into(),
        last: contents.last_lsn,
        last_micros: contents.last_micros,
        segment: contents.segment,
    };
    let mut before: Option<(u8, Box<[u8]>)> = None;
    let rows = (0..).zip(rows).map(|(place, row)| {
        let row = row.map_err(NotLoaded::Rows)?;
        let problem = |problem: String| NotLoaded::Row { place, problem };
        check_row(&row.key, &row.row).map_err(|error| problem(error.to_string()))?;
        if before.as_ref().is_some_and(|(table, key)| (*table, key) >= (row.table, &row.key)) {
            let words = "it does not come behind the row before it, by table and key";
            return Err(problem(words.to_owned()));
        }
        before = Some((row.table, row.key.clone()));
        Ok((Table(row.table), row.key, row.row))
    });
    draft.fill(&contents, rows)?;
    let verified = inspect::verify_on(draft.disk()).map_err(NotLoaded::Store)?;
    if !verified.is_sound() {
        return Err(NotLoaded::Unsound(verified));
    }
    draft.finish()?;
    Ok(verified)
}
