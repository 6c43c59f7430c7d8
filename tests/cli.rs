//! The program as a user meets it: what it prints, what it leaves on disk, and how it exits.
//!
//! Every test runs the real binary against a store in a directory of its own and makes its own
//! input.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use flate2::Compression;
use flate2::write::GzEncoder;
use highwater::money::Asset;
use highwater::{Mode, Options};
use serde_json::Value;
use tempfile::TempDir;

const CRYPTO: &str = "\
recv_ns,exch_ms,venue,instrument,trade_id,price,qty,taker_side
1723161254087896568,1723161255342,binance-spot,BTCUSDT,10,61837.63,0.02,sell
1723161254087896569,1723161255617,binance-spot,BTCUSDT,11,61900.10,0.048,sell
1723161254087896570,1723161255617,binance-spot,BTCUSDT,12,61800,0.048,buy
1723161254087896571,1723161255100,binance-usdm,BTCUSDT,7,61790.5,1,buy
";

const EQUITY: &str = "\
exch_ms,venue,instrument,seq,price,qty,exchange,conditions,suspicious
1381132800464,us-equity,SPY,0,167.41,100,P,20002000,0
1381219200464,us-equity,SPY,0,166.02,1400,P,20002000,0
1381132800465,us-equity,SPY,1,167.43,100,P,20002000,0
";

/// A directory for one test: its store, and whatever it makes beside it.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs `highwater ARGUMENTS --store <the store>`.
    fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Ran {
        Ran::of(highwater().args(arguments).arg("--store").arg(self.store()))
    }

    fn replay(&self, file: &Path) -> Ran {
        self.run(&["replay".as_ref(), "--json".as_ref(), file.as_os_str()])
    }

    /// Every token of the store, as JSON, by chain and address.
    fn tokens(&self) -> BTreeMap<String, Value> {
        let ran = self.run(&["tokens", "list", "--json"]);
        ran.exits(0);
        let name = |token: &Value| {
            let part = |part: &str| token[part].as_str().unwrap().to_owned();
            format!("{}/{}", part("chain"), part("address"))
        };
        let lines = ran.lines().into_iter();
        lines.map(|token| (name(&token), token)).collect()
    }

    /// Every file of the store and its bytes.
    fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.store()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

/// What a run of the program printed, and its exit code.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        Self::from_output(command.output().unwrap())
    }

    fn from_output(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn exits(&self, code: i32) -> &Self {
        let (out, err) = (&self.out, &self.err);
        assert_eq!(self.code, Some(code), "stdout:\n{out}\nstderr:\n{err}");
        self
    }

    #[track_caller]
    fn says(&self, text: &str) -> &Self {
        assert!(self.err.contains(text), "no {text:?} in: {}", self.err);
        self
    }

    /// Standard output as JSON lines; anything else on it fails the test.
    fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines.map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The figures of the run, which are the last line.
    fn figures(&self) -> Value {
        let last = self.lines().pop().expect("a run prints its figures");
        assert_eq!(last["kind"], "run");
        last
    }
}

fn highwater() -> Command {
    let mut command = Command::cargo_bin("highwater").unwrap();
    command.env_remove("HIGHWATER_STORE").env_remove("CLICOLOR_FORCE");
    command.stdin(Stdio::null());
    command
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

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
    place.run(&["tokens", "show", "DOGE"]).exits(1).says("DOGE");
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
    assert!(note.contains("more than 2"), "{note}");
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
    let bot = Options::new(Mode::Paper, reference).open(&place.store()).unwrap();
    let file = place.file("trades.csv", CRYPTO);
    place.replay(&file).exits(5).says("store");
    place.run(&["tokens", "list"]).exits(5);
    bot.close().unwrap();
    place.replay(&file).exits(0);
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
