//! A damaged store is read offline, inspected and opened; what comes of it has to be one thing.

use highwater::disk::SimulatedDisk;
use highwater::inspect::{Report, Severity, Verification, verify_on};
use highwater::{Error, Lsn, Opening, ReadOnly};

use crate::history::{Shown, show};
use crate::stores::open;

/// What became of a damaged store.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It opened, and shows this.
    Opened { opening: Opening, lsn: Lsn, text: String },
    /// It did not, and not a byte was changed.
    Refused { file: String, offset: Option<u64> },
    /// There is no store any more, and this opening did not make one.
    Missing,
}

/// Every so-manieth store is inspected as well, which reads it the same way once more.
const INSPECTED: u64 = 4;

/// Looks at the `nth` damaged store in every way there is. Panics where they disagree, where reading or a
/// refusal wrote something, and where an error is none of damage.
pub(crate) fn outcome(disk: &SimulatedDisk, nth: u64) -> Outcome {
    let calls = disk.calls();
    let offline = ReadOnly::open_on(disk).map(|store| {
        let text = show(Shown {
            tokens: store.tokens(),
            ledger: store.ledger(),
            operations: store.operations(),
            claims: store.claims(),
            cursors: store.cursors(),
        });
        (store.lsn(), text.expect("what opens is checked whole"))
    });
    let inspected = nth.is_multiple_of(INSPECTED);
    let report = inspected.then(|| Report::read_on(disk).map(|report| report.last_lsn));
    let verified = inspected.then(|| verify_on(disk));
    assert_eq!(disk.calls(), calls, "reading wrote");
    let opened = open(disk, 99);
    let outcome = match opened {
        Ok(store) => {
            let snapshot = store.snapshot();
            let text = show(Shown {
                tokens: snapshot.tokens(),
                ledger: snapshot.ledger(),
                operations: snapshot.operations(),
                claims: snapshot.claims(),
                cursors: snapshot.cursors(),
            });
            let text = text.expect("what opens is checked whole");
            let (opening, lsn) = (store.opening(), snapshot.lsn());
            // The end of this life is of no interest.
            disk.crash();
            Outcome::Opened { opening, lsn, text }
        }
        Err(error) => {
            assert_eq!(disk.calls(), calls, "refused, and wrote: {error:?}");
            match error {
                Error::Corrupt { file, offset, .. } => Outcome::Refused { file, offset },
                Error::Version { file, .. } => Outcome::Refused { file, offset: Some(0) },
                Error::Missing { .. } => Outcome::Missing,
                error => panic!("neither sound nor damaged: {error:?}"),
            }
        }
    };
    agree(&outcome, &offline);
    if let Some(verified) = verified {
        agree_verified(&outcome, &verified);
    }
    if let Some(report) = report {
        agree(&outcome, &report.map(|lsn| (lsn, String::new())));
    }
    outcome
}

/// Panics where verification, which goes on behind what it finds, comes to another verdict than opening.
fn agree_verified(outcome: &Outcome, verified: &Result<Verification, Error>) {
    match (outcome, verified) {
        (Outcome::Opened { lsn, opening, .. }, Ok(found)) => {
            let worst = found.worst();
            assert!(worst <= Some(Severity::TornTail), "it opened, and {found:?}");
            assert_eq!(worst == Some(Severity::TornTail), opening.cut.is_some(), "{found:?}");
            assert_eq!(found.last_lsn, *lsn, "{found:?}");
        }
        (Outcome::Refused { file, .. }, Ok(found)) => {
            assert_eq!(found.worst(), Some(Severity::Damage), "it was refused");
            let named = found.flaws.iter().filter(|flaw| flaw.severity == Severity::Damage);
            let mut files = named.filter_map(|flaw| flaw.file.as_ref());
            assert!(files.any(|named| named == file), "{file} was refused, and {found:?}");
        }
        (Outcome::Refused { .. }, Err(Error::Version { .. })) => {}
        (Outcome::Missing, Err(Error::Missing { .. })) => {}
        (outcome, verified) => panic!("opening and verifying differ: {outcome:?}, {verified:?}"),
    }
}

/// Panics where what was read without opening is not what opening came to.
fn agree(outcome: &Outcome, offline: &Result<(Lsn, String), Error>) {
    match (outcome, offline) {
        (Outcome::Opened { lsn, text, .. }, Ok((found, read))) => {
            assert_eq!(lsn, found, "found by opening and offline");
            assert!(read.is_empty() || text == read, "shown by opening and offline");
        }
        (
            Outcome::Refused { file, .. },
            Err(Error::Corrupt { file: named, .. } | Error::Version { file: named, .. }),
        ) => assert_eq!(named, file, "named by opening and offline"),
        (Outcome::Missing, Err(Error::Missing { .. })) => {}
        (outcome, offline) => {
            panic!("opening and reading differ: {outcome:?}, {offline:?}")
        }
    }
}
