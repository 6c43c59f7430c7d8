//! Lists to sync, stores to sync them into, and what is found there afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::{
    Asset, Filter, Malformed, ManualClock, Mode, Options, Price, Store, SyncCounts, SyncReport,
    SyncRow, Timestamp, TokenKey, TokenSync, Update,
};

pub(crate) const SOURCE: &str = "dexscreener";
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_723_161_255_342_000);

/// A store in memory whose clock stands still.
pub(crate) fn store() -> Store {
    options().open_on(Arc::new(highwater::disk::MemoryDisk::new())).expect("opens")
}

pub(crate) fn options() -> Options {
    let dollar = Asset::new("fiat", "USD", 6).expect("a good asset");
    Options::new(Mode::Paper, dollar).clock(Arc::new(ManualClock::new(NOW)))
}

pub(crate) fn key(address: &str) -> TokenKey {
    TokenKey::new("solana", address).expect("a good key")
}

/// What a list says of one token: its price, in whole units.
pub(crate) fn priced(address: &str, price: u128) -> SyncRow {
    let update = Update::new(key(address)).price(Price::from_units(price), NOW).source(SOURCE);
    SyncRow::Update(update)
}

/// As [`priced`], with decimals.
pub(crate) fn with_decimals(address: &str, decimals: u8) -> SyncRow {
    SyncRow::Update(Update::new(key(address)).decimals(decimals))
}

pub(crate) fn malformed(reason: &str) -> SyncRow {
    SyncRow::Malformed(Malformed::new(reason).at("list.json:7"))
}

/// The tokens of these addresses at price 1.
pub(crate) fn listed(addresses: &str) -> Vec<SyncRow> {
    addresses.split_whitespace().map(|address| priced(address, 1)).collect()
}

/// A sync of everything in the session of this name.
pub(crate) fn all(session: &str) -> TokenSync<'static> {
    TokenSync::new(SOURCE, session, Filter::All)
}

pub(crate) fn sync(store: &Store, sync: TokenSync<'_>, rows: Vec<SyncRow>) -> SyncReport {
    let report = store.tokens().sync(sync, rows).expect("no commit fails");
    adds_up(&report);
    report
}

/// The addresses that the source named once and names no more.
pub(crate) fn stale(store: &Store) -> Vec<String> {
    let snapshot = store.snapshot();
    let stale = snapshot.tokens().stale(SOURCE);
    stale.map(|token| token.expect("reads").key.address().to_owned()).collect()
}

/// Every token by its address, with its price.
pub(crate) fn prices(store: &Store) -> BTreeMap<String, Option<u128>> {
    let snapshot = store.snapshot();
    let tokens = snapshot.tokens().iter().map(|token| token.expect("reads"));
    tokens
        .map(|token| {
            let price = token.current.map(|tick| tick.price.units());
            (token.key.address().to_owned(), price)
        })
        .collect()
}

/// Every row that a run read is counted in one place.
#[track_caller]
pub(crate) fn adds_up(report: &SyncReport) {
    let counts = report.this_run;
    assert_eq!(counts.rows, sum(counts) + report.repeated, "{report:?}");
    let refused: u64 = report.refusals.values().sum();
    assert_eq!(refused, counts.refused, "{report:?}");
}

pub(crate) fn sum(counts: SyncCounts) -> u64 {
    let SyncCounts { new, changed, unchanged, further, refused, left_out, malformed, .. } = counts;
    new + changed + unchanged + further + refused + left_out + malformed
}
