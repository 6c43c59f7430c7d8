//! What is asked for and is not there: a wrong name is told as one, and an empty answer says so.

use std::fs;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::Scene;

/// At night a name is soon misspelt. An empty table would say that there is no such money.
#[test]
fn names_that_do_not_exist_are_told() {
    let place = Place::new();
    Scene::killed(&place);
    let lists: [(&[&str], &str); 14] = [
        (&["accounts", "--account", "mian"], "there is no account mian"),
        (&["accounts", "--asset", "UDS"], "there is no asset UDS"),
        (&["entries", "--account", "mian"], "there is no account mian"),
        (&["entries", "--operation", "999"], "there is no operation #999"),
        (&["entries", "--position", "#999"], "there is no position #999"),
        (&["positions", "--account", "mian", "--all"], "there is no account mian"),
        (&["positions", "--asset", "solana/BONKK"], "there is no asset solana/BONKK"),
        (&["ops", "list", "--account", "mian"], "there is no account mian"),
        (&["ops", "show", "#999"], "there is no operation #999"),
        (&["wal", "dump", "--account", "mian"], "there is no account mian"),
        (&["wal", "list", "--operation", "#999"], "there is no operation #999"),
        (&["wal", "list", "--token", "BONKK", "--reverse"], "there is no token BONKK"),
        (&["wal", "dump", "--table", "acounts"], "acounts is no table"),
        (&["summary", "--account", "mian"], "there is no account mian"),
    ];
    for (command, told) in lists {
        for json in [&[][..], &["--json"]] {
            let ran = place.run(&[command, json].concat());
            ran.exits(1).says(told);
            // Damage to the whole of the log would be told first; here nothing else is.
            assert_eq!(ran.out, "", "{command:?}");
        }
    }
}

/// What is known and has nothing to show says so to people, and nothing at all to programs.
#[test]
fn a_filter_that_nothing_passes_says_so() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let (pending, used_up) = (scene.pending.to_string(), scene.used_up.to_string());
    let lists: [(&[&str], &str); 10] = [
        (&["accounts", "--account", "vault", "--kind", "fees"], "no accounts match"),
        (&["entries", "--operation", &pending], "no entries match"),
        (&["entries", "--until", "2000-01-01T00:00:00Z"], "no entries match"),
        (&["positions", "--closed", "--account", "vault"], "no positions match"),
        (&["positions", "--tag", "nothing"], "no positions match"),
        (&["ops", "list", "--status", "rolled-back"], "no operations match"),
        (&["ops", "list", "--key", "never used"], "no operations match"),
        (&["wal", "list", "--operation", &used_up, "--table", "tokens"], "no commits match"),
        (&["wal", "dump", "--until", "2000-01-01T00:00:00Z"], "no commits match"),
        (&["tokens", "list", "--chain", "nowhere"], "no tokens match"),
    ];
    for (command, told) in lists {
        let ran = place.run(command);
        assert_eq!((ran.exits(0).out.as_str(), ran.err.trim()), ("", told), "{command:?}");
        let ran = place.run(&[command, &["--json"]].concat());
        assert_eq!((ran.exits(0).out.as_str(), ran.err.as_str()), ("", ""), "{command:?}");
    }
}

/// The program prints operations as #42 and takes them back so. Of an operation the log shows whole
/// commits: what it did to the money stands in rows that do not name it.
#[test]
fn an_operation_is_read_as_it_is_printed() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let (printed, bare) = (scene.bought.to_string(), scene.bought.get().to_string());
    assert!(printed.starts_with('#'));
    for command in [["wal", "dump"], ["wal", "list"]] {
        let of = |id: &str| place.run(&[command[0], command[1], "--operation", id]);
        assert_eq!(of(&printed).exits(0).out, of(&bare).exits(0).out);
        assert_ne!(of(&bare).out, "");
    }
    let dumped = place.run(&["wal", "dump", "--operation", &printed]).out;
    for row in ["operations: ", "accounts: ", "entries: ", "holds: "] {
        assert!(dumped.contains(row), "no {row} in {dumped}");
    }
    place.run(&["wal", "list", "--operation", "first"]).exits(1).says("such as 42 or #42");
    place.run(&["wal", "list", "--since", "noon"]).exits(1).says("it is not an RFC 3339 time");
}

/// Backwards the newest commits come first, and the rows that name their assets and tokens last. Amounts
/// have their points all the same, also where no checkpoint ever was.
#[test]
fn backwards_the_same_is_told() {
    let place = Place::new();
    Scene::killed(&place);
    let lines = |flags: &[&str]| {
        let ran = place.run(&[&["wal", "dump", "--json"], flags].concat());
        let mut lines = ran.exits(0).lines();
        lines.sort_by_key(|line| line["lsn"].as_u64());
        lines
    };
    assert_eq!(lines(&["--reverse"]), lines(&[]));
    let bonk = lines(&["--token", "BONK"]);
    assert!(bonk.len() > 2);
    assert_eq!(lines(&["--token", "BONK", "--reverse"]), bonk);
}

/// What is no log is not called damaged, and what was typed twice is not used once.
#[test]
fn what_is_no_log_is_told_as_such() {
    let place = Place::new();
    Scene::closed(&place);
    let run = |arguments: &[&str]| {
        Ran::of(highwater().current_dir(place.directory.path()).args(arguments))
    };
    let ran = run(&["wal", "list", "store/base.redb"]);
    ran.exits(1).says("it is not a segment of a journal");
    let ran = run(&["wal", "verify", "nosuch"]);
    ran.exits(1).says("there is no log at nosuch");
    assert_eq!(ran.err.matches("nosuch").count(), 1, "{}", ran.err);
    let ran = run(&["wal", "verify", "store", "store"]);
    ran.exits(1).says("store is a directory: name one store");
    for command in
        [&["wal", "verify"][..], &["wal", "list"], &["verify"], &["info"], &["repair", "--dry-run"]]
    {
        let ran = run(&[command, &["store", "--store", "other"]].concat());
        ran.exits(1).says("--store other names a second store");
        // The environment says which store is meant where nothing else does.
        let mut of_environment = highwater();
        of_environment.current_dir(place.directory.path()).env("HIGHWATER_STORE", "other");
        Ran::of(of_environment.args(command).arg("store")).exits(0);
    }
    // A segment whose header is damaged is one all the same, by its name.
    fs::write(place.directory.path().join("1.wal"), [7; 200]).unwrap();
    run(&["wal", "verify", "1.wal"]).exits(3);
}
