//! A store's files in any state: whoever looks at them comes to the same verdict, nothing is written
//! before it, and what opens is what was written, up to some commit.

mod damage;
mod frames;
mod look;
mod scan;
mod stores;

use std::sync::Arc;

use self::damage::{Done, damage};
use self::look::{do_everything, look_at_everything};
use self::stores::{Image, digest, images, options};
use super::bytes::Bytes;
use crate::disk::SimulatedDisk;
use crate::engine::journal::Ending;
use crate::engine::{Lsn, Offline};
use crate::inspect::{BreakVerdict, Log, LogBreak, Report};
use crate::store::{Error, ReadOnly, Store};

/// Above this an LSN was forged; writing on from there would pass what is ever believed.
const FORGED_LSN: Lsn = 1 << 60;
/// The same of the number of a segment.
const FORGED_NUMBER: u64 = 1 << 60;

/// The first byte chooses a store, the second what it is held against, the others what is done to its
/// files.
///
/// # Panics
///
/// Where anything panics; where reading or a refused opening writes; where a report, a reader and an
/// opening disagree; where, unless a CRC was forged, what is read is no prefix of what was written or
/// lacks what a header says was synced; where what a recovery leaves is not clean, or is found
/// otherwise when it is opened again.
pub fn journal_scan(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let images = images();
    let image = &images[usize::from(bytes.u8()) % images.len()];
    let way = bytes.u8();
    let disk = image.disk.fork();
    let done = damage(&disk, image, &mut bytes);
    if way & 1 != 0 {
        // The journal alone, without a base: a hundred times as fast.
        scan::scanned(image, done, &disk);
    } else {
        Judge { image, done, way: way >> 1 }.judge(&disk);
    }
}

/// How many stores there are to choose from.
pub(super) fn count() -> usize {
    images().len()
}

/// Rows and keys that were ever written, with their tables.
pub(super) fn rows() -> Vec<(u8, Vec<u8>)> {
    let mut rows = Vec::new();
    for image in images() {
        if let Ok(reader) = ReadOnly::open_on(&image.disk) {
            rows.extend(stores::rows(reader.reader()));
        }
    }
    rows
}

/// Frames that were ever written: headers, payloads behind their number of commits, ends.
pub(super) fn files() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for image in images() {
        for name in frames::segments(&image.disk) {
            frames.extend(frames::parts(&image.disk.read_file(&name).unwrap_or_default()));
        }
        if let Ok(offline) = Offline::open(&image.disk) {
            frames.extend([offline.meta.bytes(), offline.meta.identity.clone()]);
        }
    }
    frames
}

/// What one damaged store is held against.
struct Judge<'i> {
    image: &'i Image,
    done: Done,
    /// What more is asked, by its lowest bits: not everything of every store, for the sake of speed.
    way: u8,
}

/// What everybody has to find.
struct Found {
    last: Lsn,
    digest: Result<u64, String>,
    ending: Ending,
    steps_over: bool,
    /// Whether anything is above the checkpoint.
    has_more: bool,
}

impl Judge<'_> {
    fn judge(&self, disk: &SimulatedDisk) {
        let name = self.image.name;
        let looked = self.look(disk);
        if self.way & 1 != 0 {
            self.reports_the_same(&looked, disk);
            self.tells_the_same(&looked, disk);
        }
        assert_eq!(disk.calls(), 0, "{name}: reading wrote");
        let opened = options().open_on(Arc::new(disk.clone()));
        match (looked, opened) {
            (Ok(found), Ok(store)) => self.opened(&found, store, disk),
            (Err(reason), Err(refusal)) => {
                assert_eq!(reason, told(&refusal), "{name}: two reasons");
                assert_eq!(disk.calls(), 0, "{name}: a refusal wrote: {reason}");
            }
            (Ok(found), Err(refusal)) => {
                panic!("{name}: read up to {}, refused: {refusal}", found.last)
            }
            (Err(reason), Ok(_)) => panic!("{name}: opened, not read: {reason}"),
        }
    }

    /// What whoever does not open the store finds.
    fn look(&self, disk: &SimulatedDisk) -> Result<Found, String> {
        let offline = Offline::open(disk).map_err(|error| told(&error.into()))?;
        look_at_everything(&offline);
        Ok(Found {
            last: offline.lsn(),
            digest: digest(&offline),
            ending: offline.findings.ending.clone(),
            steps_over: !offline.findings.stepped_over.is_empty(),
            has_more: offline.lsn() > offline.meta.checkpoint,
        })
    }

    fn reports_the_same(&self, found: &Result<Found, String>, disk: &SimulatedDisk) {
        let report = Report::read_on(disk).map_err(|error| told(&error));
        let report = report.map(|report| (report.last_lsn, report.has_torn_tail()));
        let torn = |found: &Found| matches!(found.ending, Ending::TornTail { .. });
        let found = found.as_ref().map(|found| (found.last, torn(found)));
        assert_eq!(report.as_ref().ok(), found.as_ref().ok(), "{}", self.image.name);
        assert_eq!(report.err().as_ref(), found.err(), "{}: two reasons", self.image.name);
    }

    /// The reader of logs tells everything that can be read, and judges it as the opening does.
    fn tells_the_same(&self, found: &Result<Found, String>, disk: &SimulatedDisk) {
        let name = self.image.name;
        let verdict = Log::open_on(Arc::new(disk.clone())).and_then(|log| log.verify());
        let verdict = match (verdict, found) {
            (Ok(verdict), _) => verdict,
            (Err(error), Ok(found)) => {
                panic!("{name}: read up to {}, not told: {error}", found.last)
            }
            (Err(_), Err(_)) => return,
        };
        if let Ok(found) = found
            && !self.done.forged
        {
            let torn = matches!(found.ending, Ending::TornTail { .. });
            let is_damage = |found: &&LogBreak| found.verdict == BreakVerdict::Damage;
            let damage = verdict.breaks.iter().find(is_damage);
            assert_eq!((verdict.has_torn_tail(), damage), (torn, None), "{name}");
            assert!(
                !found.steps_over || verdict.has_harmless_damage(),
                "{name}: stepped over, not told"
            );
        }
        if let Err(reason) = found {
            // A creation that was cut short is no store, and no damage either.
            let is_none = reason.starts_with("there is no store");
            assert!(is_none || verdict.is_damaged(), "{name}: refused, not told: {reason}");
        }
    }

    fn opened(&self, found: &Found, store: Store, disk: &SimulatedDisk) {
        let (name, opening, snapshot) = (self.image.name, store.opening(), store.snapshot());
        assert_eq!((opening.last_lsn, snapshot.lsn()), (found.last, found.last), "{name}");
        assert_eq!(digest(snapshot.reader()), found.digest, "{name}: the reader saw other rows");
        let cut = matches!(found.ending, Ending::TornTail { .. });
        assert_eq!(opening.cut.is_some(), cut, "{name}: {:?}", found.ending);
        self.is_a_prefix(found);
        drop(snapshot);
        if self.way & 2 == 0 {
            let killed = disk.process_killed_image();
            self.found_again(found, &killed, &Ending::Unclosed);
        } else {
            self.goes_on(found, store, disk);
        }
    }

    /// Unless somebody forged a checksum, rows are what was written or are none.
    fn is_a_prefix(&self, found: &Found) {
        if !self.done.forged {
            let shown = self.image.shown.get(usize::try_from(found.last).unwrap_or(usize::MAX));
            let name = self.image.name;
            assert_eq!(found.digest.as_ref().ok(), shown, "{name}: no prefix at {}", found.last);
        }
    }

    /// What an opening left is found as it was, by whoever comes next.
    fn found_again(&self, found: &Found, disk: &SimulatedDisk, ending: &Ending) {
        let name = self.image.name;
        // As with LSNs: behind the highest number that is believed there is one that is not.
        let highest = frames::segments(disk).pop().unwrap_or_default();
        if self.done.forged && highest > frames::wal_name(FORGED_NUMBER) {
            return;
        }
        let again = match self.look(disk) {
            Ok(again) => again,
            Err(reason) => panic!("{name}: opened once, and then: {reason}"),
        };
        assert_eq!(&again.ending, ending, "{name}: what a recovery left is not clean");
        assert_eq!((again.last, &again.digest), (found.last, &found.digest), "{name}: twice");
        // A restart segment holds what could be read above the checkpoint before, holes and all.
        // Where nothing is above the checkpoint, nothing stands behind a gap that would tell of it; the
        // next commit does.
        let is_known = found.steps_over || !found.has_more;
        assert!(is_known || !again.steps_over, "{name}: a new gap");
        match options().open_on(Arc::new(disk.clone())) {
            Ok(store) => assert_eq!(store.opening().last_lsn, found.last, "{name}"),
            Err(reason) => panic!("{name}: opened once, and then: {reason}"),
        }
    }

    /// The store takes a commit, is closed, and has it.
    fn goes_on(&self, found: &Found, store: Store, disk: &SimulatedDisk) {
        if found.last > FORGED_LSN {
            return;
        }
        let name = self.image.name;
        let set = store.write(|tx| tx.cursors().set("behind it", None, b"1").map_err(Error::from));
        let last = store.snapshot().lsn();
        match set {
            Ok(()) => assert_eq!(last, found.last + 1, "{name}"),
            // Another row may stand there, or one that cannot be read.
            Err(error) => assert!(self.done.forged, "{name}: {error}"),
        }
        if self.way & 4 != 0 {
            do_everything(&store);
        }
        let (last, digest) = (store.snapshot().lsn(), digest(store.snapshot().reader()));
        if let Err(error) = store.close() {
            panic!("{name}: it opened and cannot be closed: {error}");
        }
        let closed = Found { last, digest, ending: Ending::Closed, ..*found };
        self.found_again(&closed, disk, &Ending::Closed);
    }
}

fn told(error: &Error) -> String {
    error.to_string()
}
