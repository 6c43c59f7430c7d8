//! The scripted night of docs/inspecting.md: the paper bot dies, its files are damaged, and every question is
//! answered with the program alone. The transcript on the page is what this test saw.
//!
//! With `HIGHWATER_NIGHT=write` the page gets a new one; else it has to be the same, but for what no two
//! nights have in common: times, ids, checksums, and sizes.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::place::{Ran, highwater};

const PAGE: &str = "docs/inspecting.md";
const BEGIN: &str = "<!-- the night begins: written by tests/cli/night.rs -->\n";
/// The longest line that is shown whole.
const LONGEST: usize = 260;
const END: &str = "<!-- the night ends -->\n";

/// A directory in which the night happens, and what is to be read of it.
struct Night {
    directory: tempfile::TempDir,
    text: String,
    /// The order that was under way, as the venue knows it.
    external: String,
}

/// Which lines of an answer are shown.
enum Shown {
    All,
    /// Those that hold one of these words; what is left out is marked.
    With(&'static [&'static str]),
}

impl Night {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn say(&mut self, text: &str) {
        // A text takes every line.
        let _ = write!(self.text, "{text}\n\n");
    }

    /// Asks the program, and notes what it answers. The words are those that a shell would split.
    fn ask(&mut self, words: &str, code: i32, shown: &Shown) -> Ran {
        let directory = self.directory.path();
        let ran = Ran::of(highwater().current_dir(directory).args(words.split(' ')));
        ran.exits(code);
        let answer = [ran.out.as_str(), &ran.err].concat();
        let exit = if code == 0 { String::new() } else { format!("exit code {code}\n") };
        self.note(&format!("highwater {words}"), &(answer + &exit), shown);
        ran
    }

    fn note(&mut self, command: &str, answer: &str, shown: &Shown) {
        let mut block = format!("```console\n$ {command}\n");
        let mut is_cut = false;
        for line in answer.lines().map(str::trim_end) {
            // What is behind the middle of a wide screen nobody reads on a page.
            let end = line.char_indices().nth(LONGEST).map_or(line.len(), |(end, _)| end);
            let dots = if end < line.len() { " .." } else { "" };
            let is_shown = match shown {
                Shown::All => true,
                Shown::With(words) => words.iter().any(|word| line.contains(word)),
            };
            if is_shown || line.starts_with("exit code") {
                block.push_str(&line[..end]);
                block.push_str(dots);
                block.push('\n');
            } else if !is_cut {
                block.push_str("...\n");
            }
            is_cut = !is_shown;
        }
        self.text.push_str(&block);
        self.text.push_str("```\n\n");
    }

    /// Copies the store as `cp -a` does.
    fn copy(&mut self, from: &str, to: &str) {
        let copied = Command::new("cp").arg("-a").args([self.path(from), self.path(to)]).status();
        assert!(copied.unwrap().success());
        self.note(&format!("cp -a {from} {to}"), "", &Shown::All);
    }
}

/// The paper bot, as it is built now. Where all tests are built it is there already.
fn paper_bot() -> PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--profile", "test", "--example", "paper_bot"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    let features = [
        ("cache", cfg!(feature = "cache")),
        ("metrics", cfg!(feature = "metrics")),
        ("simulation", cfg!(feature = "simulation")),
        ("cli", true),
    ];
    for (feature, _) in features.iter().filter(|(_, is_on)| *is_on) {
        build.args(["--features", feature]);
    }
    assert!(build.status().unwrap().success(), "the paper bot is built");
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap();
    built.join("examples/paper_bot")
}

/// Flips a bit of the payload of a commit; answers the segment.
fn flip(store: &Path, lsn: u64) -> PathBuf {
    let from = lsn.to_string();
    let mut list = highwater();
    list.args(["wal", "list", "--json", "--from", &from, "--to", &from]).arg(store);
    let line = Ran::of(&mut list).exits(0).lines().remove(0);
    let segment = store.join(line["file"].as_str().unwrap());
    let mut bytes = fs::read(&segment).unwrap();
    bytes[line["offset"].as_u64().unwrap() as usize + 60] ^= 1;
    fs::write(&segment, bytes).unwrap();
    segment
}

/// The bot is killed half-way, between what the venue did and what its books say of it.
fn killed() -> Night {
    let directory = tempfile::tempdir().unwrap();
    let mut night = Night { directory, text: String::new(), external: String::new() };
    let mut bot = Command::new(paper_bot());
    bot.current_dir(night.directory.path());
    let ran = bot.args(["--store", "bot", "--seed", "7", "--kill-after", "700"]).output().unwrap();
    assert_eq!(ran.status.signal(), Some(9), "killed by SIGKILL");
    let said = String::from_utf8(ran.stdout).unwrap() + "Killed\n";
    night.note("paper_bot --store bot --seed 7 --kill-after 700", &said, &Shown::All);
    night
}

/// What is asked first, and of a store whose files are whole.
fn ask_what_it_left(night: &mut Night) {
    night.say("**Before anything else: a copy.** What follows asks the copy.");
    night.copy("bot/store", "copy");
    night.say(
        "**Can it be opened, and what becomes of its tail?** It was not closed; nothing is torn.",
    );
    night.ask("info copy", 0, &Shown::With(&["store  ", "last commit", "known as", "log ends"]));
    night.say(
        "**What was under way?** One order. It may be live, or done: the bot died before it knew.",
    );
    let ran = night.ask("ops stuck --store copy", 0, &Shown::All);
    let external = ran.out.lines().find_map(|line| line.strip_prefix("external id")).unwrap();
    night.external = external.trim().to_owned();
    night.ask(
        "ops show 62 --store copy",
        0,
        &Shown::With(&["operation  ", "   begin", "   start", "252.5"]),
    );
    night.say("**What is my money?** All of it, what the order has set aside included.");
    night.ask(
        "summary --store copy",
        0,
        &Shown::With(&["copies", "  cash", "  positions", "  open"]),
    );
    night.say("**Is every byte sound?**");
    night.ask("verify copy", 0, &Shown::All);
}

/// A bit of the last segment is flipped. What was it, what is lost with it, and how does it go on?
fn ask_what_is_lost(night: &mut Night) {
    let ran = Ran::of(highwater().args(["info", "--json"]).arg(night.path("copy")));
    let last = ran.exits(0).lines()[0]["last_lsn"].as_u64().unwrap();
    flip(&night.path("copy"), last - 6);
    night.say(
        "Now the disk lost a bit: one of the copy's last segment is flipped. **Is the file sound?** No, and a \
         bot would not get it open.",
    );
    night.ask("info copy", 3, &Shown::All);
    night.ask("wal verify copy", 3, &Shown::With(&["DAMAGE", "1 to ", "log  ", "opening"]));
    night.say(
        "**What was lost?** A repair would cut in front of the damage. Its dry run writes nothing and lists what \
         can still be read behind it: two readings of the feed, and the whole beginning of operation 62.",
    );
    night.ask("repair copy --dry-run", 3, &Shown::All);
    night.say("**How does it get running again?** With the cut, which keeps what it cuts.");
    let ran = night.ask(
        "repair copy --write",
        0,
        &Shown::With(&["last commit", "commits lost", "kept in", "outcome"]),
    );
    let kept = ran.out.lines().find_map(|line| line.strip_prefix("kept in")).unwrap().trim();
    let segment = format!("{kept}/00000000000000000002.wal");
    assert!(night.path(&segment).is_file(), "{segment}");
    night.ask("verify copy", 0, &Shown::All);
    night.say(
        "The store opens, and knows nothing of operation 62: no recovery will ask about it. The venue may know of its order \
         all the same. What was cut tells under which id:",
    );
    const OF_THE_ORDER: &[&str] = &["operation.begin", "operation.start", "status pending"];
    night.ask(&format!("wal dump {segment} --operation 62"), 3, &Shown::With(OF_THE_ORDER));
    let told = night.text.rsplit("```console").next().unwrap_or_default();
    assert!(told.contains(&night.external), "{told}");
    night.ask("ops stuck --store copy", 0, &Shown::All);
    night.say(
        "So: ask the venue for that id, book what it did, and reconcile the account before the bot trades on. With the \
         base it is another story. It cannot be made up, and the way out is a copy:",
    );
}

fn ask_of_a_lost_base(night: &mut Night) {
    night.copy("bot/store", "lost");
    let base = night.path("lost/base.redb");
    let mut bytes = fs::read(&base).unwrap();
    bytes[..4096].fill(0);
    fs::write(&base, bytes).unwrap();
    night.ask("repair lost --dry-run", 3, &Shown::All);
    night.ask("wal list lost --reverse --limit 2", 0, &Shown::All);
}

/// The text without what no two nights have in common: times, ids and checksums, and on a busy machine
/// marks of syncs in between, which move what stands behind them.
fn plain(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('─'));
    lines.map(|line| plain_line(&line.split_whitespace().collect::<Vec<_>>())).collect()
}

fn plain_line(words: &[&str]) -> String {
    let mut plain = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let ends = |letter: char| "(),;:[]".contains(letter);
        let (core, before) = (word.trim_matches(ends), at.checked_sub(1).map(|at| words[at]));
        let is_time = core.len() == 27 && core.ends_with('Z') && core.contains('T');
        let is_hex = core.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_moved = matches!(before, Some("offset" | "to"))
            || matches!(words.get(at + 1), Some(&("KiB" | "B" | "batches")));
        plain.push(match core.len() {
            _ if is_time => word.replace(core, "TIME"),
            8 | 32 if is_hex => word.replace(core, "HEX"),
            _ if is_moved => "MOVED".to_owned(),
            _ => match core.split_once("repair-") {
                Some((place, rest)) => {
                    let behind = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
                    format!("{place}repair-{behind}")
                }
                None => (*word).to_owned(),
            },
        });
    }
    // Where a segment ends is a matter of when the journal's room was renewed.
    if plain.starts_with(&["segments".to_owned(), "cut".to_owned()]) {
        plain.truncate(2);
    }
    plain.join(" ")
}

/// A page that shows what a program prints is soon wrong. This one is held against a night each time: the
/// questions, the answers, and the exit codes.
#[test]
fn the_night_on_the_page_is_what_happens() {
    let mut night = killed();
    ask_what_it_left(&mut night);
    ask_what_is_lost(&mut night);
    ask_of_a_lost_base(&mut night);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the night");
    let (told, behind) = rest.split_once(END).expect("the night on the page ends");
    if std::env::var("HIGHWATER_NIGHT").is_ok_and(|value| value == "write") {
        fs::write(&path, [before, BEGIN, "\n", &night.text, END, behind].concat()).unwrap();
        return;
    }
    let (told, seen) = (plain(told.trim()), plain(night.text.trim()));
    for (told, seen) in told.iter().zip(&seen) {
        assert_eq!(told, seen, "{PAGE} is not what happens: HIGHWATER_NIGHT=write writes it anew");
    }
    assert_eq!(told.len(), seen.len());
}
