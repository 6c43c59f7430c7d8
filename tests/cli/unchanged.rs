//! Every command that reads, on stores in every state: not a byte of them changes, and nothing panics.

use std::fs;
use std::path::Path;

use crate::cli::place::{Place, Ran, highwater};
use crate::cli::scene::Scene;

/// The commands that only read, with what they say of a store that is sound.
const READS: [&[&str]; 14] = [
    &["verify"],
    &["verify", "--json"],
    &["ops", "list"],
    &["ops", "show", "1"],
    &["ops", "show", "1", "--json"],
    &["ops", "stuck"],
    &["positions", "--all"],
    &["accounts", "--kind", "all"],
    &["entries"],
    &["entries", "--json"],
    &["summary"],
    &["health"],
    &["claims"],
    &["tokens", "list"],
];

fn all(place: &Place, codes: &[i32]) {
    let before = place.bytes();
    let exits = |ran: &Ran, what: &dyn std::fmt::Debug| {
        let code = ran.code.expect("it ended by itself");
        assert!(codes.contains(&code), "{what:?} exits with {code}:\n{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{what:?}: {}", ran.err);
    };
    for command in READS {
        exits(&place.run(command), &command);
    }
    let mut export = highwater();
    exits(&Ran::of(export.args(["export", "all"]).arg(place.store())), &"export");
    let copy = place.directory.path().join("copy");
    let _ = fs::remove_dir_all(&copy);
    exits(&Ran::of(highwater().arg("backup").args([&place.store(), &copy])), &"backup");
    assert!(place.bytes() == before, "a command that reads wrote");
}

/// The last segment of the store's log.
fn last_segment(store: &Path) -> std::path::PathBuf {
    let entries = fs::read_dir(store.join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "wal")).collect();
    segments.sort();
    segments.pop().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Where `text` stands last in a file.
fn place_of(path: &Path, text: &[u8]) -> usize {
    let bytes = fs::read(path).unwrap();
    bytes.windows(text.len()).rposition(|window| window == text).unwrap()
}

#[test]
fn a_closed_store_and_a_killed_one() {
    let place = Place::new();
    Scene::closed(&place);
    all(&place, &[0]);
    let place = Place::new();
    Scene::killed(&place);
    all(&place, &[0]);
}

/// The last batch is torn: that is told by `verify`, and everything before it can be read.
#[test]
fn a_torn_store() {
    let place = Place::new();
    let scene = Scene::killed(&place);
    let segment = last_segment(&place.store());
    flip(&segment, place_of(&segment, b"operation.begin #"));
    place.run(&["verify"]).exits(2);
    let lines = place.run(&["verify", "--json"]).exits(2).lines();
    assert_eq!(
        (&lines[0]["kind"], &lines[0]["severity"]),
        (&"finding".into(), &"torn_tail".into())
    );
    assert!(segment.ends_with(lines[0]["file"].as_str().unwrap()), "{}", lines[0]);
    assert!(lines[0]["offset"].is_u64());
    place.run(&["ops", "show", &scene.pending.to_string()]).exits(1);
    place.run(&["ops", "show", &scene.running.to_string()]).exits(0);
    all(&place, &[0, 2]);
}

/// Acknowledged data is damaged: everybody says so with 3, and `verify` says where, and goes on.
#[test]
fn a_damaged_store() {
    let place = Place::new();
    Scene::killed(&place);
    let segment = last_segment(&place.store());
    let (first, second) = (place_of(&segment, b"ledger.deposit"), place_of(&segment, b"order 99"));
    flip(&segment, first);
    flip(&segment, second);
    let verified = place.run(&["verify", "--json"]);
    let lines = verified.exits(3).lines();
    let damage: Vec<u64> = lines
        .iter()
        .filter(|line| line["severity"] == "damage" && line["file"].is_string())
        .map(|line| line["offset"].as_u64().unwrap())
        .collect();
    assert_eq!(damage.len(), 2, "both are found: {}", verified.out);
    all(&place, &[3]);
}

/// One row of the base is damaged. It is named by table and key, every other row is read, and what the row
/// says is missing from the rules.
#[test]
fn a_damaged_row_of_the_base() {
    let place = Place::new();
    let scene = Scene::closed(&place);
    let sound = place.run(&["verify", "--json"]).exits(0).lines().pop().unwrap();
    let base = place.store().join("base.redb");
    flip(&base, place_of(&base, b"order 99"));
    let lines = place.run(&["verify", "--json"]).exits(3).lines();
    let row =
        lines.iter().find(|line| line["table"] == "checkpoints" && line["severity"] == "damage");
    let row = row.unwrap_or_else(|| panic!("no row is named: {lines:?}"));
    assert!(row["key"].as_str().unwrap().starts_with(&format!("{:016x}", scene.running.get())));
    let rule =
        |line: &&serde_json::Value| line["severity"] == "rule" && line["table"] == "checkpoints";
    assert_eq!(lines.iter().filter(rule).count(), 1, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["base_rows"].as_u64(), sound["base_rows"].as_u64().map(|rows| rows - 1));
    all(&place, &[3]);
}

/// A base that is damaged beyond opening ends nothing: the log is still looked at.
#[test]
fn a_base_that_is_noise() {
    let place = Place::new();
    Scene::closed(&place);
    let base = place.store().join("base.redb");
    let len = fs::metadata(&base).unwrap().len();
    for bytes in [Vec::new(), vec![0; 100], vec![0xa5; usize::try_from(len).unwrap()]] {
        fs::write(&base, bytes).unwrap();
        all(&place, &[3]);
    }
    fs::remove_file(&base).unwrap();
    all(&place, &[3]);
}

/// A copy without its lock, in a directory that nobody may write to.
#[test]
#[cfg(unix)]
fn a_copied_store_that_cannot_be_written_to() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    Scene::killed(&place);
    fs::remove_file(place.store().join("LOCK")).unwrap();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in place.bytes().keys() {
        mode(path, 0o400);
    }
    let directories = [place.store().join("journal"), place.store()];
    directories.iter().for_each(|path| mode(path, 0o500));
    all(&place, &[0]);
    assert!(!place.store().join("LOCK").exists());
    directories.iter().for_each(|path| mode(path, 0o700));
}

/// A running bot's store is nobody else's to look at.
#[test]
fn a_store_in_use() {
    let place = Place::new();
    Scene::closed(&place);
    let bot = crate::cli::scene::open(&place.store());
    for command in READS {
        place.run(command).exits(5);
    }
    bot.close().unwrap();
}

/// Rewrites what the base says of itself, with another version and the right checksums.
fn set_base_version(base: &Path, version: u8) {
    use redb::ReadableTable;
    const META: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("meta");
    let database = redb::Database::open(base).unwrap();
    let writing = database.begin_write().unwrap();
    {
        let mut table = writing.open_table(META).unwrap();
        let mut bytes = table.get("meta").unwrap().unwrap().value().to_vec();
        bytes[0] = version;
        let end = bytes.len() - 4;
        let crc = crc32fast::hash(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&crc);
        table.insert("meta", &*bytes).unwrap();
    }
    writing.commit().unwrap();
}

fn set_segment_version(segment: &Path, version: u8) {
    let mut bytes = fs::read(segment).unwrap();
    bytes[8] = version;
    let crc = crc32fast::hash(&bytes[..76]).to_le_bytes();
    bytes[76..80].copy_from_slice(&crc);
    fs::write(segment, bytes).unwrap();
}

/// A store of another format version, older or newer, is told as such, and not as damaged: every command
/// answers 5 with the version found and the one that it reads, and writes nothing. `info` alone tells what
/// can be told.
#[test]
fn a_store_of_another_version() {
    for (version, in_base) in [(0, false), (2, false), (9, false), (0, true), (2, true)] {
        let place = Place::new();
        Scene::closed(&place);
        let store = place.store();
        if in_base {
            set_base_version(&store.join("base.redb"), version);
        } else {
            set_segment_version(&last_segment(&store), version);
        }
        let before = place.bytes();
        let refused = |ran: &Ran| {
            ran.exits(5).says(&format!("version {version}")).says("reads version 1");
        };
        let to = place.directory.path().join("to");
        let list = place.file("list.json", r#"[{"address":"A","chain":"solana"}]"#);
        let with_directory: [&[&str]; 8] = [
            &["wal", "list"],
            &["wal", "dump"],
            &["wal", "stats"],
            &["wal", "verify"],
            &["verify"],
            &["repair", "--dry-run"],
            &["repair", "--write"],
            &["export", "all"],
        ];
        for command in with_directory {
            refused(&Ran::of(highwater().args(command).arg(&store)));
        }
        refused(&Ran::of(highwater().arg("diff").arg(&store).args(["0", "1"])));
        refused(&Ran::of(highwater().arg("backup").args([&store, &to])));
        for command in READS {
            refused(&place.run(command));
        }
        let more: [&[&str]; 8] = [
            &["accounts", "--at", "1"],
            &["history", "BONK"],
            &["tokens", "show", "BONK"],
            &["tokens", "pumps"],
            &["tokens", "stale", "lists"],
            &["tokens", "missing"],
            &["maintain"],
            &["replay", "--reference", "USD:2"],
        ];
        for command in more {
            refused(&place.run(command));
        }
        let import = ["import", "tokens", "--source", "lists", "--filter", "all"];
        let import = import.map(std::ffi::OsStr::new).into_iter().chain([list.as_os_str()]);
        refused(&place.run(&import.collect::<Vec<_>>()));
        let info = place.run(&["info"]);
        info.exits(0).says("use the release that wrote it");
        assert!(info.out.contains(&format!("version {version}")), "{}", info.out);
        assert!(info.out.contains("this program reads version 1"), "{}", info.out);
        let line = &place.run(&["info", "--json"]).exits(0).lines()[0];
        assert_eq!((&line["kind"], &line["supported"]), (&"other_version".into(), &1.into()));
        assert_eq!(line["store_id"].as_str().map(str::len), Some(32), "{line}");
        let files = line["files"].as_array().unwrap();
        let of = |version: u64| files.iter().filter(|file| file["version"] == version).count();
        assert_eq!(of(version.into()), 1, "{line}");
        assert_eq!(of(1), files.len() - 1, "{line}");
        let bytes = files.iter().map(|file| file["bytes"].as_u64().unwrap()).sum::<u64>();
        assert!(bytes > 0 && line["disk_bytes"] == bytes, "{line}");
        assert!(place.bytes() == before && !to.exists());
    }
}
