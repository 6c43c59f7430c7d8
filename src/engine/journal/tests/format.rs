//! The boxes of the format: what is written is what is read, every picture is these very bytes, and
//! nothing else is taken for one of them.

use proptest::prelude::*;

use crate::engine::row::{RowRef, Table};

use super::super::format::{
    BatchHeader, BatchKind, CommitHeader, MAX_LSN, Next, SegmentHeader, decode_commits,
    encode_commit,
};

fn segment_header() -> impl Strategy<Value = SegmentHeader> {
    any::<(u32, [u8; 16], u64, u64, u64, u64)>().prop_map(
        |(version, store_id, number, salt, file_len, restart_lsn)| SegmentHeader {
            version,
            store_id,
            number,
            salt,
            file_len,
            restart_lsn: restart_lsn % (MAX_LSN + 1),
        },
    )
}

fn batch_header() -> impl Strategy<Value = BatchHeader> {
    let kind = prop_oneof![Just(BatchKind::Commits), Just(BatchKind::End)];
    let fields = (0..1_u32 << 29, 1..=MAX_LSN, any::<[u64; 2]>(), any::<u32>(), kind);
    fields.prop_map(|(words, first_lsn, [durable, salt], commits, kind)| BatchHeader {
        payload_len: words * 8,
        first_lsn,
        durable_lsn: durable % first_lsn,
        salt,
        commits: if kind == BatchKind::End { 0 } else { commits },
        payload_crc: commits ^ words,
        kind,
    })
}

#[derive(Clone, Debug)]
struct Commit {
    time_micros: i64,
    synced: bool,
    finishing: bool,
    note: String,
    rows: Vec<(u8, Vec<u8>, Option<Vec<u8>>)>,
}

impl Commit {
    fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        self.rows.iter().map(|(table, key, row)| RowRef {
            table: Table(*table),
            key,
            row: row.as_deref(),
        })
    }
}

fn commit() -> impl Strategy<Value = Commit> {
    let bytes = |len| prop::collection::vec(any::<u8>(), 0..len);
    let row = (any::<u8>(), bytes(40), prop::option::of(bytes(60)));
    let rows = prop::collection::vec(row, 0..5);
    let note = prop_oneof![Just(String::new()), "[a-z. #0-9]{0,20}", "\\PC{0,200}"];
    (any::<(i64, bool, bool)>(), note, rows).prop_map(
        |((time_micros, synced, finishing), note, rows)| Commit {
            time_micros,
            synced,
            finishing,
            note,
            rows,
        },
    )
}

fn encode(commits: &[Commit]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for commit in commits {
        let header = CommitHeader {
            time_micros: commit.time_micros,
            synced: commit.synced,
            finishing: commit.finishing,
            note: &commit.note,
        };
        encode_commit(&mut bytes, &header, commit.rows());
    }
    bytes
}

fn padded(mut payload: Vec<u8>) -> Vec<u8> {
    payload.resize(payload.len().next_multiple_of(8), 0);
    payload
}

proptest! {
    #[test]
    fn a_segment_header_is_read_as_it_was_written(header in segment_header()) {
        prop_assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
    }

    #[test]
    fn a_batch_header_is_read_as_it_was_written(header in batch_header()) {
        prop_assert_eq!(BatchHeader::decode(&header.encode(), header.salt), Some(header));
        prop_assert_eq!(BatchHeader::decode(&header.encode(), header.salt ^ 1), None);
    }

    #[test]
    fn an_end_is_read_as_it_was_written(number in any::<u64>(), salt in any::<u64>()) {
        for next in [Next::Segment { number, salt }, Next::Closed] {
            prop_assert_eq!(Next::decode(&next.encode()), Some(next));
        }
    }

    #[test]
    fn commits_are_read_as_they_were_written(commits in prop::collection::vec(commit(), 0..6)) {
        let payload = padded(encode(&commits));
        let read = decode_commits(&payload, commits.len() as u32).expect("whole");
        prop_assert_eq!(read.len(), commits.len());
        for (read, written) in read.iter().zip(&commits) {
            let header = read.header;
            prop_assert_eq!(header.time_micros, written.time_micros);
            prop_assert_eq!((header.synced, header.finishing), (written.synced, written.finishing));
            // A note is cut, but never inside a character.
            prop_assert!(written.note.starts_with(header.note));
            prop_assert!(written.note.len() <= 255 || (252..=255).contains(&header.note.len()));
            prop_assert!(written.note.len() > 255 || header.note == written.note);
            prop_assert!(read.rows().eq(written.rows()));
        }
    }

    /// A count that does not fit, or bytes behind the last commit, are damage.
    #[test]
    fn a_payload_is_so_many_commits_and_nothing_else(
        commits in prop::collection::vec(commit(), 1..5),
        wrong in any::<u32>(),
        tail in 1..8_usize,
    ) {
        let count = commits.len() as u32;
        let payload = padded(encode(&commits));
        if wrong != count {
            prop_assert!(decode_commits(&payload, wrong).is_none());
        }
        for other in [count - 1, count + 1, u32::MAX] {
            prop_assert!(decode_commits(&payload, other).is_none());
        }
        let longer = [&payload[..], &[0; 8]].concat();
        prop_assert!(decode_commits(&longer, count).is_none(), "a whole word of padding");
        let mut dirty = payload.clone();
        dirty.extend([0; 8]);
        dirty.truncate(encode(&commits).len() + tail);
        *dirty.last_mut().expect("not empty") = 1;
        prop_assert!(decode_commits(&dirty, count).is_none(), "padding that is not zero");
    }

    /// No part of a payload is one, and no byte of it can change unnoticed by panicking.
    #[test]
    fn a_payload_cut_or_changed_never_panics(
        commits in prop::collection::vec(commit(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let count = commits.len() as u32;
        let bytes = encode(&commits);
        for len in 0..bytes.len() {
            prop_assert!(decode_commits(&bytes[..len], count).is_none());
        }
        let mut changed = padded(bytes);
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Some(commits) = decode_commits(&changed, count) {
            commits.iter().for_each(|commit| assert!(commit.rows().count() <= commit.bytes.len()));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        count in prop_oneof![0..9_u32, any::<u32>()],
    ) {
        let _ = SegmentHeader::decode(&bytes);
        let _ = BatchHeader::decode(&bytes, 0);
        let _ = Next::decode(&bytes);
        if let Some(commits) = decode_commits(&bytes, count) {
            commits.iter().for_each(|commit| assert!(commit.rows().count() <= commit.bytes.len()));
        }
    }
}

/// Another implementation reads these bytes, so not one of them may move.
#[test]
fn the_segment_header_is_the_picture() {
    let header = SegmentHeader {
        version: 1,
        store_id: *b"0123456789abcdef",
        number: 2,
        salt: 0x1122_3344_5566_7788,
        file_len: 131_072,
        restart_lsn: 42,
    };
    let mut expected = Vec::new();
    expected.extend(b"HWJOURNL");
    expected.extend([1, 0, 0, 0]);
    expected.extend([0; 4]);
    expected.extend(b"0123456789abcdef");
    expected.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    expected.extend([0, 0, 2, 0, 0, 0, 0, 0]);
    expected.extend([42, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([0; 12]);
    expected.extend(crc32fast::hash(&expected).to_le_bytes());
    assert_eq!(header.encode().to_vec(), expected);
    assert_eq!(expected.len(), 80);
}

/// The same of a batch, its commit and its rows: the example of `docs/format.md`.
#[test]
fn the_batch_is_the_picture() {
    let put = RowRef { table: Table(1), key: b"k1", row: Some(b"value") };
    let delete = RowRef { table: Table(2), key: b"k2", row: None };
    let header = CommitHeader {
        time_micros: 1_700_000_000_000_000,
        synced: true,
        finishing: true,
        note: "example",
    };
    let mut payload = Vec::new();
    encode_commit(&mut payload, &header, [put, delete]);
    let mut commit = Vec::new();
    commit.extend([46, 0, 0, 0]);
    commit.extend(1_700_000_000_000_000_i64.to_le_bytes());
    commit.push(3);
    commit.push(7);
    commit.extend(b"example");
    commit.extend([2, 0, 0, 0]);
    commit.extend([1, 1, 2, 0, 5, 0, 0, 0]);
    commit.extend(b"k1value");
    commit.extend([2, 0, 2, 0, 0, 0, 0, 0]);
    commit.extend(b"k2");
    assert_eq!(payload, commit);
    assert_eq!(payload.len(), 50);
    assert_eq!(payload, example_of_the_docs());
    let payload = padded(payload);

    let header = BatchHeader {
        payload_len: payload.len() as u32,
        first_lsn: 42,
        durable_lsn: 40,
        salt: 0x1122_3344_5566_7788,
        commits: 1,
        payload_crc: crc32fast::hash(&payload),
        kind: BatchKind::Commits,
    };
    let mut expected = Vec::new();
    expected.extend(b"HWB1");
    expected.extend([56, 0, 0, 0]);
    expected.extend([42, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([40, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    expected.extend([1, 0, 0, 0]);
    expected.extend(crc32fast::hash(&payload).to_le_bytes());
    expected.extend([1, 0, 0, 0]);
    expected.extend(crc32fast::hash(&expected).to_le_bytes());
    assert_eq!(header.encode().to_vec(), expected);
    assert_eq!(expected.len(), 48);

    let next = Next::Segment { number: 3, salt: 5 };
    let mut expected = vec![3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
    expected.extend([0; 8]);
    assert_eq!(next.encode().to_vec(), expected);
    let mut closed = [0; 24];
    closed[16] = 1;
    assert_eq!(Next::Closed.encode(), closed);
}

/// The bytes of the commit that `docs/format.md` shows.
fn example_of_the_docs() -> Vec<u8> {
    let page = include_str!("../../../../docs/format.md");
    let (_, behind) = page.split_once("note `example`:").expect("is there");
    let block = behind.split("```").nth(1).expect("is there");
    let lines = block.lines().skip(1);
    let byte = |text: &str| u8::from_str_radix(text, 16).ok().filter(|_| text.len() == 2);
    lines.flat_map(|line| line.split_whitespace().map_while(byte)).collect()
}

/// What no writer writes is not read, even under a right checksum: a later release may mean
/// something by it.
#[test]
fn what_no_writer_writes_is_not_read() {
    let header = CommitHeader { time_micros: 0, synced: false, finishing: false, note: "note" };
    let row = RowRef { table: Table(1), key: b"k", row: Some(b"r") };
    let mut good = Vec::new();
    encode_commit(&mut good, &header, [row]);
    assert!(decode_commits(&good, 1).is_some());
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode_commits(&bytes, 1).is_none()
    };
    assert!(changed(12, 4), "an unknown flag");
    assert!(changed(14, 0xff), "a note that is not UTF-8");
    assert!(changed(13, 5), "a note that reaches into the row count");
    assert!(changed(18, 0), "fewer rows than there are");
    assert!(changed(18, 2), "more rows than there are");
    assert!(changed(23, 2), "neither put nor delete");
    assert!(changed(23, 0), "a deletion with a row");
    assert!(changed(24, 2), "a key that is longer than there are bytes");
    assert!(changed(29, 1), "a row that is longer than there are bytes");
    assert!(changed(0, 0), "a body that ends inside the commit");

    let end = |at: usize, byte: u8| {
        let mut bytes = Next::Closed.encode();
        bytes[at] = byte;
        Next::decode(&bytes)
    };
    assert_eq!(end(16, 2), None);
    assert_eq!(Next::decode(&[0; 23]), None);
    assert_eq!(Next::decode(&[0; 32]), None);
}

/// Fields that contradict each other under a right checksum are no batch.
#[test]
fn a_batch_header_that_cannot_be_is_none() {
    let good = BatchHeader {
        payload_len: 8,
        first_lsn: 5,
        durable_lsn: 4,
        salt: 9,
        commits: 1,
        payload_crc: 0,
        kind: BatchKind::Commits,
    };
    let reads = |header: BatchHeader| BatchHeader::decode(&header.encode(), 9).is_some();
    assert!(reads(good));
    assert!(!reads(BatchHeader { payload_len: 9, ..good }), "not aligned");
    assert!(!reads(BatchHeader { first_lsn: 0, durable_lsn: 0, ..good }), "no LSN is 0");
    assert!(!reads(BatchHeader { durable_lsn: 5, ..good }), "its own commit was synced before it");
    assert!(!reads(BatchHeader { first_lsn: u64::MAX, ..good }), "LSNs run over");
    assert!(!reads(BatchHeader { kind: BatchKind::End, ..good }), "an end with commits");
    let mut unknown = good.encode();
    unknown[40] = 3;
    let crc = crc32fast::hash(&unknown[..44]).to_le_bytes();
    unknown[44..].copy_from_slice(&crc);
    assert_eq!(BatchHeader::decode(&unknown, 9), None, "an unknown kind");
}
