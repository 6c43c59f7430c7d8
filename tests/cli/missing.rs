//! Looking at missing prices: all of them, and what it is time to ask for.

use std::time::Duration;

use highwater::money::Asset;
use highwater::{Clock, Mode, Options, PriceBackoff, SystemClock, Timestamp, TokenKey, Update};
use serde_json::Value;

use crate::cli::place::Place;

/// Two tokens and an event without a price, one token of which is not to be asked for before tomorrow.
fn place() -> (Place, Timestamp) {
    let place = Place::new();
    let day = Duration::from_secs(24 * 3600);
    let lose = |backoff: PriceBackoff, address: &str, at: Timestamp| {
        let usd = Asset::new("fiat", "USD", 6).unwrap();
        let store =
            Options::new(Mode::Paper, usd).price_backoff(backoff).open(place.store()).unwrap();
        let key = TokenKey::new("solana", address).unwrap();
        store.tokens().upsert(&Update::new(key).unavailable("no pool", at)).unwrap();
        store
    };
    let now = SystemClock.now();
    let soon = PriceBackoff::new().base(Duration::from_millis(1)).cap(Duration::from_millis(1));
    let store = lose(soon, "dead\u{1f480}", Timestamp::from_micros(1_000_000));
    store.claims().claim("swaps", b"\x1b[2J\xff", Timestamp::from_micros(2_000_000)).unwrap();
    store
        .claims()
        .price_unavailable("swaps", b"\x1b[2J\xff", Timestamp::from_micros(3_000_000))
        .unwrap()
        .unwrap();
    store.close().unwrap();
    lose(PriceBackoff::new().base(day).cap(day), "waits", now).close().unwrap();
    (place, now)
}

/// A bot does not trade a token, and somebody asks why: nobody knows what it is worth, and since when.
#[test]
fn missing_prices_are_listed() {
    let (place, now) = place();
    let before = place.bytes();
    let lines = place.run(&["tokens", "missing", "--json"]).exits(0).lines();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["token", "token", "claim"]);
    for (line, name, value) in [
        (0, "address", Value::from("dead\u{1f480}")),
        (0, "chain", "solana".into()),
        (0, "namespace", Value::Null),
        (0, "since", "1970-01-01T00:00:01.000000Z".into()),
        (0, "last_attempt_at", "1970-01-01T00:00:01.000000Z".into()),
        (0, "attempts", 1.into()),
        (2, "chain", Value::Null),
        (2, "namespace", "swaps".into()),
        (2, "key", r"\x1b[2J\xff".into()),
        (2, "key_hex", "1b5b324aff".into()),
        (2, "since", "1970-01-01T00:00:03.000000Z".into()),
    ] {
        assert_eq!(lines[line][name], value, "{name} of line {line}");
    }
    // With 20 % jitter it is due in 19.2 hours at the earliest.
    let next: jiff::Timestamp = lines[1]["next_attempt_at"].as_str().unwrap().parse().unwrap();
    assert!(next.as_microsecond() > now.as_micros() + 19 * 3600 * 1_000_000);

    let ran = place.run(&["tokens", "missing"]);
    let table: Vec<&str> = ran.exits(0).out.lines().collect();
    assert_eq!(table.len(), 5, "{}", ran.out);
    assert!(table[0].contains("missing since") && table[4].contains(r"\x1b[2J\xff"), "{}", ran.out);
    let ran = place.run(&["tokens", "missing", "--limit", "1"]);
    ran.exits(0).says("1 listed, and there are more");
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert_eq!(place.bytes(), before, "looking wrote something");
}

/// What is to be asked for next is what is due by now, what has waited longest first.
#[test]
fn what_is_due_is_listed_in_its_order() {
    let (place, _) = place();
    let names = |arguments: &[&str]| -> Vec<String> {
        let ran = place.run(&[&["tokens", "missing", "--due", "--json"], arguments].concat());
        let lines = ran.exits(0).lines();
        let name =
            |line: &Value| line["address"].as_str().or(line["key"].as_str()).unwrap().to_owned();
        lines.iter().map(name).collect()
    };
    assert_eq!(names(&[]), ["dead\u{1f480}", r"\x1b[2J\xff"]);
    assert_eq!(names(&["--limit", "1"]), ["dead\u{1f480}"]);
    assert_eq!(names(&["--limit", "0"]).len(), 2);
    place.run(&["tokens", "missing", "--due", "--limit", "1"]).exits(0).says("there are more");
    place.run(&["tokens", "missing", "--due", "--limit", "2"]).exits(0);
    let empty = Place::new();
    empty.run(&["tokens", "missing"]).exits(1);
}
