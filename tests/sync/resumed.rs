//! A sync that is cut short anywhere and run again comes to what one run comes to.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use highwater::{
    Filter, ManualClock, Price, Store, SyncCounts, SyncEnding, SyncRow, Timestamp, TokenSync,
    Update,
};
use proptest::prelude::*;

use super::lists::{
    NOW, SOURCE, adds_up, all, key, listed, malformed, options, priced, prices, stale, store, sync,
    with_decimals,
};

/// A sync of 100,000 rows died at 60,000. The second run must not report 60,000 unchanged rows that were
/// new an hour ago.
#[test]
fn a_second_run_counts_what_the_first_did_not() {
    let store = store();
    let rows = || listed("a b c d e f g");
    let mut commits_left = 2;
    let stopping = all("1").batch_rows(2).on_progress(|_| {
        commits_left -= 1;
        if commits_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let report = sync(&store, stopping, rows());
    assert_eq!((report.ending, report.session.counts.new), (SyncEnding::Stopped, 4));
    let report = sync(&store, all("1").batch_rows(3), rows());
    assert!(report.session.is_resumed());
    assert_eq!((report.ending, report.repeated), (SyncEnding::Complete, 4));
    assert_eq!((report.this_run.new, report.session.counts.new), (3, 7));
    assert_eq!((report.this_run.rows, report.session.counts.rows), (7, 7));
    // Once more, though it has ended: nothing is counted, nothing changes.
    let before = store.snapshot().tokens().source(SOURCE).expect("reads").expect("synced");
    let report = sync(&store, all("1"), rows());
    assert_eq!((report.repeated, report.session.counts), (7, before.counts));
}

/// A price without a time is of the session's time: the second run must not make another tick of it.
#[test]
fn a_session_keeps_the_time_at_which_it_began() {
    let store = store();
    let run = store.tokens().begin_sync(all("1")).expect("begins");
    let started = run.session().started_at;
    assert_eq!((started, run.session().is_resumed()), (NOW, false));
    drop(run);
    let run = store.tokens().begin_sync(all("1")).expect("goes on");
    assert_eq!((run.session().started_at, run.session().is_resumed()), (started, true));
}

/// The story: the machine's clock was a year ahead once. Since then every list without times was refused
/// whole, for its prices were of the future.
#[test]
fn a_clock_that_was_ahead_refuses_no_list_without_times() {
    let clock = ManualClock::new(NOW.saturating_add_micros(365 * 86_400_000_000));
    let disk = Arc::new(highwater::disk::MemoryDisk::new());
    let store = options().clock(Arc::new(clock.clone())).open_on(disk).expect("opens");
    sync(&store, all("1"), listed("a"));
    clock.set(NOW);
    let run = store.tokens().begin_sync(all("2")).expect("begins");
    assert_eq!((run.session().started_at, run.seen_at()), (NOW, NOW));
    let of_then = Update::new(key("b")).price(Price::from_units(1), run.seen_at());
    let report = run.feed([SyncRow::Update(of_then.clone())]).expect("syncs");
    assert_eq!((report.session.counts.new, report.session.counts.refused), (1, 0));
    // Hours later it goes on, and what has no time is still the same tick.
    clock.set(NOW.saturating_add_micros(3_600_000_000));
    let run = store.tokens().begin_sync(all("2")).expect("goes on");
    assert_eq!(run.seen_at(), NOW);
    drop(run);
    // Set back behind the beginning, the clock says when it was seen.
    let earlier = NOW.saturating_add_micros(-3_600_000_000);
    clock.set(earlier);
    assert_eq!(store.tokens().begin_sync(all("2")).expect("goes on").seen_at(), earlier);
}

/// A source pages through its list and hands it out in another order after a restart. Each token is
/// counted once all the same, where the first run left off or not.
#[test]
fn a_list_in_another_order_counts_each_token_once() {
    let store = store();
    let stopping = all("1").batch_rows(3).on_progress(|_| ControlFlow::Break(()));
    sync(&store, stopping, listed("a b c d e f g"));
    let report = sync(&store, all("1").batch_rows(2), listed("g f e d c b a"));
    let counts = report.session.counts;
    assert_eq!((counts.new, counts.changed, counts.unchanged), (7, 0, 0));
    assert_eq!(report.ending, SyncEnding::Complete);
}

/// A token's row changed between two runs of one session: what is true now is merged, and counted as one.
#[test]
fn what_a_repeated_row_says_is_merged() {
    let store = store();
    let stopping = all("1").batch_rows(1).on_progress(|_| ControlFlow::Break(()));
    sync(&store, stopping, listed("a b"));
    let report = sync(&store, all("1"), vec![priced("a", 5), priced("b", 1)]);
    assert_eq!((report.repeated, report.session.counts.new), (1, 2));
    assert_eq!((report.session.counts.changed, prices(&store)["a"]), (0, Some(5)));
}

/// A row of a list, in few words so that they collide.
fn row() -> impl Strategy<Value = SyncRow> {
    let address = prop::sample::select(vec!["a", "b", "c", "d", "e", "f", "g", "h"]);
    prop_oneof![
        8 => (address.clone(), 0..4u128).prop_map(|(address, price)| priced(address, price)),
        2 => (address.clone(), 5..7u8).prop_map(|(address, n)| with_decimals(address, n)),
        1 => address.clone().prop_map(|address| with_decimals(address, 148)),
        1 => address.prop_map(|address| {
            SyncRow::Refused { key: key(address), kind: "price", reason: "it is negative".into() }
        }),
        1 => Just(malformed("junk")),
        1 => Just(SyncRow::LeftOut { key: None }),
    ]
}

/// Everything that a store shows after a sync.
#[derive(Debug, PartialEq)]
struct Shown {
    prices: BTreeMap<String, Option<u128>>,
    decimals: Vec<Option<u8>>,
    counts: SyncCounts,
    ended: Option<Timestamp>,
    stale: Vec<String>,
    sources_of: u64,
}

fn shown(store: &Store) -> Shown {
    let snapshot = store.snapshot();
    let session = snapshot.tokens().source(SOURCE).expect("reads").expect("synced");
    Shown {
        prices: prices(store),
        decimals: snapshot.tokens().iter().map(|token| token.expect("reads").decimals).collect(),
        counts: session.counts,
        ended: session.ended.map(|(at, _)| at),
        stale: stale(store),
        sources_of: snapshot.tokens().sources().count() as u64,
    }
}

fn request(session: &str, filtered: bool, batch: usize) -> TokenSync<'static> {
    let filter = if filtered {
        Filter::only("not a", |update| update.key().address() != "a")
    } else {
        Filter::All
    };
    TokenSync::new(SOURCE, session, filter).batch_rows(batch)
}

/// One session in as many runs as there are `cuts`, and one more. Each run ends after so many commits, in
/// one of the ways in which a run can end.
fn in_runs(store: &Store, rows: &[SyncRow], filtered: bool, cuts: &[(usize, usize, u8)]) {
    for (batch, commits, way) in cuts {
        let mut commits_left = *commits;
        let sync = request("2", filtered, *batch);
        let report = match way {
            // The process dies: its iterator never comes back.
            0 => {
                let dying = rows
                    .iter()
                    .take(batch * commits)
                    .cloned()
                    .chain([SyncRow::BrokenOff(highwater::Malformed::new("the process died"))]);
                store.tokens().sync(sync, dying)
            }
            1 => store.tokens().sync(sync.max_rows((batch * commits) as u64), rows.to_vec()),
            _ => {
                let stopping = sync.on_progress(|_| {
                    commits_left = commits_left.saturating_sub(1);
                    if commits_left == 0 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                store.tokens().sync(stopping, rows.to_vec())
            }
        };
        adds_up(&report.expect("no commit fails"));
    }
    sync(store, request("2", filtered, 3), rows.to_vec());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_interruption_comes_to_what_one_run_comes_to(
        first in prop::collection::vec(row(), 0..20),
        second in prop::collection::vec(row(), 0..40),
        cuts in prop::collection::vec((1..6usize, 0..6usize, 0..3u8), 0..4),
        filtered: bool,
    ) {
        // The story: a sync was killed again and again, and its report counted some rows twice and others
        // never.
        let (whole, parted) = (store(), store());
        for store in [&whole, &parted] {
            sync(store, request("1", filtered, 4), first.clone());
        }
        sync(&whole, request("2", filtered, 1_000), second.clone());
        in_runs(&parted, &second, filtered, &cuts);
        prop_assert_eq!(shown(&parted), shown(&whole));
    }
}
