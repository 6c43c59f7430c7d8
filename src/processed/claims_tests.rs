//! Tests of claims that operations make: who is at it, who takes over, and what is refused.

use super::{Claim, ClaimOutcome, ClaimState, Error};
use crate::clock::Timestamp;
use crate::money::Asset;
use crate::store::{self, Mode, Store};

const EVENT: Timestamp = Timestamp::from_micros(1_000);
const SWAP: (&str, &[u8]) = ("swaps", b"0xab:1");

fn store() -> Store {
    Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap()).unwrap()
}

fn write<T>(
    store: &Store,
    body: impl FnOnce(&mut super::ClaimsMut<'_>) -> Result<T, Error>,
) -> Result<T, store::Error> {
    store.write(|tx| Ok(body(&mut tx.claims())?))
}

/// What a claim is asked for later.
fn claim_again(store: &Store) -> Claim {
    store.claims().claim("swaps", b"0xab:1", EVENT).unwrap()
}

#[test]
fn a_claim_goes_with_its_operation() {
    // The story: the process died between "I take this trade" and the trade. The next one has to
    // see that somebody was at it, who that was, and in the end what came of it.
    let store = store();
    let begun = write(&store, |claims| claims.claim_for(7, "swaps", b"0xab:1", EVENT)).unwrap();
    assert_eq!(begun, Claim::New);
    let in_flight = |number| Claim::Duplicate(ClaimState::InFlight(number));
    let done = |outcome| Claim::Duplicate(ClaimState::Done(outcome));
    assert_eq!(claim_again(&store), in_flight(7));
    let other = write(&store, |claims| claims.claim_for(8, "swaps", b"0xab:1", EVENT)).unwrap();
    assert_eq!(other, in_flight(7), "the second does not get what the first is at");

    write(&store, |claims| claims.finish("swaps", b"0xab:1", ClaimOutcome::RolledBack)).unwrap();
    assert_eq!(claim_again(&store), done(ClaimOutcome::RolledBack));
    let taken = write(&store, |claims| claims.take_over(SWAP, EVENT, 7, 9)).unwrap();
    assert_eq!(taken, Claim::New);
    assert_eq!(claim_again(&store), in_flight(9));
    write(&store, |claims| claims.finish("swaps", b"0xab:1", ClaimOutcome::Completed)).unwrap();
    assert_eq!(claim_again(&store), done(ClaimOutcome::Completed));
    let record = store.claims().get("swaps", b"0xab:1").unwrap().unwrap();
    assert_eq!((record.operation, record.event_time), (Some(9), EVENT));
}

#[test]
fn only_what_is_in_flight_ends_and_only_what_was_rolled_back_is_taken_over() {
    // The story: a completed swap was begun again, and was made twice.
    let store = store();
    let finish = |outcome| write(&store, |claims| claims.finish("swaps", b"0xab:1", outcome));
    let take_over = || {
        let taken = write(&store, |claims| claims.take_over(SWAP, EVENT, 7, 9));
        taken.map(|_| ())
    };
    let check = |refused: Result<(), store::Error>, expected: Option<ClaimState>| {
        let before = store.snapshot().lsn();
        match refused {
            Err(error) if error.is_corrupt() && !error.is_refused() => match error {
                store::Error::Processed(Error::ForeignState { found, .. }) => {
                    assert_eq!(found, expected);
                }
                other => panic!("{other}"),
            },
            other => panic!("{other:?}"),
        }
        assert_eq!(store.snapshot().lsn(), before);
    };
    check(finish(ClaimOutcome::Completed), None);
    check(take_over(), None);
    write(&store, |claims| claims.claim_for(7, "swaps", b"0xab:1", EVENT)).unwrap();
    check(take_over(), Some(ClaimState::InFlight(7)));
    finish(ClaimOutcome::Completed).unwrap();
    let completed = ClaimState::Done(ClaimOutcome::Completed);
    check(finish(ClaimOutcome::Completed), Some(completed));
    check(finish(ClaimOutcome::RolledBack), Some(completed));
    check(take_over(), Some(completed));
    assert_eq!(claim_again(&store), Claim::Duplicate(completed));
}

/// The page of limits is what users read; it must say what the code does.
#[test]
fn the_page_of_limits_is_true() {
    let page = include_str!("../../docs/limits.md");
    let line = format!(
        "| namespace and key of a claim, name of a cursor | | {}, {}, {} bytes |",
        super::MAX_NAME_BYTES,
        super::MAX_KEY_BYTES,
        super::MAX_NAME_BYTES
    );
    assert!(page.contains(&line), "{line}");
    let (thousands, rest) = (super::MAX_VALUE_BYTES / 1000, super::MAX_VALUE_BYTES % 1000);
    let line = format!("| value of a cursor | | {thousands},{rest:03} bytes |");
    assert!(page.contains(&line), "{line}");
}
