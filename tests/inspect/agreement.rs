//! The reader and the opening never disagree on what can be opened.

use std::collections::BTreeSet;

use highwater::disk::SimulatedDisk;
use highwater::inspect::BreakVerdict::{Covered, Damage};
use highwater::inspect::{Report, StoreVerdict};

use super::world::{closed, grown, killed, lived, log, read};

/// Any damage to the log of a store: the verdict says damage where the opening refuses, a torn tail
/// where it cuts, and of what an opening does not mind it says neither, or that it is covered.
#[test]
fn the_verdict_is_that_of_the_opening() {
    let (mut met, mut covered) = ([0; 3], 0);
    for sound in [killed(11), closed(11), lived(11), grown(11)] {
        let names = sound.names();
        let segments: Vec<_> = names.iter().filter(|name| name.starts_with("journal/")).collect();
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..300 {
            let name = segments[rng.usize(..segments.len())];
            let (disk, bytes) = (sound.fork(), sound.read_file(name).unwrap());
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(80) + 100;
            let (mut hurt, at) = (bytes.clone(), rng.usize(..used.min(bytes.len())));
            match rng.u8(..5) {
                0 | 1 => hurt[at] ^= 1 << rng.u8(..8),
                2 => hurt.truncate(at),
                3 => hurt[at..].fill(0),
                _ => {
                    let end = (at + rng.usize(1..400)).min(hurt.len());
                    hurt[at..end].fill_with(|| rng.u8(..));
                }
            }
            disk.write_file(name, &hurt);
            covered += judge(&disk, &mut met);
        }
    }
    assert!(met.iter().all(|count| *count > 10) && covered > 10, "{met:?} {covered}");
}

/// Holds one store against its report; answers how many of its breaks are covered.
fn judge(disk: &SimulatedDisk, met: &mut [u64; 3]) -> usize {
    let verdict = log(disk).verify().expect("no error of the machine");
    let report = Report::read_on(disk);
    let breaks = |of| verdict.breaks.iter().filter(|found| found.verdict == of).count();
    match &report {
        Err(error) => {
            met[0] += 1;
            assert!(error.is_corrupt(), "{error}");
            assert!(breaks(Damage) > 0, "{error}, but {verdict:?}");
            assert!(matches!(verdict.store, StoreVerdict::Refuses { .. }));
        }
        Ok(report) => {
            met[1 + usize::from(report.has_torn_tail())] += 1;
            assert_eq!(report.has_torn_tail(), verdict.has_torn_tail(), "{report:?}, {verdict:?}");
            assert_eq!(breaks(Damage), 0, "{report:?}, but {verdict:?}");
            assert!(
                report.stepped_over.is_empty() || breaks(Covered) > 0,
                "{report:?}, {verdict:?}"
            );
            let told: BTreeSet<_> = read(disk).lsns().into_iter().collect();
            let needed = report.checkpoint_lsn + 1..=report.last_lsn;
            assert!(needed.clone().all(|lsn| told.contains(&lsn)), "{needed:?}: {told:?}");
            let in_reach = verdict.last_lsn.unwrap_or(0).max(report.checkpoint_lsn);
            assert!(in_reach >= report.last_lsn, "{report:?}, but {verdict:?}");
        }
    }
    assert_eq!(verdict.is_damaged(), breaks(Damage) > 0);
    assert_eq!(verdict.has_harmless_damage(), breaks(Covered) > 0);
    breaks(Covered)
}
