//! How a session ends, and whether what it did not name is marked as stale.

use std::ops::ControlFlow;

use highwater::{Error, Filter, Malformed, Price, SyncEnding, SyncRow, TokenSync, Update, tokens};

use super::lists::{
    NOW, SOURCE, all, key, listed, malformed, priced, stale, store, sync, with_decimals,
};

/// A delisted token must not be traded on a price that nobody keeps up. What a whole list does not name
/// any more is stale, until a list names it again.
#[test]
fn what_a_whole_list_does_not_name_is_stale_until_it_is_named_again() {
    let store = store();
    sync(&store, all("1").batch_rows(2), listed("a b c d e"));
    assert_eq!(stale(&store), [""; 0]);
    let report = sync(&store, all("2").batch_rows(2), listed("b d"));
    assert_eq!((report.ending, report.session.counts.marked_stale), (SyncEnding::Complete, 3));
    assert_eq!(stale(&store), ["a", "c", "e"]);
    // What is stale already is not marked anew, and keeps its time.
    let since = |store: &highwater::Store| {
        let snapshot = store.snapshot();
        snapshot.tokens().stale(SOURCE).next().expect("one").expect("reads").since
    };
    let before = since(&store);
    let report = sync(&store, all("3"), listed("b c"));
    assert_eq!(report.session.counts.marked_stale, 1);
    assert_eq!((stale(&store).join(" "), since(&store)), ("a d e".to_owned(), before));
    // A row that is refused names its token all the same.
    let rows = vec![with_decimals("a", 99), priced("b", 1), priced("c", 1)];
    sync(&store, all("4"), rows);
    assert_eq!(stale(&store), ["d", "e"]);
    assert!(store.tokens().get(&key("d")).expect("reads").is_some(), "stale, not gone");
}

/// Two sources list different tokens; what the one never named is not stale for it.
#[test]
fn sources_mark_only_what_they_named_themselves() {
    let store = store();
    sync(&store, all("1"), listed("a b"));
    let other = |session: &str| TokenSync::new("geckoterminal", session, Filter::All);
    sync(&store, other("1"), listed("b c"));
    sync(&store, other("2"), listed("c"));
    assert_eq!(stale(&store), [""; 0]);
    let snapshot = store.snapshot();
    let gone: Vec<_> = snapshot.tokens().stale("geckoterminal").map(|t| t.unwrap().key).collect();
    assert_eq!(gone, [key("b")]);
    // A name that begins like another is another.
    assert_eq!(snapshot.tokens().stale("gecko").count(), 0);
    let sources: Vec<_> = snapshot.tokens().sources().map(|s| s.unwrap().source).collect();
    assert_eq!(sources, ["dexscreener".into(), "geckoterminal".into()]);
}

/// A token that was only ever refused does not exist: when its source drops it, there is nothing to mark,
/// and nothing is kept of it.
#[test]
fn a_token_that_was_only_refused_is_forgotten_and_not_marked() {
    let store = store();
    sync(&store, all("1"), vec![with_decimals("junk", 148), priced("a", 1)]);
    let report = sync(&store, all("2"), listed("a"));
    assert_eq!((report.session.counts.marked_stale, stale(&store).len()), (0, 0));
    // One that was taken before and is refused now is a token.
    sync(&store, all("3"), vec![with_decimals("a", 148)]);
    let report = sync(&store, all("4"), listed("b"));
    assert_eq!((report.session.counts.marked_stale, stale(&store)), (1, vec!["a".to_owned()]));
}

/// The story: a download broke off after a third, and two thirds of all tokens were taken for delisted.
/// Whatever keeps a list from being seen whole keeps everything from being marked.
#[test]
fn what_was_not_seen_whole_marks_nothing() {
    type Case = (&'static str, fn(TokenSync<'static>) -> TokenSync<'static>, SyncRow, SyncEnding);
    let cut = SyncRow::BrokenOff(Malformed::new("the file ends in a row"));
    let only = TokenSync::new(SOURCE, "2", Filter::applied("few"));
    let cases: [Case; 5] = [
        ("malformed", |sync| sync, malformed("junk"), SyncEnding::WithMalformed),
        ("truncated", |sync| sync.max_rows(1), priced("b", 1), SyncEnding::Truncated),
        (
            "stopped",
            |sync| sync.batch_rows(1).on_progress(|_| ControlFlow::Break(())),
            priced("b", 1),
            SyncEnding::Stopped,
        ),
        ("broken off", |sync| sync, cut, SyncEnding::BrokenOff),
        (
            "stopped at malformed",
            TokenSync::stop_at_malformed,
            malformed("junk"),
            SyncEnding::StoppedAtMalformed,
        ),
    ];
    let check = |name: &str, sync_of: TokenSync<'static>, last: SyncRow, ending: SyncEnding| {
        let store = store();
        sync(&store, all("1"), listed("a b c d"));
        let report = sync(&store, sync_of, vec![priced("a", 1), last]);
        assert_eq!(report.ending, ending, "{name}");
        assert_eq!((report.session.counts.marked_stale, stale(&store).len()), (0, 0), "{name}");
        let ended = matches!(ending, SyncEnding::WithMalformed | SyncEnding::FilterChanged);
        assert_eq!(report.session.ended.is_some(), ended, "{name}");
        // The next whole list marks all of it.
        let report = sync(&store, all("3"), listed("a"));
        if ending != SyncEnding::FilterChanged {
            assert_eq!((report.ending, stale(&store).len()), (SyncEnding::Complete, 3), "{name}");
        }
    };
    for (name, with, last, ending) in cases {
        check(name, with(all("2")), last, ending);
    }
    check("filter", only, priced("b", 1), SyncEnding::FilterChanged);
}

/// Whoever narrows the filter must not find everything else marked as stale: neither in the first session
/// under it, nor in those that follow.
#[test]
fn a_filter_marks_only_what_had_passed_it() {
    let store = store();
    let few = |session: &'static str| TokenSync::new(SOURCE, session, Filter::applied("few"));
    sync(&store, all("1"), listed("a b c d"));
    assert_eq!(sync(&store, few("2"), listed("a b")).ending, SyncEnding::FilterChanged);
    let report = sync(&store, few("3"), listed("a"));
    assert_eq!((report.ending, stale(&store)), (SyncEnding::Complete, vec!["b".to_owned()]));
    // Wide again: first nothing is marked, then everything that the list does not name.
    assert_eq!(sync(&store, all("4"), listed("a")).ending, SyncEnding::FilterChanged);
    assert_eq!(stale(&store), ["b"]);
    sync(&store, all("5"), listed("a"));
    assert_eq!(stale(&store), ["b", "c", "d"]);
}

/// A session that goes on under another filter has seen neither list whole.
#[test]
fn a_filter_that_changes_on_the_way_marks_nothing() {
    let store = store();
    let few = |session: &'static str| TokenSync::new(SOURCE, session, Filter::applied("few"));
    sync(&store, all("1"), listed("a b c"));
    let stopped = all("2").batch_rows(1).on_progress(|_| ControlFlow::Break(()));
    assert_eq!(sync(&store, stopped, listed("a b")).ending, SyncEnding::Stopped);
    let report = sync(&store, few("2"), listed("a b"));
    assert_eq!((report.ending, stale(&store).len()), (SyncEnding::FilterChanged, 0));
    // What was seen before the change may not pass the new filter.
    sync(&store, few("3"), listed("b"));
    assert_eq!(stale(&store), [""; 0]);
    // Rows that are left out where all were asked for are a filter, too.
    let store = super::lists::store();
    sync(&store, all("1"), listed("a b"));
    let report = sync(&store, all("2"), vec![priced("a", 1), SyncRow::LeftOut { key: None }]);
    assert_eq!((report.ending, stale(&store).len()), (SyncEnding::FilterChanged, 0));
}

/// Marking a long list takes many commits; whoever stops in between finds it taken up where it was.
#[test]
fn marking_can_be_stopped_and_goes_on() {
    let store = store();
    sync(&store, all("1"), listed("a b c d e f g"));
    let stopping = all("2").batch_rows(2).on_progress(|progress| match progress.marking {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    let report = sync(&store, stopping, listed("d"));
    assert_eq!((report.ending, stale(&store).len()), (SyncEnding::Stopped, 2));
    assert_eq!(report.session.ended, None);
    let report = sync(&store, all("2").batch_rows(2), listed("d"));
    assert_eq!((report.ending, stale(&store).len()), (SyncEnding::Complete, 6));
    assert_eq!((report.repeated, report.session.counts.marked_stale), (1, 6));
    assert_eq!(report.this_run.marked_stale, 4);
}

/// A list that is mended and run again under the session's name ends as if it had never been broken.
#[test]
fn a_mended_list_completes_the_session_that_stopped_at_a_bad_row() {
    let store = store();
    sync(&store, all("1"), listed("a b z"));
    let broken = vec![priced("a", 1), malformed("a comma too many"), priced("c", 1)];
    let report = sync(&store, all("2").stop_at_malformed(), broken);
    assert_eq!((report.ending, report.malformed_rows[0].row), (SyncEnding::StoppedAtMalformed, 2));
    assert_eq!(report.session.counts.rows, 1);
    let report = sync(&store, all("2").stop_at_malformed(), listed("a b c"));
    assert_eq!((report.ending, stale(&store)), (SyncEnding::Complete, vec!["z".to_owned()]));
    assert_eq!((report.repeated, report.session.counts.rows), (1, 3));
}

/// Two processes' worth of schedulers start the same sync. The one that came first may not go on counting
/// beside the other, nor mark what only the other has seen.
#[test]
fn a_run_that_was_overtaken_is_refused() {
    let store = store();
    sync(&store, all("1"), listed("a b"));
    for overtaking in ["2", "3"] {
        let slow = store.tokens().begin_sync(all("2")).expect("begins");
        let fast = store.tokens().begin_sync(all(overtaking)).expect("begins");
        let failed = slow.feed(listed("a")).expect_err("overtaken");
        assert_eq!(failed.report.as_ref().expect("it had begun").ending, SyncEnding::Failed);
        let error = Error::from(failed);
        assert!(
            matches!(&error, Error::Token(tokens::Error::SyncSuperseded { .. }))
                && error.is_refused(),
            "{error}"
        );
        assert_eq!(fast.feed(listed("a b")).expect("goes on").ending, SyncEnding::Complete);
        // Nor after its list, in the end of it.
        let slow = store.tokens().begin_sync(all("9")).expect("begins");
        let _fast = store.tokens().begin_sync(all("10")).expect("begins");
        assert!(slow.feed(listed("")).is_err());
        assert_eq!(stale(&store), [""; 0]);
    }
}

/// The story: a run was cut off after two rows, and the list that came then had a row in front that nobody
/// could read. Its place had been counted, so the counts did not show it, and what the list did not name
/// was marked as stale. The same with a list that was half of what had been there.
#[test]
fn a_run_that_reads_another_list_than_the_one_before_marks_nothing() {
    for (what, rows, ending) in [
        (
            "malformed",
            vec![malformed("junk"), priced("a", 1), priced("b", 1)],
            SyncEnding::WithMalformed,
        ),
        ("shorter", listed("a"), SyncEnding::Shorter),
        ("empty", listed(""), SyncEnding::Shorter),
    ] {
        let store = store();
        sync(&store, all("1"), listed("a b z"));
        let stopped = all("2").batch_rows(2).on_progress(|_| ControlFlow::Break(()));
        assert_eq!(sync(&store, stopped, listed("a b z")).ending, SyncEnding::Stopped);
        let report = sync(&store, all("2"), rows);
        assert_eq!((report.ending, stale(&store).len()), (ending, 0), "{what}");
    }
}

/// A pool's liquidity falls below what is asked for. Its row does not pass the filter any more, and its
/// source lists it all the same: it is not stale.
#[test]
fn what_no_longer_passes_the_filter_is_still_named() {
    let store = store();
    let rich = |session: &'static str| {
        TokenSync::new(SOURCE, session, Filter::only("rich", |update| *update != poor()))
    };
    sync(&store, rich("1"), listed("a b"));
    let report = sync(&store, rich("2"), vec![priced("a", 1), SyncRow::Update(poor())]);
    assert_eq!((report.ending, report.this_run.left_out), (SyncEnding::Complete, 1));
    assert_eq!(stale(&store), [""; 0]);
    sync(&store, rich("3"), listed("a"));
    assert_eq!(stale(&store), ["b"]);
}

/// What the list says of token `b` once nobody wants it any more.
fn poor() -> Update {
    Update::new(key("b")).market_cap(Price::ZERO, NOW).source(SOURCE)
}
