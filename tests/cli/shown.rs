//! What the commands that look at the state print, word for word: people read it who are tired, and scripts.
//! With `HIGHWATER_SNAPSHOTS=write` it is written anew, to be looked at.

use std::fs;
use std::path::Path;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::Scene;

/// Holds what a command printed against its snapshot. What differs from run to run has a name of its own.
fn hold(place: &Place, name: &str, ran: &Ran) {
    let directory = place.directory.path().display().to_string();
    let text = format!("{}{}", ran.out, ran.err).replace(&directory, "<place>");
    let text = without_store_id(&text);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var("HIGHWATER_SNAPSHOTS").is_ok_and(|value| value == "write") {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs from {}", path.display());
}

/// Every store has another id: 32 hex digits behind these words.
fn without_store_id(text: &str) -> String {
    let mut text = text.to_owned();
    for words in ["store id         ", "\"store_id\":\""] {
        if let Some(at) = text.find(words) {
            let at = at + words.len();
            assert!(text[at..at + 32].bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
            text.replace_range(at..at + 32, "<store id>");
        }
    }
    text
}

#[test]
fn what_the_state_commands_print() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let (running, used_up) = (scene.running.to_string(), scene.used_up.to_string());
    let (running, used_up) = (running.trim_start_matches('#'), used_up.trim_start_matches('#'));
    let late = "2024-08-09T01:00:00Z";
    let shown: [(&str, &[&str]); 16] = [
        ("positions", &["positions", "--all"]),
        ("accounts", &["accounts", "--kind", "all"]),
        ("entries", &["entries"]),
        ("summary", &["summary"]),
        ("ops-list", &["ops", "list"]),
        ("ops-show", &["ops", "show", running]),
        ("ops-show-failed", &["ops", "show", used_up]),
        ("ops-stuck", &["ops", "stuck", "--at", late]),
        ("tokens-list", &["tokens", "list"]),
        ("tokens-show", &["tokens", "show", "BONK"]),
        ("info", &["info"]),
        ("verify", &["verify"]),
        ("at-positions", &["positions", "--at", "14"]),
        ("at-accounts", &["accounts", "--at", "14"]),
        ("at-ops-list", &["ops", "list", "--at", "14"]),
        ("at-nothing", &["summary", "--at", "9999"]),
    ];
    for (name, command) in shown {
        hold(&place, name, &place.run(command));
        hold(&place, &format!("{name}-json"), &place.run(&[command, &["--json"]].concat()));
    }
    let diff = |flags: &[&str]| {
        Ran::of(highwater().arg("diff").arg(place.store()).args(["14", "17"]).args(flags))
    };
    hold(&place, "diff", &diff(&[]));
    hold(&place, "diff-json", &diff(&["--json"]));
}

#[test]
fn what_is_printed_of_a_damaged_store() {
    let place = Place::new();
    Scene::closed(&place);
    let base = place.store().join("base.redb");
    let mut bytes = fs::read(&base).unwrap();
    let at = bytes.windows(8).rposition(|window| window == b"order 99").unwrap();
    bytes[at] ^= 1;
    fs::write(&base, bytes).unwrap();
    for (name, command) in [("verify-damaged", "verify"), ("info-damaged", "info")] {
        hold(&place, name, &place.run(&[command]));
        hold(&place, &format!("{name}-json"), &place.run(&[command, "--json"]));
    }
}
