//! Creating, closing and opening again: what is found, what is said of it, and what is refused.

use highwater::{Asset, Background, Error, Identity, Mode, Options, Store};
use tempfile::TempDir;

use crate::{files, key, killed_image, manual, options, price, state, update, usd};

/// The life of a bot's store: made, closed, opened again, and each opening says how it found it.
#[test]
fn a_store_is_created_closed_and_opened_again() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("made/on/the/way");

    let store = options().open(&path).unwrap();
    let opening = store.opening();
    assert!(opening.created && opening.clean);
    assert_eq!((opening.last_lsn, opening.cut, opening.stepped_over), (0, None, 0));
    assert_eq!(store.identity(), &Identity { mode: Mode::Paper, reference: usd() });
    for number in 1..=10 {
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    let before = state(&store);
    store.close().unwrap();

    let store = options().create(false).open(&path).unwrap();
    let opening = store.opening();
    assert!(!opening.created && opening.clean);
    assert_eq!((opening.last_lsn, opening.cut, opening.stepped_over), (10, None, 0));
    assert_eq!(state(&store), before);
    store.tokens().upsert(&update(11, 11)).unwrap();
    assert_eq!(state(&store).0, 11, "LSNs go on");
}

/// Many short lives in a row: nothing piles up and nothing is lost, with commits or without.
#[test]
fn many_lives_leave_no_litter() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let options =
        options().keep_log(highwater::KeepLog { bytes: 0, age: std::time::Duration::ZERO });
    let mut counts = Vec::new();
    for life in 1..=12 {
        let store = options.open(&path).unwrap();
        if life % 3 != 0 {
            store.tokens().upsert(&update(life, life)).unwrap();
        }
        if life % 2 == 0 {
            store.close().unwrap();
        } else {
            drop(store);
        }
        counts.push(files(&path).len());
    }
    assert_eq!(state(&options.open(&path).unwrap()).0, 8);
    assert!(counts[6..].iter().all(|count| *count <= counts[5].max(6)), "{counts:?}");
}

/// A live store stays one, with the options that a bot sets for its day: how soon a `Written` commit is
/// synced, and how long operations are kept. The commit that a closure stages knows its time.
#[test]
fn a_live_store_is_opened_as_one_again() {
    let directory = TempDir::new().unwrap();
    let clock = highwater::ManualClock::new(highwater::Timestamp::from_micros(77));
    let open = || {
        Options::new(Mode::Live, usd())
            .background(Background::Manual)
            .clock(std::sync::Arc::new(clock.clone()))
            .sync_interval(std::time::Duration::from_millis(3))
            .operation_retention(std::time::Duration::ZERO)
            .open(directory.path())
    };
    let store = open().unwrap();
    let written = store.write(|tx| {
        tx.note("the first of this bot");
        tx.tokens().upsert(&update(1, 1))?;
        Ok::<_, Error>((tx.now().as_micros(), tx.lsn()))
    });
    assert_eq!(written.unwrap(), (77, 1));
    store.close().unwrap();
    let store = open().unwrap();
    assert_eq!(store.identity(), &Identity { mode: Mode::Live, reference: usd() });
    let paper = options().open(directory.path()).err();
    drop(store);
    assert!(paper.is_some() && options().open(directory.path()).is_err());
}

/// A bot that means to trade with real money must not get hold of a paper store, nor the other way
/// round, nor of one whose prices are in another currency. The store is not touched by the attempt.
#[test]
fn another_mode_or_currency_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = options().open(&path).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    store.close().unwrap();
    let before = files(&path);

    let found = Identity { mode: Mode::Paper, reference: usd() };
    let asset = |chain, id, scale| Asset::new(chain, id, scale).unwrap();
    for stated in [
        Identity { mode: Mode::Live, reference: usd() },
        Identity { mode: Mode::Paper, reference: asset("fiat", "EUR", 6) },
        Identity { mode: Mode::Paper, reference: asset("fiat", "USD", 2) },
        Identity { mode: Mode::Paper, reference: asset("ethereum", "USD", 6) },
    ] {
        let opened = Options::new(stated.mode, stated.reference.clone()).open(&path);
        let error = opened.map(drop).unwrap_err();
        assert!(error.is_refused());
        let text = error.to_string();
        assert!(text.contains(&found.to_string()) && text.contains(&stated.to_string()), "{text}");
        match error {
            Error::OtherIdentity { found: really, stated: told } => {
                assert_eq!((*really, *told), (found.clone(), stated));
            }
            error => panic!("{error:?}"),
        }
        assert!(files(&path) == before);
    }
    assert!(options().open(&path).unwrap().opening().clean);
}

/// A mistyped path must not become a new, empty store where the caller said so.
#[test]
fn a_missing_store_is_not_made_unasked() {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for path in [directory.path().join("nowhere"), empty] {
        let before = files(directory.path());
        let error = options().create(false).open(&path).map(drop).unwrap_err();
        assert!(matches!(&error, Error::Missing { path: named } if *named == path), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(files(directory.path()) == before, "{:?}", files(directory.path()).keys());
    }
}

/// The same bot opens its store twice in one process.
#[test]
fn a_second_opening_in_one_process_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = options().open(&path).unwrap();
    let error = options().open(&path).map(drop).unwrap_err();
    assert!(matches!(&error, Error::Locked { path: named } if *named == path), "{error:?}");
    store.tokens().upsert(&update(1, 1)).unwrap();
    store.close().unwrap();
    assert_eq!(options().open(&path).unwrap().opening().last_lsn, 1);
}

/// A bot that forgets to close, or panics past it, loses nothing.
#[test]
fn dropping_a_store_keeps_everything() {
    let directory = TempDir::new().unwrap();
    for (name, background) in [("threads", Background::Threads), ("manual", Background::Manual)] {
        let path = directory.path().join(name);
        let store = options().background(background).open(&path).unwrap();
        for number in 1..=50 {
            let written = highwater::Durability::Written;
            store
                .write_with(written, |tx| {
                    tx.tokens().upsert(&update(number, 7)).map_err(Error::from)
                })
                .unwrap();
        }
        drop(store);
        let store = options().open(&path).unwrap();
        let (lsn, prices) = state(&store);
        assert_eq!((lsn, prices.len(), store.opening().clean), (50, 50, true));
    }
}

/// The process dies: the next opening says that it was not clean and has everything.
#[test]
fn a_killed_process_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let (open, image) = (directory.path().join("open"), directory.path().join("image"));
    let store = manual().open(&open).unwrap();
    for number in 1..=30 {
        if number == 20 {
            store.checkpoint().unwrap();
        }
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    killed_image(&open, &image);
    let before = state(&store);
    let killed = manual().open(&image).unwrap();
    let opening = killed.opening();
    assert!(!opening.created && !opening.clean);
    assert_eq!((opening.last_lsn, opening.cut), (30, None));
    assert_eq!(state(&killed), before);
}

/// A store in memory is a whole one: everything but the directory.
#[test]
fn a_store_in_memory_does_what_others_do() {
    let store = Store::memory(Mode::Live, usd()).unwrap();
    assert_eq!(store.identity().mode, Mode::Live);
    for number in 1..=5 {
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    assert_eq!(store.checkpoint().unwrap(), 5);
    store.tokens().upsert(&update(6, 6)).unwrap();
    assert_eq!(state(&store).1.len(), 6);
    let token = store.tokens().get(&key(6)).unwrap().unwrap();
    assert_eq!(token.max.unwrap().price, price(6));
    store.close().unwrap();
}
