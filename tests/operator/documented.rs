//! The tables of `docs/operating.md` against the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The rows of the table under a heading: what stands between the first backticks, and the second column.
pub(crate) fn table(heading: &str) -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, part) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((name.to_owned(), rest.split(" | ").next()?.to_owned()))
    });
    rows.collect()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "bin") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// The length of what stands in the parentheses that `text` begins behind.
fn inside(text: &str) -> usize {
    let mut depth = 1;
    let at = text.find(|one| {
        depth += i32::from(one == '(') - i32::from(one == ')');
        depth == 0
    });
    at.unwrap()
}

/// Message and levels of all events in the source, and whether each is told so that it can do no harm.
fn events() -> (BTreeMap<String, BTreeSet<&'static str>>, Vec<String>) {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let (mut events, mut harmful) = (BTreeMap::<_, BTreeSet<_>>::new(), Vec::new());
    for (file, level) in files.iter().flat_map(|file| LEVELS.map(|level| (file, level))) {
        let begin = format!("tracing::{level}!(");
        for (at, _) in file.match_indices(&begin) {
            let text = &file[at + begin.len()..];
            let message = text[..inside(text)].rsplit('"').nth(1).unwrap().to_owned();
            // Where an event is told or kept stands a few lines above, at most.
            let before: Vec<&str> = file[..at].lines().rev().take(5).collect();
            let is_safe = ["tell(", "later(", "tell_after("]
                .iter()
                .any(|call| before.iter().any(|line| line.contains(call)));
            if !is_safe {
                harmful.push(message.clone());
            }
            events.entry(message).or_default().insert(level);
        }
    }
    (events, harmful)
}

/// An operator searches the log for what the page says, and the page for what the log says.
#[test]
fn every_event_is_on_the_page() {
    let (events, _) = events();
    assert!(events.len() > 30, "the source has events");
    let join = |levels: BTreeSet<&str>| {
        let levels: Vec<_> = LEVELS.into_iter().filter(|level| levels.contains(level)).collect();
        levels.join(", ")
    };
    let events: BTreeMap<_, _> =
        events.into_iter().map(|(message, levels)| (message, join(levels))).collect();
    assert_eq!(table("Events"), events, "the page (left) and the source (right)");
}

/// The story: a subscriber panicked in the thread that syncs, and with that thread went the promise
/// that `Written` commits are synced within a tenth of a second.
#[test]
fn no_event_is_told_without_care() {
    assert_eq!(events().1, Vec::<String>::new(), "`events::tell` and notices tell events");
}
