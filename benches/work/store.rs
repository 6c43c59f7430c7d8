//! The store as a whole: a checkpoint, and opening with and without a log to replay.

use std::path::Path;
use std::rc::Rc;

use super::tokens::{filled, open, upsert_all};
use super::{Bench, Work, work};

const ROWS: u64 = 1_000;

pub(super) fn benches() -> Vec<Bench> {
    vec![
        Bench { name: "checkpoint, a row", units: ROWS, runs: 3, set_up: checkpoint },
        Bench { name: "recovery, a row of the log", units: ROWS, runs: 3, set_up: recovery },
        Bench { name: "opening after a clean close", units: 1, runs: 3, set_up: clean_open },
    ]
}

fn checkpoint(dir: &Path) -> Box<dyn Work> {
    let store = Rc::new(filled(dir));
    let (written, mut round) = (store.clone(), 0);
    let prepare = move || {
        round += 1;
        upsert_all(&written, 0..ROWS, round);
    };
    work(prepare, move |()| {
        store.checkpoint().expect("a checkpoint");
    })
}

/// A store that was killed with so many rows in its log.
fn recovery(dir: &Path) -> Box<dyn Work> {
    let (dir, mut round) = (dir.to_owned(), 0);
    filled(&dir).close().expect("a close");
    let place = dir.clone();
    let prepare = move || {
        round += 1;
        let store = open(&place);
        upsert_all(&store, 0..ROWS, round);
    };
    work(prepare, move |()| reopen(&dir))
}

fn clean_open(dir: &Path) -> Box<dyn Work> {
    let dir = dir.to_owned();
    filled(&dir).close().expect("a close");
    let place = dir.clone();
    work(move || open(&place).close().expect("a close"), move |()| reopen(&dir))
}

fn reopen(dir: &Path) {
    drop(open(dir));
}
