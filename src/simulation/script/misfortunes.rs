//! Draws what happens to the store beside what is done with it.

use crate::disk::{Call, CrashStyle, Fault, FaultPlan};
use crate::simulation::choices::Choices;
use crate::simulation::event::{Damage, Event, Harm, Lie, PowerCut};

/// What a run is allowed to suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fortune {
    /// Whether the disk may fail.
    pub(crate) trouble: bool,
    /// Whether copies are damaged.
    pub(crate) damage: bool,
}

impl Fortune {
    pub(crate) fn draw(rng: &mut Choices<'_>) -> Self {
        Self { trouble: rng.u8(..3) > 0, damage: rng.u8(..3) == 0 }
    }
}

/// Draws a misfortune, now and then.
pub(crate) fn misfortune(rng: &mut Choices<'_>, fortune: Fortune) -> Option<Event> {
    Some(match rng.u8(..60) {
        0 | 1 => Event::Kill { trouble: sometimes_trouble(rng, fortune) },
        2..7 => Event::PowerCut(power_cut(rng, fortune)),
        7 => Event::Forget,
        8 => Event::TakeSnapshot,
        9 | 10 => Event::ReadSnapshot(rng.usize(..4)),
        11 if rng.u8(..4) == 0 => Event::DropSnapshot(rng.usize(..4)),
        12..15 if fortune.trouble => Event::Trouble(plan(rng)),
        15 if fortune.trouble => Event::LittleRoom(rng.u64(..400_000)),
        16 | 17 if fortune.trouble => Event::Repair,
        18..20 if fortune.damage => Event::Damage(damage(rng)),
        20 if fortune.damage => {
            let nth = 1 + rng.u64(..12);
            Event::Lie(Lie { misplaced: rng.bool(), base: rng.bool(), nth })
        }
        _ => return None,
    })
}

fn power_cut(rng: &mut Choices<'_>, fortune: Fortune) -> PowerCut {
    PowerCut {
        calls: rng.u64(1..14),
        again: if rng.bool() { rng.u64(1..40) } else { 0 },
        style: *rng.pick(&[CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random]),
        seed: rng.u64(..1 << 40),
        trouble: sometimes_trouble(rng, fortune),
    }
}

fn sometimes_trouble(rng: &mut Choices<'_>, fortune: Fortune) -> Vec<FaultPlan> {
    match fortune.trouble && rng.u8(..4) == 0 {
        true => vec![plan(rng)],
        false => Vec::new(),
    }
}

/// Which calls fail from here on.
fn plan(rng: &mut Choices<'_>) -> FaultPlan {
    let call = *rng.pick(&[
        Call::Write,
        Call::Write,
        Call::Sync,
        Call::Sync,
        Call::Sync,
        Call::SetLen,
        Call::Create,
        Call::Rename,
        Call::SyncDir,
        Call::Remove,
        Call::Read,
        Call::Open,
    ]);
    let fault = match call {
        Call::Read | Call::Open => Fault::Io,
        _ => *rng.pick(&[Fault::Io, Fault::IoHalfDone, Fault::Full, Fault::FullHalfDone]),
    };
    let within = *rng.pick(&["journal", "base", ".tmp", ".wal", ""]);
    // Names change seldom, bytes often.
    let most = match call {
        Call::SetLen | Call::Rename | Call::SyncDir | Call::Remove => 3,
        Call::Create | Call::Open => 6,
        Call::Read => 200,
        _ => 40,
    };
    let plan = FaultPlan::new(fault).on(call).within(within).at(rng.u64(1..=most));
    match rng.u8(..4) {
        0 => plan.for_ever(),
        1 => plan.times(rng.u64(2..6)),
        _ => plan,
    }
}

fn damage(rng: &mut Choices<'_>) -> Damage {
    let place = rng.u32(..=65_535) as u16;
    let what = match rng.u8(..11) {
        0..3 => Harm::FlipBit { place, bit: rng.u8(..8) },
        3 | 4 => Harm::Overwrite {
            place,
            bytes: rng.u32(1..5_000) as u16,
            with: if rng.bool() { 0 } else { rng.u8(..) },
        },
        5 => Harm::CutAt { place },
        6 | 7 => Harm::Delete,
        8 => Harm::ExchangeWith(rng.usize(..8)),
        _ => Harm::OtherVersion,
    };
    Damage { closed: rng.bool(), file: rng.usize(..8), what }
}
