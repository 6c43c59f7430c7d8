//! Stores that are refused and bases that are broken: a line for programs, and no panic for people.

use std::fs;
use std::path::Path;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::{Scene, close, open};

const READERS: [&[&str]; 10] = [
    &["info"],
    &["verify"],
    &["ops", "list"],
    &["ops", "stuck"],
    &["accounts"],
    &["entries"],
    &["positions"],
    &["summary"],
    &["health"],
    &["repair", "--dry-run"],
];

fn run(command: &[&str], store: &Path) -> Ran {
    Ran::of(highwater().args(command).arg("--json").env("HIGHWATER_STORE", store))
}

/// The one line that a refused command prints.
#[track_caller]
fn refusal(ran: &Ran, code: i32, reason: &str) -> serde_json::Value {
    let [line] = &ran.exits(code).lines()[..] else { panic!("one line, not: {}", ran.out) };
    assert_eq!((&line["kind"], &line["code"]), (&"refusal".into(), &code.into()), "{line}");
    assert_eq!(line["reason"], reason, "{line}");
    assert!(!line["message"].as_str().unwrap().is_empty());
    line.clone()
}

/// A program that reads lines of JSON gets one, also where there is nothing to read: a bot has the store
/// open, a later release wrote it, or nothing can be made of it.
#[test]
fn a_refusal_is_a_line_of_json() {
    let place = Place::new();
    Scene::closed(&place);
    let store = open(&place.store());
    for command in READERS {
        refusal(&run(command, &place.store()), 5, "locked");
    }
    close(store, &place.store());

    let journal = place.store().join("journal");
    let names = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
    let segment = names.filter(|path| path.extension().is_some_and(|end| end == "wal")).max();
    let segment = segment.unwrap();
    let sound = fs::read(&segment).unwrap();
    let mut later = sound.clone();
    later[8] = 2;
    let crc = crc32fast::hash(&later[..76]);
    later[76..80].copy_from_slice(&crc.to_le_bytes());
    fs::write(&segment, later).unwrap();
    for command in READERS.iter().filter(|command| **command != ["info"]) {
        let line = refusal(&run(command, &place.store()), 5, "version");
        assert_eq!((&line["found"], &line["supported"]), (&2.into(), &1.into()));
    }
    for command in [&["wal", "list"][..], &["wal", "verify"]] {
        refusal(&run(command, &place.store()), 5, "version");
    }
    fs::write(&segment, sound).unwrap();

    // A repair that has nothing to do knows nothing of the commits, and one that cannot says why.
    let line = &run(&["repair", "--dry-run"], &place.store()).exits(0).lines()[0];
    assert_eq!(line["is_needed"], false);
    for field in ["last_lsn", "durable_lsn", "first_lost", "last_lost", "refusal", "kept_in"] {
        assert_eq!(line.get(field), Some(&serde_json::Value::Null), "{field}");
    }
    fs::write(place.store().join("base.redb"), b"not a base at all").unwrap();
    for command in [["repair", "--dry-run"], ["repair", "--write"]] {
        let line = refusal(&run(&command, &place.store()), 3, "damage");
        assert_eq!(line["file"], "base.redb");
    }
    refusal(&run(&["accounts"], &place.store()), 3, "damage");
}

/// redb panics over some pages that are not as it wrote them. Whoever asks what is wrong with the base is
/// told in a finding, with the table, and gets no panic on the terminal as well.
#[test]
fn a_broken_base_is_told_without_panics() {
    const PAGE: usize = 4096;
    let place = Place::new();
    Scene::closed(&place);
    let base = place.store().join("base.redb");
    let sound = fs::read(&base).unwrap();
    let (mut caught, mut named) = (0, 0);
    for at in (PAGE..sound.len()).step_by(PAGE) {
        // What says where the first key of a page ends.
        let mut hurt = sound.clone();
        hurt[at + 7] ^= 0x80;
        if sound[at..at + 8] == [0; 8] {
            continue;
        }
        fs::write(&base, &hurt).unwrap();
        let ran = Ran::of(highwater().arg("verify").arg(place.store()));
        assert!([Some(0), Some(3)].contains(&ran.code), "{}", ran.err);
        assert!(!ran.err.contains("panicked"), "page {}: {}", at / PAGE, ran.err);
        assert!(!ran.err.contains("redb"), "page {}: {}", at / PAGE, ran.err);
        for line in ran.out.lines().filter(|line| line.contains("reading it failed with")) {
            caught += 1;
            named += usize::from(line.contains(": in table "));
        }
    }
    assert!(caught > 3 && named > 3, "{caught} panics were told, {named} with their table");
}
