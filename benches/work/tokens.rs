//! Tokens: one update, a thousand in a commit, a list, reads and scans.

use std::path::Path;
use std::rc::Rc;

use highwater::{
    Asset, Background, Durability, Error, Filter, Mode, Options, Store, SyncRow, Timestamp,
    TokenKey, TokenSync, Update,
};

use super::{Bench, Work, work};

/// So many tokens there are.
pub(super) const TOKENS: u64 = 10_000;
const BATCH: u64 = 1_000;
/// 2024-08-09T00:00:00Z.
const START_MICROS: i64 = 1_723_161_600_000_000;

pub(super) fn benches() -> Vec<Bench> {
    vec![
        Bench { name: "upsert, new, written", units: 1, runs: 1_000, set_up: new_written },
        Bench { name: "upsert, known, written", units: 1, runs: 1_000, set_up: known_written },
        Bench { name: "upsert, hot, written", units: 1, runs: 1_000, set_up: hot_written },
        Bench { name: "upsert, hot, synced", units: 1, runs: 200, set_up: hot_synced },
        Bench { name: "upsert, known, 1000 a commit", units: BATCH, runs: 5, set_up: known_batch },
        Bench { name: "upsert, hot, 1000 a commit", units: BATCH, runs: 5, set_up: hot_batch },
        Bench { name: "sync of new tokens", units: BATCH, runs: 5, set_up: sync_new },
        Bench { name: "sync of known tokens", units: BATCH, runs: 5, set_up: sync_known },
        Bench { name: "read from memory", units: 1, runs: 1_000, set_up: read_memory },
        Bench { name: "read from the base", units: 1, runs: 1_000, set_up: read_base },
        Bench { name: "scan, a token", units: TOKENS, runs: 2, set_up: scan },
    ]
}

/// Nothing happens in it that the bench does not do.
pub(super) fn options() -> Options {
    let reference = Asset::new("fiat", "USD", 6).expect("an asset");
    Options::new(Mode::Paper, reference).background(Background::Manual).memory_bytes(128 << 20)
}

pub(super) fn open(dir: &Path) -> Store {
    options().open(dir).expect("a store")
}

/// Keys in no order, as addresses are.
pub(super) fn key(number: u64) -> TokenKey {
    let (high, low) = (mixed(number), mixed(number ^ (1 << 63)));
    let address = format!("0x{high:016x}{low:016x}{:08x}", high as u32);
    TokenKey::new("ethereum", &address).expect("a key")
}

/// SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a feed says of a token, `round` seconds after the start.
pub(super) fn update(number: u64, round: u64) -> Update {
    let seen = Timestamp::from_micros(START_MICROS + round as i64 * 1_000_000);
    let price = format!("{}.{:012}", mixed(number ^ round) % 100, mixed(round) % 1_000_000_000_000);
    Update::new(key(number))
        .symbol(format!("T{}", number % 1_000), seen)
        .name(format!("Token number {number}"), seen)
        .decimals(18)
        .price(price.parse().expect("a price"), seen)
        .market_cap("123456789.12".parse().expect("a market cap"), seen)
        .source("dex")
}

/// A store that has all the tokens in its base.
pub(super) fn filled(dir: &Path) -> Store {
    let store = open(dir);
    upsert_all(&store, 0..TOKENS, 0);
    store.checkpoint().expect("a checkpoint");
    store
}

pub(super) fn upsert_all(store: &Store, numbers: std::ops::Range<u64>, round: u64) {
    let numbers: Vec<u64> = numbers.collect();
    for batch in numbers.chunks(BATCH as usize) {
        let updates: Vec<Update> = batch.iter().map(|&number| update(number, round)).collect();
        commit(store, &updates);
    }
}

fn commit(store: &Store, updates: &[Update]) {
    let written = store.write(|tx| {
        updates.iter().try_for_each(|update| tx.tokens().upsert(update).map(drop))?;
        Ok::<_, Error>(())
    });
    written.expect("a commit");
}

fn counter() -> impl FnMut() -> u64 {
    let mut next = 0;
    move || {
        next += 1;
        next
    }
}

/// One update in a commit of its own, of the token and the round that `choose` makes of the number of the run.
fn one(store: Store, durability: Durability, choose: fn(u64) -> (u64, u64)) -> Box<dyn Work> {
    let mut next = counter();
    let prepare = move || {
        let (number, round) = choose(next());
        update(number, round)
    };
    work(prepare, move |update: Update| {
        let upsert =
            store.write_with(durability, |tx| tx.tokens().upsert(&update).map_err(Error::from));
        upsert.expect("an upsert");
    })
}

fn new_written(dir: &Path) -> Box<dyn Work> {
    one(filled(dir), Durability::Written, |run| (TOKENS + run, run))
}

fn known_written(dir: &Path) -> Box<dyn Work> {
    one(filled(dir), Durability::Written, |run| (run % TOKENS, run))
}

/// Every token was updated since the last checkpoint.
fn hot(dir: &Path) -> Store {
    let store = filled(dir);
    upsert_all(&store, 0..TOKENS, 1);
    store
}

fn hot_written(dir: &Path) -> Box<dyn Work> {
    one(hot(dir), Durability::Written, |run| (run % TOKENS, run + 1))
}

fn hot_synced(dir: &Path) -> Box<dyn Work> {
    one(hot(dir), Durability::Synced, |run| (run % TOKENS, run + 1))
}

fn batch(store: Store) -> Box<dyn Work> {
    let mut next = counter();
    let prepare = move || -> Vec<Update> {
        let run = next();
        let first = run * BATCH;
        (first..first + BATCH).map(|number| update(number % TOKENS, run + 1)).collect()
    };
    work(prepare, move |updates: Vec<Update>| commit(&store, &updates))
}

fn known_batch(dir: &Path) -> Box<dyn Work> {
    batch(filled(dir))
}

fn hot_batch(dir: &Path) -> Box<dyn Work> {
    batch(hot(dir))
}

/// A list of a thousand tokens; what the run before wrote is in the base. Its end looks for what the list names
/// no more, so every list is a source's only one.
fn sync(store: Store, list: fn(u64) -> (u64, u64)) -> Box<dyn Work> {
    let store = Rc::new(store);
    let (mut next, base) = (counter(), store.clone());
    let prepare = move || {
        let run = next();
        base.checkpoint().expect("a checkpoint");
        let (source, first) = list(run);
        let session = TokenSync::new(format!("list-{source}"), format!("{run}"), Filter::All);
        let rows = (first..first + BATCH).map(|number| SyncRow::from(update(number, run + 1)));
        (session, rows.collect::<Vec<_>>())
    };
    work(prepare, move |(session, rows): (TokenSync, Vec<SyncRow>)| {
        store.tokens().sync(session, rows).expect("a sync");
    })
}

fn sync_new(dir: &Path) -> Box<dyn Work> {
    sync(filled(dir), |run| (run, TOKENS + run * BATCH))
}

fn sync_known(dir: &Path) -> Box<dyn Work> {
    sync(filled(dir), |_| (0, 0))
}

fn read(store: Store) -> Box<dyn Work> {
    let mut next = counter();
    let snapshot = store.snapshot();
    let prepare = move || key(next() % TOKENS);
    work(prepare, move |key: TokenKey| {
        let token = snapshot.tokens().get(&key).expect("a read").expect("a token");
        std::hint::black_box((&store, token));
    })
}

fn read_memory(dir: &Path) -> Box<dyn Work> {
    read(hot(dir))
}

fn read_base(dir: &Path) -> Box<dyn Work> {
    read(filled(dir))
}

fn scan(dir: &Path) -> Box<dyn Work> {
    let store = filled(dir);
    work(
        || (),
        move |()| {
            let tokens = store.snapshot().tokens().iter().filter(Result::is_ok).count();
            assert_eq!(tokens as u64, TOKENS);
        },
    )
}
