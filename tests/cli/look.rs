//! Looking at a store: tokens, the state of its files, and what is never written.

use std::fs;
use std::path::{Path, PathBuf};

use highwater::money::Asset;
use highwater::tokens::SYNTHETIC_SOURCE;
use highwater::{Background, Mode, Options, Store, Timestamp, TokenKey, Update};
use serde_json::Value;

use crate::cli::place::{CRYPTO, Place, Ran, highwater};

/// Prices in JSON are text with every digit; a reader that parses them as floats does so by its
/// own choice. What is not known is null, and never left out.
#[test]
fn json_keeps_every_digit() {
    let place = Place::new();
    let price = "123456789012345.123456789012345678901234";
    let csv = format!("time_ms,chain,address,price\n1,c,a,{price}\n");
    let ran = place.replay(&place.file("digits.csv", csv));
    assert_eq!(ran.exits(0).lines()[0]["max"], price);
    let shown = place.run(&["tokens", "show", "c", "a", "--json"]);
    let token = &shown.exits(0).lines()[0];
    assert_eq!(token["current"], price);
    assert_eq!(token.get("symbol"), Some(&Value::Null));
    assert_eq!(token.get("mock_source"), Some(&Value::Null));
}

/// Who asks for all that is known of a token decides on it: when each word was last said, which
/// trade set a mark, and what is only made up.
#[test]
fn all_that_is_known_of_a_token_is_shown() {
    let place = Place::new();
    let reference = Asset::new("fiat", "USD", 6).unwrap();
    let bot = Options::new(Mode::Paper, reference).open(place.store()).unwrap();
    let at = Timestamp::from_micros;
    let update = || Update::new(TokenKey::new("c", "a").unwrap());
    let words = update().symbol("SYM", at(2_000_000)).name("Symbol", at(3_000_000)).decimals(9);
    let cap = words.market_cap("1000000.5".parse().unwrap(), at(4_000_000));
    let price = update().price("1.5".parse().unwrap(), at(1_000_000)).source("venue").seq(7);
    let mock = update().price("9".parse().unwrap(), at(5_000_000)).source(SYNTHETIC_SOURCE);
    for update in [cap, price, mock] {
        bot.tokens().upsert(&update).unwrap();
    }
    bot.close().unwrap();
    let shown = place.run(&["tokens", "show", "c", "a"]);
    for fact in [
        "SYM at 1970-01-01T00:00:02.000000Z",
        "Symbol at 1970-01-01T00:00:03.000000Z",
        "market cap  1000000.5 at 1970-01-01T00:00:04.000000Z",
        "first seen  1970-01-01T00:00:01.000000Z",
        "max         1.5 at 1970-01-01T00:00:01.000000Z from venue, seq 7",
        "mock        9 at 1970-01-01T00:00:05.000000Z",
    ] {
        assert!(shown.exits(0).out.contains(fact), "no {fact:?} in:\n{}", shown.out);
    }
    let token = &place.run(&["tokens", "show", "c", "a", "--json"]).exits(0).lines()[0];
    for (name, value) in [
        ("symbol_at", "1970-01-01T00:00:02.000000Z"),
        ("name_at", "1970-01-01T00:00:03.000000Z"),
        ("market_cap", "1000000.5"),
        ("market_cap_at", "1970-01-01T00:00:04.000000Z"),
        ("first_seen", "1970-01-01T00:00:01.000000Z"),
        ("max_source", "venue"),
        ("mock", "9"),
        ("mock_at", "1970-01-01T00:00:05.000000Z"),
    ] {
        assert_eq!(token[name], value, "{name}");
    }
    assert_eq!((&token["max_seq"], &token["max"]), (&7.into(), &"1.5".into()));
}

/// The help's example is the first that a reader tries: on the demo's market it has to find tokens.
#[test]
fn the_example_for_jq_finds_tokens_in_the_demo() {
    let help = Ran::of(highwater().args(["tokens", "list", "--help"]));
    assert!(help.exits(0).out.contains(r#" | jq -r '.symbol + " " + .max'"#), "{}", help.out);
    let place = Place::new();
    place.run(&["replay", "--rows", "2000"]).exits(0);
    let tokens = place.tokens();
    assert_eq!(tokens.len(), 24);
    assert!(tokens.values().all(|token| token["symbol"].is_string() && token["max"].is_string()));
}

/// A token is found by whatever names it alone; a name that two tokens share is not guessed.
#[test]
fn a_token_is_shown_by_any_name_that_is_its_own() {
    let place = Place::new();
    let address = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
    let csv = format!(
        "time_ms,chain,address,symbol,price\n\
         1,ethereum,{address},WETH,3000\n\
         1,base,0x4200,WETH,3001\n\
         1,osmosis,ibc/27A,OSMO,0.5\n"
    );
    place.replay(&place.file("tokens.csv", csv)).exits(0);
    let shown = |names: &[&str]| {
        let ran = place.run(&[&["tokens", "show", "--json"], names].concat());
        ran.exits(0).lines()[0]["max"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(&["ethereum", address]), "3000");
    assert_eq!(shown(&[&format!("ethereum/{address}")]), "3000");
    assert_eq!(shown(&[&address.to_lowercase()]), "3000");
    assert_eq!(shown(&["0x4200"]), "3001");
    assert_eq!(shown(&["OSMO"]), "0.5");
    assert_eq!(shown(&["ibc/27A"]), "0.5");
    assert_eq!(shown(&["osmosis/ibc/27A"]), "0.5");
    let ambiguous = place.run(&["tokens", "show", "WETH"]);
    ambiguous.exits(1).says("2 tokens").says("base 0x4200").says(&address.to_lowercase());
    place.run(&["tokens", "show", "DOGE"]).exits(1).says("no such token: `DOGE`");
    place.run(&["tokens", "show", "base", "0x42"]).exits(1).says("base 0x42");
}

/// Lists are narrowed by chain and prefix, and a list that was cut short says so.
#[test]
fn lists_are_narrowed_and_say_when_they_are_cut() {
    let place = Place::new();
    let evm = "0xAB00000000000000000000000000000000000001";
    let csv = format!(
        "time_ms,chain,address,price\n1,ethereum,{evm},1\n1,ethereum,0xcd,2\n1,base,0xab,3\n1,solana,ABC,4\n"
    );
    place.replay(&place.file("tokens.csv", csv)).exits(0);
    let listed = |flags: &[&str]| {
        let ran = place.run(&[&["tokens", "list", "--json"], flags].concat());
        let lines = ran.exits(0).lines();
        let max = lines.iter().map(|line| line["max"].as_str().unwrap().to_owned());
        (max.collect::<Vec<_>>().join(" "), ran.err)
    };
    assert_eq!(listed(&[]).0, "3 1 2 4");
    assert_eq!(listed(&["--chain", "ethereum"]).0, "1 2");
    assert_eq!(listed(&["--chain", "ethereum", "--prefix", "0xab"]).0, "1");
    assert_eq!(listed(&["--chain", "ethereum", "--prefix", "0xAB"]).0, "1");
    assert_eq!(listed(&["--prefix", "0xab"]).0, "3 1");
    assert_eq!(listed(&["--prefix", "AB"]).0, "4");
    assert_eq!(listed(&["--chain", "nowhere"]).0, "");
    assert_eq!(listed(&["--limit", "4"]), ("3 1 2 4".to_owned(), String::new()));
    let (cut, note) = listed(&["--limit", "2"]);
    assert_eq!(cut, "3 1");
    assert!(note.starts_with("2 listed, and more match"), "{note}");
}

/// Looking at a store must never change it, nor make one where there is none.
#[test]
fn commands_that_read_write_nothing() {
    let place = Place::new();
    for command in [vec!["tokens", "list"], vec!["tokens", "show", "x"], vec!["info"]] {
        place.run(&command).exits(1).says("no store");
        assert!(!place.store().exists());
    }
    let empty = Place::new();
    fs::create_dir(empty.store()).unwrap();
    for command in [vec!["tokens", "list"], vec!["tokens", "show", "x"], vec!["info"]] {
        assert_ne!(empty.run(&command).code, Some(0), "{command:?}");
        assert!(empty.bytes().is_empty());
    }
    place.replay(&place.file("trades.csv", CRYPTO)).exits(0);
    let before = place.bytes();
    place.run(&["tokens", "list"]).exits(0);
    place.run(&["tokens", "show", "binance-spot/BTCUSDT"]).exits(0);
    place.run(&["info"]).exits(0);
    assert_eq!(place.bytes(), before);
}

/// A forgotten or wrong argument is one sentence that names the way out, and exit code 1.
#[test]
fn a_wrong_argument_is_told_in_one_sentence() {
    let ran = Ran::of(highwater().args(["tokens", "list"]));
    ran.exits(1).says("--store").says("HIGHWATER_STORE");
    assert_eq!(ran.err.lines().count(), 1);
    assert!(!ran.err.contains('\u{1b}'), "no colours where there is no terminal");
    Ran::of(highwater().arg("nonsense")).exits(1).says("nonsense");
    let place = Place::new();
    place.run(&["replay", "--batch", "0"]).exits(1).says("--batch");
    place.run(&["replay", "--reference", "USD:99"]).exits(1).says("USD:99");
    place.run(&["replay", "--rows", "5", "file.csv"]).exits(1);
    assert!(!place.store().exists());
    Ran::of(highwater().arg("--version")).exits(0);
    for command in [vec!["replay"], vec!["tokens", "list"], vec!["tokens", "show"], vec!["info"]] {
        let help = Ran::of(highwater().args(&command).arg("--help"));
        help.exits(0);
        assert!(help.out.contains("Examples:"), "{command:?}");
    }
}

/// The environment names the store for a whole shell session.
#[test]
fn the_environment_may_name_the_store() {
    let place = Place::new();
    place.replay(&place.file("trades.csv", CRYPTO)).exits(0);
    let mut command = highwater();
    command.env("HIGHWATER_STORE", place.store());
    assert_eq!(Ran::of(command.args(["tokens", "list", "--json"])).exits(0).lines().len(), 2);
}

/// A running bot owns its store: nobody else gets in, and a script can tell that apart from damage.
#[test]
fn a_store_in_use_is_refused_with_its_own_exit_code() {
    let place = Place::new();
    let reference = Asset::new("fiat", "USD", 6).unwrap();
    let bot = Options::new(Mode::Paper, reference).open(place.store()).unwrap();
    let file = place.file("trades.csv", CRYPTO);
    place.replay(&file).exits(5).says("store");
    place.run(&["tokens", "list"]).exits(5);
    bot.close().unwrap();
    place.replay(&file).exits(0);
}

/// Copies the files of a store that is open: what a crash at this moment would leave.
fn crash(open: &Path, crashed: &Path) {
    fs::create_dir(crashed).unwrap();
    for entry in fs::read_dir(open).unwrap() {
        let entry = entry.unwrap();
        let to = crashed.join(entry.file_name());
        if entry.path().is_dir() {
            crash(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Changes one byte inside `text`, which stands in one file of the journal.
fn damage(store: &Path, text: &str) -> PathBuf {
    for entry in fs::read_dir(store.join("journal")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let found = bytes.windows(text.len()).position(|window| window == text.as_bytes());
        if let Some(at) = found {
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            return path;
        }
    }
    panic!("{text} stands nowhere in the journal");
}

fn upsert(store: &Store, symbol: &str) {
    let at = Timestamp::from_micros(1);
    let update = Update::new(TokenKey::new("chain", symbol).unwrap()).symbol(symbol, at);
    store.tokens().upsert(&update).unwrap();
}

/// After a crash the operator asks what state the store is in before touching it. A torn tail is
/// normal, damage to acknowledged data is not, and a script has to tell them apart by exit code.
#[test]
fn info_tells_a_torn_tail_from_damage() {
    let place = Place::new();
    let reference = Asset::new("fiat", "USD", 6).unwrap();
    let options = Options::new(Mode::Paper, reference).background(Background::Manual);
    let bot = options.open(place.store()).unwrap();
    upsert(&bot, "FIRSTCOMMIT");
    upsert(&bot, "LASTCOMMIT");
    place.run(&["info"]).exits(5).says("open elsewhere");
    let info = |name: &str, damaged: Option<&str>| {
        let crashed = place.directory.path().join(name);
        crash(&place.store(), &crashed);
        let file = damaged.map(|text| damage(&crashed, text));
        let ran = Ran::of(highwater().arg("info").arg(&crashed).arg("--json"));
        (ran, file)
    };
    let (unclosed, _) = info("unclosed", None);
    let report = &unclosed.exits(0).lines()[0];
    assert_eq!((&report["kind"], &report["ending"]["kind"]), (&"info".into(), &"unclosed".into()));
    assert_eq!((&report["last_lsn"], &report["mode"]), (&2.into(), &"paper".into()));
    assert_eq!(report["tables"][0]["rows"], 2);
    assert_eq!(report["reference"], "fiat/USD:6");
    let segments = report["segments"].as_array().unwrap().iter();
    let segment_bytes: u64 = segments.map(|one| one["file_bytes"].as_u64().unwrap()).sum();
    let base_bytes = report["base_bytes"].as_u64().unwrap();
    assert_eq!(report["disk_bytes"], base_bytes + segment_bytes);
    let table = Ran::of(highwater().arg("info").arg(place.directory.path().join("unclosed")));
    assert!(table.exits(0).out.contains("not closed: the next opening recovers it"));

    let (torn, _) = info("torn", Some("LASTCOMMIT"));
    let report = &torn.exits(2).lines()[0];
    assert_eq!(report["ending"]["kind"], "torn_tail");
    assert_eq!(report["last_lsn"], 1);
    let table = Ran::of(highwater().arg("info").arg(place.directory.path().join("torn")));
    for text in ["torn tail: ", " bytes behind commit 1 in ", "not known to have been synced"] {
        assert!(table.exits(2).out.contains(text), "{}", table.out);
    }

    let (damaged, file) = info("damaged", Some("FIRSTCOMMIT"));
    let name = file.unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    damaged.exits(3).says(&name).says("damaged");
    let report = &damaged.lines()[0];
    assert_eq!((&report["kind"], &report["lsn"]), (&"damage".into(), &1.into()));
    for command in [vec!["tokens", "list"], vec!["replay", "--rows", "1"]] {
        let crashed = place.directory.path().join("damaged");
        Ran::of(highwater().args(&command).arg("--store").arg(crashed)).exits(3);
    }

    bot.close().unwrap();
    let closed = place.run(&["info", "--json"]);
    assert_eq!(closed.exits(0).lines()[0]["ending"]["kind"], "closed");
    let table = place.run(&["info"]);
    for text in ["2 in tokens", "closed (clean)", "2 (previous 2)", "fiat/USD:6", "on disk"] {
        assert!(table.exits(0).out.contains(text), "{}", table.out);
    }
}

/// `highwater tokens list | head -1` has seen enough: that is no failure.
#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::new();
    place.run(&["replay", "--rows", "2000"]).exits(0);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = highwater();
    command.args(["tokens", "list", "--json", "--store"]).arg(place.store());
    let output = command.stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// Names of tokens are whatever strangers put on a chain: they must not steer a terminal.
#[test]
fn tables_show_control_characters_escaped() {
    let place = Place::new();
    let csv = "time_ms,chain,address,symbol,price\n1,c,a,\u{202e}\u{1b}[2Jevil,1\n";
    place.replay(&place.file("evil.csv", csv)).exits(0);
    for command in [vec!["tokens", "list"], vec!["tokens", "show", "c", "a"]] {
        let ran = place.run(&command);
        ran.exits(0);
        assert!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{}", ran.out);
        assert!(ran.out.contains("evil"), "{}", ran.out);
    }
}

/// A bot was killed with an order under way. Whoever looks at its files is told that before anything
/// else; maintenance leaves the order to the bot, and rolls back what was never started.
#[test]
fn a_bot_that_died_is_told_from_its_files() {
    let place = Place::new();
    let usd = Asset::new("fiat", "USD", 6).unwrap();
    let dollars = |text: &str| highwater::Money::parse(&usd, text).unwrap();
    let bot = Options::new(Mode::Paper, usd.clone()).open(place.store()).unwrap();
    let healthy = || {
        let told = place.run(&["health"]);
        assert_eq!(told.exits(0).out, "healthy\n");
    };
    bot.ledger().deposit("main", &dollars("10")).unwrap();
    let order = |key: &str| highwater::Intent::deduct(key, "main", dollars("1"));
    let pending = bot.operations().begin(&order("pending")).unwrap().into_handle().unwrap();
    drop(pending);
    drop(bot.operations().begin_and_start(&order("live")).unwrap());
    bot.close().unwrap();

    let told = place.run(&["health"]);
    assert!(
        told.exits(0).out.starts_with("critical\norphans  critical  2 operations (#1, #2)"),
        "{}",
        told.out
    );
    let line = &place.run(&["health", "--json"]).exits(0).lines()[0];
    assert_eq!(
        (line["level"].as_str(), line["reasons"][0]["name"].as_str()),
        (Some("critical"), Some("orphans"))
    );
    assert_eq!(line["reasons"][0]["operations"]["count"], 2);

    let done = &place.run(&["maintain", "--json"]).exits(0).lines()[0];
    assert_eq!((done["kind"].as_str(), done["purged"].as_u64()), (Some("maintained"), Some(0)));
    let bot = Options::new(Mode::Paper, usd).open(place.store()).unwrap();
    let settle = |_: &highwater::Case| {
        Ok::<_, highwater::Error>(highwater::Verdict::roll_back("never seen"))
    };
    bot.recover(settle).unwrap();
    bot.close().unwrap();
    healthy();
}
