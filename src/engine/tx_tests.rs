//! Tests of what a transaction takes back: savepoints inside of savepoints against copies of a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::disk::MemoryDisk;
use crate::engine::journal::Purpose;
use crate::engine::{Durability, Running, open};

#[derive(Clone, Debug)]
enum Step {
    Stage(u8, u8, Option<u8>),
    Note(u8),
    /// Does all of it, and keeps it or goes back.
    Within(Vec<Step>, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stage = (0..3_u8, 0..4_u8, any::<Option<u8>>());
    let step = prop_oneof![
        4 => stage.prop_map(|(table, key, row)| Step::Stage(table, key, row)),
        1 => any::<u8>().prop_map(Step::Note),
    ];
    let step = step.prop_recursive(4, 40, 6, |step| {
        let steps = prop::collection::vec(step, 0..6);
        (steps, any::<bool>()).prop_map(|(steps, keep)| Step::Within(steps, keep))
    });
    prop::collection::vec(step, 0..8)
}

/// What is staged, and the note.
type Model = (BTreeMap<(u8, u8), Option<u8>>, String);

fn run(steps: &[Step], tx: &mut Tx, model: &mut Model) {
    for step in steps {
        match step {
            Step::Stage(table, key, row) => {
                match row {
                    Some(row) => tx.put_with(Table(*table), &[*key], |bytes| bytes.push(*row)),
                    None => tx.delete(Table(*table), &[*key]),
                }
                model.0.insert((*table, *key), *row);
            }
            Step::Note(note) => {
                tx.note(note.to_string());
                model.1 = note.to_string();
            }
            Step::Within(steps, keep) => {
                let (savepoint, before) = (tx.savepoint(), model.clone());
                run(steps, tx, model);
                if *keep {
                    tx.keep(savepoint);
                } else {
                    tx.go_back(savepoint);
                    *model = before;
                }
            }
        }
        assert_eq!((staged(tx), tx.note.to_string()), *model);
    }
}

fn staged(tx: &Tx) -> BTreeMap<(u8, u8), Option<u8>> {
    let rows: Vec<_> = tx.staged.rows().collect();
    assert!(rows.is_sorted_by_key(|staged| (staged.table.0, staged.key)), "{rows:?}");
    assert_eq!(rows.is_empty(), tx.staged.is_empty());
    rows.iter().map(|row| ((row.table.0, row.key[0]), row.row.map(|row| row[0]))).collect()
}

proptest! {
    /// The story: a refused order inside a batch took an accepted one's hold with it.
    #[test]
    fn a_savepoint_is_gone_back_to_exactly(steps in steps()) {
        let disk = Arc::new(MemoryDisk::new());
        let running = Running::start(open(disk, super::super::tests::options(), true).unwrap());
        let running = running.unwrap();
        let staged = running.engine().stage(Durability::Written, Purpose::Ordinary, |tx| {
            run(&steps, tx, &mut Model::default());
            assert_eq!((tx.savepoints, tx.overwritten.len()), (0, 0));
            Ok::<_, Error>(())
        });
        staged.unwrap().ticket.wait().unwrap();
    }
}
