//! The reader and the opening never disagree on what can be opened.

use highwater::disk::SimulatedDisk;
use highwater::inspect::{LogFault, Report, StoreVerdict};

use super::world::{closed, killed, log, wal};

/// Any damage to the log of a store: the verdict says damage where the opening refuses, a torn tail
/// where it cuts, and of what an opening does not mind it says neither or that the base has it.
#[test]
fn the_verdict_is_that_of_the_opening() {
    let mut met = [0; 3];
    for sound in [killed(11), closed(11)] {
        let name = wal(&sound);
        let bytes = sound.read_file(&name).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 100;
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..400 {
            let (disk, mut hurt) = (sound.fork(), bytes.clone());
            let at = rng.usize(..used);
            match rng.u8(..4) {
                0 => hurt[at] ^= 1 << rng.u8(..8),
                1 => hurt.truncate(at),
                2 => hurt[at..].fill(0),
                _ => {
                    let end = (at + rng.usize(1..400)).min(hurt.len());
                    hurt[at..end].fill_with(|| rng.u8(..));
                }
            }
            disk.write_file(&name, &hurt);
            judge(&disk, &mut met);
        }
    }
    assert!(met.iter().all(|count| *count > 10), "{met:?}");
}

fn judge(disk: &SimulatedDisk, met: &mut [u64; 3]) {
    let verdict = log(disk).verify().expect("no error of the machine");
    let report = Report::read_on(disk);
    match &report {
        Err(error) => {
            met[0] += 1;
            assert!(error.is_corrupt(), "{error}");
            assert!(verdict.is_damaged(), "{error}, but {verdict:?}");
            assert!(matches!(verdict.store, StoreVerdict::Refuses { .. }));
        }
        Ok(report) if report.has_torn_tail() => {
            met[1] += 1;
            assert!(verdict.has_torn_tail(), "{report:?}, but {verdict:?}");
            assert!(!verdict.is_damaged() || covered(&verdict), "{report:?}, but {verdict:?}");
        }
        Ok(report) => {
            met[2] += 1;
            assert!(!verdict.is_damaged() || covered(&verdict), "{report:?}, but {verdict:?}");
            assert_eq!(verdict.last_lsn.unwrap_or(0).max(report.checkpoint_lsn), report.last_lsn);
        }
    }
}

fn covered(verdict: &highwater::inspect::LogVerdict) -> bool {
    use highwater::inspect::BreakVerdict::Covered;
    verdict.breaks.iter().all(|found| found.verdict == Covered || found.fault == LogFault::Repeated)
}
