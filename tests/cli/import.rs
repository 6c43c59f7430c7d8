//! Lists of tokens into a store: what is read, what is refused, and how a killed import goes on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::cli::place::{Place, Ran, gzip, highwater};

const ARRAY: &str = r#"[
  {"chainId": "solana", "address": "A1", "symbol": "ONE", "decimals": 6, "priceUsd": "0.5"},
  {"chainId": "solana", "address": "A2", "name": "Two, \"the\" [second]", "decimals": 0, "price": 1e-9},
  {"chainId": "solana", "address": "A3", "decimals": 148}
]"#;

impl Place {
    /// Imports everything from these files as one list, and answers the report.
    pub(crate) fn import(&self, arguments: &[&str]) -> Ran {
        let fixed = ["import", "tokens", "--json", "--source", "lists"];
        self.run(&[&fixed, arguments].concat())
    }

    pub(crate) fn import_text(&self, name: &str, text: impl AsRef<[u8]>, more: &[&str]) -> Ran {
        let file = self.file(name, text);
        self.import(&[&[file.to_str().unwrap(), "--filter", "all"], more].concat())
    }
}

impl Ran {
    /// The report of an import, which is all that it prints.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{}", self.out);
        assert_eq!(lines[0]["kind"], "import");
        let counts = &lines[0]["this_run"];
        let kinds = ["new", "changed", "unchanged", "further", "refused", "left_out", "malformed"];
        let sum: u64 = kinds.iter().map(|kind| counts[kind].as_u64().unwrap()).sum();
        let repeated = lines[0]["repeated"].as_u64().unwrap();
        assert_eq!(counts["rows"], sum + repeated, "every row is counted once: {}", self.out);
        lines.into_iter().next().unwrap()
    }

    /// What the report counted, in the order rows, new, refused, malformed.
    #[track_caller]
    pub(crate) fn counts(&self) -> [u64; 4] {
        let report = self.report();
        ["rows", "new", "refused", "malformed"].map(|kind| report["counts"][kind].as_u64().unwrap())
    }
}

/// Services hand out lists as an array, as lines or as CSV, packed or not. All of them say the same.
#[test]
fn every_form_of_a_list_says_the_same() {
    let lines: String = [
        r#"{"chain":"solana","mint":"A1","symbol":"ONE","decimals":6,"price":0.5}"#,
        r#"{"chain":"solana","mint":"A2","name":"Two, \"the\" [second]","decimals":"0","price":"0.000000001"}"#,
        r#"{"chain":"solana","mint":"A3","decimals":148}"#,
    ]
    .join("\n\n");
    let csv = "Network,Token_Address,Symbol,Name,Decimals,Price_USD\r\n\
         solana,A1,ONE,,6,0.50\r\n\
         solana,A2,,\"Two, \"\"the\"\" [second]\",0,1e-9\r\n\
         solana,A3,,,148,\r\n";
    let with_mark = format!("\u{feff} \n{ARRAY}\n\n");
    let texts: [(&str, Vec<u8>); 7] = [
        ("array.json", ARRAY.into()),
        ("array.gz", gzip(ARRAY)),
        ("marked.json", with_mark.into()),
        ("crlf.json", ARRAY.replace('\n', "\r\n").into()),
        ("lines.jsonl", lines.clone().into()),
        ("lines.jsonl.gz", gzip(&lines)),
        ("rows.csv", format!("\u{feff}{csv}").into()),
    ];
    for (name, text) in texts {
        let place = Place::new();
        let ran = place.import_text(name, text, &[]);
        assert_eq!(ran.exits(0).counts(), [3, 2, 1, 0], "{name}");
        let report = ran.report();
        assert_eq!(report["refusals"]["decimals out of range"], 1, "{name}");
        assert_eq!(report["refused_rows"][0]["token"], "solana A3", "{name}");
        assert_eq!(report["ending"], "Complete", "{name}");
        let tokens = place.tokens();
        assert_eq!(tokens.len(), 2, "{name}");
        let (one, two) = (&tokens["solana/A1"], &tokens["solana/A2"]);
        assert_eq!((&one["symbol"], &one["current"]), (&"ONE".into(), &"0.5".into()), "{name}");
        assert_eq!((&one["decimals"], &two["decimals"]), (&6.into(), &0.into()), "{name}");
        assert_eq!(two["name"], "Two, \"the\" [second]", "{name}");
        assert_eq!(two["current"], "0.000000001", "{name}");
    }
}

/// Each of these once took more with it than itself: the list behind it, the marks of all tokens, or the
/// machine's memory.
#[test]
fn a_bad_element_is_told_and_spares_the_others() {
    let good = r#"{"chain":"c","address":"good","price":"1"}"#;
    let huge = format!(r#"{{"chain":"c","address":"x","note":"{}"}}"#, "n".repeat(100_000));
    let deep = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    // What it is, the element, and whether its token is known.
    let traps: [(&str, &str, bool); 24] = [
        ("nothing", "", false),
        ("no object", "7", false),
        ("a list", "[[]]", false),
        ("a literal of no JSON", "NaN", false),
        ("a price of no JSON", r#"{"chain":"c","address":"x","price":NaN}"#, false),
        ("an open brace", r#"{"chain":"c","address":"x"]"#, false),
        ("an open quote", "{\"chain\":\"c\n\"}", false),
        ("a comma too many", r#"{"chain":"c","address":"x",}"#, false),
        ("too long", &huge, false),
        ("a deep list", &deep, false),
        ("an address twice", r#"{"chain":"c","address":"x","address":"y"}"#, false),
        ("no address", r#"{"chain":"c"}"#, false),
        ("an empty address", r#"{"chain":"c","address":" "}"#, false),
        ("no chain", r#"{"address":"x"}"#, false),
        ("an address that is none", r#"{"chain":"c","address":{"x":1}}"#, false),
        ("NaN as a text", r#"{"chain":"c","address":"x","price":"NaN"}"#, true),
        ("a negative price", r#"{"chain":"c","address":"x","price":-1}"#, true),
        ("a price beyond all prices", r#"{"chain":"c","address":"x","price":1e300}"#, true),
        ("a price too fine", r#"{"chain":"c","address":"x","price":1.5e-24}"#, true),
        ("decimals beyond all", r#"{"chain":"c","address":"x","decimals":1e30}"#, true),
        ("decimals of a byte", r#"{"chain":"c","address":"x","decimals":256}"#, true),
        ("half a decimal", r#"{"chain":"c","address":"x","decimals":6.5}"#, true),
        ("a symbol that is a list", r#"{"chain":"c","address":"x","symbol":[]}"#, true),
        ("a time without a unit", r#"{"chain":"c","address":"x","timestamp":1723161255}"#, true),
    ];
    for (what, element, is_known) in traps {
        let place = Place::new();
        let ran = place.import_text("list.json", format!("[{good},\n{element},\n{good}]"), &[]);
        let report = ran.exits(0).report();
        let expected = if is_known { [3, 1, 1, 0] } else { [3, 1, 0, 1] };
        assert_eq!(ran.counts(), expected, "{what}: {}", ran.out);
        assert_eq!(report["counts"]["further"], 1, "{what}: the good one behind it");
        if !is_known {
            let place = report["malformed_rows"][0]["place"].as_str().unwrap();
            assert!(place.ends_with("list.json:2"), "{what}: {place}");
            assert_eq!(report["ending"], "WithMalformed", "{what}");
        }
    }
}

/// A download that broke off, in any form, must not pass for a whole list: it would mark what it lost as
/// stale. The error says so, and the mended list goes on.
#[test]
fn a_list_that_breaks_off_marks_nothing_and_fails() {
    let whole = gzip(ARRAY);
    for (name, text) in [
        ("cut.json", ARRAY.as_bytes()[..ARRAY.len() - 2].to_vec()),
        ("comma.json", [&ARRAY.as_bytes()[..ARRAY.len() - 2], b","].concat()),
        ("inside.json", ARRAY.as_bytes()[..ARRAY.len() - 9].to_vec()),
        ("twice.json", [ARRAY, ARRAY].concat().into_bytes()),
        ("cut.json.gz", whole[..whole.len() - 9].to_vec()),
    ] {
        let place = Place::new();
        let old = r#"[{"chain":"c","address":"old"}]"#;
        place.import_text("old.json", old, &["--session", "old"]).exits(0);
        let ran = place.import_text(name, text, &["--session", "new"]);
        ran.exits(1).says(name).says("run it again");
        assert_eq!(ran.report()["ending"], "BrokenOff", "{name}");
        assert_eq!(ran.report()["counts"]["marked_stale"], 0, "{name}");
        let report =
            place.import_text("mended.json", ARRAY, &["--session", "new"]).exits(0).report();
        assert_eq!(report["ending"], "Complete", "{name}");
        assert_eq!(report["counts"]["marked_stale"], 1, "{name}");
        assert_eq!(report["resumed"], true, "{name}");
    }
    let place = Place::new();
    place.import_text("empty.json", "", &[]).exits(1).says("empty.json is empty");
    place.import_text("blank.csv", " \n\n", &[]).exits(1).says("blank.csv is empty");
    assert!(!place.store().exists());
    assert_eq!(place.import_text("none.json", "[]", &[]).exits(0).counts(), [0; 4]);
}

/// The kill of an import in the middle, and its second run: the report is that of an import that nobody
/// disturbed.
#[test]
fn an_import_that_was_cut_short_goes_on() {
    let rows: Vec<_> = (0..250)
        .map(|n| format!(r#"{{"chain":"c","address":"t{n:03}","price":{}}}"#, n % 7))
        .collect();
    let list = format!("[{}]", rows.join(","));
    let (whole, parted) = (Place::new(), Place::new());
    whole.import_text("list.json", &list, &["--session", "s"]).exits(0);
    let file = parted.file("list.json", &list);
    let file = file.to_str().unwrap();
    let arguments = [file, "--filter", "all", "--session", "s", "--batch", "10"];
    for limit in ["30", "117"] {
        let ran = parted.import(&[&arguments[..], &["--max-rows", limit]].concat());
        assert_eq!(ran.exits(0).report()["ending"], "Truncated");
    }
    let ran = parted.import(&arguments);
    ran.exits(0).says("session s goes on: 117 rows are counted already");
    let report = ran.report();
    assert_eq!((ran.counts(), &report["repeated"]), ([250, 250, 0, 0], &117.into()));
    assert_eq!(parted.tokens().len(), 250);
    let ran = parted.import(&arguments);
    ran.exits(0).says("had ended");
    let report = ran.report();
    assert_eq!((&report["repeated"], &report["this_run"]["changed"]), (&250.into(), &0.into()));
}

/// Without a name for it, a session is the files as they are: the same command goes on, and a list that was
/// fetched anew begins anew.
#[test]
fn a_session_is_the_files_as_they_are() {
    let place = Place::new();
    let first = place.import_text("list.json", ARRAY, &["--max-rows", "1"]).exits(0).report();
    let file = place.directory.path().join("list.json");
    let same = place.import(&[file.to_str().unwrap(), "--filter", "all"]).exits(0).report();
    assert_eq!((&same["session"], &same["repeated"]), (&first["session"], &1.into()));
    fs::write(&file, ARRAY.replace("0.5", "0.6")).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    let anew = place.import(&[file.to_str().unwrap(), "--filter", "all"]).exits(0).report();
    assert_ne!(anew["session"], first["session"]);
    assert_eq!((&anew["resumed"], &anew["counts"]["changed"]), (&false.into(), &2.into()));
}

/// How the files are read is part of what they say: with another unit, or rounded, they are another list.
#[test]
fn a_session_is_how_the_files_are_read_as_well() {
    let place = Place::new();
    let list = r#"[{"chain":"c","address":"a","price":1,"time":1723161255}]"#;
    let file = place.file("list.json", list);
    let session = |more: &[&str]| {
        let ran = place.import(&[&[file.to_str().unwrap(), "--filter", "all"], more].concat());
        ran.exits(0).report()["session"].as_str().unwrap().to_owned()
    };
    let seconds = session(&["--time-unit", "s"]);
    assert_eq!(session(&["--time-unit", "s"]), seconds);
    assert_ne!(session(&["--time-unit", "ms"]), seconds);
    assert_ne!(session(&["--time-unit", "s", "--round"]), seconds);
}

/// A service names a field twice and leaves the better name empty: the other one counts.
#[test]
fn a_null_hides_no_other_name() {
    let place = Place::new();
    let list =
        r#"[{"chain":null,"network":"c","address":null,"mint":"a","price":null,"priceUsd":"2"}]"#;
    assert_eq!(place.import_text("list.json", list, &[]).exits(0).counts(), [1, 1, 0, 0]);
    assert_eq!(place.tokens()["c/a"]["current"], "2");
}

/// Standard input has no name to go on under, so one has to be given.
#[test]
fn standard_input_is_a_list() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = highwater();
        command.args(["import", "tokens", "-", "--json", "--source", "s", "--filter", "all"]);
        command.args(arguments).arg("--store").arg(place.store());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have ended before it reads.
        let _ = child.stdin.take().unwrap().write_all(&gzip(ARRAY));
        Ran::from_output(child.wait_with_output().unwrap())
    };
    run(&[]).exits(1).says("--session");
    assert!(!place.store().exists());
    let ran = run(&["--session", "monday"]);
    assert_eq!(ran.exits(0).counts(), [3, 2, 1, 0]);
    assert_eq!(ran.report()["bytes_read"], gzip(ARRAY).len());
}

/// A pool list names its tokens inside of other objects, and some of its rows are wanted only.
#[test]
fn fields_are_named_and_rows_are_filtered() {
    let pools = r#"[
      {"chainId":"solana","dexId":"raydium","labels":["CLMM"],"pairAddress":"P1","baseToken":{"address":"M1","symbol":"WIF"},"priceUsd":"2.5","fdv":1000},
      {"chainId":"solana","dexId":"orca","labels":["CLMM"],"pairAddress":"P2","baseToken":{"address":"M1","symbol":"WIF"},"priceUsd":"2.6","fdv":1000},
      {"chainId":"solana","dexId":"orca","labels":["wp"],"pairAddress":"P3","baseToken":{"address":"M2","symbol":"CAT"},"priceUsd":"1","fdv":null},
      {"chainId":"base","dexId":"orca","labels":["CLMM"],"pairAddress":"P4","baseToken":{"address":"M3","symbol":"DOG"},"priceUsd":"1"}
    ]"#;
    let place = Place::new();
    let file = place.file("pools.json", pools);
    let base = [
        file.to_str().unwrap(),
        "--field",
        "address=baseToken.address",
        "--field",
        "symbol=baseToken.symbol",
        "--filter",
    ];
    let filtered = ["chainId=solana", "--filter", "labels=CLMM"];
    let report = place.import(&[&base[..], &filtered].concat()).exits(0).report();
    let count = |kind: &str| report["counts"][kind].as_u64().unwrap();
    assert_eq!((count("new"), count("further"), count("left_out")), (1, 1, 2));
    assert_eq!(report["filter"], "chainId=solana and labels=CLMM");
    let token = &place.tokens()["solana/M1"];
    assert_eq!((&token["symbol"], &token["max"]), (&"WIF".into(), &"2.6".into()));
    // A field that is not there at all is not one that says something else.
    let ran = place.import(&[&base[..], &["dex=orca"]].concat());
    ran.exits(1).says("no row was good");
    assert_eq!(ran.counts(), [4, 0, 0, 4]);
}

/// What is not stated is asked for, in one sentence, before a store is made.
#[test]
fn wrong_arguments_are_told_before_a_store_is_made() {
    let place = Place::new();
    let file = place.file("list.json", ARRAY);
    let file = file.to_str().unwrap();
    place.import(&[file]).exits(1).says("--filter");
    place.import(&[file, "--filter", "everything"]).exits(1).says("everything").says("FIELD=VALUE");
    place.import(&[file, "--filter", "all", "--filter", "a=b"]).exits(1).says("`all` alone");
    place.import(&[file, "--filter", "all", "--field", "adress=x"]).exits(1).says("ROLE=PATH");
    place.import(&["/nowhere.json", "--filter", "all"]).exits(1).says("/nowhere.json");
    let csv = place.file("rows.csv", "coin,usd\nx,1\n");
    let csv = csv.to_str().unwrap();
    place.import(&[csv, "--filter", "all"]).exits(1).says("--field address=").says("coin, usd");
    assert!(!place.store().exists());
    let fields = ["--field", "address=coin", "--field", "price=usd", "--chain", "solana"];
    place.import(&[&[csv, "--filter", "all"][..], &fields].concat()).exits(0);
    assert_eq!(place.tokens()["solana/x"]["current"], "1");
}

/// Times say their unit, or the command line does; a price without one is of the time of the import.
#[test]
fn times_are_read_in_their_unit() {
    let place = Place::new();
    let list = r#"[
      {"chain":"c","address":"a","price":1,"observed_at":"2024-08-09T01:54:15.342+02:00"},
      {"chain":"c","address":"b","price":1,"updated_at_ms":1723161255342},
      {"chain":"c","address":"d","price":1,"timestamp":null}
    ]"#;
    let report = place.import_text("list.json", list, &[]).exits(0).report();
    let tokens = place.tokens();
    let at = |key: &str| tokens[key]["current_at"].as_str().unwrap();
    assert_eq!(at("c/a"), "2024-08-08T23:54:15.342000Z");
    assert_eq!(at("c/b"), at("c/a"));
    assert_eq!(at("c/d"), report["started_at"].as_str().unwrap());
    let list = r#"[{"chain":"c","address":"e","price":1,"time":1723161255.342}]"#;
    place.import_text("seconds.json", list, &["--time-unit", "s"]).exits(0);
    assert_eq!(place.tokens()["c/e"]["current_at"], "2024-08-08T23:54:15.342000Z");
}

/// A price of 26 decimals is exact in its list. It is rounded only where that was asked for, counted, and
/// never to nothing.
#[test]
fn prices_too_fine_are_rounded_on_request_only() {
    let list = r#"[{"chain":"c","address":"a","price":1.2345678901234567e-10},
                   {"chain":"c","address":"b","price":4e-25}]"#;
    let place = Place::new();
    let report = place.import_text("fine.json", list, &["--round"]).exits(0).report();
    assert_eq!((&report["rounded"], &report["counts"]["refused"]), (&1.into(), &1.into()));
    assert_eq!(place.tokens()["c/a"]["current"], "0.000000000123456789012346");
}

/// What an import marked as stale can be listed, and a source that never was is not one without any.
#[test]
fn stale_tokens_are_listed() {
    let place = Place::new();
    place.import_text("monday.json", ARRAY, &["--session", "monday"]).exits(0);
    let report =
        place.import_text("tuesday.json", "[]", &["--session", "tuesday"]).exits(0).report();
    assert_eq!(report["counts"]["marked_stale"], 2, "the third was never a token");
    let ran = place.run(&["tokens", "stale", "lists", "--json"]);
    let lines = ran.exits(0).lines();
    let addresses: Vec<_> = lines.iter().map(|line| line["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, ["A1", "A2"]);
    assert_eq!(place.run(&["tokens", "stale", "lists"]).exits(0).out.lines().count(), 2);
    place.run(&["tokens", "stale", "list"]).exits(1).says("no list of a source `list`");
}

/// Whoever reads the report on a terminal sees what became of the rows, and which were refused.
#[test]
fn the_table_tells_what_became_of_the_rows() {
    let place = Place::new();
    let file = place.file("list.json", ARRAY);
    let file = file.to_str().unwrap();
    let ran = place.run(&["import", "tokens", file, "--source", "lists", "--filter", "all"]);
    ran.exits(0).says("refused, decimals out of range: 1 row").says("solana A3").says("148");
    for line in
        ["rows           3", "new            2", "refused        1", "ending         complete"]
    {
        assert!(ran.out.contains(line), "no {line:?} in\n{}", ran.out);
    }
    assert!(Path::new(&place.store()).exists());
}

/// Endless input in one element, and endless elements: memory does not follow either.
#[test]
#[cfg(target_os = "linux")]
fn memory_stays_flat_whatever_the_list() {
    let peak = |list: Vec<u8>| {
        let place = Place::new();
        let ran = place.import_text("list.json.gz", list, &["--durability", "written"]);
        let bytes = ran.exits(0).report()["peak_memory_bytes"].as_u64().unwrap();
        (bytes, ran.counts())
    };
    let pack = |write: &dyn Fn(&mut dyn Write)| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        write(&mut encoder);
        encoder.finish().unwrap()
    };
    let (small, _) = peak(gzip(ARRAY));
    let element = pack(&|out| {
        out.write_all(b"[{\"chain\":\"c\",\"address\":\"").unwrap();
        for _ in 0..200 {
            out.write_all(&[b'x'; 100_000]).unwrap();
        }
        out.write_all(b"\"},{\"chain\":\"c\",\"address\":\"good\"}]").unwrap();
    });
    let (bytes, counts) = peak(element);
    assert_eq!(counts, [2, 1, 0, 1]);
    assert!(bytes < small + (8 << 20), "{bytes} bytes, {small} for three elements");
    let many = pack(&|out| {
        out.write_all(b"[{\"chain\":\"c\",\"address\":\"first\"}").unwrap();
        for n in 0..20_000 {
            let n = n % 50;
            write!(out, ",{{\"chain\":\"c\",\"address\":\"t{n}\",\"note\":\"{:0200}\"}}", n)
                .unwrap();
        }
        out.write_all(b"]").unwrap();
    });
    let (bytes, counts) = peak(many);
    assert_eq!(counts, [20_001, 51, 0, 0]);
    assert!(bytes < small + (16 << 20), "{bytes} bytes, {small} for three elements");
}
