//! Whole copies: backups, exports, and stores that are loaded from them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::Scene;

fn export(store: &Path, format: &str) -> String {
    let mut command = highwater();
    let ran = Ran::of(command.args(["export", "all", "--format", format]).arg(store));
    ran.exits(0);
    ran.out
}

fn run(words: &[&str], paths: &[&Path]) -> Ran {
    Ran::of(highwater().args(words).args(paths))
}

/// What lies beside the store, but for itself.
fn beside(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| *path != place.store()).collect()
}

/// A backup is the store: same rows, same last commit, same identity; it is made once, and it opens.
#[test]
fn a_backup_holds_what_the_store_holds() {
    let place = Place::new();
    Scene::killed(&place);
    let before = place.bytes();
    let copy = place.directory.path().join("copy");
    let ran = run(&["backup", "--json"], &[&place.store(), &copy]);
    let last = ran.exits(0).lines()[0]["last_lsn"].as_u64().unwrap();
    assert_eq!(place.bytes(), before);
    let facts = |store: &Path| {
        let info = run(&["info", "--json"], &[store]);
        let line = info.exits(0).lines()[0].clone();
        let tables = line["tables"].as_array().unwrap().iter();
        let tables: Vec<_> = tables.filter(|table| table["rows"] != 0).cloned().collect();
        (line["store_id"].clone(), line["last_lsn"].clone(), tables)
    };
    assert_eq!(facts(&copy), facts(&place.store()));
    assert_eq!(facts(&copy).1, last);
    let rows = |store: &Path| export(store, "jsonl").lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(rows(&copy), rows(&place.store()));
    run(&["verify"], &[&copy]).exits(0);
    let again = run(&["backup"], &[&place.store(), &copy]);
    again.exits(1).says("copy").says("already");
    assert_eq!(beside(&place), std::slice::from_ref(&copy));

    let store = crate::cli::scene::open(&copy);
    assert!(store.opening().clean);
    assert_eq!(store.snapshot().verify().unwrap(), []);
    store
        .recover(|_: &highwater::Case| Ok::<_, highwater::Error>(highwater::Verdict::Leave))
        .unwrap();
    run(&["backup"], &[&copy, &place.directory.path().join("third")]).exits(5);
    store.close().unwrap();
    run(&["backup"], &[&place.directory.path().join("nowhere"), &copy]).exits(1).says("no store");
}

/// Out and in again, in either format: the same to the last byte.
#[test]
fn what_is_loaded_is_what_was_exported() {
    let place = Place::new();
    Scene::killed(&place);
    let before = place.bytes();
    for format in ["jsonl", "csv"] {
        let file = place.directory.path().join(format);
        let ran = Ran::of(
            highwater()
                .args(["export", "all", "--format", format, "-o"])
                .args([&file, &place.store()]),
        );
        ran.exits(0).says("rows in");
        let copy = place.directory.path().join(format!("from-{format}"));
        run(&["load"], &[&file, &copy]).exits(0);
        let again = export(&copy, format);
        let text = fs::read_to_string(&file).unwrap();
        // The copy's segments are its own; all else is the same.
        let line = usize::from(format == "csv") * 6;
        let differ = |(number, (old, new)): (usize, (&str, &str))| (old != new).then_some(number);
        let pairs = text.lines().zip(again.lines()).enumerate();
        assert_eq!(pairs.filter_map(differ).collect::<Vec<_>>(), [line]);
        assert_eq!(text.lines().count(), again.lines().count());
        run(&["load"], &[&file, &copy]).exits(1).says("already");
        let taken =
            Ran::of(highwater().args(["export", "all", "-o"]).args([&file, &place.store()]));
        taken.exits(1).says(format);
    }
    let piped = highwater()
        .args(["load", "-"])
        .arg(place.directory.path().join("piped"))
        .stdin(fs::File::open(place.directory.path().join("csv")).unwrap())
        .output();
    assert_eq!(piped.unwrap().status.code(), Some(0));
    assert_eq!(place.bytes(), before);
    let one = run(&["export", "positions"], &[&place.store()]);
    assert_eq!(one.exits(0).lines().len(), 2 + 2);
    run(&["export", "nonsense"], &[&place.store()]).exits(1).says("nonsense");
}

/// Beside the bytes stands what they say, in words; without these words, or with any others, the same store
/// is loaded.
#[test]
fn what_a_row_says_in_words_is_for_people() {
    let place = Place::new();
    Scene::closed(&place);
    let whole = export(&place.store(), "jsonl");
    let lines: Vec<serde_json::Value> =
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows = || lines.iter().filter(|line| line["kind"] == "row");
    assert!(rows().all(|line| line["readable"]["key"].is_object()), "{whole}");
    let cash = rows().find(|line| line["table"] == "accounts").unwrap();
    assert_eq!(cash["readable"]["key"]["account"], "main");
    assert_eq!(cash["readable"]["row"]["balance"]["of"], "fiat/USD");
    let csv = export(&place.store(), "csv");
    let row = csv.lines().find(|line| line.starts_with("accounts,")).unwrap();
    assert!(row.contains(",\"accounts: account main"), "{row}");
    assert!(csv.lines().all(|line| line.split(',').count() >= 4), "{csv}");

    let bare = |format: &str| {
        run(&["export", "all", "--bare", "--format", format], &[&place.store()])
            .exits(0)
            .out
            .clone()
    };
    assert!(!bare("jsonl").contains("readable"));
    assert!(bare("csv").lines().all(|line| line.split(',').count() == 3));
    let lies = whole.replace("\"account\":\"main\"", "\"account\":[1,{\"row\":\"ff\"}]");
    assert_ne!(lies, whole);
    for (name, text) in [("bare.jsonl", bare("jsonl")), ("bare.csv", bare("csv")), ("lies", lies)] {
        let file = place.file(name, text);
        let copy = place.directory.path().join(format!("of-{name}"));
        run(&["load"], &[&file, &copy]).exits(0);
        let again = export(&copy, "jsonl");
        let differ = whole.lines().zip(again.lines()).filter(|(old, new)| old != new);
        assert_eq!(differ.count(), 1, "{name}: more than the first line differs");
        assert_eq!(whole.lines().count(), again.lines().count());
    }
}

/// A line that is wrong, a row that is missing, a file that is cut: nothing is made of any of them, and
/// the line is named.
#[test]
fn nothing_is_made_of_a_wrong_export() {
    let place = Place::new();
    Scene::closed(&place);
    let whole: Vec<String> = export(&place.store(), "csv").lines().map(str::to_owned).collect();
    let copy = place.directory.path().join("copy");
    let refused = |name: &str, lines: &[String], code: i32| {
        let file = place.file(name, lines.join("\n") + "\n");
        let ran = run(&["load"], &[&file, &copy]);
        ran.exits(code);
        fs::remove_file(&file).unwrap();
        assert!(beside(&place).is_empty(), "{name} left something");
        ran
    };
    let changed = |at: usize, line: &str| {
        let mut lines = whole.clone();
        line.clone_into(&mut lines[at]);
        lines
    };
    refused("digits", &changed(20, "tokens,zz,00"), 1).says(":21: its key is not made of hex");
    refused("table", &changed(20, "nowhere,00,00"), 1).says(":21: `nowhere` is no table");
    refused("cells", &changed(20, "tokens"), 1).says(":21: ");
    refused("twice", &changed(20, &whole[19]), 1).says(":21: it does not come behind");
    refused("cut", &whole[..whole.len() - 1], 1).says("cut short");
    refused("version", &changed(1, "@format,2,"), 1).says("format 2");
    refused("bare", &["".to_owned()], 1).says(":1: ");
    refused("identity", &changed(3, "@identity,ff,"), 1).says(":4: its identity is of no mode");
    let long = format!("tokens,{},00", "00".repeat(2_000));
    refused("long", &changed(20, &long), 1).says(":21: ");

    // A row that its table cannot hold, whatever its checksum.
    let row = whole.iter().position(|line| line.starts_with("accounts,")).unwrap();
    let cells: Vec<&str> = whole[row].splitn(4, ',').collect();
    let cut = format!("accounts,{},{}", cells[1], &cells[2][..cells[2].len() - 2]);
    refused("cut row", &changed(row, &cut), 1)
        .says("its row cannot be read as one of table accounts");

    // A row of the ledger is gone, and the count says so: the books contradict themselves.
    let at = whole.iter().position(|line| line.starts_with("accounts,")).unwrap();
    let mut without = whole.clone();
    without.remove(at);
    let rows = whole.len() - 8 - 1;
    *without.last_mut().unwrap() = format!("@end,{rows},");
    refused("books", &without, 4).says("accounts").says("nothing was made");
    let file = place.directory.path().join("absent");
    run(&["load"], &[&file, &copy]).exits(1).says("absent");
}

/// Whoever mends an export by hand has to know file, line and field, in words: no names of our source code.
#[test]
fn what_is_wrong_with_an_export_is_said_in_words() {
    let place = Place::new();
    Scene::closed(&place);
    let whole: Vec<String> = export(&place.store(), "jsonl").lines().map(str::to_owned).collect();
    let account = whole.iter().position(|line| line.contains("\"table\":\"accounts\"")).unwrap();
    let row = |field: &str, value: Value| {
        let mut line: Value = serde_json::from_str(&whole[account]).unwrap();
        match value {
            Value::Null => drop(line.as_object_mut().unwrap().remove(field)),
            value => line[field] = value,
        }
        line.to_string()
    };
    let wrong = [
        (row("row", "01".into()), "its row cannot be read as one of table accounts: "),
        (row("row", "ff01".into()), "its row cannot be read as one of table accounts: "),
        (row("key", "00".into()), "its key cannot be read as one of table accounts: "),
        (row("key", Value::Null), "its field `key` is missing"),
        (row("key", 5.into()), "its field `key` is 5, which is not a text"),
        (row("kind", "gift".into()), "`gift` is no kind of line"),
        (row("kind", Value::Null), "its field `kind` is missing"),
        ("noise".to_owned(), "it is no line of an export"),
    ];
    let copy = place.directory.path().join("copy");
    let file = place.directory.path().join("list");
    let load = || run(&["load"], &[&file, &copy]);
    for (line, reason) in wrong {
        let mut lines = whole.clone();
        lines[account].clone_from(&line);
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let ran = load();
        ran.exits(1).says(&format!("list:{}: {reason}", account + 1));
        for word in ["{", "UnexpectedEnd", "Some(", "invalid type", " : "] {
            assert!(!ran.err.contains(word), "{line}: {}", ran.err);
        }
    }
    // The books contradict themselves: each finding is said once, and names its table.
    let mut lines = whole.clone();
    lines.remove(account);
    let rows = lines.len() - 2;
    *lines.last_mut().unwrap() = format!("{{\"kind\":\"end\",\"rows\":{rows}}}");
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let ran = load();
    ran.exits(4).says("list holds no sound store: ");
    let told: Vec<&str> = ran.err.lines().collect();
    let mut once = told.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), told.len(), "{}", ran.err);
    assert!(told.iter().all(|line| line.starts_with("rule ") || line.contains("no sound")));

    fs::remove_file(&file).unwrap();
    let ran = load();
    ran.exits(1).says("list cannot be opened; nothing was made: No such file");
    fs::create_dir(&file).unwrap();
    load().exits(1).says("list cannot be opened");
    fs::write(place.directory.path().join("sound"), whole.join("\n") + "\n").unwrap();
    let taken = "is there already: name a directory that is not";
    let sound = place.directory.path().join("sound");
    run(&["load"], &[&sound, &file]).exits(1).says(taken);
    run(&["backup"], &[&place.store(), &file]).exits(1).says(taken);
    for name in ["x:y", "x\\y"] {
        let named = place.directory.path().join(name);
        let told = "cannot be the name of a store: it may hold neither `:` nor";
        run(&["backup"], &[&place.store(), &named]).exits(1).says(told);
        run(&["load"], &[&sound, &named]).exits(1).says(told);
    }
}

/// Every shell gets a script that knows the commands.
#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell], &[]);
        assert!(ran.exits(0).out.contains("verify") && ran.out.contains("positions"), "{shell}");
    }
    run(&["completions", "tcsh"], &[]).exits(1);
}
