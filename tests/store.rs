//! The store as a bot uses it: through the public API, in one process, on a real directory or on a
//! disk in memory.
//!
//! What kills and full disks do to it is in `tests/processes.rs`.

mod store {
    pub(crate) mod awaiting;
    pub(crate) mod copies;
    pub(crate) mod failing;
    pub(crate) mod figures;
    pub(crate) mod health;
    pub(crate) mod offline;
    pub(crate) mod opening;
    pub(crate) mod processed;
    pub(crate) mod reading;
    pub(crate) mod writing;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use highwater::{
    Asset, Background, Error, Lsn, Mode, Options, Price, Snapshot, Store, Timestamp, TokenKey,
    Update,
};

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).unwrap()
}

/// A paper store in dollars with two threads of its own.
fn options() -> Options {
    Options::new(Mode::Paper, usd())
}

/// The same, in which nothing happens that the test does not do.
fn manual() -> Options {
    options().background(Background::Manual)
}

fn key(number: u64) -> TokenKey {
    TokenKey::new("test", &format!("token-{number:06}")).unwrap()
}

fn price(number: u64) -> Price {
    number.to_string().parse().unwrap()
}

/// Token `number` was seen at this price, which is also the time of it.
fn update(number: u64, at: u64) -> Update {
    let micros = i64::try_from(at).unwrap();
    Update::new(key(number)).price(price(at), Timestamp::from_micros(micros))
}

/// The current price of every token, by its number.
fn prices(snapshot: &Snapshot) -> BTreeMap<u64, Price> {
    let tokens = snapshot.tokens().chain("test");
    tokens
        .map(|token| {
            let token = token.unwrap();
            let number = token.key.address().trim_start_matches("token-").parse().unwrap();
            (number, token.current.unwrap().price)
        })
        .collect()
}

/// What a reader sees of the store, and as of which commit.
fn state(store: &Store) -> (Lsn, BTreeMap<u64, Price>) {
    let snapshot = store.snapshot();
    (snapshot.lsn(), prices(&snapshot))
}

/// A write whose only errors are the store's.
fn write<T>(
    store: &Store,
    body: impl FnOnce(&mut highwater::Tx<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    store.write(body)
}

/// Every file under `root` with its bytes, and every directory with `None`.
fn files(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path.clone());
                found.insert(path, None);
            } else {
                found.insert(path.clone(), Some(std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

/// The files of an open store as they are at this moment: what the death of its process leaves.
fn killed_image(open: &Path, image: &Path) {
    std::fs::create_dir_all(image).unwrap();
    // A directory comes before what is in it.
    for (path, bytes) in files(open) {
        let copy = image.join(path.strip_prefix(open).unwrap());
        match bytes {
            None => std::fs::create_dir_all(copy).unwrap(),
            Some(bytes) => std::fs::write(copy, bytes).unwrap(),
        }
    }
}
