//! A bot with money and orders whose real disk fills up: nothing ordinary is booked any more, what is
//! under way can still be finished, and no book is ever out of balance.

use std::path::Path;

use highwater::{Begun, Effect, Error, Fill, InProgress, Intent, NewPosition, Store};

use super::books::{options, round, text_of};
use super::tiny_disk::{Ballast, on_loop_disk, on_tiny_disk};
use crate::history::{coins, usd};

/// Far more commits than there is room for.
const TOO_MANY: u64 = 5_000;

/// On a filesystem in memory, where room is what is left of it.
#[test]
fn on_a_tmpfs() {
    on_tiny_disk("processes::books_without_room::on_a_tmpfs", fill_up_and_go_on);
}

/// On ext4, which has blocks, a journal and delayed allocation.
#[test]
fn on_ext4() {
    on_loop_disk("processes::books_without_room::on_ext4", fill_up_and_go_on);
}

fn fill_up_and_go_on(disk: &Path) {
    let path = disk.join("store");
    let store = options().open(&path).unwrap();
    for nth in 1..=6 {
        round(&store, nth, &mut || ()).unwrap();
    }
    store.checkpoint().unwrap();
    let order = begun(&store);
    let ballast = Ballast::leaving(disk, 0);

    let deposited = deposit_until_full(&store);
    let books = text_of(&store.snapshot());
    for _ in 0..3 {
        let refused = store.ledger().deposit("main", &usd(1));
        assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    }
    assert!(text_of(&store.snapshot()) == books, "a refusal booked something");

    // What the venue did can be written down all the same.
    let position = order.position().expect("it opens one");
    let fill = Fill::new("venue", "the last", coins(5), usd(600));
    order.complete(&store, &Effect::new().buy(position, fill)).expect("the reserve is for this");
    let snapshot = store.snapshot();
    assert_eq!(snapshot.verify().unwrap(), []);
    let (lsn, books) = (snapshot.lsn(), text_of(&snapshot));
    drop(snapshot);
    let checkpointed = store.checkpoint();
    println!("{deposited} deposits, then full; a checkpoint without room: {checkpointed:?}");
    assert!(matches!(checkpointed, Ok(_) | Err(Error::Full { .. } | Error::Io { .. })));
    assert!(text_of(&store.snapshot()) == books, "a checkpoint changed the books");
    // Without room this may fail; nothing that was acknowledged hangs on it.
    println!("closed without room: {:?}", store.close());

    let refused = options().open(&path).map(|store| store.snapshot().lsn());
    println!("opened without room: {refused:?}");
    assert!(
        matches!(refused, Ok(found) if found == lsn) || matches!(refused, Err(Error::Full { .. }))
    );

    ballast.remove();
    let store = options().open(&path).unwrap();
    let snapshot = store.snapshot();
    assert_eq!((snapshot.lsn(), snapshot.verify().unwrap()), (lsn, vec![]));
    assert!(text_of(&snapshot) == books, "the books are as they were");
    drop(snapshot);
    store.skip_recovery().unwrap();
    round(&store, 7, &mut || ()).unwrap();
    assert_eq!(store.snapshot().verify().unwrap(), []);
    store.close().unwrap();
}

fn begun(store: &Store) -> InProgress {
    let position = NewPosition::new("main", coins(0).asset().clone(), usd(0).asset().clone());
    let intent = Intent::open("under way", position.tag("last")).hold(usd(700));
    match store.operations().begin(&intent) {
        Ok(Begun::New(pending)) => pending.start(store).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Deposits a cent at a time until the disk is full. Answers how often it went well, which is what the
/// account has more by then.
fn deposit_until_full(store: &Store) -> u64 {
    let cash = || {
        let snapshot = store.snapshot();
        let balance = snapshot.ledger().balance("main", usd(0).asset()).unwrap();
        balance.total.amount().units()
    };
    let before = cash();
    for nth in 0..TOO_MANY {
        match store.ledger().deposit("main", &usd(1)) {
            Ok(_) => {}
            Err(Error::Full { .. }) => {
                assert_eq!(cash() - before, i128::from(nth), "what was acknowledged and no more");
                return nth;
            }
            // Nobody checkpoints here but the caller, and without room it may not work.
            Err(Error::Stalled { .. }) => drop(store.checkpoint()),
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("{TOO_MANY} commits on a full disk");
}
