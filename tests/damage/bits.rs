//! One bit is wrong, anywhere.

use std::collections::BTreeSet;
use std::ops::Range;

use fastrand::Rng;

use crate::effort::{Effort, effort, seed, try_all};
use crate::expected::{Expected, judge, of_a_byte};
use crate::layout::Part;
use crate::stores::{Fate, Sound};
use crate::trial::outcome;

/// A bit of a file of a store.
#[derive(Clone, Copy, Debug)]
struct Flip<'s> {
    name: &'s str,
    at: u64,
    bit: u8,
}

/// Long payloads are looked at closely up to here, and from here on here and there.
const CLOSELY: u64 = 300;

/// Disks flip bits. Whichever bit of the journal it is: where it belongs to something acknowledged, the
/// store says which file and where, and touches nothing; where it belongs to what nobody was promised,
/// it is cut and told; and anywhere else everything is there.
#[test]
fn a_bit_of_the_journal() {
    let mut rng = Rng::with_seed(seed());
    let mut words = BTreeSet::new();
    for sound in Fate::ALL.map(|fate| Sound::new(fate, 1)) {
        let mut flips = Vec::new();
        for name in names(&sound, "journal/") {
            let bytes = sound.disk.read_file(name).expect("it was listed");
            for at in 0..bytes.len() as u64 {
                let bits = drawn(&mut rng, &sound, name, at);
                flips.extend(bits.map(|bit| Flip { name, at, bit }));
            }
        }
        let what = format!("bits of the journal, {:?}", sound.fate);
        let class = |flip: &Flip<'_>| part(&sound, flip);
        words.extend(try_all(&what, &flips, class, |flip| {
            try_one(&sound, flip, &of_a_byte(&sound.layout, flip.name, flip.at))
        }));
    }
    for word in ["refused", "cut and told", "stepped over and told", "no harm"] {
        assert!(words.contains(word), "{word} never came about");
    }
}

/// Whichever bit of the base it is: the store opens with everything, or says that the base is damaged.
#[test]
fn a_bit_of_the_base() {
    let name = "base.redb";
    let mut rng = Rng::with_seed(seed());
    let mut words = BTreeSet::new();
    for sound in Fate::ALL.map(|fate| Sound::new(fate, 1)) {
        let mut flips = Vec::new();
        let bytes = sound.disk.read_file(name).expect("every store has one");
        for (page, bytes) in bytes.chunks(4096).enumerate() {
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            let used = bytes.len() - zeros;
            for within in 0..bytes.len() {
                let at = (4096 * page + within) as u64;
                let all =
                    effort() == Effort::EveryBit || effort() == Effort::All && within < used.max(1);
                if all {
                    flips.extend((0..8).map(|bit| Flip { name, at, bit }));
                } else if rng.usize(..if within < used { 9 } else { 8_000 }) == 0 {
                    flips.push(Flip { name, at, bit: rng.u8(..8) });
                }
            }
        }
        let what = format!("bits of the base, {:?}", sound.fate);
        words.extend(try_all(
            &what,
            &flips,
            |_| "base".to_owned(),
            |flip| try_one(&sound, flip, &Expected::WholeOrRefused),
        ));
    }
    for word in ["refused", "no harm"] {
        assert!(words.contains(word), "{word} never came about");
    }
}

fn try_one(sound: &Sound, flip: &Flip<'_>, expected: &Expected) -> &'static str {
    let damaged = sound.disk.fork();
    assert!(damaged.flip_bit(flip.name, flip.at, flip.bit));
    judge(sound, expected, &outcome(&damaged, flip.at))
}

fn names<'s>(sound: &'s Sound, inside: &str) -> Vec<&'s str> {
    let all = sound.names.iter().map(String::as_str);
    all.filter(|name| name.starts_with(inside)).collect()
}

/// What kind of bytes the bit is one of.
fn part(sound: &Sound, flip: &Flip<'_>) -> String {
    let Some(segment) = sound.layout.named(flip.name) else {
        return "not read by anybody".to_owned();
    };
    let part = match segment.part_at(flip.at) {
        Part::SegmentHeader => "segment header",
        Part::Header(batch) if batch.is_end => "header of an end",
        Part::Header(batch) if batch.commits == 0 => "header of a mark",
        Part::Header(_) => "header of a batch",
        Part::Payload(batch) if batch.is_end => "payload of an end",
        Part::Payload(_) => "payload of a batch",
        Part::Room => "room",
    };
    part.to_owned()
}

/// Which bits of a byte of the journal are tried.
fn drawn(rng: &mut Rng, sound: &Sound, name: &str, at: u64) -> Range<u8> {
    use Effort::{All, EveryBit};
    let part = sound.layout.named(name).map(|segment| segment.part_at(at));
    let bit = rng.u8(..8);
    let one_in = match (part, effort()) {
        (_, EveryBit) => return 0..8,
        // Nobody reads it.
        (None, All) => 64,
        (None, Effort::Part) => 4_000,
        (Some(Part::Room), All) => 1,
        (Some(Part::Room), Effort::Part) => 2_000,
        (Some(Part::Payload(batch)), All) if at >= batch.at + CLOSELY => 1,
        (Some(_), All) => return 0..8,
        (Some(Part::SegmentHeader | Part::Header(_)), Effort::Part) => 2,
        (Some(Part::Payload(batch)), Effort::Part) if at < batch.at + CLOSELY => 6,
        (Some(Part::Payload(_)), Effort::Part) => 400,
    };
    if rng.u64(..one_in) == 0 { bit..bit + 1 } else { 0..0 }
}
