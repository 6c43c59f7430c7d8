//! Every bit of a small segment.

use highwater::disk::{Disk, SimulatedDisk};
use highwater::inspect::SegmentEnd;

use super::world::{Read, killed_young, log, wal};

/// A flipped bit of the bytes in use is found, whichever it is; one behind them changes nothing that
/// is told. `HIGHWATER_BITS=all` flips every bit of the room as well.
#[test]
fn every_bit_in_use_is_found() {
    let store = killed_young(21);
    let name = wal(&store);
    // The segment alone: without a base, every bit has to be found by the log itself.
    let disk = SimulatedDisk::new(1);
    Disk::make_dir(&disk, "journal").unwrap();
    disk.write_file(&name, &store.read_file(&name).unwrap());
    let sound = Read::of(log(&disk).entries().unwrap());
    assert!(sound.breaks.is_empty());
    let used = sound.segments[0].used_bytes;
    let len = disk.read_file(&name).unwrap().len() as u64;
    let all = std::env::var("HIGHWATER_BITS").is_ok_and(|value| value == "all");
    let (mut found, mut told_nothing, mut looked) = (0, Vec::new(), 0);
    let room = (used..len).step_by(if all { 1 } else { 61 });
    for at in (0..used).chain(room) {
        for bit in 0..8 {
            let stride = if at < used || all { 1 } else { 3 };
            if bit % stride != 0 {
                continue;
            }
            looked += 1;
            assert!(disk.flip_bit(&name, at, bit));
            let read = Read::of(log(&disk).entries().unwrap());
            let is_found = !read.breaks.is_empty()
                || read.segments.iter().any(|segment| segment.end != SegmentEnd::Open);
            match is_found {
                true => found += 1,
                false if at < used => told_nothing.push((at, bit)),
                false => assert_eq!(read.lsns(), sound.lsns()),
            }
            assert!(disk.flip_bit(&name, at, bit));
        }
    }
    println!("{looked} bits: {found} found, {} of the room without effect", looked - found);
    assert!(told_nothing.is_empty(), "{told_nothing:?}");
    assert_eq!(found, used * 8);
}
