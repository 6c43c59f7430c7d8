//! The house rules as a test: the folder listing is the architecture, and imports point down.
//!
//! The rules and the list of layers stand in `tidy/rules.rs`. Every complaint names file and line.
//! The tests below `made_up` show each rule a source that breaks it.

#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use rules::{Complaint, check, check_tests};

/// All Rust files below `folder`, as (path from the crate's root, text), in order.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the crate") {
            let path = entry.expect("an entry of the folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root");
                let name = name.to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    found.sort();
    found
}

fn report(complaints: &[Complaint]) -> String {
    let lines: Vec<_> = complaints.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// A layer that knows the one above it cannot be tested, replaced or understood alone.
#[test]
fn the_source_keeps_the_rules() {
    let complaints = check(&rust_files("src"));
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), report(&complaints));
}

/// A test that is skipped looks like one that passes.
#[test]
fn no_test_is_ignored() {
    let complaints = check_tests(&rust_files("tests"));
    assert!(complaints.is_empty(), "{}", report(&complaints));
}

/// Names of the dependencies in a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').ends_with("dependencies");
        } else if let Some((name, _)) = line.split_once('=')
            && inside
            && !line.starts_with('#')
        {
            names.push(name.trim().split('.').next().unwrap_or_default().to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The names in the first column of the page's tables.
fn explained(page: &str) -> Vec<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut names: Vec<_> = rows.map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Nobody adds a dependency without saying why, and the page does not outlive what it explains.
#[test]
fn every_dependency_is_explained() {
    let read = |name| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let (named, told) =
        (dependencies(&read("Cargo.toml")), explained(&read("docs/dependencies.md")));
    assert_eq!(
        named, told,
        "Cargo.toml (left) and docs/dependencies.md (right) name different crates"
    );
}

mod made_up {
    use super::*;

    /// What the rules say of one file with this text behind its opening sentence.
    fn complaints(path: &str, text: &str) -> Vec<String> {
        let file = (path.to_owned(), format!("//! A file.\n{text}"));
        check(&[file]).iter().map(ToString::to_string).collect()
    }

    fn expect(path: &str, text: &str, begin: &str) {
        let complaints = complaints(path, text);
        assert_eq!(complaints.len(), 1, "{path} with {text:?}: {complaints:?}");
        assert!(complaints[0].starts_with(begin), "{} is not {begin}", complaints[0]);
    }

    fn expect_nothing(path: &str, text: &str) {
        assert_eq!(complaints(path, text), Vec::<String>::new(), "{path} with {text:?}");
    }

    #[test]
    fn a_file_opens_with_a_sentence() {
        let file = ("src/clock.rs".to_owned(), "use std::fmt;\n".to_owned());
        assert_eq!(check(&[file])[0].to_string().split(": ").next(), Some("src/clock.rs:1"));
    }

    #[test]
    fn files_are_short() {
        let long = |lines: usize| format!("//! A file.\n{}", "\n".repeat(lines));
        let files = |lines: [usize; 3]| {
            let names = ["src/clock.rs", "src/codec.rs", "src/store/mod.rs"];
            let files =
                names.iter().zip(lines).map(|(name, lines)| ((*name).to_owned(), long(lines)));
            check(&files.collect::<Vec<_>>())
        };
        assert_eq!(files([10, 10, 500]), []);
        assert_eq!(files([10, 10, 700]).len(), 1);
        assert_eq!(files([10, 400, 500]).len(), 1);
    }

    /// What the engine takes past its `sync` is out of the model checker's sight.
    #[test]
    fn the_engine_has_its_threads_from_one_place() {
        expect("src/engine/life.rs", "use std::thread;", "src/engine/life.rs:2: ");
        expect("src/engine/view.rs", "use std::sync::{Arc, Mutex};", "src/engine/view.rs:2: ");
        expect(
            "src/engine/journal/mod.rs",
            "fn f() { std::sync::atomic::fence(); }",
            "src/engine/",
        );
        expect_nothing("src/engine/view.rs", "use std::sync::{Arc, PoisonError};");
        expect_nothing("src/engine/sync.rs", "pub use std::sync::Mutex;");
        expect_nothing("src/engine/base/mod.rs", "use std::sync::atomic::AtomicBool;");
        expect_nothing("src/store/mod.rs", "use std::sync::Mutex;");
    }

    #[test]
    fn imports_point_down() {
        expect_nothing("src/store/mod.rs", "use crate::tokens::Token; use crate::engine::Lsn;");
        expect("src/tokens/mod.rs", "\nuse crate::store::Store;", "src/tokens/mod.rs:3: ");
        expect("src/engine/mod.rs", "fn f() { crate::tokens::f(); }", "src/engine/mod.rs:2: ");
        expect("src/disk/real.rs", "use super::super::engine::Lsn;", "src/disk/real.rs:2: ");
        expect(
            "src/disk/real.rs",
            "use crate::{clock::Clock,\n money::{Price}};",
            "src/disk/real.rs:3: ",
        );
        expect("src/tokens/mod.rs", "use crate::processed::Claim;", "src/tokens/mod.rs:2: ");
        expect("src/tokens/mod.rs", "use crate::disk::Disk;", "src/tokens/mod.rs:2: ");
        expect(
            "src/money/mod.rs",
            "mod a { use super::super::engine::f; }",
            "src/money/mod.rs:2: ",
        );
        expect(
            "src/money/mod.rs",
            "use crate::Price;",
            "src/money/mod.rs:2: `Price` comes from lib.rs",
        );
        expect("src/surprise.rs", "", "src/surprise.rs:1: module `surprise` has no layer");
    }

    #[test]
    fn the_parts_of_the_engine_do_not_know_each_other() {
        expect_nothing("src/engine/write.rs", "use super::{journal::Journal, base, memtable};");
        expect_nothing(
            "src/engine/journal/scan.rs",
            "use super::super::row::Lsn; use super::segment;",
        );
        expect_nothing("src/engine/view.rs", "use super::base::Base; use super::memtable;");
        for other in ["base", "view", "memtable", "write", "Error"] {
            let text = format!("use super::super::{other};");
            expect("src/engine/journal/scan.rs", &text, "src/engine/journal/scan.rs:2: ");
        }
        expect("src/engine/base/mod.rs", "use super::journal;", "src/engine/base/mod.rs:2: ");
        expect("src/engine/memtable.rs", "use super::base::Row;", "src/engine/memtable.rs:2: ");
    }

    #[test]
    fn what_is_outside_is_named_in_one_place() {
        expect(
            "src/engine/mod.rs",
            "use redb::Database;",
            "src/engine/mod.rs:2: only src/engine/base/",
        );
        expect(
            "src/tokens/row.rs",
            "#[derive(bincode::Encode)]",
            "src/tokens/row.rs:2: only src/codec.rs",
        );
        expect(
            "src/store/mod.rs",
            "use std::{fmt, fs::File};",
            "src/store/mod.rs:2: only src/disk/",
        );
        expect_nothing("src/engine/base/mod.rs", "use redb::Database;");
        expect_nothing("src/disk/real.rs", "use std::fs;");
        expect_nothing(
            "src/engine/mod.rs",
            "// redb::Database\nconst NAME: &str = \"use redb::X;\";",
        );
    }

    #[test]
    fn lib_only_exports() {
        expect_nothing("src/lib.rs", "mod clock;\npub use clock::Clock;");
        expect("src/lib.rs", "\nfn f() {}", "src/lib.rs:3: lib.rs only");
    }

    #[test]
    fn nothing_is_left_for_later() {
        expect("src/clock.rs", "// TODO: more", "src/clock.rs:2: no TODO");
        expect("src/clock.rs", "/* a\n FIXME */", "src/clock.rs:3: no FIXME");
        expect("src/clock.rs", "fn f() { todo!() }", "src/clock.rs:2: no `todo!`");
        expect("src/clock.rs", "fn f() { println!(\"x\") }", "src/clock.rs:2: no `println!`");
        expect_nothing("src/bin/highwater/main.rs", "fn f() { println!(\"x\") }");
        expect("src/bin/highwater/main.rs", "fn f() { dbg!(1); }", "src/bin/highwater/main.rs:2: ");
        expect("src/clock.rs", "#[ignore]\nfn f() {}", "src/clock.rs:2: no `#[ignore]`");
        expect("src/disk/clock_helper.rs", "", "src/disk/clock_helper.rs:1: `helper`");
    }

    #[test]
    fn an_unwrap_says_why_it_cannot_fail() {
        expect("src/clock.rs", "fn f() { g().unwrap(); }", "src/clock.rs:2: `.unwrap`");
        expect(
            "src/clock.rs",
            "// Once set.\nlet a = g()\n  .expect(\"x\");",
            "src/clock.rs:4: `.expect`",
        );
        expect_nothing("src/clock.rs", "let a = g().unwrap(); // never empty");
        expect_nothing(
            "src/clock.rs",
            "// It cannot fail:\n// so.\nlet a = g()\n  .expect(\"x\");",
        );
        expect("src/clock.rs", "// never\nlet b = 1;\nlet a = g().unwrap();", "src/clock.rs:4: ");
        expect_nothing("src/clock.rs", "let a = g().unwrap_or(1);");
    }

    /// A test may unwrap, and may look where the code may not.
    #[test]
    fn tests_are_free() {
        let test = "#[cfg(test)]\nmod tests { use crate::store::Store; fn f() { g().unwrap(); } }";
        expect_nothing("src/clock.rs", test);
        let after = format!("{test}\nfn f() {{ g().unwrap(); }}");
        expect("src/clock.rs", &after, "src/clock.rs:4: ");
        let parent =
            "//! A.\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\n#[cfg(test)]\nmod more;";
        let files = [
            ("src/money/b.rs", parent),
            ("src/money/b_tests.rs", "//! B.\nfn f() { g().unwrap(); }"),
            ("src/money/b/more.rs", "//! C.\nuse crate::store::Store;"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        assert_eq!(check(&files), []);
    }

    /// Quotes, raw strings and lifetimes do not lead the reader astray.
    #[test]
    fn strings_are_no_code() {
        let text =
            "fn f<'a>(x: &'a str) { let q = '\"'; let e = '\\''; let r = r#\"\" redb::X\"#; }";
        expect_nothing("src/clock.rs", text);
        let after = format!("{text}\nuse redb::X;");
        expect("src/clock.rs", &after, "src/clock.rs:3: ");
    }

    #[test]
    fn dependencies_are_read_from_every_table() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n# b = \"1\"\n\
            [target.'cfg(unix)'.dependencies]\nc.workspace = true\n[dev-dependencies]\na = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a", "c"]);
        assert_eq!(explained("| crate | why |\n| `a` | so |\n| `c` | so |"), ["a", "c"]);
    }
}
