//! Looking at claims: namespaces with their figures, and the claims of one.

use highwater::money::Asset;
use highwater::{ClaimBounds, Intent, Mode, Money, Options, Timestamp};
use serde_json::Value;

use crate::cli::place::Place;

/// A namespace that keeps two of its three claims, and one with a claim in flight under a key that is
/// no text.
fn place() -> Place {
    let place = Place::new();
    let usd = Asset::new("fiat", "USD", 6).unwrap();
    let options = Options::new(Mode::Paper, usd.clone());
    let store = options.claims("copied", ClaimBounds::new().count(2)).open(place.store()).unwrap();
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    for (key, seconds) in [("5Gk3/2", 1), ("5Gk3/3", 2), ("5Gk4/0", 3)] {
        store.claims().claim("copied", key.as_bytes(), at(seconds)).unwrap();
    }
    let dollar = Money::parse(&usd, "1").unwrap();
    store.ledger().deposit("main", &dollar).unwrap();
    let intent = Intent::deduct("a deal", "main", dollar).claim("signals", b"\x1b[2J\xff", at(9));
    let pending = store.operations().begin(&intent).unwrap().into_handle();
    store.close().unwrap();
    drop(pending);
    place
}

/// A trade was not copied, and somebody asks whether it ever was, and if the bot can still tell.
#[test]
fn namespaces_are_listed_with_their_figures() {
    let place = place();
    let before = place.bytes();
    let lines = place.run(&["claims", "--json"]).exits(0).lines();
    assert_eq!(lines.len(), 2);
    for (name, value) in [
        ("namespace", Value::from("copied")),
        ("size", 2.into()),
        ("in_flight", 0.into()),
        ("pruned", 1.into()),
        ("oldest", "1970-01-01T00:00:02.000000Z".into()),
        ("watermark", "1970-01-01T00:00:01.000000Z".into()),
    ] {
        assert_eq!(lines[0][name], value, "{name}");
    }
    assert_eq!((&lines[1]["in_flight"], &lines[1]["watermark"]), (&1.into(), &Value::Null));
    let ran = place.run(&["claims"]);
    let table = ran.exits(0).out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let table: Vec<_> = table.collect();
    assert_eq!(table[0][..2], ["namespace", "size"]);
    assert_eq!(
        table[2],
        ["copied", "2", "0", "1", "1970-01-01T00:00:02.000000Z", "1970-01-01T00:00:01.000000Z"]
    );
    assert_eq!(table[3][..4], ["signals", "1", "1", "0"]);
    assert_eq!(place.bytes(), before, "it was only looked at");
}

/// Keys are whatever strangers put into a transaction: they neither steer the terminal nor get lost.
#[test]
fn the_claims_of_a_namespace_are_listed() {
    let place = place();
    let listed =
        |arguments: &[&str]| place.run(&[&["claims", "--namespace"][..], arguments].concat());
    let lines = listed(&["copied", "--json"]).exits(0).lines();
    let keys: Vec<_> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["5Gk3/3", "5Gk4/0"]);
    assert_eq!((&lines[0]["state"], &lines[0]["operation"]), (&"recorded".into(), &Value::Null));
    assert_eq!(lines[0]["event_time"], "1970-01-01T00:00:02.000000Z");

    let line = &listed(&["signals", "--json"]).exits(0).lines()[0];
    assert_eq!((&line["state"], &line["operation"]), (&"in flight".into(), &1.into()));
    assert_eq!(line["key_hex"], "1b5b324aff");
    let ran = listed(&["signals"]);
    let shown = &ran.exits(0).out;
    assert!(shown.contains(r"\x1b[2J\xff") && shown.contains("#1"), "{shown}");

    let ran = listed(&["copied", "--limit", "1"]);
    ran.exits(0).says("1 listed, and there are more");
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert_eq!(listed(&["copied", "--limit", "0"]).exits(0).err, "");
    listed(&["copid"]).exits(1).says("no namespace `copid`").says("highwater claims");
    listed(&["copid", "--json"]).exits(1);
    listed(&[""]).exits(1).says("the namespace \"\" is empty");
    place.run(&["claims", "--limit", "1"]).exits(1);
}
