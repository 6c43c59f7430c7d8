//! Trades into a store: what is read, what is refused, and what it comes to.

use std::io::Write;
use std::process::Stdio;

use crate::cli::place::{CRYPTO, Place, Ran, gzip, highwater};

/// Trades as a file of equity ticks has them.
const EQUITY: &str = "\
exch_ms,venue,instrument,seq,price,qty,exchange,conditions,suspicious
1381132800464,us-equity,SPY,0,167.41,100,P,20002000,0
1381219200464,us-equity,SPY,0,166.02,1400,P,20002000,0
1381132800465,us-equity,SPY,1,167.43,100,P,20002000,0
";

/// A bot's owner replays a capture and reads the marks off: each must be the exchange's own digits
/// at the exchange's own time, and the same trade number on two venues must be two tokens' affair.
#[test]
fn a_capture_gives_the_exact_marks() {
    let place = Place::new();
    let ran = place.replay(&place.file("trades.csv", CRYPTO));
    ran.exits(0);
    assert_eq!(ran.figures()["rows"], 4);
    assert_eq!(ran.figures()["changed"], 4);
    let printed = &ran.lines()[0];
    assert_eq!((&printed["kind"], &printed["ticks"]), (&"token".into(), &3.into()));
    let tokens = place.tokens();
    assert_eq!(tokens.len(), 2);
    let bitcoin = &tokens["binance-spot/BTCUSDT"];
    assert_eq!(bitcoin["symbol"], "BTCUSDT");
    // Two trades of one millisecond: the higher number is the later one.
    assert_eq!(bitcoin["current"], "61800");
    assert_eq!(bitcoin["current_at"], "2024-08-08T23:54:15.617000Z");
    assert_eq!(bitcoin["max"], "61900.1");
    assert_eq!(bitcoin["max_at"], "2024-08-08T23:54:15.617000Z");
    assert_eq!(bitcoin["min"], "61800");
    assert_eq!(bitcoin["first"], "61837.63");
    assert_eq!(tokens["binance-usdm/BTCUSDT"]["max"], "61790.5");
}

/// The numbers of equity ticks begin anew every day; the time is part of a tick's identity, so a
/// repeated number is another tick and none is lost.
#[test]
fn numbers_that_begin_anew_every_day_lose_no_tick() {
    let place = Place::new();
    let ran = place.replay(&place.file("equity.csv.gz", gzip(EQUITY)));
    ran.exits(0);
    assert_eq!(ran.figures()["rows"], 3);
    let spy = &place.tokens()["us-equity/SPY"];
    assert_eq!((&spy["current"], &spy["max"]), (&"166.02".into(), &"167.43".into()));
    assert_eq!((&spy["min"], &spy["first"]), (&"166.02".into(), &"167.41".into()));
}

/// Compression is found by content: a gzip file may have any name, and a plain one may claim to be
/// gzip.
#[test]
fn compression_is_told_by_content_and_not_by_name() {
    let (one, other) = (Place::new(), Place::new());
    one.replay(&one.file("plain.csv.gz", CRYPTO)).exits(0);
    other.replay(&other.file("packed.csv", gzip(CRYPTO))).exits(0);
    assert_eq!(one.tokens(), other.tokens());
    assert_eq!(one.tokens().len(), 2);
}

/// A replay that is repeated, or goes on after a crash, must find that it has nothing to do: no
/// row changes anything and nothing is committed.
#[test]
fn a_second_run_changes_and_commits_nothing() {
    let place = Place::new();
    let file = place.file("trades.csv", CRYPTO);
    place.replay(&file).exits(0);
    let before = place.tokens();
    let again = place.replay(&file);
    again.exits(0);
    assert_eq!(again.figures()["rows"], 4);
    assert_eq!(again.figures()["changed"], 0);
    assert_eq!(again.figures()["commits"], 0);
    assert_eq!(place.tokens(), before);
}

/// Files arrive in any order and so do the rows in them; the marks must not depend on it, nor on
/// how many rows share a commit.
#[test]
fn the_order_of_rows_and_the_size_of_commits_do_not_matter() {
    let (one, other) = (Place::new(), Place::new());
    let mut rows: Vec<&str> = CRYPTO.lines().collect();
    rows[1..].reverse();
    one.replay(&one.file("a.csv", CRYPTO)).exits(0);
    let backwards = other.file("b.csv", rows.join("\r\n"));
    let backwards = backwards.to_str().unwrap();
    let ran = other.run(&["replay", backwards, "--batch", "1", "--durability", "written"]);
    ran.exits(0);
    assert_eq!(one.tokens(), other.tokens());
}

/// One bad row must not cost the good ones around it, and the operator must learn where it stands.
#[test]
fn bad_rows_are_counted_and_shown_and_spare_the_others() {
    let place = Place::new();
    let file = place.file(
        "bad.csv",
        "time_ms,chain,address,price\n\
         1000,ethereum,0xaa,1.5\n\
         1001,ethereum,0xaa,one\n\
         soon,ethereum,0xaa,9\n\
         1002,ethereum,0xaa\n\
         9999999999999,ethereum,0xaa,99\n\
         1003,ethereum,0xaa,2.5\n",
    );
    let ran = place.replay(&file);
    let figures = ran.exits(0).figures();
    assert_eq!((&figures["rows"], &figures["changed"]), (&6.into(), &2.into()));
    assert_eq!((&figures["malformed"], &figures["refused"]), (&3.into(), &1.into()));
    ran.says("bad.csv:3: column price: \"one\"")
        .says("bad.csv:4: column time_ms: \"soon\"")
        .says("bad.csv:5:")
        .says("bad.csv:6:");
    let problem = &figures["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &"price".into()));
    assert_eq!(place.tokens()["ethereum/0xaa"]["max"], "2.5");
    ran.says("its time is later than the latest accepted now, 2");
    // A refused row is no tick of its token.
    let token = &ran.lines()[0];
    assert_eq!((&token["kind"], &token["ticks"]), (&"token".into(), &2.into()));
}

/// A file read in the wrong unit has no good row at all. A script must not take that for a replay
/// that went well.
#[test]
fn a_replay_without_one_good_row_fails() {
    let place = Place::new();
    let header = "time_ms,chain,address,price\n";
    for (rows, told) in [
        ("soon,c,a,1\n1,c,a,x\n", "2 malformed, 0 refused"),
        ("9999999999999,c,a,99\n", "0 malformed, 1 refused"),
    ] {
        let ran = place.replay(&place.file("bad.csv", format!("{header}{rows}")));
        ran.exits(1).says("no row was good").says(told);
        assert_eq!(ran.figures()["changed"], 0);
    }
    assert!(place.tokens().is_empty());
    place.replay(&place.file("empty.csv", header)).exits(0);
}

/// Figures are compared between runs and machines: the rate belongs to the seconds printed beside
/// it.
#[test]
fn the_rate_agrees_with_the_seconds() {
    let place = Place::new();
    let figures = place.run(&["replay", "--rows", "3000", "--json"]).exits(0).figures();
    let (seconds, rate) = (figures["seconds"].as_f64().unwrap(), &figures["rows_per_second"]);
    assert_eq!(rate.as_f64().unwrap(), (3_000.0 / seconds).round());
}

/// A first line that is no line of headers is told in a sentence.
#[test]
fn a_first_line_that_names_nothing_is_told() {
    let place = Place::new();
    let ran = place.replay(&place.file("quote.csv", "time_ms,\"chain\n1,c\n"));
    ran.exits(1).says("does not begin with a line of headers: a quote is not closed on the line");
}

/// Whoever asks for strictness wants the first bad row to stop the run; what stood before it is
/// true all the same and stays.
#[test]
fn strict_stops_at_the_first_bad_row_and_keeps_what_was_before() {
    let place = Place::new();
    let header = "time_ms,chain,address,price\n1000,c,a,1.5\n";
    for (bad, line) in [("1001,c,a,one", 3), ("9999999999999,c,a,99", 3)] {
        let file = place.file("bad.csv", format!("{header}{bad}\n1002,c,a,7\n"));
        let ran = place.run(&["replay", file.to_str().unwrap(), "--strict"]);
        ran.exits(1).says(&format!("bad.csv:{line}"));
        // The one bad row is told once.
        assert!(!ran.err.contains("more bad row"), "{}", ran.err);
        assert_eq!(ran.err.matches(&format!("bad.csv:{line}")).count(), 1, "{}", ran.err);
        assert_eq!(place.tokens()["c/a"]["max"], "1.5");
    }
}

/// A file with unusual headers is either named column by column or refused in one sentence that
/// says what to do; a refused file leaves no store behind.
#[test]
fn unusual_headers_are_named_by_flags_or_refused_with_a_hint() {
    let place = Place::new();
    let file =
        place.file("dump.csv", "when,coin,label,usd\n2024-03-01T12:00:00+01:00,7xKX,WIF,0.25\n");
    let file = file.to_str().unwrap();
    let refused = place.run(&["replay", file]);
    refused.exits(1).says("dump.csv").says("--time").says("when, coin, label, usd");
    assert!(!place.store().exists());
    let flags = "--time when --time-unit rfc3339 --chain-name solana --address coin --symbol label --price usd";
    let mut arguments = vec!["replay", file];
    arguments.extend(flags.split(' '));
    place.run(&arguments).exits(0);
    let token = &place.tokens()["solana/7xKX"];
    assert_eq!((&token["symbol"], &token["max"]), (&"WIF".into(), &"0.25".into()));
    assert_eq!(token["max_at"], "2024-03-01T11:00:00.000000Z");
    place.run(&["replay", file, "--price", "eur"]).exits(1).says("--price").says("eur");
}

/// One wrong name among many files must be told before anything is written.
#[test]
fn a_missing_file_is_told_before_a_store_is_made() {
    let place = Place::new();
    let good = place.file("good.csv", CRYPTO);
    let ran = place.run(&["replay", good.to_str().unwrap(), "/nowhere/trades.csv"]);
    ran.exits(1).says("/nowhere/trades.csv").says("No such file");
    let directory = place.directory.path().to_str().unwrap();
    let ran = place.run(&["replay", directory]);
    ran.exits(1).says("is a directory");
    assert!(!place.store().exists());
}

/// A download that broke off: what was read is kept, and the run does not claim to be whole.
#[test]
fn a_truncated_file_is_an_error_that_keeps_what_was_read() {
    let place = Place::new();
    let mut bytes = gzip(CRYPTO);
    bytes.truncate(bytes.len() - 4);
    let ran = place.replay(&place.file("cut.csv.gz", bytes));
    ran.exits(1).says("cut.csv.gz").says("cannot be read");
    assert_eq!(place.tokens()["binance-spot/BTCUSDT"]["max"], "61900.1");
}

/// Another program's output can be piped in.
#[test]
fn standard_input_is_replayed() {
    let place = Place::new();
    let mut command = highwater();
    command.args(["replay", "-", "--json", "--store"]).arg(place.store());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&gzip(CRYPTO)).unwrap();
    let ran = Ran::from_output(child.wait_with_output().unwrap());
    assert_eq!(ran.exits(0).figures()["rows"], 4);
    assert_eq!(place.tokens().len(), 2);
}

/// The README's first command runs on a bare machine, and running it twice shows that a replay can
/// be repeated.
#[test]
fn without_a_file_a_market_is_made_up() {
    let place = Place::new();
    let arguments = ["replay", "--rows", "5000", "--json"];
    let first = place.run(&arguments);
    first.exits(0).says("made-up market");
    assert_eq!(first.figures()["rows"], 5_000);
    assert_eq!(first.lines().len(), 25);
    let again = place.run(&arguments).exits(0).figures();
    assert_eq!((&again["changed"], &again["commits"]), (&0.into(), &0.into()));
    let other = place.run(&["replay", "--rows", "5000", "--json", "--seed", "2"]);
    assert_ne!(other.exits(0).figures()["changed"], 0);
    let live = Place::new();
    live.run(&["replay", "--mode", "live"]).exits(1).says("paper");
    assert!(!live.store().exists());
}

/// Another currency or mode is another book: prices of the one must not be merged into the other.
#[test]
fn a_store_of_another_mode_or_currency_is_refused() {
    let place = Place::new();
    let file = place.file("trades.csv", CRYPTO);
    let file = file.to_str().unwrap();
    place.run(&["replay", file, "--mode", "live"]).exits(0);
    let before = place.tokens();
    place
        .run(&["replay", file])
        .exits(1)
        .says("created as live in fiat/USD:6, not as paper in fiat/USD:6")
        .says("--mode live --reference fiat/USD:6");
    place
        .run(&["replay", file, "--mode", "live", "--reference", "EUR"])
        .exits(1)
        .says("fiat/USD:6");
    let same = ["--mode", "live", "--reference", "fiat/USD:6"];
    place.run(&[&["replay", file], &same[..]].concat()).exits(0);
    assert_eq!(place.tokens(), before);
}
