//! Tests of verification: what differs between claims, their list by age and the counts is found.

use super::name::{ClaimKey, age_key};
use super::namespace::{Age, Namespace};
use super::{CLAIM_AGES, CLAIMS, ClaimBounds, Error, NAMESPACES, row};
use crate::clock::Timestamp;
use crate::engine::{Table, Tx};
use crate::money::Asset;
use crate::store::{self, Mode, Options, Store};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Claims `b` and `c` in `n`, `a` let go, and `o` in the hands of an operation.
fn store() -> Store {
    let options = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap());
    let options = options.claims("n", ClaimBounds::new().count(2));
    let store = options.open_on(std::sync::Arc::new(crate::disk::MemoryDisk::new())).unwrap();
    for (key, micros) in [(b"a", 1), (b"b", 2), (b"c", 3)] {
        store.claims().claim("n", key, at(micros)).unwrap();
    }
    let claimed =
        store.write(|tx| Ok::<_, store::Error>(tx.claims().claim_for(7, "n", b"o", at(2))?));
    claimed.unwrap();
    store
}

fn age(key: &[u8], micros: i64) -> Vec<u8> {
    age_key("n", &Age { event_time: at(micros), key: key.into() })
}

fn claim(key: &[u8]) -> Vec<u8> {
    ClaimKey::new("n", key).unwrap().stored()
}

fn spoil(store: &Store, spoil: impl FnOnce(&mut Tx)) {
    let spoilt = store.write(|tx| {
        spoil(tx.claims().tx);
        Ok::<_, store::Error>(())
    });
    spoilt.unwrap();
}

/// What is found once `rows` were deleted.
fn without(rows: &[(Table, Vec<u8>)]) -> Vec<String> {
    let store = store();
    assert!(found(&store).is_empty());
    spoil(&store, |tx| rows.iter().for_each(|(table, key)| tx.delete(*table, key)));
    found(&store)
}

fn found(store: &Store) -> Vec<String> {
    let found = super::verify(store.snapshot().reader()).unwrap();
    found.iter().map(|one| format!("{} {}: {}", one.table, one.row, one.problem)).collect()
}

/// The story: rows went missing one by one, and nobody heard of it before claims were let go twice or
/// never.
#[test]
fn what_is_missing_is_found() {
    const COUNTS: &str = "claim_namespaces n: has other claims than it says";
    let (ages, claims) = (CLAIM_AGES, CLAIMS);
    assert_eq!(without(&[(ages, age(b"c", 3))]), ["claims c in n: is not listed by its age"]);
    let first = without(&[(ages, age(b"b", 2))]);
    assert_eq!(first, ["claims b in n: is not listed by its age", COUNTS]);
    let listed = "claims_by_age c in n: is no claim of that time";
    assert_eq!(without(&[(claims, claim(b"c"))]), [listed, COUNTS]);
    assert_eq!(without(&[(claims, claim(b"c")), (ages, age(b"c", 3))]), [COUNTS]);
    assert_eq!(without(&[(claims, claim(b"o"))]), [COUNTS]);
    let namespace = without(&[(NAMESPACES, b"n".to_vec())]);
    assert_eq!(namespace, ["claim_namespaces n: has claims and no counts"]);
}

/// The story: the list by age was right in number and wrong in its times.
#[test]
fn what_is_too_much_is_found() {
    let store = store();
    spoil(&store, |tx| tx.put(CLAIM_AGES, &age(b"o", 2), row::encode_age()));
    let in_flight = "claims o in n: an operation is at it, and it is listed by its age";
    assert_eq!(found(&store), [in_flight]);
    spoil(&store, |tx| {
        tx.delete(CLAIM_AGES, &age(b"o", 2));
        tx.put(CLAIM_AGES, &age(b"c", 9), row::encode_age());
    });
    assert_eq!(found(&store), ["claims_by_age c in n: is no claim of that time"]);
}

/// The story: the oldest claim was not where its namespace said, and pruning went on for ever, or let
/// go what it met first.
#[test]
fn a_claim_is_refused_where_the_list_is_not_as_the_namespace_says() {
    for (key, micros) in [(b"b", 2), (b"c", 3)] {
        let store = store();
        spoil(&store, |tx| tx.delete(CLAIM_AGES, &age(key, micros)));
        let lsn = store.snapshot().lsn();
        match store.claims().claim("n", b"d", at(4)) {
            Err(error) if error.is_corrupt() => match error {
                store::Error::Processed(Error::Miscounted { namespace }) => {
                    assert_eq!(&*namespace, "n");
                }
                other => panic!("{other}"),
            },
            other => panic!("{other:?}"),
        }
        assert_eq!(store.snapshot().lsn(), lsn);
    }
}

/// Keys and rows of other programs, or of nobody.
#[test]
fn hostile_rows_are_errors() {
    let hostile = |table, key: &[u8], bytes: &[u8]| {
        let store = store();
        spoil(&store, |tx| tx.put(table, key, bytes.to_vec()));
        super::verify(store.snapshot().reader()).err().expect("it cannot be read")
    };
    let error = hostile(CLAIM_AGES, b"n\0short", b"\x01");
    assert!(matches!(error, Error::CorruptKey { what: "claim by age", .. }), "{error}");
    let error = hostile(NAMESPACES, b"a\0b", b"\x01\0\0\0\0\0");
    assert!(matches!(error, Error::CorruptKey { what: "namespace", .. }), "{error}");
    let error = hostile(NAMESPACES, b"n", b"\x01");
    assert!(matches!(error, Error::CorruptRow { what: "namespace", .. }), "{error}");
    assert!(!error.is_refused());

    // Counts at their end: nothing overflows, and what does not fit the list is told.
    let store = store();
    let oldest = Some(Age { event_time: at(2), key: (*b"b").into() });
    let watermark = Some(at(i64::MIN));
    let full =
        Namespace { settled: u64::MAX, in_flight: u64::MAX, pruned: u64::MAX, watermark, oldest };
    spoil(&store, |tx| tx.put(NAMESPACES, b"n", row::encode_namespace(&full)));
    assert_eq!(store.claims().stats("n").unwrap().size, u64::MAX);
    assert!(store.claims().claim("n", b"d", at(4)).unwrap_err().is_corrupt());
    assert!(store.claims().prune(10).unwrap_err().is_corrupt());
}
