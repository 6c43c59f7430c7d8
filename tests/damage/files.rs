//! Whole files are deleted, cut, exchanged, joined and put back from elsewhere.

use std::collections::BTreeSet;

use fastrand::Rng;
use highwater::disk::SimulatedDisk;

use crate::effort::{Effort, effort, seed, try_all};
use crate::expected::{Expected, judge};
use crate::stores::{Fate, Sound};
use crate::trial::outcome;

const BASE: &str = "base.redb";

/// What somebody did to the files of a store.
#[derive(Clone, Copy, Debug)]
enum Deed<'s> {
    Delete(&'s str),
    Cut(&'s str, u64),
    Append(&'s str, u64),
    /// Bytes of one sector became zeros.
    ZeroSector(&'s str, u64),
    Swap(&'s str, &'s str),
    /// The first file becomes a copy of the second.
    Replace(&'s str, &'s str),
    /// The second file is put behind the first; it stays where it is, or does not.
    Join(&'s str, &'s str, bool),
    FromAnotherStore(&'s str),
    YesterdaysBase,
    YesterdaysJournal,
    AllFromYesterday,
}

/// People delete, cut, exchange, join and restore files. Without what was acknowledged the store does
/// not open, and says which file is missing or wrong; without what nobody needs it opens with
/// everything. It is never a new, empty store.
#[test]
fn a_file_is_not_what_it_was() {
    let mut rng = Rng::with_seed(seed());
    let mut words = BTreeSet::new();
    for fate in Fate::ALL {
        let (sound, other) = (Sound::new(fate, 1), Sound::new(fate, 2));
        let deeds = deeds(&sound, &mut rng);
        let class = |deed: &Deed<'_>| kind(deed).to_owned();
        words.extend(try_all(&format!("files, {fate:?}"), &deeds, class, |deed| {
            let damaged = sound.disk.fork();
            do_to(&damaged, deed, &sound, &other);
            judge(&sound, &expected(&sound, deed), &outcome(&damaged, nth_of(deed)))
        }));
    }
    for word in ["refused", "no harm"] {
        assert!(words.contains(word), "{word} never came about");
    }
}

fn deeds<'s>(sound: &'s Sound, rng: &mut Rng) -> Vec<Deed<'s>> {
    let mut deeds = vec![Deed::YesterdaysBase, Deed::YesterdaysJournal, Deed::AllFromYesterday];
    let names: Vec<&str> = sound.names.iter().map(String::as_str).collect();
    for name in &names {
        let len = sound.disk.read_file(name).map_or(0, |bytes| bytes.len() as u64);
        deeds.extend([Deed::Delete(name), Deed::FromAnotherStore(name)]);
        deeds.extend([1, 8, 511, 4_096, 70_000].map(|more| Deed::Append(name, more)));
        deeds.extend(lengths(sound, name, len, rng).into_iter().map(|len| Deed::Cut(name, len)));
        for sector in 0..len / 512 {
            if *name != BASE || is_whole() || rng.u8(..16) == 0 {
                deeds.push(Deed::ZeroSector(name, sector));
            }
        }
    }
    let pairs = names.iter().flat_map(|one| names.iter().map(move |other| (*one, *other)));
    for (one, other) in pairs.filter(|(one, other)| one != other) {
        deeds.push(Deed::Replace(one, other));
        deeds.extend([true, false].map(|stays| Deed::Join(one, other, stays)));
        if one < other {
            deeds.push(Deed::Swap(one, other));
        }
    }
    deeds
}

/// A number that is as good as any.
fn nth_of(deed: &Deed<'_>) -> u64 {
    match deed {
        Deed::Cut(_, at) | Deed::ZeroSector(_, at) => *at,
        _ => 0,
    }
}

fn is_whole() -> bool {
    effort() > Effort::Part
}

/// The lengths that a file is cut to.
fn lengths(sound: &Sound, name: &str, len: u64, rng: &mut Rng) -> Vec<u64> {
    if is_whole() && sound.layout.named(name).is_some() {
        return (0..len).collect();
    }
    let around = |at: u64| [at.saturating_sub(1), at, at + 1];
    let every = if is_whole() { 512 } else { 4_096 * 4 };
    let mut lengths: Vec<u64> = (0..=len / every).flat_map(|nth| around(nth * every)).collect();
    if let Some(segment) = sound.layout.named(name) {
        lengths.extend(segment.parts.iter().flat_map(|(part, _)| around(part.start)));
    }
    lengths.extend((0..20).map(|_| rng.u64(..len.max(1))));
    lengths.retain(|cut| *cut < len);
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

fn do_to(disk: &SimulatedDisk, deed: &Deed<'_>, sound: &Sound, other_store: &Sound) {
    let read = |name: &str| disk.read_file(name).unwrap_or_default();
    match *deed {
        Deed::Delete(name) => assert!(disk.remove_file(name)),
        Deed::Cut(name, len) => disk.write_file(name, &read(name)[..len as usize]),
        Deed::Append(name, more) => {
            let mut bytes = read(name);
            let mut rng = Rng::with_seed(more);
            bytes.extend((0..more).map(|_| rng.u8(..)));
            disk.write_file(name, &bytes);
        }
        Deed::ZeroSector(name, sector) => {
            let mut bytes = read(name);
            let at = sector as usize * 512;
            bytes[at..at + 512].fill(0);
            disk.write_file(name, &bytes);
        }
        Deed::Swap(one, other) => {
            let (first, second) = (read(one), read(other));
            disk.write_file(one, &second);
            disk.write_file(other, &first);
        }
        Deed::Replace(one, other) => disk.write_file(one, &read(other)),
        Deed::Join(one, other, stays) => {
            disk.write_file(one, &[read(one), read(other)].concat());
            if !stays {
                assert!(disk.remove_file(other));
            }
        }
        // Other stores have other numbers as well, so it may be any file of the same kind.
        Deed::FromAnotherStore(name) => {
            let kind = name.rsplit('.').next().unwrap_or_default();
            let same = other_store.names.iter().find(|other| *other == name);
            let like = other_store.names.iter().rfind(|other| other.ends_with(kind));
            if let Some(from) = same.or(like) {
                disk.write_file(name, &other_store.disk.read_file(from).unwrap_or_default());
            }
        }
        Deed::YesterdaysBase => {
            disk.write_file(BASE, &sound.yesterday.read_file(BASE).expect("it was closed"));
        }
        Deed::YesterdaysJournal | Deed::AllFromYesterday => {
            for name in sound.names.iter().filter(|name| name.starts_with("journal/")) {
                disk.remove_file(name);
            }
            for name in sound.yesterday.names() {
                if name.starts_with("journal/") || matches!(deed, Deed::AllFromYesterday) {
                    let bytes = sound.yesterday.read_file(&name).unwrap_or_default();
                    disk.write_file(&name, &bytes);
                }
            }
        }
    }
}

fn expected(sound: &Sound, deed: &Deed<'_>) -> Expected {
    let layout = &sound.layout;
    let segment = |name: &str| layout.named(name).filter(|one| one.number >= layout.base_segment);
    let refused = |names: &[&str]| Expected::Refused {
        files: names.iter().map(|name| (*name).to_owned()).collect(),
        at_most: u64::MAX,
    };
    let needs = |name: &str| layout.named(name).is_some_and(|one| layout.needs(one.number));
    match *deed {
        Deed::Delete(BASE) => {
            let journal: Vec<_> = layout.segments.values().map(|one| &*one.name).collect();
            let all: Vec<_> = sound.names.iter().map(String::as_str).collect();
            refused(&[journal, all].concat())
        }
        Deed::Delete(name) if needs(name) => refused(&[name]),
        Deed::Delete(_) => Expected::Whole,
        Deed::Cut(BASE, _) | Deed::ZeroSector(BASE, _) => Expected::WholeOrRefused,
        Deed::Append(BASE, _) | Deed::Join(BASE, _, true) => Expected::WholeOrRefused,
        // What stands behind a segment's end does not count.
        Deed::Append(..) | Deed::Join(_, _, true) => Expected::Whole,
        Deed::Cut(name, _) => match segment(name) {
            Some(_) => refused(&[name]),
            None => Expected::Whole,
        },
        Deed::ZeroSector(name, sector) => of_a_sector(sound, name, sector),
        Deed::Swap(one, other) => match (one, other) {
            (BASE, _) | (_, BASE) => refused(&[BASE, one, other]),
            _ if segment(one).is_some() || segment(other).is_some() => refused(&[one, other]),
            _ => Expected::Whole,
        },
        Deed::Replace(BASE, _) => refused(&[BASE]),
        Deed::Replace(one, _) => match segment(one) {
            Some(_) => refused(&[one]),
            None => Expected::Whole,
        },
        Deed::Join(_, BASE, false) => expected(sound, &Deed::Delete(BASE)),
        Deed::Join(BASE, other, false) if !needs(other) => Expected::WholeOrRefused,
        Deed::Join(BASE, other, false) => refused(&[BASE, other]),
        Deed::Join(_, other, false) => expected(sound, &Deed::Delete(other)),
        Deed::FromAnotherStore(BASE) => {
            let all: Vec<_> = sound.names.iter().map(String::as_str).collect();
            refused(&all)
        }
        Deed::FromAnotherStore(name) => match segment(name) {
            Some(_) => refused(&[name]),
            None => Expected::Whole,
        },
        Deed::YesterdaysBase | Deed::YesterdaysJournal => Expected::WholeOrRefused,
        Deed::AllFromYesterday => Expected::Yesterday,
    }
}

/// The strictest of what the bytes of the sector come to.
fn of_a_sector(sound: &Sound, name: &str, sector: u64) -> Expected {
    let Some(segment) = sound.layout.named(name) else { return Expected::Whole };
    let bytes = sound.disk.read_file(name).expect("it was listed");
    let range = sector * 512..(sector + 1) * 512;
    if bytes[range.start as usize..range.end as usize].iter().all(|byte| *byte == 0) {
        return Expected::Whole;
    }
    crate::expected::of_bytes(&sound.layout, segment, range)
}

fn kind(deed: &Deed<'_>) -> &'static str {
    let is_base = |name: &str| name == BASE;
    match deed {
        Deed::Delete(_) => "deleted",
        Deed::Cut(name, _) if is_base(name) => "base cut",
        Deed::Cut(..) => "segment cut",
        Deed::Append(..) => "garbage appended",
        Deed::ZeroSector(name, _) if is_base(name) => "sector of the base zeroed",
        Deed::ZeroSector(..) => "sector of a segment zeroed",
        Deed::Swap(..) => "two swapped",
        Deed::Replace(..) => "replaced by a copy of another",
        Deed::Join(..) => "two joined",
        Deed::FromAnotherStore(_) => "of another store",
        Deed::YesterdaysBase => "yesterday's base",
        Deed::YesterdaysJournal => "yesterday's journal",
        Deed::AllFromYesterday => "all of yesterday",
    }
}
