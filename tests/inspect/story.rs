//! The story of a log, whole, and behind a break.

use highwater::inspect::{BreakVerdict, LogFault, SegmentEnd, StoreVerdict};

use super::world::{closed, killed, live, lived, log, open, read, wal};

/// Whoever has a crashed bot's directory wants every commit, in order, each once, with what it was.
#[test]
fn every_commit_is_told_once_and_in_order() {
    for disk in [killed(1), closed(1)] {
        let whole = read(&disk);
        let last = *whole.lsns().last().unwrap();
        assert_eq!(whole.lsns(), (1..=last).collect::<Vec<_>>());
        assert!(whole.breaks.is_empty(), "{:?}", whole.breaks);
        for note in
            ["history.settings", "ledger.deposit", "operation.begin #1", "operation.complete #1"]
        {
            assert!(whole.notes().contains(&note), "{note}: {:?}", whole.notes());
        }
        let rows: u32 = whole.commits.iter().map(|commit| commit.row_count).sum();
        let handed: usize = whole.commits.iter().map(|commit| commit.rows().count()).sum();
        assert_eq!(rows as usize, handed);
    }
}

/// A store that was opened again and again has its commits in several segments, some of them twice:
/// a recovery copies what it found. The reader tells each once, and the other way round the same.
#[test]
fn what_a_recovery_copied_is_told_once() {
    let disk = lived(2);
    let forwards = read(&disk);
    let last = *forwards.lsns().last().unwrap();
    assert_eq!(forwards.lsns(), (1..=last).collect::<Vec<_>>());
    assert!(forwards.segments.len() >= 4, "{}", forwards.segments.len());
    assert!(forwards.breaks.is_empty(), "{:?}", forwards.breaks);
    let mut backwards = super::world::Read::of(log(&disk).reversed()).lsns();
    backwards.reverse();
    assert_eq!(backwards, forwards.lsns());
}

/// One byte of an old batch is wrong. Six of eight tools of the kind say nothing or stop there; this
/// one says where, which checksum, what is lost, and goes on.
#[test]
fn a_break_is_told_and_passed() {
    let disk = killed(3);
    let before = read(&disk);
    let hurt = &before.commits[before.commits.len() / 2];
    let name = wal(&disk);
    assert!(disk.flip_bit(&name, hurt.offset + 60, 3));
    let after = read(&disk);
    let [found] = &after.breaks[..] else { panic!("{:?}", after.breaks) };
    assert_eq!((&found.file, found.offset), (&name, hurt.offset));
    assert_eq!(found.fault, LogFault::Payload);
    assert_ne!(found.stored.unwrap(), found.computed.unwrap());
    assert_eq!((found.first_lost, found.lost), (Some(hurt.lsn), Some(1)));
    assert_eq!(found.verdict, BreakVerdict::Damage);
    let left: Vec<_> = before.lsns().into_iter().filter(|lsn| *lsn != hurt.lsn).collect();
    assert_eq!(after.lsns(), left);
    let behind = |lsn| after.commits.iter().find(|commit| commit.lsn == lsn).unwrap().behind;
    assert_eq!(behind(hurt.lsn - 1), None);
    assert_eq!(behind(hurt.lsn + 1), Some(BreakVerdict::Damage));
    let verdict = log(&disk).verify().unwrap();
    assert!(verdict.is_damaged() && !verdict.has_torn_tail());
    assert!(
        matches!(&verdict.store, StoreVerdict::Refuses { lsn: Some(lsn), .. } if *lsn == hurt.lsn)
    );
}

/// The header of a batch is what says how long it is. Without it the next one is found all the same.
#[test]
fn a_lost_header_costs_its_batch_alone() {
    let disk = killed(4);
    let before = read(&disk);
    let hurt = &before.commits[5];
    assert!(disk.flip_bit(&wal(&disk), hurt.offset + 9, 0));
    let after = read(&disk);
    let [found] = &after.breaks[..] else { panic!("{:?}", after.breaks) };
    assert_eq!(found.fault, LogFault::BatchHeader);
    assert_eq!((found.first_lost, found.lost), (Some(hurt.lsn), Some(1)));
    assert_eq!(after.commits.len(), before.commits.len() - 1);
}

/// The header of a segment is damaged. Its first batch tells which batches are its own, so that every
/// commit can be read.
#[test]
fn a_lost_segment_header_costs_no_commit() {
    let disk = killed(5);
    let before = read(&disk);
    assert!(disk.flip_bit(&wal(&disk), 20, 0));
    let after = read(&disk);
    assert_eq!(after.lsns(), before.lsns());
    assert_eq!(after.breaks[0].fault, LogFault::SegmentHeader);
    assert!(log(&disk).verify().unwrap().is_damaged());
}

/// After a power cut the end of the log is torn. That is normal, and nothing is said of damage.
#[test]
fn a_torn_tail_is_no_damage() {
    let disk = killed(6);
    let before = read(&disk);
    let last = before.commits.last().unwrap();
    assert!(disk.flip_bit(&wal(&disk), last.offset + 70, 1));
    let after = read(&disk);
    assert_eq!(after.breaks[0].verdict, BreakVerdict::TornTail);
    let verdict = log(&disk).verify().unwrap();
    assert!(!verdict.is_damaged() && verdict.has_torn_tail());
    assert!(matches!(verdict.store, StoreVerdict::Opens { .. }));
    // Once the next opening left it out, it is no more than a remark on a segment that is kept.
    let store = open(&disk, 60);
    live(&store, 50, 1);
    drop(store);
    let later = log(&disk).verify().unwrap();
    assert!(!later.is_damaged() && !later.has_torn_tail(), "{later:?}");
    let ends: Vec<_> = later.segments.iter().map(|segment| &segment.end).collect();
    assert!(ends.iter().any(|end| matches!(end, SegmentEnd::LeftOut { .. })), "{ends:?}");
}

/// Somebody copied a segment of another bot into the directory, one that a recovery wrote. It is told as
/// what it is, and hides nothing of the log.
#[test]
fn a_segment_of_another_store_hides_nothing() {
    let (disk, other) = (killed(7), lived(70));
    let before = read(&disk).lsns();
    let foreign = other.read_file(&wal(&other)).unwrap();
    disk.write_file("journal/00000000000000000009.wal", &foreign);
    let after = read(&disk);
    assert_eq!(after.lsns(), before);
    assert_eq!(after.breaks.last().unwrap().fault, LogFault::OtherSegment);
    assert!(log(&disk).verify().unwrap().is_damaged());
}
