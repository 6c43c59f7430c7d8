//! The journal without its base: what a scan hands on is what was written, commit by commit.

use super::damage::Done;
use super::frames;
use super::stores::Image;
use crate::disk::SimulatedDisk;
use crate::engine::Lsn;
use crate::engine::journal::{Error, Findings, Listing, scan};

/// Scans the journal on `disk` with the base of `image`, twice.
pub(super) fn scanned(image: &Image, done: Done, disk: &SimulatedDisk) {
    let found = once(image, done, disk);
    let again = once(image, done, disk);
    assert_eq!(format!("{found:?}"), format!("{again:?}"), "{}: two verdicts", image.name);
    assert_eq!(disk.calls(), 0, "{}: a scan wrote", image.name);
    let Ok(findings) = found else { return };
    assert!(findings.last >= image.anchor.checkpoint, "{}: less than the base has", image.name);
    if !done.forged {
        let durable = frames::durable(disk);
        assert!(findings.last >= durable, "{}: {} of {durable}", image.name, findings.last);
        assert!(findings.last < image.shown.len() as Lsn, "{}: commits from nowhere", image.name);
    }
}

fn once(image: &Image, done: Done, disk: &SimulatedDisk) -> Result<Findings, Error> {
    let listing = Listing::read(disk)?;
    let mut next = 0;
    let findings = scan(disk, &listing, &image.anchor, &mut |batch| {
        let first = batch.header.first_lsn;
        // Commits that the base has may be missing, others may not.
        let needed = Lsn::max(next, image.anchor.checkpoint + 1);
        assert!(next <= first && first <= needed, "{}: {first} at {next}", image.name);
        for (lsn, commit) in (first..).zip(batch.commits) {
            let written = image.commits.get(&lsn).map(Vec::as_slice);
            assert!(done.forged || written == Some(commit.bytes), "{}: commit {lsn}", image.name);
            // Rows were checked when the commit was; going through them is what every reader does.
            assert!(commit.rows().all(|row| row.key.len() <= commit.bytes.len()));
        }
        next = batch.header.next_lsn();
        Ok::<(), Error>(())
    })?;
    assert_eq!(findings.last, next.max(image.anchor.checkpoint + 1) - 1, "{}", image.name);
    Ok(findings)
}
