//! Everything that can be read of a store, as text: read in every way there is, which must all agree.

use std::fmt::{Debug, Write};

use crate::processed::{Claims, Cursors};
use crate::{
    ExternalId, Ledger, Lsn, MissingPrice, Operation, Operations, ReadOnly, Snapshot, Timestamp,
    Token, Tokens,
};

use super::commits::{ADDRESSES, CHAINS};
use crate::simulation::cast::{Coin, Owner};
use crate::simulation::subject::translate;

/// The tables of one state.
struct Tables<'a> {
    lsn: Lsn,
    tokens: Tokens<'a>,
    ledger: Ledger<'a>,
    operations: Operations<'a>,
    claims: Claims<'a>,
    cursors: Cursors<'a>,
    missing: Vec<MissingPrice>,
    due: Vec<MissingPrice>,
}

/// Later than everything.
const EVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// All that a snapshot shows. Panics where it does not agree with itself.
pub(crate) fn of_snapshot(snapshot: &Snapshot) -> String {
    let found = snapshot.verify().expect("verification reads");
    assert!(found.is_empty(), "verification finds {found:#?}");
    of(&Tables {
        lsn: snapshot.lsn(),
        tokens: snapshot.tokens(),
        ledger: snapshot.ledger(),
        operations: snapshot.operations(),
        claims: snapshot.claims(),
        cursors: snapshot.cursors(),
        missing: both_ways(|| snapshot.missing_prices()),
        due: snapshot.due_price_updates(EVER, usize::MAX).expect("due prices read"),
    })
}

/// The same of a store that nobody has open.
pub(crate) fn of_files(store: &ReadOnly) -> String {
    let found = store.verify().expect("verification reads");
    assert!(found.is_empty(), "verification finds {found:#?}");
    of(&Tables {
        lsn: store.lsn(),
        tokens: store.tokens(),
        ledger: store.ledger(),
        operations: store.operations(),
        claims: store.claims(),
        cursors: store.cursors(),
        missing: both_ways(|| store.missing_prices()),
        due: store.due_price_updates(EVER, usize::MAX).expect("due prices read"),
    })
}

/// What depends on the clock as well as on the rows.
pub(crate) fn summaries(snapshot: &Snapshot) -> String {
    let ledger = snapshot.ledger();
    let mut text = String::new();
    for owner in Owner::ALL {
        show(&mut text, "summary", ledger.summary(owner.name(), None).map_err(|e| e.to_string()));
    }
    text
}

fn of(tables: &Tables<'_>) -> String {
    let mut text = format!("lsn {}\n", tables.lsn);
    show_tokens(&mut text, &tables.tokens);
    show_ledger(&mut text, &tables.ledger);
    show_operations(&mut text, &tables.operations);
    let claims = both_ways(|| tables.claims.all());
    let mut by_namespace = 0;
    for namespace in ["events-0", "events-1", "volley"] {
        by_namespace += both_ways(|| tables.claims.iter(namespace)).len();
    }
    assert_eq!(by_namespace, claims.len(), "claims by namespace and all of them");
    show_all(&mut text, "claim", claims);
    let namespaces = both_ways(|| tables.claims.namespaces());
    for namespace in &namespaces {
        let stats = tables.claims.stats(&namespace.name).expect("a namespace reads");
        assert_eq!(stats, namespace.stats, "{namespace:?}");
    }
    show_all(&mut text, "namespace of claims", namespaces);
    let cursors = both_ways(|| tables.cursors.iter());
    for cursor in &cursors {
        let value = tables.cursors.get(&cursor.name).expect("a cursor reads");
        assert_eq!(value.as_deref(), Some(&cursor.value[..]), "{cursor:?}");
    }
    show_all(&mut text, "cursor", cursors);
    let mut sorted = tables.due.clone();
    sorted.sort_by(|one, other| one.of.cmp(&other.of));
    assert_eq!(sorted, tables.missing, "all missing prices, and those that are due some day");
    show_all(&mut text, "due price", &tables.due);
    text
}

fn show_tokens(text: &mut String, tokens: &Tokens<'_>) {
    let all = both_ways(|| tokens.iter());
    let mut by_chain: Vec<Token> = Vec::new();
    // The last is the one that the scripts of the simulation speak of.
    for chain in CHAINS.into_iter().chain(["pools"]) {
        by_chain.extend(both_ways(|| tokens.chain(chain)));
    }
    by_chain.sort_by(|one, other| one.key.cmp(&other.key));
    let mut sorted = all.clone();
    sorted.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(by_chain, sorted, "tokens by chain and all of them");
    for (chain, address) in CHAINS.iter().flat_map(|chain| ADDRESSES.map(|one| (chain, one))) {
        let prefix = &address[..3];
        let stored =
            if prefix.starts_with("0x") { prefix.to_ascii_lowercase() } else { prefix.to_owned() };
        let expected: Vec<_> = all
            .iter()
            .filter(|token| token.key.chain() == *chain)
            .filter(|token| token.key.address().starts_with(&stored))
            .map(|token| token.key.clone())
            .collect();
        let found = both_ways(|| tokens.prefix(chain, prefix));
        let found: Vec<_> = found.into_iter().map(|token| token.key).collect();
        assert_eq!(found, expected, "tokens of {chain} that begin with {prefix}");
    }
    for token in &all {
        let read = tokens.get(&token.key).expect("a token reads");
        assert_eq!(read.as_ref(), Some(token), "read by key and by scan");
    }
    show_all(text, "token", all);
}

fn show_ledger(text: &mut String, ledger: &Ledger<'_>) {
    show_all(text, "account", ledger.all_accounts().expect("accounts read"));
    show_all(text, "hold", ledger.holds().expect("holds read"));
    show(text, "halted", ledger.halted().expect("the switch reads"));
    show_all(text, "asset", ledger.assets().expect("assets read"));
    for owner in Owner::ALL.map(Owner::name) {
        show_all(text, owner, ledger.accounts(owner).expect("accounts read"));
        show_all(text, owner, ledger.open_positions(owner).expect("positions read"));
        show_all(text, owner, both_ways(|| ledger.closed_positions(owner)));
        show_all(text, owner, both_ways(|| ledger.equity(owner)));
        let entries = both_ways(|| ledger.entries_of_account(owner));
        show_all(text, owner, entries.into_iter().map(|entry| entry.id));
        let ever = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
        show(text, owner, ledger.pnl_between(owner, ever.0, ever.1).expect("positions read"));
        for coin in Coin::ALL {
            let balance = ledger.balance(owner, &translate::asset(coin));
            show(text, owner, balance.map_err(|error| error.to_string()));
        }
    }
    for position in both_ways(|| ledger.positions()) {
        let id = position.id;
        show_all(text, "attribute", ledger.attributes(id).expect("attributes read"));
        let entries = both_ways(|| ledger.entries_of_position(id));
        show_all(text, "moved by", entries.into_iter().map(|entry| entry.id));
        show(text, "position", position);
    }
    let entries = both_ways(|| ledger.entries());
    if let Some(middle) = entries.get(entries.len() / 2) {
        let since = both_ways(|| {
            let end = Timestamp::from_micros(i64::MAX);
            ledger.entries_between(middle.at, end).expect("entries read")
        });
        let expected: Vec<_> = entries.iter().filter(|one| one.at >= middle.at).collect();
        assert_eq!(since.iter().collect::<Vec<_>>(), expected, "entries since {:?}", middle.at);
    }
    show_all(text, "entry", entries);
}

fn show_operations(text: &mut String, operations: &Operations<'_>) {
    let mut all = both_ways(|| operations.all());
    let unfinished: Vec<_> = all.iter().filter(|one| !one.status.is_finished()).cloned().collect();
    assert_eq!(operations.unfinished().expect("operations read"), unfinished);
    for operation in &mut all {
        let id = operation.id;
        show_all(text, "event", operations.events(id).expect("events read"));
        show_all(text, "checkpoint", operations.checkpoints(id).expect("checkpoints read"));
        show_all(text, "holds", operations.holds(id).expect("holds read"));
        let mut by_key = operations.by_key(&operation.key).expect("a key reads");
        if let Some(crate::KeyState::Known(known)) = &mut by_key {
            without_accidents(known);
        }
        show(text, "key", by_key);
        without_accidents(operation);
        show(text, "operation", &operation);
    }
    show(text, "recovery", operations.last_recovery().expect("the report reads"));
}

/// External ids and epochs follow from seeds and from how often a store was opened: only how many ids
/// there were, and whether one is in use twice, is the same everywhere.
fn without_accidents(operation: &mut Operation) {
    let id = |nth: usize| format!("{nth:032x}").parse::<ExternalId>().expect("32 digits");
    let place = operation.external_ids.iter().position(|one| *one == operation.external_id);
    operation.external_id = id(place.expect("the present id is one of all"));
    operation.external_ids = (0..operation.external_ids.len()).map(id).collect();
    operation.epoch = 0;
}

/// What an iterator gives, which is the same from both ends and from both at once.
fn both_ways<T: Debug + PartialEq, E: Debug, I>(iterator: impl Fn() -> I) -> Vec<T>
where
    I: DoubleEndedIterator<Item = Result<T, E>>,
{
    let read = |row: Result<T, E>| row.expect("a row reads");
    let forwards: Vec<T> = iterator().map(read).collect();
    let mut backwards: Vec<T> = iterator().rev().map(read).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards, "read from the front and from the back");
    let (mut from_both, mut front, mut back) = (iterator(), Vec::new(), Vec::new());
    while let Some(row) = from_both.next() {
        front.push(read(row));
        back.extend(from_both.next_back().map(read));
    }
    front.extend(back.into_iter().rev());
    assert_eq!(forwards, front, "read from both ends at once");
    forwards
}

fn show(text: &mut String, name: &str, what: impl Debug) {
    writeln!(text, "{name}: {what:?}").expect("a string takes it");
}

fn show_all<T: Debug>(text: &mut String, name: &str, all: impl IntoIterator<Item = T>) {
    for one in all {
        show(text, name, one);
    }
}
