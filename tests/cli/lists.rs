//! What a list calls its fields, and what the command line says beside it.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use highwater::money::Asset;
use highwater::{History, Mode, Options, Ratio, Retention};

use crate::cli::place::{Place, Ran, highwater};

/// A list of two chains has records that say none: `--chain` speaks for these alone.
#[test]
fn the_chain_of_a_record_comes_before_that_of_the_command_line() {
    let place = Place::new();
    let list = r#"[{"chain":"base","address":"a","price":1},
                   {"address":"b","price":1},
                   {"chain":null,"address":"d","price":1}]"#;
    place.import_text("list.json", list, &["--chain", "solana"]).exits(0);
    let tokens: Vec<_> = place.tokens().into_keys().collect();
    assert_eq!(tokens, ["base/a", "solana/b", "solana/d"]);
}

/// The story: a list called its times `timestampMs`; its prices, years old, got today's time and were the
/// latest of every token.
#[test]
fn a_time_is_found_however_its_name_is_spelled() {
    for name in [
        "observed_at_ms",
        "OBSERVED_AT_MS",
        "timestampMs",
        "updatedAtMs",
        "observed-at-ms",
        "lastUpdatedMillis",
        "TimeMS",
    ] {
        let csv = format!("chain,address,price,{name}\nc,a,1,1723161255342\n");
        let json = format!(r#"[{{"chain":"c","address":"a","price":1,"{name}":1723161255342}}]"#);
        for (file, text) in [("list.csv", csv), ("list.json", json)] {
            let place = Place::new();
            place.import_text(file, text, &[]).exits(0);
            let token = &place.tokens()["c/a"];
            assert_eq!(token["current_at"], "2024-08-08T23:54:15.342000Z", "{name} in {file}");
        }
    }
    // Of two names of one time that which says its unit is the better one.
    let place = Place::new();
    let list =
        r#"[{"chain":"c","address":"a","price":1,"updatedAt":1723,"updatedAtMs":1723161255342}]"#;
    place.import_text("list.json", list, &[]).exits(0);
    assert_eq!(place.tokens()["c/a"]["current_at"], "2024-08-08T23:54:15.342000Z");
}

/// Who says how times count has a list with times: where none is found, its name is another one.
#[test]
fn a_unit_without_a_time_is_an_error() {
    let place = Place::new();
    let list = r#"[{"chain":"c","address":"a","price":1,"seen":1723161255342}]"#;
    let ran = place.import_text("list.json", list, &["--time-unit", "ms"]);
    ran.exits(1).says("--field time=");
    let csv = "chain,address,price,seen\nc,a,1,1723161255342\n";
    place.import_text("list.csv", csv, &["--time-unit", "ms"]).exits(1).says("--field time=");
    assert!(!place.store().exists(), "told before a store is made");
    let named = ["--time-unit", "ms", "--field", "time=seen"];
    place.import_text("list.json", list, &named).exits(0);
    assert_eq!(place.tokens()["c/a"]["current_at"], "2024-08-08T23:54:15.342000Z");
    // A list that has the field and nothing in it, one that is empty, one that has it late.
    for list in [
        r#"[{"chain":"c","address":"b","price":1,"time":null}]"#,
        "[]",
        r#"[{"chain":"c","address":"d"},{"chain":"c","address":"e","time":1723161255342}]"#,
    ] {
        place.import_text("list.json", list, &["--time-unit", "ms"]).exits(0);
    }
    let piped = piped(&place, list, &["-", "--session", "s", "--time-unit", "ms"]);
    piped.exits(1).says("--field time=");
}

/// Two lists under one name make each other's tokens stale: the examples name each list.
#[test]
fn every_example_is_a_source_of_its_own() {
    let help = Ran::of(highwater().args(["import", "tokens", "--help"]));
    let words: Vec<_> = help.exits(0).out.split_whitespace().collect();
    let examples = words.iter().position(|word| *word == "Examples:").unwrap();
    let sources = words[examples..].windows(2).filter(|pair| pair[0] == "--source");
    let mut sources: Vec<_> = sources.map(|pair| pair[1]).collect();
    assert!(sources.len() > 2, "{sources:?}");
    let named = sources.len();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), named, "{sources:?}");
    assert!(help.out.contains("does not name now becomes stale"), "{}", help.out);
}

/// The story: a list was fetched anew under the session of this morning. Its prices got this morning's time,
/// and of two prices of one time the higher one stayed.
#[test]
fn a_list_that_was_fetched_anew_is_of_the_time_of_its_run() {
    let place = Place::new();
    let list = |price| {
        format!(r#"[{{"chain":"c","address":"a","price":{price}}},{{"chain":"c","address":"b"}}]"#)
    };
    let again = ["--session", "monday", "--max-rows", "1"];
    place.import_text("list.json", list(2), &again).exits(0);
    place.import_text("list.json", list(1), &again).exits(0).says("session monday goes on");
    assert_eq!(place.tokens()["c/a"]["current"], "1");
    let arguments = ["-", "--session", "monday"];
    piped(&place, &list(7), &arguments).exits(0);
    piped(&place, &list(5), &arguments).exits(0);
    assert_eq!(place.tokens()["c/a"]["current"], "5");
    // The same file is the same list, whenever it is read.
    let file = place.file("same.json", list(3));
    let same = [file.to_str().unwrap(), "--filter", "all", "--max-rows", "1"];
    let report = place.import(&same).exits(0).report();
    assert_eq!(place.tokens()["c/a"]["current_at"], report["started_at"]);
    let again = place.import(&same).exits(0).report();
    assert_eq!((&again["started_at"], &again["resumed"]), (&report["started_at"], &true.into()));
    assert_eq!(place.tokens()["c/a"]["current_at"], report["started_at"]);
}

/// The story: the bot's quarantine and its retention were gone after a replay with `--history`.
#[test]
fn a_history_that_is_kept_stays_what_it_is() {
    let place = Place::new();
    let mode = || Options::new(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap());
    let kept = History::new().ticks(Retention::EVERYTHING.count(7)).quarantine(Ratio::times(10));
    mode().history(kept.clone()).open(place.store()).unwrap().close().unwrap();
    let list = r#"[{"chain":"c","address":"a","price":1}]"#;
    let ran = place.import_text("list.json", list, &["--history"]);
    ran.exits(0).says("keeps a history already");
    let store = mode().open(place.store()).unwrap();
    assert_eq!(store.tokens().history(), Some(&kept));
    store.close().unwrap();
    // Where there is none, everything is kept.
    let place = Place::new();
    place.import_text("list.json", list, &["--history"]).exits(0);
    let store = mode().open(place.store()).unwrap();
    let everything = store.tokens().history().expect("a history").clone();
    store.close().unwrap();
    assert_ne!(everything, History::new());
    let ran = place.import_text("list.json", list, &["--history"]);
    assert!(!ran.exits(0).err.contains("keeps a history already"), "it is the same: {}", ran.err);
}

/// The story: a service's `fdv` of a scam token was 1e30, and its price, which was good, was lost with it.
#[test]
fn a_market_cap_that_nobody_asked_for_takes_no_price_with_it() {
    let place = Place::new();
    let list = r#"[{"chain":"c","address":"a","price":1.5,"fdv":1e30},
                   {"chain":"c","address":"b","price":2.5,"marketCap":1e30},
                   {"chain":"c","address":"d","price":3.5,"fdv":1000}]"#;
    let ran = place.import_text("list.json", list, &[]);
    assert_eq!(ran.exits(0).counts(), [3, 3, 0, 0]);
    assert_eq!(ran.report()["dropped_market_caps"], 1);
    let tokens = place.tokens();
    assert_eq!(
        (&tokens["c/a"]["current"], &tokens["c/b"]["current"]),
        (&"1.5".into(), &"2.5".into())
    );
    for token in ["c/a", "c/b", "c/d"] {
        assert!(tokens[token]["market_cap"].is_null(), "{token}: {}", tokens[token]);
    }
    let named = ["--field", "market_cap=fdv", "--session", "named"];
    let ran = place.import_text("list.json", list, &named);
    assert_eq!(ran.exits(0).report()["refusals"]["market cap"], 1);
    assert_eq!(place.tokens()["c/d"]["market_cap"], "1000");
    let file = place.file("list.json", list);
    let table =
        ["import", "tokens", file.to_str().unwrap(), "--source", "other", "--filter", "all"];
    let ran = place.run(&table);
    assert!(ran.exits(0).out.contains("dropped caps   1"), "{}", ran.out);
}

/// A blank is what some services write for nothing.
#[test]
fn a_blank_hides_no_other_name() {
    let place = Place::new();
    let list =
        r#"[{"chain":" ","network":"c","address":"\t","mint":"a","price":" \n","priceUsd":"2"}]"#;
    assert_eq!(place.import_text("list.json", list, &[]).exits(0).counts(), [1, 1, 0, 0]);
    assert_eq!(place.tokens()["c/a"]["current"], "2");
}

/// The story: the second `-` waited for the first one, and the store stayed locked until somebody looked.
#[test]
fn standard_input_is_named_once() {
    let place = Place::new();
    let list = r#"[{"chain":"c","address":"a"}]"#;
    piped(&place, list, &["-", "-", "--session", "s"])
        .exits(1)
        .says("standard input")
        .says("twice");
    assert!(!place.store().exists());
}

/// Imports what comes through standard input; ends an import that does not end by itself.
fn piped(place: &Place, list: &str, arguments: &[&str]) -> Ran {
    let mut command = highwater();
    command.args(["import", "tokens", "--json", "--source", "lists", "--filter", "all"]);
    command.args(arguments).arg("--store").arg(place.store());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(list.as_bytes());
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::yield_now();
    }
    Ran::from_output(child.wait_with_output().unwrap())
}
