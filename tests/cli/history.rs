//! The history of prices from the command line: what a replay keeps, and how it is shown.

use serde_json::json;

use crate::cli::place::Place;

const TRADES: &str = "\
time_ms,venue,instrument,trade_id,price
0,v,A,1,10
1000,v,A,2,1
59999,v,A,3,9
60000,v,A,4,3
0,v,B,1,0.010
1,v,B,2,0.002
";

fn replayed(flags: &[&str]) -> Place {
    let place = Place::new();
    let file = place.file("trades.csv", TRADES);
    let file = file.to_str().unwrap();
    place.run(&[&["replay", "--json", file], flags].concat()).exits(0);
    place
}

/// What a bot decides on by a candle has to be there with every digit, in the order of time, whether a
/// program or a person reads it.
#[test]
fn a_replay_with_history_keeps_ticks_and_candles() {
    let place = replayed(&["--history"]);
    let before = place.bytes();
    let candles = place.run(&["history", "v/A", "--candles", "1m", "--json"]);
    let candle = |start: &str, prices: [&str; 4], count| {
        let [open, high, low, close] = prices;
        json!({
            "kind": "candle", "length": "minute", "start": start, "open": open, "high": high,
            "low": low, "close": close, "count": count, "is_beyond_ticks": false,
        })
    };
    let minutes = [
        candle("1970-01-01T00:00:00.000000Z", ["10", "10", "1", "9"], 3),
        candle("1970-01-01T00:01:00.000000Z", ["3", "3", "3", "3"], 1),
    ];
    assert_eq!(candles.exits(0).lines(), minutes);
    let latest = place.run(&["history", "v/A", "--candles", "1m", "--json", "--limit", "1"]);
    assert_eq!(latest.exits(0).lines(), minutes[1..]);
    latest.says("the latest 1 are listed");

    let from_to =
        ["--from", "1970-01-01T00:00:01Z", "--to", "1970-01-01T00:01:00Z", "--ticks", "--json"];
    let ticks = place.run(&[&["history", "v", "A"][..], &from_to].concat());
    let prices: Vec<_> = ticks.exits(0).lines().iter().map(|tick| tick["price"].clone()).collect();
    assert_eq!(prices, ["1", "9"]);
    let table = place.run(&["history", "v/A", "--ticks"]);
    assert!(table.exits(0).out.contains("1970-01-01T00:00:59.999000Z"), "{}", table.out);
    let reach = place.run(&["history", "v/A", "--json"]);
    let reach = &reach.exits(0).lines()[0];
    assert_eq!((&reach["ticks"], &reach["candles_1m"]), (&json!(4), &json!(2)));
    assert_eq!(reach["watermark"], json!(null));
    assert_eq!(place.bytes(), before, "looking wrote something");
}

/// A rise is a low before a high: (10, 1, 9, 3) rose ninefold, and 0.010 -> 0.002 did not rise at all.
#[test]
fn pumps_and_drawdowns_are_found() {
    let place = replayed(&["--history"]);
    let pumps = place.run(&["tokens", "pumps", "--json"]);
    let found: Vec<_> = pumps.exits(0).lines();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["address"], &found[0]["ratio"]), (&json!("A"), &json!("9")));
    assert_eq!((&found[0]["from"], &found[0]["to"]), (&json!("1"), &json!("9")));
    let falls = place.run(&["tokens", "drawdowns", "--min", "80", "--json"]);
    let falls = falls.exits(0).lines();
    let falls: Vec<_> = falls.iter().map(|fall| (&fall["address"], &fall["ratio"])).collect();
    assert_eq!(falls, [(&json!("A"), &json!("90")), (&json!("B"), &json!("80"))]);
    let none = place.run(&["tokens", "pumps", "--min", "9.000001"]);
    none.exits(0).says("no pump was found");
    place.run(&["tokens", "pumps", "--min", "much"]).exits(1);
    place.run(&["tokens", "integrity"]).exits(0).says("at least its latest one");
}

/// A store without a history says so, instead of showing a day without trades.
#[test]
fn without_a_history_there_is_nothing_to_show() {
    let place = replayed(&[]);
    place.run(&["history", "v/A"]).exits(1).says("keeps no history of v:A");
    place.run(&["history", "v/C"]).exits(1).says("no such token");
    for command in ["pumps", "drawdowns"] {
        place.run(&["tokens", command]).exits(0).says("the store keeps no history");
    }
    // A second replay that asks for it makes a beginning.
    let file = place.file("later.csv", "time_ms,venue,instrument,trade_id,price\n70000,v,A,9,4\n");
    place.run(&["replay", file.to_str().unwrap(), "--history"]).exits(0);
    let reach = place.run(&["history", "v/A"]);
    assert!(reach.exits(0).out.contains("later than 1970-01-01T00:01:00.000000Z"), "{}", reach.out);
}
