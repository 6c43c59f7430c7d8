//! What is left when the power goes out.

use super::*;

/// The one thing a disk promises: what was synced, bytes, length and name, is there after any
/// power cut.
#[test]
fn what_was_synced_survives() {
    let disk = SimulatedDisk::new(3);
    disk.make_dir("d").expect("it works");
    disk.sync_dir("").expect("it works");
    let file = put(&disk, "d/new", &[5; 3_000]);
    file.set_len(2_500).expect("it works");
    file.sync().expect("it works");
    disk.rename("d/new", "d/a").expect("it works");
    assert!(disk.unsynced("d/a"));
    disk.sync_dir("d").expect("it works");
    assert!(!disk.unsynced("d/a"));
    assert_eq!(disk.durable_bytes("d/a"), some(&[5; 2_500]));
    for seed in 0..100 {
        for style in STYLES {
            let image = disk.crash_image(seed, style);
            assert_eq!(image.names(), ["d/a"], "seed {seed}, {style:?}");
            assert_eq!(image.read_file("d/a"), some(&[5; 2_500]), "seed {seed}, {style:?}");
        }
    }
}

/// The two ends of what a power cut can do, for tests that want no luck.
#[test]
fn all_or_nothing_can_be_asked_for() {
    let disk = disk_with(b"old");
    let file = disk.open("a").expect("it is there");
    file.write_at(0, b"newer").expect("it works");
    put(&disk, "b", b"too");
    let lost = disk.crash_image(1, CrashStyle::LoseAll);
    assert_eq!((lost.names(), lost.read_file("a")), (vec!["a".to_owned()], some(b"old")));
    let kept = disk.crash_image(1, CrashStyle::KeepAll);
    assert_eq!(kept.names(), ["a", "b"]);
    assert_eq!((kept.read_file("a"), kept.read_file("b")), (some(b"newer"), some(b"too")));
    assert!(!kept.unsynced("a") && !kept.unsynced("b"), "an image is durable");
}

/// A batch of several sectors is not written from front to back: any of them may be missing, also
/// the first one alone. Sectors are those of the file, not those of the write.
#[test]
fn any_subset_of_aligned_sectors_survives() {
    let disk = disk_with(&[b'o'; 2_048]);
    disk.open("a").and_then(|file| file.write_at(500, &[b'n'; 1_100])).expect("it works");
    // 12 bytes, two whole sectors, 64 bytes.
    let pieces = [500..512, 512..1024, 1024..1536, 1536..1600];
    let mut found = BTreeSet::new();
    for bytes in after_cuts(&disk, "a").into_iter().flatten() {
        assert!(bytes[..500].iter().chain(&bytes[1_600..]).all(|byte| *byte == b'o'));
        let kept = pieces.clone().map(|piece| {
            let piece = &bytes[piece];
            let new = piece.iter().filter(|byte| **byte == b'n').count();
            (new == 0 || new == piece.len()).then_some(new > 0)
        });
        // With a torn sector among them it belongs to the next test.
        if let [Some(a), Some(b), Some(c), Some(d)] = kept {
            found.insert([a, b, c, d]);
        }
    }
    assert_eq!(found.len(), 16, "only these came up: {found:?}");
}

/// A commit is often smaller than a sector. It can be torn in its middle, but what stands before
/// and behind it in the same sector is as it was: power-safe overwrite.
#[test]
fn a_torn_write_damages_only_its_own_bytes() {
    let disk = disk_with(&[b'o'; 512]);
    disk.open("a").and_then(|file| file.write_at(100, &[b'n'; 50])).expect("it works");
    let mut lengths = BTreeSet::new();
    for bytes in after_cuts(&disk, "a").into_iter().flatten() {
        let new = bytes.iter().filter(|byte| **byte == b'n').count();
        assert!(bytes[100..100 + new].iter().all(|byte| *byte == b'n'));
        lengths.insert(new);
    }
    assert!(lengths.contains(&0) && lengths.contains(&50));
    assert!(lengths.len() > 10, "only these came up: {lengths:?}");
}

/// Of two writes to the same place the later may survive without the earlier, and the earlier
/// without the later: only a sync puts them in order.
#[test]
fn writes_are_not_kept_in_order() {
    let disk = disk_with(b"....");
    let file = disk.open("a").expect("it is there");
    file.write_at(0, b"1111").expect("it works");
    file.write_at(2, b"22").expect("it works");
    let found = after_cuts(&disk, "a");
    for expected in [b"....", b"1111", b"1122", b"..22"] {
        assert!(found.contains(&some(expected)), "{expected:?} never came up");
    }
    file.sync().expect("it works");
    file.write_at(0, b"33").expect("it works");
    for bytes in after_cuts(&disk, "a").into_iter().flatten() {
        assert_eq!(&bytes[2..], b"22", "what was synced was lost to a later write");
    }
}

/// A file can be long again, or short still, after a power cut; and it can have grown without
/// the bytes that made it grow.
#[test]
fn length_changes_may_vanish_or_stay() {
    let disk = disk_with(&[b'o'; 100]);
    let file = disk.open("a").expect("it is there");
    file.set_len(40).expect("it works");
    assert_eq!(after_cuts(&disk, "a"), [some(&[b'o'; 100]), some(&[b'o'; 40])].into());

    let disk = disk_with(b"");
    let file = disk.open("a").expect("it is there");
    file.write_at(0, &[b'n'; 1_024]).expect("it works");
    let found = after_cuts(&disk, "a");
    let zeros = some(&[0; 1_024]);
    for expected in [some(b""), zeros, some(&[b'n'; 512]), some(&[b'n'; 1_024])] {
        assert!(found.contains(&expected), "a file of {:?} never came up", expected);
    }
    for bytes in found.into_iter().flatten() {
        assert!([0, 512, 1_024].contains(&bytes.len()), "{} bytes", bytes.len());
    }
    file.sync().expect("it works");
    assert_eq!(after_cuts(&disk, "a").len(), 1);
}

/// Syncing a file says nothing about its name, and syncing a directory nothing about bytes.
#[test]
fn names_and_bytes_are_synced_apart() {
    let disk = SimulatedDisk::new(3);
    let file = put(&disk, "a", b"bytes");
    file.sync().expect("it works");
    assert!(disk.unsynced("a"));
    assert_eq!(disk.durable_bytes("a"), None);
    assert_eq!(after_cuts(&disk, "a"), [None, some(b"bytes")].into());

    let disk = SimulatedDisk::new(3);
    put(&disk, "a", b"bytes");
    disk.sync_dir("").expect("it works");
    assert!(disk.unsynced("a"));
    assert_eq!(disk.durable_bytes("a"), some(b""));
    assert!(!after_cuts(&disk, "a").contains(&None));

    disk.remove("a").expect("it is there");
    assert!(disk.unsynced("a"));
    let found = after_cuts(&disk, "a");
    assert!(found.contains(&None) && found.contains(&some(b"bytes")));
    disk.sync_dir("").expect("it works");
    assert_eq!(after_cuts(&disk, "a"), [None].into());
}

/// Taking a file into use by a rename rests on this: one name or the other, never none, never
/// both, and never a mixture of old and new.
#[test]
fn a_rename_is_atomic() {
    let disk = disk_with(b"old");
    disk.write_file("new", b"new");
    disk.rename("new", "a").expect("it works");
    // The name is taken again at once, which must not make the renamed file vanish.
    put(&disk, "new", b"");
    let mut found = BTreeSet::new();
    for seed in 0..300 {
        let image = disk.crash_image(seed, CrashStyle::Random);
        found.insert((image.read_file("a"), image.read_file("new")));
    }
    let before = (some(b"old"), some(b"new"));
    let renamed = (some(b"new"), None);
    let again = (some(b"new"), some(b""));
    assert_eq!(found, [before, renamed, again].into());
}

/// From one directory to another a rename is still one step, whichever of them is synced.
#[test]
fn a_rename_between_directories_is_atomic() {
    let disk = SimulatedDisk::new(3);
    for directory in ["d", "e"] {
        disk.make_dir(directory).expect("it works");
    }
    disk.sync_dir("").expect("it works");
    let file = put(&disk, "d/a", b"x");
    file.sync().expect("it works");
    disk.rename("d/a", "e/a").expect("it works");
    for synced in ["d", "e"] {
        let disk = disk.fork();
        disk.sync_dir(synced).expect("it works");
        for seed in 0..50 {
            let names = disk.crash_image(seed, CrashStyle::Random).names();
            assert_eq!(names, ["e/a"], "seed {seed}, {synced} was synced");
        }
    }
    for seed in 0..50 {
        let names = disk.crash_image(seed, CrashStyle::Random).names();
        assert!(names.len() <= 1, "seed {seed}: {names:?}");
    }
}

/// Steps on different names are kept or lost apart, whatever their order was.
#[test]
fn names_are_lost_in_any_subset() {
    let disk = SimulatedDisk::new(3);
    put(&disk, "1", b"");
    put(&disk, "2", b"");
    let found: BTreeSet<_> =
        (0..300).map(|seed| disk.crash_image(seed, CrashStyle::Random).names()).collect();
    assert_eq!(found.len(), 4, "only these came up: {found:?}");
}

/// A store that syncs `journal/` and forgets the directory it stands in loses everything inside.
#[test]
fn a_directory_that_was_not_synced_takes_its_files_with_it() {
    let disk = SimulatedDisk::new(3);
    disk.make_dir("d").expect("it works");
    put(&disk, "d/a", b"x").sync().expect("it works");
    disk.sync_dir("d").expect("it works");
    assert!(disk.unsynced("d/a"));
    assert_eq!(disk.durable_bytes("d/a"), None);
    assert_eq!(after_cuts(&disk, "d/a"), [None, some(b"x")].into());
    let image = disk.crash_image(1, CrashStyle::LoseAll);
    assert_eq!(kind(image.create("d/b")), Some(ErrorKind::NotFound));
    disk.sync_dir("").expect("it works");
    assert_eq!(after_cuts(&disk, "d/a"), [some(b"x")].into());
}
