//! Corpora and findings, through the functions of their targets.

use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use highwater::simulation::fuzzing::{
    crash_recovery, crash_recovery_seeds, journal_scan, journal_scan_seeds, row_codec_seeds,
    row_codecs,
};

use crate::cli_inputs::cli_inputs;
use crate::seeds::cli_input_seeds;

/// The longest that one input may take. The slowest takes a hundredth of it here; what hangs, or grows
/// with the square of something, takes far more.
const LONGEST: Duration = Duration::from_secs(20);
/// A corpus stays something that can be looked through, and replayed with the tests.
const MOST_FILES: usize = 150;
const MOST_BYTES: usize = 300 * 1024;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target)
}

/// The files of a folder by name; none where there is no folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("it can be read"))
        })
        .collect()
}

/// Runs every input; tells all that went wrong, not the first only.
fn replay(target: &str, body: fn(&[u8])) {
    let corpus = files(&folder("corpus", target));
    assert!(!corpus.is_empty(), "the corpus of {target} is empty: nothing would be replayed");
    let bytes: usize = corpus.values().map(Vec::len).sum();
    let size = format!("{} files of {bytes} bytes", corpus.len());
    assert!(corpus.len() <= MOST_FILES && bytes <= MOST_BYTES, "{target}: {size} are too much");
    let findings = files(&folder("findings", target));
    let mut wrong = Vec::new();
    for (name, input) in corpus.iter().chain(&findings) {
        let begin = Instant::now();
        if catch_unwind(|| body(input)).is_err() {
            wrong.push(format!("{name}: panicked"));
        }
        if begin.elapsed() > LONGEST {
            wrong.push(format!("{name}: took {:?}", begin.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{target}: {wrong:#?}");
}

/// A file of a store that once made an opening panic, hang, or disagree with itself, does so again.
#[test]
fn journal_scan_is_replayed() {
    replay("journal_scan", journal_scan);
}

/// Bytes that once were read as a row that they are not, are so again.
#[test]
fn row_codecs_are_replayed() {
    replay("row_codecs", row_codecs);
}

/// A trade file that once made the program panic, or lose a line, does so again.
#[test]
fn cli_inputs_are_replayed() {
    replay("cli_inputs", cli_inputs);
}

/// A run that once broke a promise is played again, decision by decision.
#[test]
fn crash_recovery_is_replayed() {
    replay("crash_recovery", crash_recovery);
}

/// A codec that changes leaves seeds behind that it no longer reads; then a campaign begins with
/// nothing. The seeds are a part of the corpus, to the byte.
#[test]
fn seeds_are_in_the_corpora() {
    let seeds = [
        ("journal_scan", journal_scan_seeds()),
        ("row_codecs", row_codec_seeds()),
        ("cli_inputs", cli_input_seeds()),
        ("crash_recovery", crash_recovery_seeds()),
    ];
    for (target, seeds) in seeds {
        let folder = folder("corpus", target);
        if std::env::var("HIGHWATER_FUZZ_SEEDS").is_ok_and(|what| what == "write") {
            fs::create_dir_all(&folder).expect("the folder can be made");
            for (name, seed) in &seeds {
                fs::write(folder.join(format!("seed-{name}")), seed).expect("it can be written");
            }
        }
        let corpus = files(&folder);
        for (name, seed) in &seeds {
            let name = format!("seed-{name}");
            assert_eq!(corpus.get(&name), Some(seed), "{target}/{name}: write the seeds anew");
        }
    }
}
