//! What must become of a damaged store, from where the damage lies alone, and whether it did.

use std::ops::Range;

use highwater::Lsn;

use crate::layout::{Layout, Part, SegmentLayout};
use crate::stores::Sound;
use crate::trial::Outcome;

/// What must become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It is refused; the file named is one of these, and the place not behind the damage.
    Refused { files: Vec<String>, at_most: u64 },
    /// Everything is there.
    Whole,
    /// Everything is there, and the damage was told.
    SteppedOver,
    /// The commits up to this one are there, and the cut in this file was told.
    CutBehind { last: Lsn, file: String },
    /// It is an older store, and as that was.
    Yesterday,
    /// Of the base, which has a redundancy of its own: everything is there, or it is refused.
    WholeOrRefused,
}

/// What a wrong byte in a segment comes to.
pub(crate) fn of_a_byte(layout: &Layout, name: &str, at: u64) -> Expected {
    // A leftover, or what is kept for inspection.
    let Some(segment) = layout.named(name) else { return Expected::Whole };
    of_bytes(layout, segment, at..at + 1)
}

/// What wrong bytes in a segment come to.
pub(crate) fn of_bytes(layout: &Layout, segment: &SegmentLayout, bytes: Range<u64>) -> Expected {
    let files = vec![segment.name.clone()];
    let damaged = segment
        .parts
        .iter()
        .filter(|(range, _)| range.start < bytes.end && bytes.start < range.end)
        .map(|(_, part)| *part);
    let (mut first_lost, mut without, mut stepped_over) = (None, Vec::new(), false);
    for part in damaged {
        let batch = match part {
            Part::SegmentHeader if segment.number >= layout.base_segment => {
                return Expected::Refused { files, at_most: 0 };
            }
            Part::SegmentHeader | Part::Room => continue,
            Part::Header(batch) => {
                without.push((segment.number, batch.at));
                batch
            }
            Part::Payload(batch) => batch,
        };
        // Marks and ends hold nothing; what they state is stated elsewhere or matters to nobody.
        if batch.commits > 0 && batch.last() <= layout.checkpoint {
            // Where nothing of the log is left behind it, there is nothing to step to.
            let at = (segment.number, batch.at);
            stepped_over |= layout.is_followed(at, bytes.end);
        } else if batch.commits > 0 && first_lost.is_none() {
            first_lost = Some(batch);
        }
    }
    let Some(batch) = first_lost else {
        return if stepped_over { Expected::SteppedOver } else { Expected::Whole };
    };
    let first = batch.first.max(layout.checkpoint + 1);
    if first <= layout.durable(&without) || segment.number < layout.last_written(&without) {
        return Expected::Refused { files, at_most: batch.at };
    }
    Expected::CutBehind { last: first - 1, file: segment.name.clone() }
}

/// Holds what became of a store against what must have. Answers a word for it.
pub(crate) fn judge(sound: &Sound, expected: &Expected, outcome: &Outcome) -> &'static str {
    let fail = || -> ! {
        let shown = match outcome {
            Outcome::Opened { opening, lsn, text } => {
                let known = sound.states.get(lsn).is_some_and(|state| state == text);
                format!("opened at {lsn}, as that was: {known}, {opening:?}")
            }
            other => format!("{other:?}"),
        };
        panic!("expected {expected:?} of commits up to {}, and it {shown}", sound.last)
    };
    let is_as_of = |lsn: Lsn| match outcome {
        Outcome::Opened { lsn: found, text, .. } => {
            *found == lsn && sound.states.get(&lsn).is_some_and(|state| state == text)
        }
        _ => false,
    };
    match (expected, outcome) {
        (Expected::Refused { files, at_most }, Outcome::Refused { file, offset }) => {
            let located = offset.is_none_or(|offset| offset <= *at_most);
            if !located || !files.contains(file) {
                fail();
            }
            "refused"
        }
        (Expected::Whole | Expected::SteppedOver, _) if is_as_of(sound.last) => {
            let Outcome::Opened { opening, .. } = outcome else { fail() };
            match (expected, opening.stepped_over) {
                (Expected::SteppedOver, 0) => fail(),
                (_, 0) => "no harm",
                _ => "stepped over and told",
            }
        }
        (Expected::CutBehind { last, file }, Outcome::Opened { opening, .. })
            if is_as_of(*last) =>
        {
            match &opening.cut {
                Some(cut) if cut.file == *file => "cut and told",
                _ => fail(),
            }
        }
        (Expected::Yesterday, Outcome::Opened { lsn, .. }) if is_as_of(*lsn) && *lsn > 0 => {
            "an older store"
        }
        (Expected::WholeOrRefused, Outcome::Refused { .. }) => "refused",
        (Expected::WholeOrRefused, _) if is_as_of(sound.last) => "no harm",
        _ => fail(),
    }
}
