//! Books: a transfer, a claim, and an operation's whole life.

use std::path::Path;

use highwater::{Asset, Effect, Fill, Intent, Money, NewPosition, Store, Timestamp};

use super::tokens::open;
use super::{Bench, Work, work};

const SEEN: Timestamp = Timestamp::from_micros(1_723_161_600_000_000);

pub(super) fn benches() -> Vec<Bench> {
    vec![
        Bench { name: "transfer, synced", units: 1, runs: 200, set_up: transfer },
        Bench { name: "claim, synced", units: 1, runs: 200, set_up: claim },
        Bench { name: "operation, begin to completion", units: 1, runs: 20, set_up: operation },
    ]
}

fn dollars(text: &str) -> Money {
    Money::parse(&Asset::new("fiat", "USD", 6).expect("an asset"), text).expect("an amount")
}

fn coins(text: &str) -> Money {
    Money::parse(&coin(), text).expect("an amount")
}

fn coin() -> Asset {
    Asset::new("solana", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", 5).expect("an asset")
}

/// A store with money.
fn rich(dir: &Path) -> Store {
    let store = open(dir);
    store.ledger().deposit("main", &dollars("1000000")).expect("a deposit");
    store.ledger().deposit("other", &dollars("1000000")).expect("a deposit");
    store
}

fn transfer(dir: &Path) -> Box<dyn Work> {
    let store = rich(dir);
    let money = dollars("1.25");
    work(
        || (),
        move |()| {
            store.ledger().transfer("main", "other", &money).expect("a transfer");
        },
    )
}

fn claim(dir: &Path) -> Box<dyn Work> {
    let store = rich(dir);
    let mut number = 0_u64;
    let key = move || {
        number += 1;
        format!("event {number}")
    };
    work(key, move |key: String| {
        store.claims().claim("copied", key.as_bytes(), SEEN).expect("a claim");
    })
}

/// Opens a position, buys once, and is done: three durable commits.
fn operation(dir: &Path) -> Box<dyn Work> {
    let store = rich(dir);
    let mut number = 0_u64;
    let prepare = move || {
        number += 1;
        let key = format!("copy {number}");
        let position =
            NewPosition::new("main", coin(), dollars("0").asset().clone()).tag(key.as_str());
        let intent = Intent::open(&key, position).hold(dollars("50")).claim("copied", &key, SEEN);
        let fill = Fill::new("venue", format!("fill {number}"), coins("140"), dollars("50"));
        (intent, fill)
    };
    work(prepare, move |(intent, fill): (Intent, Fill)| {
        let pending = store.operations().begin(&intent).expect("a begin");
        let pending = pending.into_handle().expect("a new operation");
        let order = pending.start(&store).expect("a start");
        let position = order.position().expect("the one that it opens");
        order.complete(&store, &Effect::new().buy(position, fill)).expect("a completion");
    })
}
