//! Damage: every byte of a small journal flipped, cut and zeroed, and segments of arbitrary bytes.
//!
//! What the journal holds: in segment 1 commits 1 and 2 synced together, 3 with the system only, 4
//! synced, and a mark; in segment 2 commit 5 synced, then 6 and 7 with the system only. So D is 5: 6
//! and 7 may be lost, nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use crate::disk::{Disk, MemoryDisk};
use crate::engine::Lsn;
use crate::engine::row::RowRef;

use super::super::append::{Appender, Group, ReadySegments};
use super::super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, CommitHeader, SEGMENT_HEADER_LEN, SegmentHeader,
    encode_commit,
};
use super::super::scan::{Ending, Findings};
use super::super::segment::Segment;
use super::super::{Anchor, DIRECTORY, Error, wal_name};
use super::disk::TestDisk;
use super::{STORE_ID, TABLE, anchor, read, salt, segment, write_file};

const DURABLE: Lsn = 5;
const LAST: Lsn = 7;

/// What a byte of the journal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    SegmentHeader,
    /// A batch, by its first and last LSN.
    Commits(Lsn, Lsn),
    Mark,
    End,
    /// Room that nothing was written to.
    Room,
}

/// One file of the journal, and what its bytes are.
struct File {
    name: String,
    bytes: Vec<u8>,
    parts: Vec<(Range<u64>, Part)>,
}

impl File {
    fn part(&self, at: u64) -> (Range<u64>, Part) {
        let found = self.parts.iter().find(|(range, _)| range.contains(&at));
        found.expect("parts cover the file").clone()
    }
}

struct OneReady(Mutex<Option<Segment>>);

impl ReadySegments for OneReady {
    fn take(&self) -> Option<Segment> {
        self.0.lock().expect("nobody panics").take()
    }
}

fn group(lsns: Range<Lsn>) -> Group {
    let mut group = Group::default();
    for lsn in lsns {
        let header =
            CommitHeader { time_micros: lsn as i64, synced: true, finishing: false, note: "draft" };
        let number = lsn.to_le_bytes();
        let row = |bytes| RowRef { table: TABLE, key: &number, row: Some(bytes) };
        let mut commit = Vec::new();
        encode_commit(&mut commit, &header, [row(&number[..]), row(&[lsn as u8; 150])]);
        group.push(lsn, &commit, true);
    }
    group
}

/// The journal described above, written by the journal's own hand into segments as small as can be.
fn journal() -> Vec<File> {
    let disk = MemoryDisk::new();
    disk.make_dir(DIRECTORY).expect("memory takes it");
    let next = OneReady(Mutex::new(Some(segment(&disk, 2, 2_048))));
    let mut appender = Appender::new(segment(&disk, 1, 1_248), 0);
    let mut write = |lsns: Range<Lsn>, sync: bool| {
        appender.write(&mut group(lsns), &next).expect("memory takes it");
        if sync {
            appender.sync().expect("memory syncs");
        }
        if appender.progress().written == 4 {
            appender.mark().expect("memory takes it");
        }
    };
    write(1..3, true);
    write(3..4, false);
    write(4..5, true);
    write(5..6, true);
    write(6..7, false);
    write(7..8, false);
    let files = [1, 2].map(|number| file(&disk, number));
    assert!(files[0].parts.iter().any(|(_, part)| *part == Part::End));
    assert!(files[1].parts.iter().any(|(_, part)| *part == Part::Commits(7, 7)));
    files.into()
}

fn file(disk: &dyn Disk, number: u64) -> File {
    let name = wal_name(number);
    let bytes = super::read_file(disk, &name);
    let mut offset = SEGMENT_HEADER_LEN;
    let mut parts = vec![(0..offset, Part::SegmentHeader)];
    while let Some(header) = BatchHeader::decode(&bytes[offset as usize..], salt(number)) {
        let part = match (header.kind, header.commits) {
            (BatchKind::End, _) => Part::End,
            (BatchKind::Commits, 0) => Part::Mark,
            _ => Part::Commits(header.first_lsn, header.next_lsn() - 1),
        };
        parts.push((offset..offset + header.batch_len(), part));
        offset += header.batch_len();
    }
    parts.push((offset..bytes.len() as u64, Part::Room));
    File { name, bytes, parts }
}

/// A disk with the journal on it, of which `change` damages one file.
fn damaged(files: &[File], index: usize, change: impl FnOnce(&mut Vec<u8>)) -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.make_dir(DIRECTORY).expect("memory takes it");
    let mut change = Some(change);
    for (at, file) in files.iter().enumerate() {
        let mut bytes = file.bytes.clone();
        if at == index
            && let Some(change) = change.take()
        {
            change(&mut bytes);
        }
        write_file(&disk, &file.name, &bytes);
    }
    disk
}

/// What the base may say: nothing yet, a checkpoint inside the first segment, one of the second.
fn anchors() -> [Anchor; 3] {
    [anchor(0, 1, 1), anchor(3, 1, 1), anchor(DURABLE, 2, 1)]
}

/// What a scan may say of the journal with damage in `part` of file `index`, nowhere else.
fn judge(
    files: &[File],
    anchor: &Anchor,
    index: usize,
    (range, part): (Range<u64>, Part),
    verdict: &Result<Findings, Error>,
) -> &'static str {
    let needed = match part {
        Part::SegmentHeader => index as u64 + 1 >= anchor.segment.0,
        Part::Commits(_, last) => last > anchor.checkpoint && last <= DURABLE,
        Part::Mark | Part::End | Part::Room => false,
    };
    match verdict {
        Err(Error::Corrupt { file, offset, .. }) => {
            assert!(needed, "refused, and nothing that is needed is damaged: {verdict:?}");
            assert_eq!(*file, files[index].name, "the wrong file");
            assert!(*offset <= range.start, "behind the damage: {verdict:?}");
            "refused"
        }
        Err(error) => panic!("neither damage nor sound: {error:?}"),
        Ok(findings) => {
            assert!(!needed, "damage to what was acknowledged went by: {findings:?}");
            assert!(findings.last >= DURABLE, "lost: {findings:?}");
            if findings.last < LAST {
                assert!(matches!(part, Part::Commits(..)), "{part:?}: {findings:?}");
                assert!(
                    matches!(findings.ending, Ending::TornTail { .. }),
                    "cut and not told: {findings:?}"
                );
                "cut and reported"
            } else if matches!(part, Part::Commits(..)) && index as u64 + 1 >= anchor.oldest_segment
            {
                assert!(!findings.stepped_over.is_empty(), "not told: {findings:?}");
                "stepped over and reported"
            } else {
                "harmless"
            }
        }
    }
}

/// One bit is wrong, anywhere. Damage to what was acknowledged is refused and located, damage to
/// what was not is cut and told, and only bytes that carry no commit can go unnoticed.
#[test]
fn every_bit_flipped() {
    let files = journal();
    let mut outcomes: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for anchor in anchors() {
        for (index, file) in files.iter().enumerate() {
            for bit in 0..8 * file.bytes.len() {
                let at = bit / 8;
                let disk = damaged(&files, index, |bytes| bytes[at] ^= 1 << (bit % 8));
                let part = file.part(at as u64);
                let name = format!("{:?}", part.1);
                let verdict = read(&disk, &anchor).verdict;
                let outcome = judge(&files, &anchor, index, part, &verdict);
                *outcomes.entry((outcome, name)).or_default() += 1;
            }
        }
    }
    for ((outcome, part), count) in &outcomes {
        println!("{count:6} {outcome}: {part}");
    }
    let harmless = outcomes.keys().filter(|(outcome, _)| *outcome == "harmless");
    for (_, part) in harmless {
        assert!(
            ["Mark", "End", "Room", "SegmentHeader"].contains(&part.as_str()),
            "harmless in {part}"
        );
    }
    for outcome in ["refused", "cut and reported", "stepped over and reported"] {
        assert!(outcomes.keys().any(|(found, _)| *found == outcome), "{outcome}");
    }
}

/// A file that is shorter than its header says lost something after it got its name, whatever stood
/// there: a segment is made whole.
#[test]
fn cut_at_every_length() {
    let files = journal();
    for anchor in anchors() {
        for (index, file) in files.iter().enumerate() {
            let needed = index as u64 + 1 >= anchor.segment.0;
            for len in 0..file.bytes.len() {
                let disk = damaged(&files, index, |bytes| bytes.truncate(len));
                match read(&disk, &anchor).verdict {
                    Err(Error::Corrupt { file: name, offset, .. }) => {
                        assert!(needed, "{name} is not needed");
                        assert_eq!(name, file.name);
                        assert!(offset <= len as u64);
                    }
                    Ok(findings) => {
                        assert!(!needed && findings.last == LAST, "{len}: {findings:?}");
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    }
}

/// A sector was lost. It may hold parts of several batches, so the strictest of them decides.
#[test]
fn every_sector_zeroed() {
    let files = journal();
    let mut refused = 0;
    let mut lost = 0;
    for anchor in anchors() {
        for (index, file) in files.iter().enumerate() {
            for start in (0..file.bytes.len()).step_by(512) {
                let end = file.bytes.len().min(start + 512);
                let zeros = vec![0; end - start];
                if file.bytes[start..end] == zeros {
                    continue;
                }
                let disk =
                    damaged(&files, index, |bytes| bytes[start..end].copy_from_slice(&zeros));
                let needed = (start..end).any(|at| match file.part(at as u64).1 {
                    Part::SegmentHeader => index as u64 + 1 >= anchor.segment.0,
                    Part::Commits(_, last) => last > anchor.checkpoint && last <= DURABLE,
                    _ => false,
                });
                match read(&disk, &anchor).verdict {
                    Err(Error::Corrupt { file: name, offset, .. }) => {
                        assert!(needed, "sector {start} of {name} is not needed");
                        assert_eq!(name, file.name);
                        assert!(offset < end as u64, "behind the damage");
                        refused += 1;
                    }
                    Ok(findings) => {
                        assert!(!needed, "sector {start} of {} went by: {findings:?}", file.name);
                        assert!(findings.last >= DURABLE);
                        lost += u64::from(findings.last < LAST);
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    }
    assert!(refused > 0 && lost > 0, "{refused} refused, {lost} lost a tail");
}

/// What a segment may be made of, beside sense.
#[derive(Clone, Debug)]
enum Piece {
    Garbage(Vec<u8>),
    Zeros(u16),
    /// A batch whose header is right by its checksum, and says anything.
    Batch {
        payload: Vec<u8>,
        payload_len: Option<u32>,
        first_lsn: Lsn,
        durable_lsn: Lsn,
        commits: u32,
        kind: u32,
        right_payload_crc: bool,
    },
    /// A batch that goes on where the last one ended.
    Sound(u32),
    /// A header of this segment with a wrong checksum.
    Lookalike,
}

fn piece() -> impl Strategy<Value = Piece> {
    let lsn = || prop_oneof![0..12_u64, any::<u64>(), Just(u64::MAX), Just(u64::MAX - 1)];
    let count = prop_oneof![0..4_u32, any::<u32>(), Just(u32::MAX)];
    let len = prop::option::of(prop_oneof![(0..64_u32).prop_map(|n| 8 * n), any::<u32>()]);
    let bytes = || prop::collection::vec(any::<u8>(), 0..120);
    let batch = (bytes(), len, lsn(), lsn(), count, 0..4_u32, any::<bool>()).prop_map(
        |(payload, payload_len, first_lsn, durable_lsn, commits, kind, right_payload_crc)| {
            Piece::Batch {
                payload,
                payload_len,
                first_lsn,
                durable_lsn,
                commits,
                kind,
                right_payload_crc,
            }
        },
    );
    prop_oneof![
        1 => bytes().prop_map(Piece::Garbage),
        1 => (0..600_u16).prop_map(Piece::Zeros),
        4 => batch,
        3 => (0..4_u32).prop_map(Piece::Sound),
        1 => Just(Piece::Lookalike),
    ]
}

fn with_crc(mut header: [u8; BATCH_HEADER_LEN as usize]) -> [u8; BATCH_HEADER_LEN as usize] {
    let crc = crc32fast::hash(&header[..44]);
    header[44..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn segment_of(number: u64, restart_lsn: Lsn, pieces: &[Piece]) -> Vec<u8> {
    let salt = salt(number);
    let mut next_lsn = 1;
    let mut body = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Garbage(bytes) => body.extend_from_slice(bytes),
            Piece::Zeros(len) => body.resize(body.len() + usize::from(*len), 0),
            Piece::Sound(count) => {
                body.resize(body.len().next_multiple_of(8), 0);
                let first_lsn = next_lsn;
                next_lsn += Lsn::from(*count);
                let mut payload: Vec<u8> =
                    (first_lsn..next_lsn).flat_map(super::commit_bytes).collect();
                payload.resize(payload.len().next_multiple_of(8), 0);
                let header = BatchHeader {
                    payload_len: payload.len() as u32,
                    first_lsn,
                    durable_lsn: first_lsn - 1,
                    salt,
                    commits: *count,
                    payload_crc: crc32fast::hash(&payload),
                    kind: BatchKind::Commits,
                };
                body.extend_from_slice(&header.encode());
                body.extend_from_slice(&payload);
            }
            Piece::Lookalike => {
                body.resize(body.len().next_multiple_of(8), 0);
                body.extend_from_slice(b"HWB1");
                body.extend_from_slice(&[0xff; 20]);
                body.extend_from_slice(&salt.to_le_bytes());
                body.extend_from_slice(&[0xff; 16]);
            }
            Piece::Batch {
                payload,
                payload_len,
                first_lsn,
                durable_lsn,
                commits,
                kind,
                right_payload_crc,
            } => {
                body.resize(body.len().next_multiple_of(8), 0);
                let mut payload = payload.clone();
                payload.resize(payload.len().next_multiple_of(8), 0);
                let crc = crc32fast::hash(&payload) ^ u32::from(!right_payload_crc);
                let mut header = [0; BATCH_HEADER_LEN as usize];
                header[..4].copy_from_slice(b"HWB1");
                let len = payload_len.unwrap_or(payload.len() as u32);
                header[4..8].copy_from_slice(&len.to_le_bytes());
                header[8..16].copy_from_slice(&first_lsn.to_le_bytes());
                header[16..24].copy_from_slice(&durable_lsn.to_le_bytes());
                header[24..32].copy_from_slice(&salt.to_le_bytes());
                header[32..36].copy_from_slice(&commits.to_le_bytes());
                header[36..40].copy_from_slice(&crc.to_le_bytes());
                header[40..44].copy_from_slice(&kind.to_le_bytes());
                body.extend_from_slice(&with_crc(header));
                body.extend_from_slice(&payload);
            }
        }
    }
    let header = SegmentHeader {
        version: 1,
        store_id: STORE_ID,
        number,
        salt,
        file_len: SEGMENT_HEADER_LEN + body.len() as u64,
        restart_lsn,
    };
    let mut bytes = header.encode().to_vec();
    bytes.append(&mut body);
    bytes
}

/// Reads segments 1 and 2 of these bytes, and checks what it costs: each byte is read a few times at
/// most, and no buffer is larger than the file.
fn read_within_bounds(segments: [&[u8]; 2], checkpoint: Lsn) {
    let disk = TestDisk::over(super::disk_with(&[]));
    for (number, bytes) in (1..).zip(segments) {
        write_file(&disk, &wal_name(number), bytes);
    }
    // Twice: a recovery reads everything again.
    let _ = read(&disk, &anchor(checkpoint, 1, 1)).verdict;
    let len = segments.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
    let longest = segments.iter().map(|bytes| bytes.len() as u64).max();
    let controls = disk.controls();
    assert!(controls.read_bytes <= 4 * len + 200, "{} of {len}", controls.read_bytes);
    assert!(Some(controls.largest_read) <= longest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_segments_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        checkpoint in 0..9_u64,
    ) {
        read_within_bounds([&bytes, &bytes], checkpoint);
        let mut headed = segment_of(1, 0, &[Piece::Garbage(bytes.clone())]);
        read_within_bounds([&headed, &bytes], checkpoint);
        headed.truncate(headed.len() / 2);
        read_within_bounds([&headed, &bytes], checkpoint);
    }

    #[test]
    fn crafted_segments_never_panic(
        first in prop::collection::vec(piece(), 0..12),
        second in prop::collection::vec(piece(), 0..12),
        restart_lsn in prop_oneof![3 => Just(0), 1 => 1..9_u64, 1 => any::<u64>()],
        checkpoint in prop_oneof![0..9_u64, Just(u64::MAX - 1)],
    ) {
        let first = segment_of(1, 0, &first);
        let second = segment_of(2, restart_lsn, &second);
        read_within_bounds([&first, &second], checkpoint);
    }

    /// A header may say that the file is of any length.
    #[test]
    fn crafted_headers_never_panic(
        file_len in prop_oneof![0..300_u64, any::<u64>()],
        restart_lsn in any::<u64>(),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let header = SegmentHeader {
            version: 1,
            store_id: STORE_ID,
            number: 1,
            salt: salt(1),
            file_len,
            restart_lsn,
        };
        let bytes = [&header.encode()[..], &body].concat();
        read_within_bounds([&bytes, &bytes], 0);
    }
}

/// Resync behind a break is linear even where every place looks like a batch: a megabyte of batch
/// headers that all but one are wrong is read a few times, and so is one of headers that are right
/// and of payloads that are not.
#[test]
fn a_resync_is_linear() {
    let lookalikes = vec![Piece::Lookalike; 1 << 20 >> 6];
    let liars = vec![
        Piece::Batch {
            payload: vec![7; 16],
            payload_len: None,
            first_lsn: 1,
            durable_lsn: 0,
            commits: 1,
            kind: 1,
            right_payload_crc: false,
        };
        1 << 20 >> 6
    ];
    for pieces in [lookalikes, liars] {
        let bytes = segment_of(1, 0, &pieces);
        let disk = TestDisk::over(super::disk_with(&[]));
        write_file(&disk, &wal_name(1), &bytes);
        drop(read(&disk, &anchor(0, 1, 1)));
        let controls = disk.controls();
        let (len, reads) = (bytes.len() as u64, controls.reads);
        println!("{len} bytes: {reads} reads of {} bytes", controls.read_bytes);
        assert!(controls.read_bytes <= 3 * len);
        assert!(reads <= 20);
    }
}

/// What is shared by all: the journal without damage is sound, whatever the base says.
#[test]
fn without_damage_everything_is_there() {
    let files = journal();
    let disk: Arc<dyn Disk> = Arc::new(damaged(&files, 9, |_| ()));
    for anchor in anchors() {
        let findings = read(&*disk, &anchor).verdict.expect("sound");
        assert_eq!(findings.ending, Ending::Unclosed);
        assert_eq!((findings.last, findings.durable), (LAST, DURABLE));
        assert_eq!(findings.stepped_over, []);
    }
}
