//! Files that nobody's bot wrote.

use highwater::disk::{Disk, SimulatedDisk};
use proptest::prelude::*;

use super::world::{Read, killed, log, wal};

const NAME: &str = "journal/00000000000000000001.wal";

fn disk_with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    Disk::make_dir(&disk, "journal").unwrap();
    disk.write_file(NAME, bytes);
    disk
}

fn look(bytes: &[u8]) -> Read {
    let disk = disk_with(bytes);
    let read = Read::of(log(&disk).entries().unwrap());
    let verdict = log(&disk).verify().expect("a verdict on anything");
    assert_eq!(verdict.commits, read.commits.len() as u64);
    assert_eq!(Read::of(log(&disk).reversed()).commits.len(), read.commits.len());
    for commit in &read.commits {
        for change in commit.rows() {
            let row = highwater::inspect::decode_row(change.table, change.key, change.row);
            assert!(!row.to_string().contains('\n'));
        }
    }
    read
}

fn seal(header: &mut [u8]) {
    let end = header.len() - 4;
    let crc = crc32fast::hash(&header[..end]);
    header[end..].copy_from_slice(&crc.to_le_bytes());
}

fn real() -> Vec<u8> {
    let disk = killed(31);
    let mut bytes = disk.read_file(&wal(&disk)).unwrap();
    // The segment under the number of the name that these tests use.
    bytes[32..40].copy_from_slice(&1u64.to_le_bytes());
    seal(&mut bytes[..80]);
    bytes
}

/// A header with the right checksum claims four gigabytes of commits, or four milliards of them. The
/// reader believes no length: it says that no batch stands there.
#[test]
fn a_claimed_length_is_not_believed() {
    let mut bytes = real();
    bytes.truncate(4096);
    for (payload, commits) in [(u32::MAX - 7, 1u32), (8, u32::MAX), (u32::MAX - 7, u32::MAX)] {
        let mut claimed = bytes.clone();
        claimed[84..88].copy_from_slice(&payload.to_le_bytes());
        claimed[112..116].copy_from_slice(&commits.to_le_bytes());
        seal(&mut claimed[80..128]);
        let read = look(&claimed);
        assert!(!read.breaks.is_empty(), "{payload} {commits}");
    }
}

/// Two segments in one file, one in the middle of another, half of one: what is whole is told.
#[test]
fn segments_that_were_copied_wrongly() {
    let bytes = real();
    let whole = look(&bytes).lsns();
    assert!(!whole.is_empty());
    assert_eq!(look(&[&bytes[..], &bytes].concat()).lsns(), whole);
    for cut in (0..6000).step_by(53) {
        let read = look(&bytes[..cut]);
        assert!(whole.starts_with(&read.lsns()), "{cut}");
        look(&bytes[cut..]);
    }
    assert!(look(&[]).commits.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_told(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        look(&bytes);
    }

    /// Behind a header that is right anything can follow.
    #[test]
    fn any_bytes_behind_a_whole_header_are_told(
        kept in 80usize..3000,
        tail in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut bytes = real();
        bytes.truncate(kept);
        bytes.extend_from_slice(&tail);
        let len = bytes.len() as u64;
        bytes[48..56].copy_from_slice(&len.to_le_bytes());
        seal(&mut bytes[..80]);
        look(&bytes);
    }

    /// Any row in any table is told in one line, whatever it is.
    #[test]
    fn any_row_is_told(
        table: u8,
        key in prop::collection::vec(any::<u8>(), 0..60),
        row in prop::option::of(prop::collection::vec(any::<u8>(), 0..120)),
    ) {
        let said = highwater::inspect::decode_row(table, &key, row.as_deref());
        prop_assert_eq!(said.row.is_some(), row.is_some());
        prop_assert!(!said.to_string().contains('\n'));
    }
}
