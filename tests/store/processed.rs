//! Claims and cursors: one event has one effect, and a mark moves only from where it was seen.

use std::sync::Arc;
use std::time::Duration;

use highwater::{
    Claim, ClaimOutcome, ClaimState, Error, ManualClock, Mode, Store, Timestamp, processed,
};

use crate::{key, manual, price, update, usd, write};

const RECORDED: Claim = Claim::Duplicate(ClaimState::Done(ClaimOutcome::Recorded));

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn memory() -> Store {
    Store::memory(Mode::Paper, usd()).unwrap()
}

/// What a refused call answered; it must have used up no LSN.
fn refused<T: std::fmt::Debug>(store: &Store, call: impl FnOnce() -> Result<T, Error>) -> Error {
    let before = (store.snapshot().lsn(), store.stats().commits);
    let error = call().unwrap_err();
    assert_eq!((store.snapshot().lsn(), store.stats().commits), before);
    assert!(error.is_refused() && !error.is_corrupt(), "{error}");
    error
}

/// A feed tells of the same trade twice, the second time after a restart. Claim, price and height
/// are one commit, so the second telling finds all of them or none.
#[test]
fn an_event_has_its_effect_once() {
    let dir = tempfile::tempdir().unwrap();
    let told = |store: &Store, trade: u64| -> Result<bool, Error> {
        write(store, |tx| {
            if tx.claims().claim("trades", &trade.to_be_bytes(), at(50))? != Claim::New {
                return Ok(false);
            }
            tx.tokens().upsert(&update(1, trade))?;
            let height = tx.cursors().get("height")?;
            tx.cursors().set("height", height.as_deref(), &trade.to_be_bytes())?;
            Ok(true)
        })
    };
    let store = manual().open(dir.path()).unwrap();
    assert!(told(&store, 7).unwrap());
    assert!(!told(&store, 7).unwrap());
    assert_eq!(store.stats().commits, 1);
    drop(store);

    let store = manual().open(dir.path()).unwrap();
    assert!(!told(&store, 7).unwrap());
    assert!(told(&store, 8).unwrap());
    assert_eq!(store.stats().commits, 1);
    assert_eq!(store.cursors().get("height").unwrap().unwrap(), 8u64.to_be_bytes());
    assert_eq!(store.tokens().get(&key(1)).unwrap().unwrap().max.unwrap().price, price(8));
}

/// The effect is refused after the claim was made. The event must not count as dealt with.
#[test]
fn a_claim_goes_with_the_commit_that_made_it() {
    let store = memory();
    let error = refused(&store, || {
        write(&store, |tx| {
            assert_eq!(tx.claims().claim("trades", b"1", at(50))?, Claim::New);
            assert_eq!(tx.claims().claim("trades", b"1", at(50))?, RECORDED, "it reads itself");
            tx.cursors().set("height", None, b"1")?;
            tx.cursors().set("height", None, b"2")?;
            Ok(())
        })
    });
    assert!(matches!(error, Error::CursorMoved { found: Some(found), .. } if found == b"1"));
    assert_eq!(store.claims().get("trades", b"1").unwrap(), None);
    assert_eq!(store.cursors().get("height").unwrap(), None);
    assert_eq!(store.claims().claim("trades", b"1", at(50)).unwrap(), Claim::New);
}

/// Two threads get the same signal. One acts on it.
#[test]
fn of_many_who_claim_one_gets_it() {
    let store = Arc::new(memory());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                let mine = (0..50u8).filter(|signal| {
                    let claim = store.claims().claim("signals", &[*signal], at(9)).unwrap();
                    claim == Claim::New
                });
                mine.count()
            })
        })
        .collect();
    let won: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((won, store.stats().commits), (50, 50));
}

/// One venue's clock is a year ahead. Its event would stay when all others are long let go.
#[test]
fn an_event_from_the_future_is_refused() {
    let clock = ManualClock::new(at(1_000_000));
    let options = manual().clock(Arc::new(clock.clone())).future_tolerance(Duration::from_secs(2));
    let store = options.open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    let claim = |micros| store.claims().claim("trades", b"\x00\xff", at(micros));
    match refused(&store, || claim(3_000_001)) {
        Error::EventFromTheFuture { namespace, key, event_time, latest } => {
            assert_eq!((&*namespace, &*key), ("trades", &b"\x00\xff"[..]));
            assert_eq!((event_time, latest), (at(3_000_001), at(3_000_000)));
        }
        other => panic!("{other}"),
    }
    assert_eq!(claim(3_000_000).unwrap(), Claim::New);
    // The clock goes back, and the event is told again: it is a duplicate and nothing else.
    clock.set(at(0));
    assert_eq!(claim(3_000_000).unwrap(), RECORDED);
    let record = store.claims().get("trades", b"\x00\xff").unwrap().unwrap();
    assert_eq!((record.event_time, record.claimed_at), (at(3_000_000), at(1_000_000)));
    // Times that are stored read forward all the same.
    store.claims().claim("trades", b"2", at(0)).unwrap();
    assert_eq!(store.claims().get("trades", b"2").unwrap().unwrap().claimed_at, at(1_000_000));
}

/// Names and keys that cannot be stored, and values that are no small marks any more.
#[test]
fn what_cannot_be_kept_is_refused() {
    let store = memory();
    let claim = |namespace: &str, key: &[u8]| store.claims().claim(namespace, key, at(1));
    let kind = |error| match error {
        Error::Processed(error) => error,
        other => panic!("{other}"),
    };
    for namespace in ["", "a\0b", &"n".repeat(65)] {
        let error = kind(refused(&store, || claim(namespace, b"k")));
        assert!(matches!(error, processed::Error::InvalidName { what: "namespace", .. }));
    }
    for length in [0, 129] {
        let error = kind(refused(&store, || claim("trades", &vec![1; length])));
        assert!(matches!(error, processed::Error::KeyLength { bytes, .. } if bytes == length));
    }
    let set = |name: &str, value: &[u8]| store.cursors().set(name, None, value);
    let error = kind(refused(&store, || set("", b"1")));
    assert!(matches!(error, processed::Error::InvalidName { what: "cursor", .. }));
    let error = kind(refused(&store, || set("height", &[1; 4097])));
    assert!(matches!(error, processed::Error::ValueTooLong { bytes: 4097, .. }));

    assert_eq!(claim(&"n".repeat(64), &[1; 128]).unwrap(), Claim::New);
    set(&"n".repeat(64), &[1; 4096]).unwrap();
    assert_eq!(store.cursors().get(&"n".repeat(64)).unwrap().unwrap(), [1; 4096]);
}

/// Two instances of a bot read the same height and both go on from it. The slower one must hear that
/// it is behind, and where the cursor is.
#[test]
fn a_cursor_moves_only_from_where_it_is() {
    let store = memory();
    let set = |expected, value: &[u8]| store.cursors().set("height", expected, value);
    let moved = |expected| match refused(&store, || set(expected, b"elsewhere")) {
        Error::CursorMoved { name, found } => {
            assert_eq!(&*name, "height");
            found
        }
        other => panic!("{other}"),
    };
    assert_eq!(moved(Some(b"")), None, "an empty value is not the same as none");
    set(None, b"10").unwrap();
    assert_eq!(moved(None), Some(b"10".to_vec()));
    assert_eq!(moved(Some(b"9")), Some(b"10".to_vec()));
    set(Some(b"10"), b"").unwrap();
    assert_eq!(moved(None), Some(Vec::new()));
    set(Some(b""), b"11").unwrap();
    let lsn = store.snapshot().lsn();
    set(Some(b"11"), b"11").unwrap();
    assert_eq!(store.snapshot().lsn(), lsn, "a cursor that stays where it is costs no commit");
}

/// A report lists what was dealt with, by namespace; one namespace's claims are not another's.
#[test]
fn claims_and_cursors_are_listed_in_order() {
    let clock = ManualClock::new(at(500));
    let options = manual().clock(Arc::new(clock.clone()));
    let store = options.open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    for (namespace, key) in [("b", "2"), ("a", "9"), ("ab", "1"), ("b", "1"), ("a", "10")] {
        store.claims().claim(namespace, key.as_bytes(), at(1)).unwrap();
    }
    for name in ["nonce", "height"] {
        store.cursors().set(name, None, name.as_bytes()).unwrap();
    }
    let snapshot = store.snapshot();
    store.claims().claim("a", b"later", at(1)).unwrap();
    let keys = |namespace| -> Vec<Box<[u8]>> {
        let claims = snapshot.claims().iter(namespace);
        claims.map(|claim| claim.unwrap().key).collect()
    };
    assert_eq!(keys("a"), [Box::from(&b"10"[..]), Box::from(&b"9"[..])]);
    assert_eq!(keys("b"), [Box::from(&b"1"[..]), Box::from(&b"2"[..])]);
    assert_eq!(keys("").len(), 0);
    let all = snapshot.claims().all().map(|claim| claim.unwrap().namespace);
    assert_eq!(all.map(String::from).collect::<Vec<_>>(), ["a", "a", "ab", "b", "b"]);
    let last = snapshot.claims().all().next_back().unwrap().unwrap();
    assert_eq!((&*last.namespace, &*last.key), ("b", &b"2"[..]));
    let cursors: Vec<_> = snapshot.cursors().iter().map(Result::unwrap).collect();
    assert_eq!(cursors.len(), 2);
    assert_eq!((&*cursors[0].name, &*cursors[0].value), ("height", &b"height"[..]));
    assert_eq!((&*cursors[1].name, cursors[1].set_at), ("nonce", at(500)));
}

/// What the program's `info` and a reader without the store see.
#[test]
fn claims_and_cursors_are_read_without_opening() {
    let dir = tempfile::tempdir().unwrap();
    let store = manual().open(dir.path()).unwrap();
    store.claims().claim("trades", b"1", at(1)).unwrap();
    store.claims().claim("trades", b"2", at(1)).unwrap();
    store.cursors().set("height", None, b"2").unwrap();
    store.close().unwrap();
    let read_only = highwater::ReadOnly::open(dir.path()).unwrap();
    assert!(read_only.claims().get("trades", b"2").unwrap().is_some());
    assert_eq!(read_only.cursors().get("height").unwrap().unwrap(), b"2");
    drop(read_only);
    let report = highwater::inspect::Report::read(dir.path()).unwrap();
    let rows: Vec<_> = report.tables.iter().map(|table| (table.name, table.rows)).collect();
    assert!(rows.contains(&("claims", 2)) && rows.contains(&("cursors", 1)), "{rows:?}");
}
