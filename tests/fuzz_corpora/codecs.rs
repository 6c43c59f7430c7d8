//! That the list of codecs is whole: every table of the source, and of `docs/format.md`, is read by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use highwater::simulation::fuzzing::{codecs, row_codec_seeds};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it can be read")
}

/// Every source file below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(fs::read_to_string(&path).expect("it can be read"));
        }
    }
}

/// The tables that the source names: `const TOKENS: Table = Table(1);`.
fn tables_of_the_source() -> BTreeSet<u8> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let lines = files.iter().flat_map(|file| file.lines());
    let named = lines.filter_map(|line| {
        let (before, number) = line.split_once(": Table = Table(")?;
        before.starts_with("pub(crate) const ").then(|| number.strip_suffix(");"))?
    });
    named.map(|number| number.parse().expect("a table's number")).collect()
}

/// The tables that the page on the format names: in a heading, or as the number that opens a line of
/// a table.
fn tables_of_the_page() -> BTreeSet<u8> {
    let page = text("docs/format.md");
    let rows = page.split("## Keys and rows of the tables").nth(1).expect("the part on tables");
    let numbers = rows.lines().filter_map(|line| {
        let line = line.strip_prefix("### Table ").or_else(|| line.strip_prefix("| "))?;
        line.split([':', ' ']).next()?.parse().ok()
    });
    numbers.collect()
}

/// The story: a table came with a new release, and nobody fuzzed its rows.
#[test]
fn every_table_has_a_codec() {
    let listed: BTreeSet<u8> = codecs().iter().flat_map(|codec| codec.tables).copied().collect();
    assert_eq!(listed, tables_of_the_source(), "the source has other tables");
    assert_eq!(listed, tables_of_the_page(), "docs/format.md has other tables");
    assert_eq!(listed.len(), 44);
}

/// The story: one table had rows of two kinds, and only one of them was fuzzed. Whatever is encoded as
/// a row by itself is in the list, or part of what is.
#[test]
fn every_row_type_has_a_codec() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut types = 0;
    for file in &files {
        let lines: Vec<&str> = file.lines().collect();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("BorrowDecode)]"))
        {
            let item = lines[at..].iter().find_map(|line| {
                let item = line.trim_start().trim_start_matches("pub(crate) ");
                let item = item.trim_start_matches("pub(super) ").trim_start_matches("pub ");
                item.strip_prefix("struct ").or_else(|| item.strip_prefix("enum "))
            });
            let name = item.expect("an item").split([' ', '<', '(', ';']).next().expect("a name");
            if ROW_TYPES.iter().all(|(known, _)| *known != name) {
                panic!("`{name}` is encoded and stands in no codec of the list");
            }
            types += 1;
        }
    }
    assert_eq!(types, ROW_TYPES.len());
    let names: BTreeSet<&str> = codecs().iter().map(|codec| codec.name).collect();
    for (name, codec) in ROW_TYPES {
        assert!(codec.is_empty() || names.contains(codec), "{name}: there is no codec {codec}");
    }
}

/// What is encoded, and the codec that reads it; the last one is the sample of the codec's own test.
const ROW_TYPES: [(&str, &str); 51] = [
    ("Row", "token"),
    ("MarksRow", "token"),
    ("OtherRow", "token"),
    ("MockRow", "token"),
    ("TickRow", "token"),
    ("CandleRow", "candle"),
    ("HistoryRow", "token history"),
    ("KeptRow", "token history"),
    ("AsideRow", "quarantined tick"),
    ("RetractedRow", "retracted tick"),
    ("SettingsRow", "history settings"),
    ("RetentionRow", "history settings"),
    ("SourceRow", "source"),
    ("SeenRow", "seen"),
    ("MissingRow", "missing price"),
    ("ClaimRow", "claim"),
    ("NamespaceRow", "claim namespace"),
    ("CursorRow", "cursor"),
    ("BootsRow", "log of openings"),
    ("Account", "account"),
    ("Change", "entry"),
    ("EntryRow", "entry"),
    ("FillRow", "fill"),
    ("PostedFill", "fill"),
    ("ReversalRow", "reversal"),
    ("AttributeRow", "attribute"),
    ("Lot", "lot"),
    ("NextNumbers", "next numbers"),
    ("HaltRow", "halt"),
    ("Counters", "counters"),
    ("PositionRow", "position"),
    ("HoldRow", "hold"),
    ("OperationRow", "operation"),
    ("NamedPosition", "operation"),
    ("NamedAsset", "operation"),
    ("NamedClaim", "operation"),
    ("FailureRow", "operation"),
    ("Attention", "operation"),
    ("Kind", "operation"),
    ("Status", "operation"),
    ("FailureClass", "operation"),
    ("Role", "working"),
    ("KeyRow", "key"),
    ("OutcomeRow", "key"),
    ("EventRow", "event"),
    ("Call", "event"),
    ("CheckpointRow", "checkpoint"),
    ("Step", "undo step"),
    ("StepRow", "undo step"),
    ("ReportRow", "recovery"),
    ("Sample", ""),
];

/// The story: a codec had no seed, and a campaign of an hour never got past its version byte.
#[test]
fn every_codec_has_a_seed() {
    let mut seeds: BTreeMap<u8, usize> = BTreeMap::new();
    for seed in row_codec_seeds().values() {
        *seeds.entry(seed[0]).or_default() += 1;
    }
    for (number, codec) in (0..).zip(codecs()) {
        assert!(seeds.contains_key(&number), "the codec of {} has no seed", codec.name);
    }
}
