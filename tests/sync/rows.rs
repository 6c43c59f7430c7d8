//! What becomes of each row, and how it is counted.

use std::cell::Cell;
use std::ops::ControlFlow;

use highwater::{Error, Filter, Malformed, Price, SyncEnding, SyncRow, TokenSync, Update, tokens};

use super::lists::{
    NOW, SOURCE, all, key, listed, malformed, priced, prices, store, sum, sync, with_decimals,
};

/// A first start on an empty store, and the list of the next day: the operator reads off how many tokens
/// are new, how many changed and how many said nothing.
#[test]
fn new_changed_and_unchanged_rows_are_told_apart() {
    let store = store();
    let first = sync(&store, all("monday"), listed("a b c"));
    assert_eq!((first.ending, first.session.counts.new), (SyncEnding::Complete, 3));
    let rows = vec![priced("a", 1), priced("b", 2), priced("c", 1), priced("d", 1)];
    let second = sync(&store, all("tuesday"), rows);
    let counts = second.session.counts;
    assert_eq!((counts.new, counts.changed, counts.unchanged, counts.rows), (1, 1, 2, 4));
    assert_eq!(prices(&store)["b"], Some(2));
    assert!(!second.session.is_resumed());
}

/// Real token lists say that tokens have 69, 100 and 148 decimals. One such row must cost no other, and
/// the report has to say which rows and why.
#[test]
fn rows_that_no_token_can_be_are_refused_and_spare_the_others() {
    let store = store();
    let long = SyncRow::Update(Update::new(key("long")).name("n".repeat(300), NOW));
    let late = Update::new(key("late"))
        .price(Price::from_units(1), NOW.saturating_add_micros(3_600_000_000));
    let refused =
        SyncRow::Refused { key: key("dear"), kind: "price", reason: "it is negative".into() };
    let mut rows = vec![with_decimals("a", 69), with_decimals("b", 100), with_decimals("c", 148)];
    rows.extend([with_decimals("d", 6), with_decimals("d", 7), long, late.into(), refused]);
    rows.extend(listed("e"));
    let report = sync(&store, all("monday"), rows);
    let counts = report.session.counts;
    assert_eq!((counts.new, counts.refused, counts.rows), (2, 7, 9));
    let reasons: Vec<_> = report.refusals.iter().map(|(kind, n)| (&**kind, *n)).collect();
    assert_eq!(
        reasons,
        [
            ("decimals conflict", 1),
            ("decimals out of range", 3),
            ("from the future", 1),
            ("price", 1),
            ("too long", 1),
        ]
    );
    let sample = &report.refused_rows[2];
    assert_eq!((sample.row, sample.key.as_ref()), (3, Some(&key("c"))));
    assert!(sample.reason.contains("148"), "{}", sample.reason);
    assert_eq!(prices(&store).into_keys().collect::<Vec<_>>(), ["d", "e"]);
    assert_eq!(report.ending, SyncEnding::Complete, "a refused row was read all the same");
}

/// A pool list holds a token once for each of its pools. The later rows may have a newer price, so they
/// are merged, but a count of tokens must not rise with the pools.
#[test]
fn a_further_row_about_a_token_is_merged_and_counted_apart() {
    let store = store();
    let rows = vec![priced("a", 1), priced("b", 1), priced("a", 9), priced("a", 1)];
    let report = sync(&store, all("monday"), rows.clone());
    let counts = report.session.counts;
    assert_eq!((counts.new, counts.further, counts.rows), (2, 2, 4));
    assert_eq!(prices(&store)["a"], Some(9));
    // A token whose first row was refused has not had its row yet.
    let rows = vec![with_decimals("c", 99), priced("c", 1), priced("c", 2)];
    let counts = sync(&store, all("tuesday"), rows).session.counts;
    assert_eq!((counts.refused, counts.new, counts.further), (1, 1, 1));
    // One that was taken has had it, whatever is refused later.
    let rows = vec![priced("d", 1), with_decimals("d", 99), priced("d", 2)];
    let counts = sync(&store, all("wednesday"), rows).session.counts;
    assert_eq!((counts.new, counts.refused, counts.further), (1, 1, 1));
}

/// A feed changes its format for some rows. They are told with their place; the rest goes on.
#[test]
fn rows_that_cannot_be_read_are_counted_and_shown_with_their_place() {
    let store = store();
    let rows: Vec<Result<Update, Malformed>> = vec![
        Ok(Update::new(key("a"))),
        Err(Malformed::new("no address").at("list.json:2")),
        Ok(Update::new(key("b"))),
    ];
    let report = store.tokens().sync(all("monday"), rows).expect("no commit fails");
    assert_eq!(report.ending, SyncEnding::WithMalformed);
    assert_eq!((report.session.counts.malformed, report.session.counts.new), (1, 2));
    let sample = &report.malformed_rows[0];
    assert_eq!((sample.row, sample.place.as_deref()), (2, Some("list.json:2")));
    assert_eq!(&*sample.reason, "no address");
}

/// A list of nothing but junk must not fill memory with samples of it.
#[test]
fn samples_are_few_and_short() {
    let store = store();
    let junk = "ß".repeat(100_000);
    let mut rows: Vec<_> = (0..50).map(|_| malformed(&junk)).collect();
    rows.extend((0..50).map(|n| with_decimals(&format!("t{n}"), 200)));
    let report = sync(&store, all("monday").batch_rows(7), rows);
    assert_eq!((report.malformed_rows.len(), report.refused_rows.len()), (10, 10));
    assert_eq!((report.session.counts.malformed, report.session.counts.refused), (50, 50));
    assert!(report.malformed_rows.iter().all(|row| row.reason.len() <= 300));
}

/// What a filter leaves out is no token of this bot, and the list adds up all the same.
#[test]
fn a_filter_leaves_rows_out() {
    let store = store();
    let only = Filter::only("address<c", |update| update.key().address() < "c");
    let mut rows = listed("a b c d");
    rows.push(SyncRow::LeftOut { key: None });
    let report = sync(&store, TokenSync::new(SOURCE, "monday", only), rows);
    let counts = report.session.counts;
    assert_eq!((counts.new, counts.left_out, counts.rows), (2, 3, 5));
    assert_eq!(report.session.filter.as_deref(), Some("address<c"));
    assert_eq!(prices(&store).into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

/// A list longer than memory: nothing is read ahead of the batch that is being gathered.
#[test]
fn no_more_than_a_batch_is_ever_read_ahead() {
    let store = store();
    let (read, committed) = (Cell::new(0_u64), Cell::new(0_u64));
    let endless = (0..).map(|n| {
        read.set(read.get() + 1);
        assert!(read.get() - committed.get() <= 51, "{} rows are held", read.get());
        priced(&format!("t{}", n % 40), n)
    });
    let told = all("monday").batch_rows(50).max_rows(1_234).on_progress(|progress| {
        committed.set(progress.rows);
        assert_eq!(sum(progress.counts), progress.rows);
        ControlFlow::Continue(())
    });
    let commits = store.stats().commits;
    let report = store.tokens().sync(told, endless).expect("no commit fails");
    assert_eq!(report.ending, SyncEnding::Truncated);
    assert_eq!((committed.get(), read.get()), (1_234, 1_235));
    // The session's beginning, 24 whole batches and the rest.
    assert_eq!(store.stats().commits - commits, 26);
}

/// A name that could not be stored, or that would part keys in the wrong place, is refused before anything
/// is read.
#[test]
fn names_that_cannot_be_stored_are_refused() {
    let store = store();
    let long = "n".repeat(129);
    for (source, session, filter) in [
        ("", "s", "f"),
        ("a\0b", "s", "f"),
        (&long[..65], "s", "f"),
        ("a", "", "f"),
        ("a", &long, "f"),
        ("a", "s", ""),
        ("a", "s", "f\n"),
    ] {
        let sync = TokenSync::new(source, session, Filter::applied(filter));
        let failed = store.tokens().sync(sync, listed("a")).expect_err("a bad name");
        assert!(failed.report.is_none());
        let error = Error::from(failed);
        assert!(matches!(&error, Error::Token(tokens::Error::InvalidName { .. })), "{error}");
        assert!(error.is_refused());
    }
    assert_eq!(store.stats().commits, 0);
    sync(&store, TokenSync::new(&long[..64], &long[..128], Filter::applied(&long[..128])), vec![]);
}

/// A list of 2,000 rows as long as rows can be is one batch at most, and one commit has to take it.
#[test]
fn the_largest_batch_of_the_longest_rows_fits_into_a_commit() {
    let store = store();
    let long = |bytes: usize| "w".repeat(bytes);
    let longest = (0..2_000).map(|n| {
        let chain = long(128);
        let address = format!("{n:0>128}");
        let key = highwater::TokenKey::new(&chain, &address).expect("the longest key");
        let price = Price::MAX;
        SyncRow::from(
            Update::new(key)
                .price(price, NOW)
                .source(long(64))
                .seq(u64::MAX)
                .symbol(long(128), NOW)
                .name(long(256), NOW)
                .decimals(24)
                .market_cap(price, NOW),
        )
    });
    let sync = TokenSync::new(long(64), long(128), Filter::All).batch_rows(usize::MAX);
    let report = store.tokens().sync(sync, longest).expect("it fits");
    assert_eq!(report.session.counts.new, 2_000);
    assert_eq!(store.stats().commits, 3, "its beginning, one batch, its end");
}
