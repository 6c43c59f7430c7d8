//! What a bot's owner asks of the books afterwards: of the open store, and of its files alone.

use std::time::Duration;

use highwater::{Effect, Error, Intent, Ledger, Operations, ReadOnly};

use crate::{World, assert_sound, at, begin, dollars, fill, no_effect, position, units, usd};

/// Two trades that are over, one that is not, and two points of the equity series, an hour apart.
fn traded() -> (World, highwater::Store) {
    let (world, store) = World::with("100");
    for (key, gain) in [("first", "12"), ("second", "9")] {
        let open = begin(&store, &Intent::open(key, position())).start(&store).unwrap();
        let id = open.position().unwrap();
        let bought = Effect::new().buy(id, fill(&format!("{key} in"), "1", "10", "0"));
        open.complete(&store, &bought).unwrap();
        world.pass(Duration::from_secs(60));
        let close = begin(&store, &Intent::close(format!("close {key}"), id));
        let sold = Effect::new().sell(id, fill(&format!("{key} out"), "1", gain, "0"));
        close.start(&store).unwrap().complete(&store, &sold).unwrap();
        store.ledger().record_equity("main").unwrap();
        world.pass(Duration::from_secs(3_600));
    }
    let held = Intent::open("third", position()).hold(dollars("30"));
    let _ = begin(&store, &held).start(&store).unwrap();
    assert_sound(&store);
    (world, store)
}

/// Everything that was asked, in words.
fn answers(ledger: &Ledger<'_>, operations: &Operations<'_>) -> Vec<String> {
    let closed: Vec<_> = ledger.closed_positions("main").map(Result::unwrap).collect();
    assert_eq!(closed.len(), 2);
    assert!(closed[0].closed_at < closed[1].closed_at, "the one closed first comes first");
    assert_eq!([closed[0].realized.clone(), closed[1].realized.clone()], [2, -1].map(whole));
    assert_eq!(ledger.closed_positions("other").count(), 0);
    let of_first: Vec<_> = ledger.entries_of_position(closed[0].id).map(Result::unwrap).collect();
    assert_eq!(of_first.len(), 2, "a buy and a sale");
    assert!(of_first.iter().all(|entry| entry.changes[0].position == closed[0].id));
    // The deposit, and the four fills.
    assert_eq!(ledger.entries_of_account("main").count(), 5);
    assert_eq!(ledger.entries_of_account("mai").count(), 0);
    let points: Vec<_> = ledger.equity("main").map(Result::unwrap).collect();
    let began = 1_700_000_000;
    assert_eq!(
        points.iter().map(|p| p.at).collect::<Vec<_>>(),
        [at(began + 60), at(began + 3_720)]
    );
    assert_eq!([points[0].value.clone(), points[1].value.clone()], [102, 101].map(whole));
    let between = |from, to| ledger.entries_between(at(began + from), at(began + to)).unwrap();
    // The first buy was at once, its sale after a minute, the second trade an hour later.
    assert_eq!([between(0, 60).count(), between(60, 61).count()], [2, 1]);
    assert_eq!([between(61, 3_660).count(), between(61, 9_999).count()], [0, 2]);
    assert_eq!([between(9_000, 9_999).count(), between(60, 0).count()], [0, 0]);
    let open = ledger.open_positions("main").unwrap();
    assert_eq!((open.len(), open[0].quantity.clone()), (1, units("0")));
    assert_eq!(ledger.open_positions("other").unwrap().len(), 0);
    let third = operations.unfinished().unwrap().pop().unwrap();
    let holds = ledger.holds_of(third.id).unwrap();
    assert_eq!((holds.len(), &holds[0].remaining), (1, &dollars("30")));
    assert_eq!(ledger.holds().unwrap().len(), 1);
    assert_eq!(ledger.reference(), Some(&usd()));
    closed.iter().map(|position| format!("{position:?}")).collect()
}

fn whole(dollars: i128) -> highwater::Money {
    highwater::Money::new(usd(), highwater::Amount::from_units(dollars * 100))
}

/// The books answer the same whether the bot runs or not: what an open store says of itself, its files
/// say to whoever reads them later.
#[test]
fn the_books_answer_the_same_from_the_files_alone() {
    let (world, store) = traded();
    let snapshot = store.snapshot();
    let open = answers(&snapshot.ledger(), &snapshot.operations());
    drop(snapshot);
    store.close().unwrap();
    let files = ReadOnly::open_on(&world.disk).unwrap();
    assert_eq!(answers(&files.ledger(), &files.operations()), open);
    assert_eq!(files.verify().unwrap(), []);
}

/// A reference that says nothing, or is a whole document, is refused before anything is sent outside,
/// and the longest one is kept whole. A thousand are kept; the next one is refused, too.
#[test]
fn references_to_the_outside_have_limits() {
    let (_world, store) = World::with("100");
    let order = begin(&store, &Intent::deduct("k", "main", dollars("1"))).start(&store).unwrap();
    let note = |reference: &[u8]| store.operations().checkpoint(order.id(), reference);
    for bad in [&b""[..], &[b'x'; 513]] {
        let refused = note(bad);
        assert!(matches!(refused, Err(Error::Operation(_))), "{refused:?}");
    }
    note(&[b'x'; 512]).unwrap();
    for number in 1..1_000_u32 {
        note(&number.to_le_bytes()).unwrap();
    }
    let refused = note(b"one more");
    assert!(matches!(refused, Err(Error::Operation(_))), "{refused:?}");
    let kept = store.snapshot().operations().checkpoints(order.id()).unwrap();
    assert_eq!((kept.len(), kept[0].reference.len()), (1_000, 512));
    assert_sound(&store);
}

/// A program that only knows the key asks what became of it, without matching on every answer.
#[test]
fn what_was_there_before_is_had_from_the_answer() {
    let (_world, store) = World::with("100");
    let intent = Intent::deduct("k", "main", dollars("1"));
    assert_eq!((intent.key(), intent.kind().to_string()), (&b"k"[..], "balance deduct".into()));
    let operations = store.operations();
    assert!(
        operations
            .begin(&Intent::deduct("j", "main", dollars("1")))
            .unwrap()
            .into_existing()
            .is_none()
    );
    let order = begin(&store, &intent);
    let id = order.id();
    assert_eq!(operations.begin(&intent).unwrap().into_existing().unwrap().id(), id);
    let again = operations.begin_and_start(&intent).unwrap();
    assert_eq!(again.into_existing().unwrap().id(), id);
    let fresh = Intent::deduct("l", "main", dollars("1"));
    assert!(operations.begin_and_start(&fresh).unwrap().into_existing().is_none());
    let completed = order.start(&store).unwrap().complete(&store, &no_effect()).unwrap();
    assert!(completed.posted().is_some() && !completed.is_already_done());
    let again = operations.complete(id, &no_effect()).unwrap();
    assert!(again.posted().is_none() && again.is_already_done());
    let other = begin(&store, &Intent::deduct("m", "main", dollars("1"))).id();
    let cancelled = [0, 1].map(|_| operations.cancel(other).unwrap().is_already_done());
    assert_eq!(cancelled, [false, true]);
    let held = store.snapshot().ledger().holds().unwrap();
    assert!(held.iter().all(|hold| hold.operation != id), "{held:?}");
}
