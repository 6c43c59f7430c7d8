//! The two examples that the rules give, to the last cent.

use highwater::{AccountKind, Decided, Effect, Failure, Intent, Verdict};

use crate::{World, assert_sound, begin, bonk, cash_is, dollars, fill, position, units};

/// A hold is a guess, the venue's numbers are facts: what a buy costs beyond its hold comes from what
/// is available.
#[test]
fn a_buy_that_costs_more_than_its_hold_takes_the_rest_from_what_is_available() {
    let (_world, store) = World::with("100.00");
    let pending = begin(&store, &Intent::open("buy", position()).hold(dollars("50.00")));
    cash_is(&store, "100.00", "50.00", "50.00");
    let id = pending.position().unwrap();
    let running = pending.start(&store).unwrap();
    running.complete(&store, &Effect::new().buy(id, fill("F1", "10", "52.00", "1.00"))).unwrap();
    cash_is(&store, "47.00", "0.00", "47.00");
    let snapshot = store.snapshot();
    let accounts = snapshot.ledger().accounts("main").unwrap();
    let balance = |kind| {
        let account = accounts.iter().find(|account| account.kind == kind).unwrap();
        account.balance.clone()
    };
    assert_eq!(
        (balance(AccountKind::Cost), balance(AccountKind::Fees)),
        (dollars("52"), dollars("1"))
    );
    assert_sound(&store);
}

/// One fill was recorded, then the connection was lost, then the process died. The venue says both
/// fills: the first is left out, the second is posted, and nothing stays reserved.
#[test]
fn recovery_posts_what_the_venue_says_and_leaves_out_what_was_recorded() {
    let (world, store) = World::with("200.00");
    let pending = begin(&store, &Intent::open("buy", position()).hold(dollars("100.00")));
    let id = pending.position().unwrap();
    let running = pending.start(&store).unwrap();
    let first = fill("F1", "4", "40.00", "0.40");
    running.record(&store, &Effect::new().buy(id, first.clone())).unwrap();
    let _failed = running.fail(&store, Failure::ambiguous("no answer")).unwrap();
    drop(store);

    let store = world.open();
    let mut recovery = store.recovery().unwrap();
    let case = recovery.next().unwrap().unwrap();
    let both = Effect::new().buy(id, first).buy(id, fill("F2", "6", "59.50", "0.60"));
    match recovery.decide(case, Verdict::Complete(both)).unwrap() {
        Decided::Completed(posted) => {
            assert_eq!((posted.entries.len(), posted.skipped.len()), (1, 1));
        }
        other => panic!("{other:?}"),
    }
    assert!(recovery.next().unwrap().is_none());
    let report = recovery.finish().unwrap();
    assert_eq!((report.failed_found, report.completed), (1, 1));
    assert_eq!((report.found(), report.outcomes()), (1, 1));

    let snapshot = store.snapshot();
    let shown = snapshot.ledger().position(id).unwrap();
    assert_eq!(shown.quantity, units("10"));
    assert_eq!((shown.cost, shown.quote_fees), (dollars("99.50"), dollars("1")));
    assert_eq!(shown.asset, bonk());
    cash_is(&store, "99.50", "0.00", "99.50");
    assert!(snapshot.ledger().holds().unwrap().is_empty());
    assert_sound(&store);
}
