//! Claims and cursors through a power cut at every call: an event's claim, its effect and the cursor
//! behind it are found together, each event once.

use std::sync::Arc;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{Claim, Error, Store, Timestamp, TokenKey, Update};

use super::setup::Setup;

const EVENTS: u64 = 12;
const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn token() -> TokenKey {
    TokenKey::new("test", "token").expect("a plain key")
}

/// Deals with one event: claims it, counts it, and moves the cursor, all in one commit. Answers
/// whether it was new.
fn deal_with(store: &Store, event: u64) -> Result<bool, Error> {
    store.write(|tx| {
        let at = Timestamp::from_micros(event as i64);
        if tx.claims().claim("events", &event.to_be_bytes(), at)? != Claim::New {
            return Ok(false);
        }
        let counted = tx.tokens().get(&token())?.and_then(|token| token.current);
        let count = counted.map_or(0, |tick| tick.price.units()) + 1;
        let price = highwater::Price::from_units(count);
        tx.tokens().upsert(&Update::new(token()).price(price, at))?;
        let before = tx.cursors().get("height")?;
        tx.cursors().set("height", before.as_deref(), &event.to_be_bytes())?;
        Ok(true)
    })
}

/// How many events were dealt with; the three ways to know it must agree.
fn dealt_with(store: &Store) -> u64 {
    let snapshot = store.snapshot();
    let claims: Vec<_> = snapshot.claims().iter("events").map(|claim| claim.unwrap().key).collect();
    let expected: Vec<_> = (1..=claims.len() as u64).map(|n| Box::from(n.to_be_bytes())).collect();
    assert_eq!(claims, expected);
    let height = snapshot.cursors().get("height").unwrap();
    let height = height.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()));
    let current = snapshot.tokens().get(&token()).unwrap().and_then(|token| token.current);
    let count = current.map_or(0, |tick| tick.price.units());
    assert_eq!((height, count), (claims.len() as u64, u128::from(height)));
    height
}

/// Works through the events from the first, as a feed tells them after a restart. Answers how many
/// were acknowledged before the power went.
fn work(store: &Store) -> u64 {
    let mut acknowledged = 0;
    for event in 1..=EVENTS {
        if deal_with(store, event).is_err() {
            return acknowledged;
        }
        acknowledged = event;
        if event % 4 == 0 && store.checkpoint().is_err() {
            return acknowledged;
        }
    }
    acknowledged
}

fn open(disk: &SimulatedDisk) -> Result<Store, Error> {
    Setup::new(1).options().open_on(Arc::new(disk.clone()))
}

/// The bot dies between taking an event and telling anybody. After the restart the feed tells all
/// events again from the first.
#[test]
fn every_event_is_dealt_with_once() {
    let mut cuts_in_the_work = 0;
    for call in 1.. {
        let disk = SimulatedDisk::new(call);
        disk.crash_at(call);
        let acknowledged = open(&disk).map_or(0, |store| work(&store));
        if !disk.is_powered_off() {
            assert!(cuts_in_the_work > 20, "{cuts_in_the_work}");
            return;
        }
        cuts_in_the_work += u64::from(acknowledged > 0);
        for style in STYLES {
            let store = open(&disk.crash_image(call, style)).unwrap();
            let found = dealt_with(&store);
            assert!(found >= acknowledged, "call {call}: {found} of {acknowledged}");
            assert_eq!(work(&store), EVENTS);
            assert_eq!(dealt_with(&store), EVENTS, "call {call}: each once");
        }
    }
}
