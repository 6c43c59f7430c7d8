//! The fault model of the simulated disk, clause by clause. What is random is looked at over many
//! seeds: that everything the model allows does come up, and nothing else.

mod faults;
mod power_cuts;
mod the_end_of_a_run;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use highwater::disk::{Call, CrashStyle, Disk, Fault, FaultPlan, SimulatedDisk};

use super::{kind, put, whole};

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

/// What `name` may hold after a power cut now: the outcomes of 300 random cuts.
fn after_cuts(disk: &SimulatedDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..300).map(|seed| disk.crash_image(seed, CrashStyle::Random).read_file(name)).collect()
}

/// A disk with the durable file `a` of these bytes.
fn disk_with(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(3);
    disk.write_file("a", bytes);
    disk
}

fn some(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(bytes.to_vec())
}

/// Room and power can run out in the same call; no image holds more than the disk.
#[test]
fn a_power_cut_makes_no_room() {
    let disk = disk_with(b"1234");
    disk.set_capacity(Some(6));
    let file = disk.open("a").expect("it is there");
    disk.crash_at(1);
    assert!(file.write_at(2, b"3456789").is_err());
    assert_eq!(disk.crash_image(1, CrashStyle::KeepAll).read_file("a"), some(b"123456"));
}

mod from_outside {
    use super::*;

    /// Tests put files in place and look at them without disturbing what they count.
    #[test]
    fn files_are_put_and_taken_durably() {
        let disk = SimulatedDisk::new(3);
        disk.write_file("d/a", b"first");
        disk.write_file("d/a", b"2nd");
        disk.write_file("e", b"gone");
        assert!(disk.remove_file("e"));
        assert!(!disk.remove_file("e"));
        assert_eq!((disk.calls(), disk.reads()), (0, 0));
        assert_eq!(disk.names(), ["d/a"]);
        assert_eq!(disk.list("d").expect("it is there"), ["a"]);
        assert_eq!(after_cuts(&disk, "d/a"), [some(b"2nd")].into());
        assert_eq!(disk.read_file("missing"), None);

        // What was under way on the name is over.
        put(&disk, "b", b"un-synced");
        disk.rename("b", "c").expect("it works");
        disk.write_file("c", b"put");
        assert_eq!(after_cuts(&disk, "c"), [some(b"put")].into());
        assert!(disk.remove_file("c"));
        assert_eq!(after_cuts(&disk, "c"), [None].into());
    }
}
