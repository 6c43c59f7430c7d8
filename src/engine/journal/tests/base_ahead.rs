//! The rows of the recovery table about the end of the log where the base has what should stand there, or some
//! of it. C is the base's checkpoint.
//!
//! | found | done | test |
//! |---|---|---|
//! | the end is broken, and what should stand there is at or below C | step over, report | [`a_tail_that_the_base_has`] |
//! | the last batch is broken, and its header goes from C or below to above C | refuse | [`a_batch_that_the_base_has_the_beginning_of`] |

use super::super::format::SEGMENT_HEADER_LEN;
use super::super::scan::Ending;
use super::super::wal_name;
use super::recovery_table::assert_opens;
use super::{Draft, anchor, disk_with, one_commit_batch_len, read, refusal};

const START: u64 = SEGMENT_HEADER_LEN;

/// Where the log breaks off at or below C, the base has what should stand there. It is no torn tail, unless a
/// header behind it speaks of a later commit.
#[test]
fn a_tail_that_the_base_has() {
    let draft = (0..5).fold(Draft::new(1, 1), |draft, _| draft.commits(1, 0));
    let len = one_commit_batch_len();
    let at = |lsn: u64| START + (lsn - 1) * len;
    let broken = |from: u64, place: u64| {
        let draft = (from..=5).fold(draft.clone(), |draft, lsn| draft.flipped(at(lsn) + place));
        disk_with(&[draft])
    };
    for place in [60, 44] {
        let disk = broken(3, place);
        let found = read(&disk, &anchor(5, 1, 1)).verdict.expect("opens");
        assert_eq!((found.ending, found.last), (Ending::Unclosed, 5), "at {place}");
        assert_eq!(found.stepped_over.iter().map(|it| it.offset).collect::<Vec<_>>(), [at(3)]);
        let last = if place == 60 { at(6) } else { at(5) + 48 };
        let ending = Ending::TornTail { file: wal_name(1), offset: at(3), bytes: last - at(3) };
        assert_opens(&disk, &anchor(4, 1, 1), ending, 4);
    }
}

/// A checkpoint in the middle of a batch says that all of it was synced: a checkpoint waits for its last commit,
/// and a batch is synced as one. So the commits behind it were acknowledged.
#[test]
fn a_batch_that_the_base_has_the_beginning_of() {
    let draft = Draft::new(1, 1).commits(1, 0).commits(3, 0);
    let at = START + one_commit_batch_len();
    let disk = disk_with(&[draft.clone().flipped(at + 60)]);
    for checkpoint in [2, 3] {
        let refused = refusal(read(&disk, &anchor(checkpoint, 1, 1)));
        assert_eq!((refused.1, refused.2), (at, checkpoint + 1));
    }
    // All of it, or nothing of it that is known to be synced.
    let found = read(&disk, &anchor(4, 1, 1)).verdict.expect("opens");
    assert_eq!((found.ending, found.last), (Ending::Unclosed, 4));
    let found = read(&disk, &anchor(1, 1, 1)).verdict.expect("opens");
    assert!(matches!(found.ending, Ending::TornTail { .. }), "{:?}", found.ending);
    // What its header said is not known.
    let disk = disk_with(&[draft.flipped(at + 8)]);
    let found = read(&disk, &anchor(2, 1, 1)).verdict.expect("opens");
    assert!(matches!(found.ending, Ending::TornTail { .. }), "{:?}", found.ending);
}
