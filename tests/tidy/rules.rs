//! The rules of the house: what a file may import, and what no file may hold.

use std::fmt;

use crate::paths::{Path, paths};
use crate::source::Source;

/// The layers from top to bottom. A module may import from lower lines; those in one line know nothing
/// of each other.
const LAYERS: &[&[&str]] = &[
    &["simulation"],
    &["copies"],
    &["inspect"],
    &["store"],
    &["operations"],
    &["ledger"],
    &["tokens", "processed"],
    &["price_status"],
    &["codec", "cache"],
    &["money"],
    &["engine"],
    &["disk"],
    &["clock", "events", "lock_table"],
];

/// What else of the crate a module must not know, although it lies below.
const BLIND: &[(&str, &[&str])] = &[
    ("operations", &["disk"]),
    ("ledger", &["disk"]),
    ("tokens", &["disk"]),
    ("processed", &["disk"]),
    ("price_status", &["disk"]),
    ("cache", &["engine", "disk"]),
    ("money", &["engine", "disk"]),
];

/// All that the parts of the engine may import from the engine. Its other files stand above them.
const ENGINE_PARTS: &[(&str, &[&str])] = &[
    ("journal", &["row", "sync"]),
    ("base", &["row"]),
    ("memtable", &["row", "sync"]),
    ("view", &["row", "read", "merge", "memtable", "base"]),
];

/// The places that alone may name something from outside.
const CONFINED: &[(&[&str], &[&str])] = &[
    (&["redb"], &["src/engine/base/"]),
    (&["bincode"], &["src/codec.rs"]),
    (&["std", "fs"], &["src/disk/", "src/bin/"]),
];

/// What the engine takes from its `sync` alone, so that a model checker can stand in for it. The base
/// is left out: nobody is interrupted in there.
const THREAD_TOOLS: &[&[&str]] = &[
    &["std", "sync", "Condvar"],
    &["std", "sync", "Mutex"],
    &["std", "sync", "MutexGuard"],
    &["std", "sync", "RwLock"],
    &["std", "sync", "atomic"],
    &["std", "thread"],
    &["std", "time", "Instant"],
];
const WITHOUT_THREAD_TOOLS: &str = "src/engine/";
const WITH_THREAD_TOOLS: &[&str] = &["src/engine/sync.rs", "src/engine/base/"];

const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "manager", "misc", "common"];
const LEFT_FOR_LATER: &[&str] = &["TODO", "FIXME", "XXX"];
const UNFINISHED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];
const PRINTING_MACROS: &[&str] = &["println", "print", "eprintln", "eprint"];
const CERTAINTIES: &[&str] = &["cannot", "never", "always", "unreachable"];
const LINES_AT_MOST: usize = 600;
const LONG_FILE_LINES: usize = 300;

/// One break of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Holds all files of `src` against the rules.
pub(crate) fn check(files: &[(String, String)]) -> Vec<Complaint> {
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::read(path, text)).collect();
    let tests: Vec<_> = sources.iter().flat_map(|source| &source.test_files).collect();
    let is_test = |path: &str| {
        tests.iter().any(|test| {
            // A module of tests has its own modules beside it.
            let folder = test.strip_suffix("mod.rs");
            path == *test || folder.is_some_and(|folder| path.starts_with(folder))
        })
    };
    let mut complaints = Vec::new();
    for source in &sources {
        let mut check = Check { source, complaints: &mut complaints };
        check.shape();
        check.comments();
        check.ignored();
        if !is_test(&source.path) {
            check.macros();
            check.imports();
            // A panic in a run is a finding, and the simulation tells it as one.
            if !source.path.starts_with("src/simulation/") {
                check.unwraps();
            }
        }
    }
    complaints.extend(too_many_long_files(&sources));
    complaints
}

/// Holds the files of `tests` against the one rule that is theirs.
pub(crate) fn check_tests(files: &[(String, String)]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in files {
        let source = &Source::read(path, text);
        Check { source, complaints: &mut complaints }.ignored();
    }
    complaints
}

fn too_many_long_files(sources: &[Source]) -> Option<Complaint> {
    let long: Vec<_> = sources.iter().filter(|one| one.lines > LONG_FILE_LINES).collect();
    let longest = long.iter().max_by_key(|source| source.lines)?;
    let rule = format!(
        "{} of {} files are longer than {LONG_FILE_LINES} lines; at most a third may be",
        long.len(),
        sources.len()
    );
    let (path, line) = (longest.path.clone(), longest.lines);
    (long.len() * 3 > sources.len()).then_some(Complaint { path, line, rule })
}

struct Check<'s> {
    source: &'s Source,
    complaints: &'s mut Vec<Complaint>,
}

impl Check<'_> {
    fn complain(&mut self, line: usize, rule: impl Into<String>) {
        let path = self.source.path.clone();
        self.complaints.push(Complaint { path, line, rule: rule.into() });
    }

    fn is_program(&self) -> bool {
        self.source.path.starts_with("src/bin/")
    }

    fn shape(&mut self) {
        let source = self.source;
        if !source.opens_with_a_sentence {
            self.complain(1, "a file opens with a `//!` sentence that says what it is");
        }
        if source.lines > LINES_AT_MOST {
            self.complain(source.lines, format!("no file is longer than {LINES_AT_MOST} lines"));
        }
        for name in source.path.trim_end_matches(".rs").split(['/', '_']) {
            if EMPTY_NAMES.contains(&name) {
                self.complain(1, format!("`{name}` in a name says nothing"));
            }
        }
    }

    fn comments(&mut self) {
        for (line, text) in &self.source.comments {
            let mut words = text.split(|one: char| !one.is_alphanumeric());
            if let Some(word) = words.find(|word| LEFT_FOR_LATER.contains(word)) {
                self.complain(*line, format!("no {word}: do it, or leave it out"));
            }
        }
    }

    fn ignored(&mut self) {
        for line in &self.source.ignored {
            self.complain(*line, "no `#[ignore]`: a test that does not run guards nothing");
        }
    }

    fn macros(&mut self) {
        for two in self.source.code.windows(2) {
            let [first, second] = two else { continue };
            let (name, line) = (first.text.as_str(), first.line);
            if second.text == "!" && UNFINISHED_MACROS.contains(&name) {
                self.complain(line, format!("no `{name}!`"));
            }
            if second.text == "!" && PRINTING_MACROS.contains(&name) && !self.is_program() {
                self.complain(line, format!("no `{name}!` in a library: it has no terminal"));
            }
        }
    }

    fn unwraps(&mut self) {
        for three in self.source.code.windows(3) {
            let [dot, name, open] = three else { continue };
            let panics = ["unwrap", "expect"].contains(&name.text.as_str());
            if dot.text == "." && panics && open.text == "(" && !self.is_certain(name.line) {
                let why =
                    "needs a comment on it or above its statement that says why it cannot fail";
                self.complain(name.line, format!("`.{}` {why}", name.text));
            }
        }
    }

    /// Whether a comment on this line, or right above the statement it belongs to, says why.
    fn is_certain(&self, line: usize) -> bool {
        let source = self.source;
        let says = |line| {
            let mut words = source.comments_on(line).flat_map(|text| text.split(' '));
            words.any(|word| {
                let word = word.trim_matches(|one: char| !one.is_alphanumeric());
                CERTAINTIES.contains(&word.to_lowercase().as_str())
            })
        };
        let ends = |line| source.last_on(line).is_some_and(|last| "{};".contains(&last.text));
        let mut first = line;
        while first > 1 && source.last_on(first - 1).is_some() && !ends(first - 1) {
            first -= 1;
        }
        let is_comment =
            |line| source.last_on(line).is_none() && source.comments_on(line).next().is_some();
        let above = (1..first).rev().take_while(|&line| is_comment(line));
        above.chain(first..=line).any(says)
    }

    fn imports(&mut self) {
        let module = self.source.module();
        for path in paths(self.source) {
            self.confined(&path);
            self.thread_tools(&path);
            if !self.is_program() && path.names[0] == "crate" {
                self.layers(&module, &path);
            }
        }
        if self.source.path == "src/lib.rs" {
            self.only_exports();
        } else if !self.is_program() && layer(&module[0]).is_none() {
            self.complain(1, format!("module `{}` has no layer in tests/tidy/rules.rs", module[0]));
        }
    }

    fn confined(&mut self, path: &Path) {
        for (names, places) in CONFINED {
            let is_named =
                path.names.iter().map(String::as_str).take(names.len()).eq(names.iter().copied());
            let is_at_home = places.iter().any(|place| self.source.path.starts_with(place));
            if is_named && !is_at_home {
                let (name, places) = (names.join("::"), places.join(" and "));
                self.complain(path.line, format!("only {places} may name `{name}`"));
            }
        }
    }

    fn thread_tools(&mut self, path: &Path) {
        let here = &self.source.path;
        let is_bound = here.starts_with(WITHOUT_THREAD_TOOLS)
            && !WITH_THREAD_TOOLS.iter().any(|place| here.starts_with(place));
        let is_tool = THREAD_TOOLS.iter().any(|tool| path.names.iter().take(tool.len()).eq(*tool));
        if is_bound && is_tool {
            let name = path.names.join("::");
            self.complain(path.line, format!("the engine has `{name}` from its `sync`"));
        }
    }

    fn layers(&mut self, module: &[String], path: &Path) {
        let (Some(from), Some(to)) = (module.first(), path.names.get(1)) else {
            return;
        };
        let imported = path.names[1..].join("::");
        let Some(upper) = layer(from) else { return };
        let Some(lower) = layer(to) else {
            let why = "comes from lib.rs; take it from the module that owns it";
            return self.complain(path.line, format!("`{imported}` {why}"));
        };
        if from == "engine" && to == "engine" {
            return self.engine_parts(module, path);
        }
        let blind =
            BLIND.iter().any(|(name, unseen)| name == from && unseen.contains(&to.as_str()));
        if from != to && (upper >= lower || blind) {
            self.complain(
                path.line,
                format!("`{from}` must not know `{imported}`: imports point down"),
            );
        }
    }

    fn engine_parts(&mut self, module: &[String], path: &Path) {
        let (Some(from), Some(to)) = (module.get(1), path.names.get(2)) else {
            return;
        };
        let Some((_, seen)) = ENGINE_PARTS.iter().find(|(part, _)| part == from) else {
            return;
        };
        if from != to && !seen.contains(&to.as_str()) {
            let rule = format!("the engine's `{from}` must not know its `{to}`");
            self.complain(path.line, rule);
        }
    }

    fn only_exports(&mut self) {
        let items =
            ["fn", "struct", "enum", "trait", "impl", "const", "static", "macro_rules", "type"];
        let code = &self.source.code;
        if let Some(item) =
            code.iter().find(|one| !one.is_string && items.contains(&one.text.as_str()))
        {
            let (line, name) = (item.line, item.text.clone());
            self.complain(line, format!("lib.rs only names modules and exports, no `{name}`"));
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}
