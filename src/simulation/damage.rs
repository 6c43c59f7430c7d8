//! Damaged files and lying disks, on copies of a store: either the copy is refused by name and left as
//! it is, or it shows everything that was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cast::{Coin, Owner};
use super::coverage::{Fate, Found};
use super::event::{Damage, Harm, Lie};
use super::life::{Dispute, Life};
use super::subject::{Subject, look, translate};
use super::view::View;
use crate::disk::{Call, CrashStyle, Fault, FaultPlan, SimulatedDisk};
use crate::engine::Lsn;
use crate::store::{Error, ReadOnly};

/// What opening a damaged copy came to.
enum Verdict {
    Refused,
    Whole,
}

/// Damages a copy of the store, in a moment when all of it is known to be durable.
pub(super) fn damage(life: &mut Life, told: &Damage) -> Result<(), Dispute> {
    let Some(copy) = durable_copy(life, told.closed)? else { return Ok(()) };
    let Some(what) = harm(&copy, told) else { return Ok(()) };
    let snapshot = life.subject.store().snapshot();
    let expected = look::view(&snapshot).map_err(|error| format!("it reads {error:?}"))?;
    let error = match judge(life, &copy, snapshot.lsn(), &expected, &what)? {
        (Verdict::Whole, _) => {
            life.coverage.met(Fate::DamageHarmless);
            return Ok(());
        }
        (Verdict::Refused, error) => error,
    };
    life.coverage.met(Fate::DamageRefused);
    let is_missing = matches!(told.what, Harm::Delete);
    life.coverage.found(match error {
        Some(Error::Version { .. }) => Found::OtherVersion,
        _ if is_missing => Found::FileMissing,
        _ => Found::Damaged,
    });
    Ok(())
}

/// The disk lies while a copy of the store goes on; what is left after the power went out is refused
/// or whole.
pub(super) fn lie(life: &mut Life, told: Lie) -> Result<(), Dispute> {
    let Some(copy) = durable_copy(life, false)? else { return Ok(()) };
    let fault = if told.misplaced { Fault::Misplaced } else { Fault::Lost };
    let within = if told.base { "base" } else { "journal" };
    copy.inject(FaultPlan::new(fault).on(Call::Write).within(within).at(told.nth));
    let mut subject = Subject::on_the_same_day(Arc::new(copy.clone()), &life.subject);
    // What lies between the lie and the end makes it one about acknowledged data.
    let (mut lsn, mut expected, mut more) = (0, View::default(), 4);
    let worked = subject.open(&life.setup).and_then(|()| {
        for _ in 0..40 {
            let store = subject.store();
            store.ledger().deposit(Owner::Side.name(), &translate::money((Coin::Bnb, 1)))?;
            if told.base {
                store.checkpoint()?;
            }
            store.sync()?;
            let snapshot = store.snapshot();
            (lsn, expected) = (snapshot.lsn(), look::view(&snapshot)?);
            more -= u64::from(copy.faults_hit() > 0);
            if more == 0 {
                break;
            }
        }
        Ok(())
    });
    life.coverage.hits(&copy);
    match worked {
        Ok(()) if more == 0 => {}
        // The lie showed while it worked, or never came.
        Ok(()) | Err(Error::Corrupt { .. } | Error::Io { .. }) => return Ok(()),
        Err(error) => return Err(format!("a lying disk makes it answer {error:?}")),
    }
    let left = copy.crash_image(life.setup.seed, CrashStyle::LoseAll);
    copy.crash();
    drop(subject);
    let fate = match judge(life, &left, lsn, &expected, &format!("{told:?}"))?.0 {
        Verdict::Refused => Fate::LieRefused,
        Verdict::Whole => Fate::LieHarmless,
    };
    life.coverage.met(fate);
    Ok(())
}

/// The files as a power cut leaves them when everything was synced and is marked as synced. `None`
/// where that cannot be had as things are.
fn durable_copy(life: &mut Life, closed: bool) -> Result<Option<SimulatedDisk>, Dispute> {
    if life.poisoned || life.prefixes.has_open_calls() {
        return Ok(None);
    }
    let store = life.subject.store();
    if let Err(error) = store.sync() {
        return Err(format!("a sync on a disk that works: {error:?}"));
    }
    let lsn = store.snapshot().lsn();
    life.prefixes.make_durable(lsn);
    let copy = life.disk.crash_image(life.setup.seed, CrashStyle::LoseAll);
    copy.set_capacity(None);
    if !closed {
        return Ok(Some(copy));
    }
    let mut other = Subject::on_the_same_day(Arc::new(copy.clone()), &life.subject);
    let answer = other.open(&life.setup).and_then(|()| other.leave(true));
    answer.map_err(|error| format!("a copy does not open and close: {error:?}"))?;
    Ok(Some(copy))
}

/// Does the harm and says what it was; `None` where it would change nothing, or could undo what
/// nothing on the disk says was ever there.
fn harm(disk: &SimulatedDisk, told: &Damage) -> Option<String> {
    let names: Vec<_> = disk.names().into_iter().filter(|name| name != "LOCK").collect();
    let name = names.get(told.file.checked_rem(names.len())?)?;
    let mut bytes = disk.read_file(name).unwrap_or_default();
    // Most of a file is room for later.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let at = |place: u16| used * usize::from(place) / 65_536;
    let is_journal = name.starts_with("journal");
    match told.what {
        Harm::FlipBit { place, bit } => {
            disk.flip_bit(name, at(place) as u64, bit % 8);
        }
        Harm::OtherVersion if is_journal => {
            // Version and checksum stand in these places in every version of the format.
            let header = bytes.get_mut(..80)?;
            header[8] = header[8].wrapping_add(1);
            let crc = crc32fast::hash(&header[..76]);
            header[76..].copy_from_slice(&crc.to_le_bytes());
            disk.write_file(name, &bytes);
        }
        Harm::OtherVersion => return None,
        // Together with what marks it as durable, a last batch can vanish without a trace.
        Harm::Overwrite { .. } if is_journal && !told.closed => return None,
        Harm::Overwrite { place, bytes: count, with } => {
            let start = at(place);
            let end = (start + usize::from(count)).min(bytes.len());
            bytes[start..end].fill(with);
            disk.write_file(name, &bytes);
        }
        Harm::CutAt { place } => {
            bytes.truncate(at(place));
            disk.write_file(name, &bytes);
        }
        Harm::Delete => {
            disk.remove_file(name);
        }
        Harm::ExchangeWith(other) => {
            let other = &names[other % names.len()];
            disk.write_file(name, &disk.read_file(other).unwrap_or_default());
            disk.write_file(other, &bytes);
        }
    }
    Some(format!("{told:?} of {name}"))
}

/// Opens a copy and holds it against the rules.
fn judge(
    life: &mut Life,
    copy: &SimulatedDisk,
    lsn: Lsn,
    expected: &View,
    what: &str,
) -> Result<(Verdict, Option<Error>), Dispute> {
    let before = files(copy);
    let offline = ReadOnly::open_on(copy).map(drop);
    if files(copy) != before {
        return Err(format!("{what}: reading offline wrote"));
    }
    let mut subject = Subject::on_the_same_day(Arc::new(copy.clone()), &life.subject);
    life.coverage.crash_points += 1;
    match subject.open(&life.setup) {
        Ok(()) => {
            if subject.store().opening().stepped_over > 0 {
                life.coverage.found(Found::SteppedOver);
            }
            let snapshot = subject.store().snapshot();
            let shown = look::view(&snapshot);
            let found = snapshot.lsn();
            let shown = match shown {
                // A base too large to be checked at once tells when it is read.
                Err(error @ Error::Corrupt { .. }) => return Ok((Verdict::Refused, Some(error))),
                shown => shown.map_err(|error| format!("{what}: it reads {error:?}"))?,
            };
            copy.crash();
            match expected.differences(&shown).as_slice() {
                [] if found == lsn => Ok((Verdict::Whole, None)),
                differences => Err(format!(
                    "{what}: commit {found} instead of {lsn}, in silence:\n{}",
                    differences.join("\n")
                )),
            }
        }
        Err(error) => {
            let told = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
            if !told {
                return Err(format!("{what}: {error:?}"));
            }
            if offline.is_ok() {
                return Err(format!("{what}: read offline, and refused: {error:?}"));
            }
            if files(copy) != before {
                return Err(format!("{what}: refused, and changed files"));
            }
            Ok((Verdict::Refused, Some(error)))
        }
    }
}

fn files(disk: &SimulatedDisk) -> BTreeMap<String, Vec<u8>> {
    let names = disk.names().into_iter().filter(|name| name != "LOCK");
    names.map(|name| (name.clone(), disk.read_file(&name).unwrap_or_default())).collect()
}
