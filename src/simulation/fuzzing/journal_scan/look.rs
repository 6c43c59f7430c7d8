//! Every question and every call there is: each is answered or refused, whatever the rows are.

use crate::clock::Timestamp;
use crate::engine::Reader;
use crate::ledger::{self, Effect, EntryId, Fill, Ledger, NewPosition, OperationId, PositionId};
use crate::money::{Amount, Asset, Money, Price, TokenKey};
use crate::operations::{self, Failure, Intent, Operations, Verdict};
use crate::processed::{self, Claims, Cursors};
use crate::store::{Error, Store};
use crate::tokens::{Tokens, Update};

/// The most that is asked of one table one by one.
const MANY: usize = 64;

/// Asks `reader` everything. What it answers is for others to judge.
pub(super) fn look_at_everything(reader: &dyn Reader) {
    let tokens = Tokens::new(reader);
    for token in tokens.iter().take(MANY).flatten() {
        let _ = tokens.get(&token.key);
    }
    let _ = tokens.chain("solana").rev().count();
    let _ = tokens.prefix("solana", "coin").count();
    ledger_and_operations(reader);
    let (claims, cursors) = (Claims::new(reader), Cursors::new(reader));
    let _ = (claims.all().rev().count(), claims.iter("copied").count());
    let _ = (claims.namespaces().rev().count(), claims.stats("copied").is_ok());
    let _ = cursors.iter().count();
    let _ = ledger::verify(reader);
    let _ = operations::verify(reader);
    let _ = processed::verify(reader);
}

/// Calls that read rows before they write: each does what it says or refuses, whatever the rows are.
pub(super) fn do_everything(store: &Store) {
    let (Ok(usd), Ok(bonk)) = (Asset::new("fiat", "USD", 6), Asset::new("solana", "BONK", 5))
    else {
        return;
    };
    let dollars = Money::new(usd.clone(), Amount::from_units(5_000_000));
    let bonks = Money::new(bonk.clone(), Amount::from_units(7));
    let at = Timestamp::from_micros(1_700_000_000_000_001);
    let _ = store.recover(|_| Ok::<_, Error>(Verdict::Leave));
    let ledger = store.ledger();
    let _ = (ledger.deposit("main", &dollars), ledger.withdraw("main", &dollars));
    let _ = (ledger.transfer("main", "other", &dollars), ledger.record_equity("main"));
    let _ =
        (ledger.reverse(EntryId::new(1), "a reason"), ledger.opening_balance("third", &dollars));
    let _ = ledger.set_attribute(PositionId::new(1), "note", Some(b"a value"), None);
    if let Ok(key) = TokenKey::new("solana", "coin1") {
        let update = Update::new(key).source("venue").seq(9).price(Price::MAX, at);
        let _ = store.tokens().upsert(&update);
    }
    let _ = (
        store.claims().claim("copied", b"first done", at),
        store.cursors().set("height", None, b""),
        store.claims().prune(MANY),
    );
    let operations = store.operations();
    let fill = |id: &str| Fill::new("raydium", id.to_owned(), bonks.clone(), dollars.clone());
    for number in 1..6 {
        let operation = OperationId::new(number);
        let effect = Effect::new().buy(PositionId::new(number), fill("another fill"));
        let _ = operations.take_over(operation).map(drop);
        let _ = (
            operations.record(operation, &effect).err(),
            operations.complete(operation, &effect).err(),
        );
        let _ = operations.resolve_complete(operation, &effect).err();
        let _ = operations.retry(operation).map(drop);
        let _ = operations.fail(operation, Failure::ambiguous("no answer")).map(drop);
    }
    let position = NewPosition::new("main", bonk, usd).tag("after").fifo();
    let begun = operations.begin_and_start(&Intent::open("after", position).hold(dollars.clone()));
    drop(begun);
    let _ = (operations.sweep(8), operations.purge(8), store.checkpoint());
}

fn ledger_and_operations(reader: &dyn Reader) {
    let reference = Asset::new("fiat", "USD", 6).ok();
    let ledger = Ledger::new(reader, reference.as_ref(), Timestamp::from_micros(0));
    let _ = (ledger.all_accounts(), ledger.shortfalls(), ledger.holds(), ledger.halted());
    let _ = (ledger.open_positions("main"), ledger.closed_positions("main").count());
    for position in ledger.positions().take(MANY).flatten() {
        let _ = ledger.attributes(position.id);
        let _ = ledger.entries_of_position(position.id).count();
    }
    let _ = ledger.entries().rev().take(MANY).count();
    let _ = ledger.entries_of_account("main").take(MANY).count();
    let operations = Operations::new(reader);
    let _ = (operations.unfinished(), operations.last_recovery());
    for operation in operations.all().take(MANY).flatten() {
        let _ = (operations.events(operation.id), operations.checkpoints(operation.id));
        let _ = (operations.holds(operation.id), operations.by_key(&operation.key));
    }
}
