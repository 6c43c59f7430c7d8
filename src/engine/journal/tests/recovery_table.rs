//! The recovery table: what can be found at an opening, and what is done.
//!
//! C is the base's checkpoint, E the first LSN above C without a valid batch, D the highest durable
//! LSN that any intact batch header states.
//!
//! | found | done | test |
//! |---|---|---|
//! | every LSN above C valid to the end batch of a close | open | [`clean_to_the_end_batch`] |
//! | every LSN above C valid to the end of the last segment | open | [`clean_unclosed`] |
//! | E > D in the last segment that holds a batch | cut, report | [`torn_tail`] |
//! | E <= D | refuse | [`break_at_or_below_d_is_corrupt`] |
//! | E in an earlier segment | refuse | [`break_in_an_earlier_segment_is_corrupt`] |
//! | the base's segment is not there | refuse | [`the_bases_segment_is_missing`] |
//! | a successor that an end batch names is not there | refuse | [`a_named_successor_is_missing`] |
//! | a base without any segment | refuse | [`a_base_without_segments`] |
//! | segments with batches and no base | refuse | [`segments_with_batches_but_no_base`] |
//! | no base and at most one segment without a batch | made anew | [`creation_cut_short_is_made_anew`] |
//! | unknown version | refuse: `Version` | [`an_unknown_version`] |
//! | another store's id | refuse | [`another_stores_segment`] |
//! | another salt than the base or an end batch names | refuse | [`another_salt`] |
//! | a header that is damaged, names another number, or a file that is too short | refuse | [`a_named_segment_is_not_whole`] |
//! | a read fails | `Io`, never a torn tail | [`a_read_that_fails_is_no_torn_tail`] |
//! | the base is ahead of the journal | open | [`the_base_is_ahead_of_the_journal`] |
//! | a break at or below C | step over, report | [`a_break_at_or_below_c_is_stepped_over`] |
//! | nothing but breaks at or below C | step over, report | [`nothing_but_breaks_at_or_below_c`] |
//! | leftovers of any kind | open | [`leftovers_are_no_reason_to_refuse`] |
//! | segments below the base's retired in part | open | [`retired_in_part`] |
//! | a segment that was given up between two others | open | [`a_segment_that_was_given_up`] |
//! | several breaks | the first above C counts, D from behind all | [`several_breaks`] |
//! | a restart segment | supersedes all below it, whatever they hold | [`a_restart_segment_supersedes_everything_below`] |
//! | a damaged restart segment | refuse | [`a_damaged_restart_segment_refuses`] |

use std::sync::Arc;

use crate::disk::{Disk, MemoryDisk};
use crate::engine::{Durability, Error as EngineError};

use super::super::format::SEGMENT_HEADER_LEN;
use super::super::scan::{Ending, SteppedOver};
use super::super::segment::old_name;
use super::super::{DIRECTORY, Error, Problem, wal_name};
use super::disk::TestDisk;
use super::{
    Draft, anchor, disk_with, one_commit_batch_len, open_store, put, read, read_file, refusal,
    write_file,
};

const START: u64 = SEGMENT_HEADER_LEN;

pub(super) fn assert_opens(disk: &dyn Disk, anchor: &super::Anchor, ending: Ending, last: u64) {
    let read = read(disk, anchor);
    let findings = read.verdict.expect("nothing to refuse");
    // What is a torn tail is not stepped over as well.
    let torn_at = match &ending {
        Ending::TornTail { file, offset, .. } => Some((file.clone(), *offset)),
        _ => None,
    };
    let stepped_over = findings.stepped_over.iter().map(|place| (place.file.clone(), place.offset));
    assert!(!stepped_over.into_iter().any(|place| Some(place) == torn_at));
    assert_eq!((findings.ending, findings.last), (ending, last));
}

/// The store was closed: everything is there, and the log says that nothing is missing behind it.
#[test]
fn clean_to_the_end_batch() {
    let disk = disk_with(&[
        Draft::new(1, 1).commits(3, 0).leads_to(2, 3),
        Draft::new(2, 4).commits(2, 3).closed(5),
    ]);
    assert_opens(&disk, &anchor(0, 1, 1), Ending::Closed, 5);
    assert_opens(&disk, &anchor(5, 2, 1), Ending::Closed, 5);
}

/// The process died between two commits: nothing is wrong.
#[test]
fn clean_unclosed() {
    let disk = disk_with(&[
        Draft::new(1, 1).commits(3, 0).leads_to(2, 3),
        Draft::new(2, 4).commits(2, 3).commits(1, 5),
    ]);
    assert_opens(&disk, &anchor(0, 1, 1), Ending::Unclosed, 6);
    assert_opens(&disk, &anchor(4, 2, 1), Ending::Unclosed, 6);
    let empty = disk_with(&[Draft::new(1, 1)]);
    assert_opens(&empty, &anchor(0, 1, 1), Ending::Unclosed, 0);
}

/// Power went out while a batch was being written. Nobody was told that it is durable, so it never
/// happened; the operator hears how much that was.
#[test]
fn torn_tail() {
    let whole = Draft::new(1, 1).commits(2, 0).mark(2);
    let torn = whole.end();
    let whole = whole.commits(3, 2);
    let (last, end) = (whole.end(), whole.clone().commits(1, 2).end());
    // In the payload of the last batch.
    let disk = disk_with(&[whole.clone().flipped(last - 4)]);
    let cut = |bytes| Ending::TornTail { file: wal_name(1), offset: torn, bytes };
    assert_opens(&disk, &anchor(0, 1, 1), cut(last - torn), 2);
    // A batch that is whole behind one that is not is cut with it: what survives is a prefix.
    let disk = disk_with(&[whole.clone().commits(1, 2).flipped(torn + 60)]);
    assert_opens(&disk, &anchor(0, 1, 1), cut(end - torn), 2);
    // In its header: what is left of it still shows.
    let disk = disk_with(&[whole.flipped(torn + 44)]);
    assert_opens(&disk, &anchor(0, 1, 1), cut(48), 2);
}

/// A batch was acknowledged as synced, a later header says so, and it cannot be read. Whoever cuts
/// here takes back what was promised.
#[test]
fn break_at_or_below_d_is_corrupt() {
    let first = Draft::new(1, 1).commits(2, 0);
    let second = first.end();
    let draft = first.commits(2, 0);
    let third = draft.end();
    for at in [second + 8, second + 60] {
        let disk = disk_with(&[draft.clone().mark(4).flipped(at)]);
        let refused = refusal(read(&disk, &anchor(0, 1, 1)));
        assert_eq!(refused, (wal_name(1), second, 3, Problem::Batch));
    }
    // The header that tells stands behind a batch that is itself torn.
    let disk = disk_with(&[draft.commits(1, 3).flipped(second + 60).flipped(third + 60)]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(1), second, 3, Problem::Batch));
}

/// A segment is synced to its end before the next one takes a batch, and that batch says so. So where
/// the next one has one, a break in the earlier is damage.
#[test]
fn break_in_an_earlier_segment_is_corrupt() {
    let first = Draft::new(1, 1).commits(2, 0);
    let break_at = first.end();
    let first = first.commits(2, 0);
    let end_batch = first.end();
    let first = first.leads_to(2, 2);
    let second = Draft::new(2, 5).commits(1, 4);
    let disk = disk_with(&[first.clone().flipped(break_at + 50), second.clone()]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(1), break_at, 3, Problem::Batch));
    // Gone without a trace, end batch and all.
    let zeroed = first.clone().zeroed(break_at, first.end());
    let disk = disk_with(&[zeroed, second.clone()]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(1), break_at, 3, Problem::Batch));
    // Where only the end batch is gone, no commit is.
    let disk = disk_with(&[first.flipped(end_batch + 50), second]);
    assert_opens(&disk, &anchor(0, 1, 1), Ending::Unclosed, 5);
}

/// Somebody deleted a segment, or put yesterday's base beside today's journal.
#[test]
fn the_bases_segment_is_missing() {
    let disk =
        disk_with(&[Draft::new(1, 1).commits(2, 0).leads_to(2, 2), Draft::new(3, 5).commits(1, 4)]);
    let refused = refusal(read(&disk, &anchor(2, 2, 1)));
    assert_eq!(refused, (wal_name(2), 0, 3, Problem::MissingSegment));
    // Only older ones are left.
    let disk = disk_with(&[Draft::new(1, 1).commits(2, 0)]);
    let refused = refusal(read(&disk, &anchor(2, 2, 1)));
    assert_eq!(refused, (wal_name(2), 0, 3, Problem::MissingSegment));
}

/// An end batch says where the log goes on. Without that file the log would look complete.
#[test]
fn a_named_successor_is_missing() {
    let first = Draft::new(1, 1).commits(2, 0).leads_to(2, 2);
    let disk = disk_with(std::slice::from_ref(&first));
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 3, Problem::MissingSegment));
    let disk = disk_with(&[first, Draft::new(3, 4).commits(1, 3)]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 3, Problem::MissingSegment));
}

/// Somebody deleted the journal's directory. An empty log is not what that is.
#[test]
fn a_base_without_segments() {
    let disk = disk_with(&[]);
    let refused = refusal(read(&disk, &anchor(7, 3, 2)));
    assert_eq!(refused, (wal_name(3), 0, 8, Problem::MissingSegment));

    let disk = TestDisk::new();
    drop(open_store(&disk.shared()).expect("a new store"));
    let segments = disk.list(DIRECTORY).expect("memory lists");
    for name in segments {
        disk.remove(&format!("{DIRECTORY}/{name}")).expect("is there");
    }
    let before = disk.picture();
    let error = open_store(&disk.shared()).expect_err("its journal is gone");
    assert!(matches!(
        error,
        EngineError::Journal(Error::Corrupt { problem: Problem::MissingSegment, .. })
    ));
    assert_eq!(disk.picture(), before, "a refusal changed something");
}

/// Somebody deleted the base. A new one beside the old journal would hide every commit.
#[test]
fn segments_with_batches_but_no_base() {
    let missing_base = |disk: &TestDisk| {
        let before = disk.picture();
        let error = open_store(&disk.shared()).expect_err("its base is gone");
        assert_eq!(disk.picture(), before, "a refusal changed something");
        assert!(
            matches!(
                error,
                EngineError::Journal(Error::Corrupt { problem: Problem::MissingBase, .. })
            ),
            "{error:?}"
        );
    };
    // One segment with a batch, also where its first batch is damaged but not its second.
    let draft = Draft::new(1, 1).commits(1, 0);
    missing_base(&TestDisk::over(disk_with(std::slice::from_ref(&draft))));
    let two = draft.commits(1, 0).flipped(START);
    missing_base(&TestDisk::over(disk_with(&[two])));
    // A segment that an opening wrote, or one that was retired: more than the beginnings of a store.
    missing_base(&TestDisk::over(disk_with(&[Draft::restart(2, 1, 1)])));
    let kept = disk_with(&[]);
    write_file(&kept, &old_name(1), &Draft::new(1, 1).file());
    missing_base(&TestDisk::over(kept));
}

/// Power went out while the store was being made: the base gets its name last, so nobody was told
/// that there is a store.
#[test]
fn creation_cut_short_is_made_anew() {
    let one_segment = disk_with(&[Draft::new(1, 1)]);
    // What an earlier try had removed may come back at a power cut.
    let two_segments = disk_with(&[Draft::new(1, 1), Draft::new(2, 1)]);
    let half_a_base = disk_with(&[Draft::new(1, 1)]);
    write_file(&half_a_base, "base.tmp", b"half a base");
    let room = disk_with(&[]);
    write_file(&room, &format!("{DIRECTORY}/{:020}.tmp", 1), &[0; 100]);
    let bare = disk_with(&[]);
    for memory in [MemoryDisk::new(), bare, one_segment, two_segments, half_a_base, room] {
        let disk = TestDisk::over(memory);
        let engine = open_store(&disk.shared()).expect("made anew");
        assert!(engine.opening().created);
        put(&engine, Durability::Synced, b"key", vec![1]).expect("a store like any other");
        drop(engine);
        let engine = open_store(&disk.shared()).expect("is there now");
        assert!(!engine.opening().created);
        assert_eq!(engine.opening().last, 1);
    }
}

/// A later release wrote it. That is not damage, and nothing may be cut.
#[test]
fn an_unknown_version() {
    let mut later = Draft::new(2, 3).commits(1, 2);
    later.header.version = 2;
    later.bytes[..START as usize].copy_from_slice(&later.header.encode());
    let first = Draft::new(1, 1).commits(2, 0).leads_to(2, 2);
    let disk = disk_with(&[first, later]);
    match read(&disk, &anchor(0, 1, 1)).verdict {
        Err(Error::Version { file, found: 2, supported: 1 }) => assert_eq!(file, wal_name(2)),
        other => panic!("{other:?}"),
    }
}

/// Files of two stores were mixed up in a copy.
#[test]
fn another_stores_segment() {
    let mut other = Draft::new(2, 3).commits(1, 2);
    other.header.store_id = *b"another's name!!";
    other.bytes[..START as usize].copy_from_slice(&other.header.encode());
    let disk = disk_with(&[Draft::new(1, 1).commits(2, 0), other]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 1, Problem::OtherStore));
}

/// A segment of the right store and number, but not the one that was meant: a copy of the store
/// went on by itself, and one of its files came back.
#[test]
fn another_salt() {
    let other = |number, first_lsn| {
        let mut draft = Draft::new(number, first_lsn);
        draft.header.salt ^= 1;
        draft.bytes[..START as usize].copy_from_slice(&draft.header.encode());
        draft.commits(2, 0)
    };
    // Another than the base names.
    let disk = disk_with(&[other(1, 1)]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(1), 0, 1, Problem::Salt));
    // Another than the end batch names.
    let first = Draft::new(1, 1).commits(2, 0).leads_to(2, 2);
    let disk = disk_with(&[first, other(2, 3)]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 3, Problem::Salt));
}

/// A segment gets its name when it is whole, so one that is not was damaged afterwards.
#[test]
fn a_named_segment_is_not_whole() {
    let first = Draft::new(1, 1).commits(2, 0).leads_to(2, 2);
    let second = Draft::new(2, 3).commits(1, 2);
    for at in [0, 8, 12, 20, 33, 47, 50, 60, 70, 76] {
        let disk = disk_with(&[first.clone(), second.clone().flipped(at)]);
        let refused = refusal(read(&disk, &anchor(0, 1, 1)));
        assert_eq!(refused, (wal_name(2), 0, 1, Problem::SegmentHeader));
    }
    let disk = disk_with(std::slice::from_ref(&first));
    write_file(&disk, &wal_name(2), &Draft::new(3, 3).file());
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 1, Problem::SegmentNumber));
    let file = second.file();
    let disk = disk_with(&[first]);
    write_file(&disk, &wal_name(2), &file[..file.len() - 1]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), file.len() as u64 - 1, 1, Problem::Short));
}

/// The machine cannot read, so it cannot know what is there. To cut a tail now would throw away
/// what the next try finds whole.
#[test]
fn a_read_that_fails_is_no_torn_tail() {
    let disk = TestDisk::over(disk_with(&[
        Draft::new(1, 1).commits(2, 0).leads_to(2, 2),
        Draft::new(2, 3).commits(1, 2),
    ]));
    for number in [1, 2] {
        disk.set(|controls| controls.unreadable = Some(wal_name(number)));
        match read(&disk, &anchor(0, 1, 1)).verdict {
            Err(Error::Io { action, file, .. }) => {
                assert_eq!((action, file), ("read", wal_name(number)));
            }
            other => panic!("{other:?}"),
        }
    }
    disk.set(|controls| controls.unreadable = None);
    assert_opens(&disk, &anchor(0, 1, 1), Ending::Unclosed, 3);
}

/// Power went out after a checkpoint of commits whose batches the disk had, or had not: the base
/// has them, and that is enough.
#[test]
fn the_base_is_ahead_of_the_journal() {
    let disk = disk_with(&[Draft::new(1, 1).commits(2, 0)]);
    assert_opens(&disk, &anchor(5, 1, 1), Ending::Unclosed, 5);
    let nothing = disk_with(&[Draft::new(1, 1)]);
    assert_opens(&nothing, &anchor(5, 1, 1), Ending::Unclosed, 5);
    let closed = disk_with(&[Draft::new(1, 1).commits(2, 0).closed(2)]);
    assert_opens(&closed, &anchor(5, 1, 1), Ending::Closed, 5);
}

/// The base has what stood there; the operator still hears that a file is damaged.
#[test]
fn a_break_at_or_below_c_is_stepped_over() {
    let first = Draft::new(1, 1).commits(2, 0);
    let second = first.end();
    let draft = first.commits(2, 2);
    let third = draft.end();
    let draft = draft.commits(2, 4).mark(6);
    for (at, place) in
        [(START + 9, START), (START + 60, START), (second + 9, second), (second + 60, second)]
    {
        let disk = disk_with(&[draft.clone().flipped(at)]);
        let found = read(&disk, &anchor(4, 1, 1)).verdict.expect("opens");
        assert_eq!((found.ending, found.last), (Ending::Unclosed, 6));
        let stepped_over = SteppedOver { file: wal_name(1), offset: place };
        assert_eq!(found.stepped_over, [stepped_over], "flipped at {at}");
    }
    // One commit above C in the same batch: it is needed.
    let disk = disk_with(&[draft.clone().flipped(second + 60)]);
    let refused = refusal(read(&disk, &anchor(3, 1, 1)));
    assert_eq!((refused.1, refused.2), (second, 4));
    let disk = disk_with(&[draft.flipped(third + 60)]);
    let refused = refusal(read(&disk, &anchor(4, 1, 1)));
    assert_eq!((refused.1, refused.2), (third, 5));
}

/// The base has everything; of the journal one damaged batch in each of two segments is left. There
/// is nothing that anybody could miss.
#[test]
fn nothing_but_breaks_at_or_below_c() {
    let first = Draft::new(1, 1).commits(2, 0).leads_to(2, 2);
    let second = Draft::new(2, 3).commits(2, 2);
    let disk = disk_with(&[first.clone().flipped(START + 60), second.clone().flipped(START + 60)]);
    let found = read(&disk, &anchor(4, 2, 1)).verdict.expect("opens");
    assert_eq!(found.last, 4);
    // The last batch and the end batch of the first segment, and the only one of the second.
    let payload_of_the_end = first.end() - 4;
    let disk = disk_with(&[
        first.flipped(START + 60).flipped(payload_of_the_end),
        second.flipped(START + 60),
    ]);
    let found = read(&disk, &anchor(4, 2, 1)).verdict.expect("opens");
    assert_eq!(found.last, 4);
}

/// What nothing needs any more may be in any state: half retired, damaged, of another store.
#[test]
fn leftovers_are_no_reason_to_refuse() {
    let disk =
        disk_with(&[Draft::new(3, 5).commits(2, 4).leads_to(4, 6), Draft::new(4, 7).commits(1, 6)]);
    write_file(&disk, &wal_name(1), b"a ruin");
    write_file(&disk, &wal_name(2), b"");
    write_file(&disk, &old_name(1), b"another");
    write_file(&disk, &format!("{DIRECTORY}/{:020}.tmp", 9), b"room");
    write_file(&disk, &format!("{DIRECTORY}/notes.txt"), b"not ours");
    write_file(&disk, &format!("{DIRECTORY}/{}.wal", "9".repeat(20)), b"not ours");
    write_file(&disk, &format!("{DIRECTORY}/5.wal"), b"not ours");
    assert_opens(&disk, &anchor(5, 4, 3), Ending::Unclosed, 7);
    // Between the base's segment and the one before, damage only costs the way back.
    let disk = disk_with(&[
        Draft::new(2, 3).commits(2, 2).leads_to(3, 4).flipped(9),
        Draft::new(3, 5).commits(2, 4),
    ]);
    assert_opens(&disk, &anchor(4, 3, 2), Ending::Unclosed, 6);
}

/// Renames that retire segments are not synced: after a power cut any of them may have come about.
/// What end batches of leftovers name is not needed either.
#[test]
fn retired_in_part() {
    let drafts = [
        Draft::new(1, 1).commits(2, 0).leads_to(2, 2),
        Draft::new(2, 3).commits(2, 2).leads_to(3, 4),
        Draft::new(3, 5).commits(2, 4).leads_to(4, 6),
        Draft::new(4, 7).commits(1, 6),
    ];
    for left in 0..8_u8 {
        let leftovers = (0..3).filter(|index| left & (1 << index) != 0);
        let drafts: Vec<Draft> = leftovers.chain([3]).map(|i| drafts[i].clone()).collect();
        let disk = disk_with(&drafts);
        assert_opens(&disk, &anchor(6, 4, 1), Ending::Unclosed, 7);
    }
}

/// A segment was made, but the sync of the directory failed, so the store gave its number up and
/// made another. The file can be there all the same, and no end batch ever names it.
#[test]
fn a_segment_that_was_given_up() {
    let disk = disk_with(&[
        Draft::new(1, 1).commits(2, 0).leads_to(3, 2),
        Draft::new(2, 3),
        Draft::new(3, 3).commits(1, 2),
        Draft::new(4, 4),
    ]);
    assert_opens(&disk, &anchor(0, 1, 1), Ending::Unclosed, 3);

    // The same by the store's own hand.
    let disk = TestDisk::new();
    let engine = open_store(&disk.shared()).expect("a new store");
    put(&engine, Durability::Synced, b"key", vec![1]).expect("there is room");
    disk.set(|controls| controls.fail_directory_sync = true);
    let error = put(&engine, Durability::Synced, b"key", vec![2; 60_000])
        .and_then(|_| put(&engine, Durability::Synced, b"key", vec![3; 60_000]));
    assert!(
        matches!(error, Err(EngineError::Journal(Error::Io { action: "sync", .. }))),
        "{error:?}"
    );
    let lsn = put(&engine, Durability::Synced, b"key", vec![4; 60_000]).expect("tries again");
    let copy = disk.copy();
    let engine = open_store(&copy.shared()).expect("nothing is missing");
    assert_eq!(engine.opening().last, lsn);
}

/// A segment that is ready and not begun lies in a recycled file: the mark and the end batch of its
/// past state the LSN that comes next here as well. They are whole, so they are no torn tail.
#[test]
fn a_ready_segment_holds_something_of_its_past() {
    let past = Draft::new(9, 3).mark(2).closed(2);
    let mut ready = Draft::new(2, 3);
    ready.bytes.extend(&past.bytes[ready.bytes.len()..]);
    let closed = Draft::new(1, 1).commits(2, 0).closed(2);
    assert_opens(&disk_with(&[closed, ready]), &anchor(0, 1, 1), Ending::Closed, 2);
}

/// Where there are several breaks, the first above C decides, and D is looked for behind all.
#[test]
fn several_breaks() {
    let first = Draft::new(1, 1).commits(1, 0);
    let len = one_commit_batch_len();
    let draft = first.commits(1, 0).commits(1, 0).commits(1, 0).commits(1, 0);
    let at = |lsn: u64| START + (lsn - 1) * len;
    let broken = |drafts: &Draft, lsns: &[u64]| {
        let mut draft = drafts.clone();
        for lsn in lsns {
            draft = draft.flipped(at(*lsn) + 60);
        }
        disk_with(&[draft])
    };
    // Torn in two places: cut at the first.
    let cut = |lsn| Ending::TornTail { file: wal_name(1), offset: at(lsn), bytes: at(6) - at(lsn) };
    assert_opens(&broken(&draft, &[3, 5]), &anchor(0, 1, 1), cut(3), 2);
    assert_opens(&broken(&draft, &[1, 3, 4]), &anchor(1, 1, 1), cut(3), 2);
    // Two below C, each reported by itself.
    let found = read(&broken(&draft, &[1, 3]), &anchor(3, 1, 1));
    let found = found.verdict.expect("opens");
    let offsets: Vec<u64> = found.stepped_over.iter().map(|place| place.offset).collect();
    assert_eq!((found.last, offsets), (5, vec![at(1), at(3)]));
    // The only header that says what is durable stands behind both.
    let told = draft.mark(3);
    let refused = refusal(read(&broken(&told, &[3, 5]), &anchor(0, 1, 1)));
    assert_eq!((refused.1, refused.2), (at(3), 3));
    assert_opens(
        &broken(&told, &[4, 5]),
        &anchor(0, 1, 1),
        Ending::TornTail { file: wal_name(1), offset: at(4), bytes: at(6) + 48 - at(4) },
        3,
    );
}

/// The restart segment is the one thing that a recovery trusts. Below it lie the segments that could
/// not be trusted, and they may say anything.
#[test]
fn a_restart_segment_supersedes_everything_below() {
    let restart = Draft::restart(5, 1, 3).commits(2, 0).commits(1, 2);
    let below: [&[Draft]; 4] = [
        &[],
        // A log that goes further than what was recovered.
        &[Draft::new(1, 1).commits(9, 0).mark(9)],
        // One with a break that would be refused.
        &[
            Draft::new(1, 1).commits(2, 0).flipped(START + 60),
            Draft::new(2, 3).commits(2, 2).leads_to(3, 4),
        ],
        // An older restart segment, damaged.
        &[Draft::restart(4, 1, 9).commits(2, 0).flipped(9)],
    ];
    for below in below {
        let disk = disk_with(&[below, std::slice::from_ref(&restart)].concat());
        write_file(&disk, &wal_name(0), b"a ruin");
        let found = read(&disk, &anchor(0, 1, 1)).verdict.expect("opens");
        assert_eq!((found.ending, found.last), (Ending::Unclosed, 3));
        let numbers: Vec<u64> = found.segments.iter().map(|found| found.number).collect();
        assert_eq!(numbers, [5]);
    }
    // Also the base's own segment may be gone, as long as a restart segment came after it.
    let disk = disk_with(&[restart]);
    assert_opens(&disk, &anchor(2, 3, 2), Ending::Unclosed, 3);
}

/// Everything that a restart segment holds was synced before it got its name, also what is in its
/// last batch. Without it, nothing below may stand in for it.
#[test]
fn a_damaged_restart_segment_refuses() {
    let old = Draft::new(1, 1).commits(3, 0).mark(3);
    let restart = Draft::restart(2, 1, 4).commits(2, 0);
    let last = restart.end();
    let restart = restart.commits(1, 2);
    for (at, offset) in [(START + 60, START), (last + 9, last), (last + 60, last)] {
        let disk = disk_with(&[old.clone(), restart.clone().flipped(at)]);
        let refused = refusal(read(&disk, &anchor(0, 1, 1)));
        assert_eq!((refused.0, refused.1), (wal_name(2), offset));
    }
    let disk = disk_with(&[old, restart.flipped(57)]);
    let refused = refusal(read(&disk, &anchor(0, 1, 1)));
    assert_eq!(refused, (wal_name(2), 0, 1, Problem::SegmentHeader));
}

/// The table above is of use only if each of its rows is a test of this file.
#[test]
fn every_case_of_the_table_has_its_test() {
    let source = include_str!("recovery_table.rs");
    let cases: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! |")?.split("[`").nth(1)?.split('`').next())
        .collect();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let test = format!("#[test]\nfn {case}() {{");
        assert!(source.contains(&test), "{case} is no test");
    }
}

/// Reading never writes: not a byte changes, whatever the verdict.
#[test]
fn a_scan_changes_nothing() {
    let torn = Draft::new(1, 1).commits(2, 0).flipped(START + 60);
    let disk: Arc<dyn Disk> = Arc::new(disk_with(std::slice::from_ref(&torn)));
    let before = read_file(&*disk, &wal_name(1));
    drop(read(&*disk, &anchor(0, 1, 1)));
    drop(read(&*disk, &anchor(0, 2, 2)));
    assert_eq!(read_file(&*disk, &wal_name(1)), before);
}
