//! What was under way, what is the money: the commands that look at operations and books.

use serde_json::Value;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::Scene;

fn ids(ran: &Ran) -> Vec<u64> {
    ran.exits(0).lines().iter().map(|line| line["id"].as_u64().unwrap()).collect()
}

fn amount(line: &Value, name: &str) -> String {
    line[name]["amount"].as_str().unwrap().to_owned()
}

/// The first question after a crash: what was under way? Every filter narrows the same list.
#[test]
fn operations_are_listed_by_state_account_kind_key_and_time() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let list = |flags: &[&str]| ids(&place.run(&[&["ops", "list", "--json"], flags].concat()));
    let all = list(&[]);
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted());
    assert_eq!(list(&["--status", "in-progress"]), [scene.running.get()]);
    let failed = [scene.quarantined.get(), scene.used_up.get()];
    assert_eq!(list(&["--status", "failed"]), failed);
    assert_eq!(list(&["--status", "pending,in-progress"]).len(), 2);
    assert_eq!(list(&["--kind", "position-open"]).len(), 2);
    assert_eq!(list(&["--kind", "Position Close"]), [scene.sold.get()]);
    assert_eq!(list(&["--kind", "stash"]), [scene.running.get()]);
    assert_eq!(list(&["--key", "buy 1"]), [scene.bought.get()]);
    place.run(&["ops", "list", "--account", "nobody"]).exits(1).says("no account nobody");
    assert_eq!(list(&["--limit", "2"]), all[5..]);
    assert_eq!(list(&["--since", "2020-01-01T00:00:00Z"]), all);
    assert_eq!(list(&["--until", "2020-01-01T00:00:00Z"]), [0_u64; 0]);
    let table = place.run(&["ops", "list", "--limit", "2"]);
    assert_eq!(table.exits(0).out.lines().count(), 4, "{}", table.out);
    table.says("the latest 2 are listed");
    place.run(&["ops", "list", "--status", "gone"]).exits(1).says("gone");
    place.run(&["ops", "list", "--since", "noon"]).exits(1).says("noon");
}

/// One operation's life, from its rows alone: calls, references, entries, holds, and what a roll back
/// would take away.
#[test]
fn the_whole_life_of_an_operation_is_told() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let id = scene.running.get().to_string();
    let line = &place.run(&["ops", "show", &id, "--json"]).exits(0).lines()[0];
    let calls = |line: &Value| -> Vec<String> {
        let events = line["events"].as_array().unwrap().iter();
        events.map(|event| event["call"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(calls(line), ["begin", "start", "checkpoint", "apply"]);
    assert_eq!(line["checkpoints"][0]["reference"], "order 99");
    assert_eq!(line["entries"][0]["entry_kind"], "transfer");
    assert_eq!(line["entries"][0]["legs"].as_array().unwrap().len(), 2);
    assert_eq!(line["holds"][0]["reserved"]["amount"], "90");
    assert_eq!(line["holds"][0]["remaining"]["amount"], "65");
    assert_eq!(line["undo"][0], format!("reverse entry #{}", line["entries"][0]["id"]));
    assert_eq!(line["external_ids"].as_array().unwrap().len(), 1);
    assert_eq!(line["payload_hex"], "6120706c616e");

    let told = place.run(&["ops", "show", "--key", "stash 1"]);
    let life: Vec<&str> = told.exits(0).out.lines().collect();
    let place_of = |words: &str| {
        let found = life.iter().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("no {words:?} in:\n{}", told.out))
    };
    assert!(place_of("  begin") < place_of("  start"));
    assert!(place_of("  start") < place_of("order 99"));
    assert!(place_of("order 99") < place_of("main cash -25 fiat/USD; vault cash 25 fiat/USD"));
    assert!(place_of("65 fiat/USD") < place_of("a roll back would"));

    let poison = scene.quarantined.to_string();
    let line = &place.run(&["ops", "show", &poison, "--json"]).exits(0).lines()[0];
    assert_eq!(calls(line), ["begin", "start", "quarantine"]);
    assert!(line["needs_attention"].as_str().unwrap().contains("quarantined"), "{line}");
    place.run(&["ops", "show", "999"]).exits(1).says("there is no operation #999");
    place.run(&["ops", "show", "--key", "nothing"]).exits(1).says("nothing");
    place.run(&["ops", "show", "x"]).exits(1).says("42");
}

/// What needs somebody, why, and what to do: nothing that is finished, and nothing left out.
#[test]
fn what_is_stuck_says_why_and_what_to_do() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let told = place.run(&["ops", "stuck", "--json", "--at", "2100-01-01T00:00:00Z"]);
    let lines = told.exits(0).lines();
    let reasons = |id: u64| -> Vec<String> {
        let line = lines.iter().find(|line| line["id"] == id).expect("it is stuck");
        let reasons = line["reasons"].as_array().unwrap().iter();
        reasons.map(|reason| reason["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(lines.len(), 4);
    assert_eq!(reasons(scene.quarantined.get()), ["quarantined", "orphan"]);
    assert_eq!(reasons(scene.used_up.get()), ["attempts_used_up", "orphan"]);
    assert_eq!(reasons(scene.running.get()), ["in_progress_long", "orphan"]);
    assert_eq!(reasons(scene.pending.get()), ["orphan"]);
    let young = place.run(&["ops", "stuck", "--json", "--at", "2000-01-01T00:00:00Z"]);
    assert!(!young.exits(0).out.contains("in_progress_long"));
    let table = place.run(&["ops", "stuck", "--longest", "1h 30m"]);
    let external = lines[0]["external_id"].as_str().unwrap();
    for words in ["attempts used up", "resolve_complete", external, "11 fiat/USD", "no route"] {
        assert!(table.exits(0).out.contains(words), "no {words:?} in:\n{}", table.out);
    }
    place.run(&["ops", "stuck", "--longest", "soon"]).exits(1).says("10m");
}

/// The second question: what is my money? To the cent, and what is set aside is not available.
#[test]
fn the_books_are_told_to_the_last_unit() {
    let place = Place::new();
    let scene = Scene::closed(&place);
    let accounts = place.run(&["accounts", "--json"]).exits(0).lines();
    let cash = accounts.iter().find(|line| line["account"] == "main").unwrap();
    let sums = ["total", "reserved", "available", "expected"].map(|name| amount(cash, name));
    // 11 + 1000 - 40.10 + 14.90 - 20.10 - 25, of which 11 + 7 + 65 are set aside; 3 are to come.
    assert_eq!(sums, ["940.7", "83", "857.7", "3"]);
    let kinds = |flags: &[&str]| {
        let lines = place.run(&[&["accounts", "--json"], flags].concat()).exits(0).lines();
        lines
            .iter()
            .map(|line| line["account_kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&["--kind", "fees"]), ["fees"]);
    assert_eq!(kinds(&["--asset", "solana/BONK"]), ["units"]);
    assert!(kinds(&["--kind", "all"]).contains(&"realized-pnl".to_owned()));
    place.run(&["accounts", "--kind", "gold"]).exits(1).says("realized-pnl");

    let positions = place.run(&["positions", "--json"]).exits(0).lines();
    assert_eq!(positions.len(), 2);
    assert_eq!(amount(&positions[0], "quantity"), "30000");
    assert_eq!(
        (amount(&positions[0], "cost"), amount(&positions[0], "realized")),
        ("30".into(), "5".into())
    );
    let none = place.run(&["positions", "--closed", "--json"]);
    assert_eq!(none.exits(0).out, "");
    let wif = place.run(&["positions", "--all", "--asset", "WIF", "--json"]);
    assert_eq!(ids(&wif).len(), 1);

    let of_sale = place.run(&["entries", "--operation", &scene.sold.to_string(), "--json"]);
    let entry = &of_sale.exits(0).lines()[0];
    assert_eq!((&entry["entry_kind"], &entry["fill"]), (&"sell".into(), &"F2".into()));
    let narrowed =
        |flags: &[&str]| ids(&place.run(&[&["entries", "--json"], flags].concat())).len();
    assert_eq!(narrowed(&[]), 6);
    assert_eq!(narrowed(&["--position", "1"]), 2);
    assert_eq!(narrowed(&["--account", "vault"]), 1);
    assert_eq!(narrowed(&["--position", "1", "--operation", &scene.sold.to_string()]), 1);
    assert_eq!(narrowed(&["--until", "2020-01-01T00:00:00Z"]), 0);
    assert_eq!(narrowed(&["--limit", "4"]), 4);
    let table = place.run(&["entries", "--account", "vault"]);
    assert!(table.exits(0).out.contains("main cash -25 fiat/USD; vault cash 25 fiat/USD"));

    let summary = place.run(&["summary", "--account", "main", "--json"]);
    let line = &summary.exits(0).lines()[0];
    assert_eq!(line["fees"][0]["amount"], "0.3");
    assert_eq!((line["positions_open"].as_u64(), line["wins"].as_u64()), (Some(2), Some(0)));
    assert_eq!(line["unmarked"].as_array().unwrap().len(), 1);
    let quote = &line["quotes"][0];
    let sums = ["cost", "market_value", "unrealized", "realized"].map(|name| amount(quote, name));
    assert_eq!(sums, ["50", "30", "0", "5"]);
    let told = place.run(&["summary"]);
    for words in ["857.7 fiat/USD available", "unmarked", "vault", "0 won, 0 lost, 0 flat"] {
        assert!(told.exits(0).out.contains(words), "no {words:?} in:\n{}", told.out);
    }
}

/// Names are whatever strangers chose, also of accounts, keys and tags.
#[test]
fn names_in_the_books_cannot_steer_the_terminal() {
    let place = Place::new();
    let store = crate::cli::scene::open(&place.store());
    let money = crate::cli::scene::dollars("5");
    let (evil, worse) = ("evil\u{202e}", "\u{1b}[2Jevil");
    store.ledger().deposit(evil, &money).unwrap();
    let begun = store.operations().begin(&highwater::Intent::deduct(worse, evil, money)).unwrap();
    drop(begun);
    crate::cli::scene::close(store, &place.store());
    for command in [
        vec!["accounts"],
        vec!["entries"],
        vec!["summary"],
        vec!["ops", "list"],
        vec!["ops", "show", "1"],
        vec!["ops", "stuck"],
    ] {
        let ran = place.run(&command);
        assert!(!ran.exits(0).out.contains(['\u{1b}', '\u{202e}']), "{command:?}: {}", ran.out);
        assert!(ran.out.contains("evil"), "{command:?}: {}", ran.out);
    }
}

/// Every command has examples and its exit codes in its help.
#[test]
fn help_has_examples_and_exit_codes() {
    for command in [
        vec!["ops", "list"],
        vec!["ops", "show"],
        vec!["ops", "stuck"],
        vec!["positions"],
        vec!["accounts"],
        vec!["entries"],
        vec!["summary"],
        vec!["verify"],
        vec!["backup"],
        vec!["export"],
        vec!["load"],
        vec!["completions"],
    ] {
        let help = Ran::of(highwater().args(&command).arg("--help"));
        help.exits(0);
        assert!(help.out.contains("Examples:") && help.out.contains("Exit codes:"), "{command:?}");
    }
}

/// "How did the books stand before that trade?" Every command that looks at the state tells an earlier one,
/// and says so where it cannot.
#[test]
fn the_commands_tell_the_state_after_an_earlier_commit() {
    let place = Place::new();
    let store = crate::cli::scene::open(&place.store());
    let money = |text| crate::cli::scene::dollars(text);
    store.ledger().deposit("main", &money("100")).unwrap();
    let deposited = store.snapshot().lsn();
    let update = highwater::Update::new(highwater::TokenKey::new("solana", "BONK").unwrap());
    let at = highwater::Timestamp::from_micros(1_700_000_000_000_000);
    let tick = |price: &str| {
        let update = update.clone().price(price.parse().unwrap(), at);
        drop(store.tokens().upsert(&update).unwrap());
    };
    tick("0.5");
    let priced = store.snapshot().lsn();
    tick("2");
    let begun = store.operations().begin(&highwater::Intent::deduct("rent", "main", money("30")));
    drop(begun.unwrap());
    let reserved = store.snapshot().lsn();
    store.checkpoint().unwrap();
    store.ledger().withdraw("main", &money("20")).unwrap();
    let last = store.snapshot().lsn();
    crate::cli::scene::close(store, &place.store());

    let run = |command: &[&str], lsn: u64| {
        place.run(&[command, &["--at", &lsn.to_string(), "--json"]].concat())
    };
    let cash = |lsn| {
        let lines = run(&["accounts"], lsn).exits(0).lines();
        lines.first().map(|line| (amount(line, "total"), amount(line, "reserved")))
    };
    let sums = |total: &str, reserved: &str| Some((total.to_owned(), reserved.to_owned()));
    assert_eq!(cash(0), None);
    assert_eq!(cash(deposited), sums("100", "0"));
    assert_eq!(cash(reserved), sums("100", "30"));
    assert_eq!(cash(last), cash(last));
    assert_eq!(cash(last), sums("80", "30"));
    assert_eq!(ids(&run(&["entries"], deposited)).len(), 1);
    assert_eq!(ids(&run(&["entries"], last)).len(), 2);
    assert_eq!(run(&["summary"], 0).exits(0).out, "");
    assert_eq!(run(&["summary"], priced).exits(0).lines()[0]["account"], "main");
    assert_eq!(run(&["positions"], last).exits(0).out, "");
    assert_eq!(ids(&run(&["ops", "list"], priced)), [0_u64; 0]);
    assert_eq!(ids(&run(&["ops", "list"], reserved)).len(), 1);
    run(&["ops", "show", "1"], priced).exits(1).says("there is no operation #1");
    run(&["ops", "show", "1"], reserved).exits(0);
    let max = |lsn| run(&["tokens", "show", "BONK"], lsn).exits(0).lines()[0]["max"].clone();
    assert_eq!(max(priced), "0.5");
    assert_eq!(max(reserved), "2");
    run(&["tokens", "list"], deposited).exits(0);
    run(&["tokens", "show", "BONK"], deposited).exits(1).says("no such token");
    run(&["claims"], deposited).exits(0);
    place.run(&["accounts", "--at", "1"]).exits(0).says("as of commit 1, made at ");
    run(&["accounts"], last + 1).exits(1).says(&format!("the last one is {last}"));
    place.run(&["accounts", "--at", "now"]).exits(1).says("--at");

    // A bot that keeps nothing of the log tells nothing from before its checkpoint.
    let keep = highwater::KeepLog { bytes: 0, age: std::time::Duration::ZERO };
    let options = highwater::Options::new(highwater::Mode::Paper, crate::cli::scene::usd());
    let options = options.background(highwater::Background::Manual).keep_log(keep);
    let store = options.open(place.store()).unwrap();
    store.skip_recovery().unwrap();
    for _ in 0..2 {
        store.ledger().deposit("main", &money("1")).unwrap();
        store.checkpoint().unwrap();
    }
    let oldest = store.snapshot().lsn();
    crate::cli::scene::close(store, &place.store());
    run(&["accounts"], deposited).exits(1).says(&format!("{oldest} is the oldest commit"));
    assert_eq!(cash(oldest), sums("82", "30"));
}
