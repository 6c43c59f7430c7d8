//! An error at every call to the disk, those that change something and those that do not: as with
//! EIO and as on a full disk, with nothing and with half of it done, once and for ever.
//!
//! `HIGHWATER_ERRORS_STRIDE=1` fails every call; without it every so-many-th is failed, another one
//! for each kind of fault.

use std::sync::atomic::{AtomicU64, Ordering};

use highwater::disk::{Call, CrashStyle, Fault, FaultPlan, SimulatedDisk};

use super::images::{killed, power_cut};
use super::seeds::each;
use super::setup::Setup;
use super::trader::{Day, Heard, Trader, Trouble};

/// Of so many calls one is failed, if nothing else is asked for.
const STRIDE: u64 = 29;

/// One kind of trouble.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// The calls that are counted; none for all that change something.
    call: Option<Call>,
    fault: Fault,
    for_ever: bool,
}

impl Kind {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for call in [None, Some(Call::Read), Some(Call::Open)] {
            for fault in [Fault::Io, Fault::Full, Fault::IoHalfDone, Fault::FullHalfDone] {
                // A read has no half.
                if call.is_none() || matches!(fault, Fault::Io | Fault::Full) {
                    all.extend([false, true].map(|for_ever| Self { call, fault, for_ever }));
                }
            }
        }
        all
    }

    fn plan(self, nth: u64) -> FaultPlan {
        let plan = FaultPlan::new(self.fault).at(nth);
        let plan = self.call.map_or(plan.clone(), |call| plan.on(call));
        if self.for_ever { plan.for_ever() } else { plan }
    }

    fn trouble(self) -> Trouble {
        Trouble {
            full: matches!(self.fault, Fault::Full | Fault::FullHalfDone),
            changes: self.call.is_none(),
            reads: self.call.is_some(),
        }
    }
}

/// How often what was heard, in all runs together.
#[derive(Default)]
struct Sum {
    pairs: AtomicU64,
    full: AtomicU64,
    unknown: AtomicU64,
    poisoned: AtomicU64,
    io: AtomicU64,
}

impl Sum {
    fn add(&self, heard: Heard) {
        for (sum, count) in [
            (&self.pairs, 1),
            (&self.full, heard.full),
            (&self.unknown, heard.unknown),
            (&self.poisoned, heard.poisoned),
            (&self.io, heard.io),
        ] {
            sum.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn counts(&self) -> [u64; 5] {
        [&self.pairs, &self.full, &self.unknown, &self.poisoned, &self.io]
            .map(|sum| sum.load(Ordering::Relaxed))
    }
}

/// Lives the day with one call that fails, or all from it on. Answers whether the day had that call.
fn live(day: &Day, kind: Kind, nth: u64, sum: &Sum) -> bool {
    let disk = SimulatedDisk::new(nth);
    disk.inject(kind.plan(nth));
    let mut trader = Trader::new(day, disk, kind.trouble());
    trader.live_until_trouble();
    if trader.disk.faults_hit() == 0 {
        trader.abandon();
        return false;
    }
    // The power goes out now, or the process dies.
    for style in [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random] {
        trader.holds(&power_cut(&trader.disk, nth, style));
    }
    trader.holds(&killed(&trader.disk));
    // Or the bot goes on with its day.
    trader.live();
    sum.add(trader.heard);
    trader.end();
    true
}

/// How many calls of this kind the day has.
fn calls(day: &Day, kind: Kind) -> u64 {
    let hits = |nth: u64| {
        let disk = SimulatedDisk::new(1);
        disk.inject(kind.plan(nth));
        let mut trader = Trader::new(day, disk, kind.trouble());
        trader.live_until_trouble();
        let hit = trader.disk.faults_hit() > 0;
        trader.abandon();
        hit
    };
    let (mut least, mut most) = (0, 1);
    while hits(most) {
        (least, most) = (most, most * 2);
    }
    while most - least > 1 {
        let middle = (least + most) / 2;
        if hits(middle) { least = middle } else { most = middle }
    }
    least
}

fn stride() -> u64 {
    let asked = std::env::var("HIGHWATER_ERRORS_STRIDE").ok();
    asked.map_or(STRIDE, |text| text.parse().expect("HIGHWATER_ERRORS_STRIDE is no number"))
}

/// Disks fail at the worst moment, which is any. Whichever call failed and however, the answer said
/// what became of it: what was refused did not happen and can be tried again, what was unknown is
/// there or not, what was acknowledged is there after any crash, reads went on, and once the disk
/// works the day comes to the same end to the last unit.
#[test]
fn an_error_at_every_call_is_told_as_what_it_is() {
    let day = Day::new(Setup::new(2));
    let kinds = Kind::all();
    let (stride, sum) = (stride(), Sum::default());
    let mut runs = Vec::new();
    let counts = [kinds[0], kinds[8], kinds[12]].map(|kind| (kind.call, calls(&day, kind)));
    for (offset, kind) in kinds.iter().enumerate() {
        let counted = counts.iter().find(|(call, _)| *call == kind.call);
        let last = counted.map_or(0, |(_, count)| *count);
        let first = 1 + offset as u64 * 5 % stride;
        runs.extend((first..=last).step_by(stride as usize).map(|nth| (*kind, nth)));
    }
    each("an error at every call", 0..runs.len() as u64, |run| {
        let (kind, nth) = runs[run as usize];
        assert!(live(&day, kind, nth, &sum), "{kind:?}: there is no call {nth}");
    });
    let [pairs, full, unknown, poisoned, io] = sum.counts();
    println!(
        "{pairs} pairs of call and fault ({counts:?}): heard Full {full} times, Unknown {unknown}, \
         Poisoned {poisoned}, Io {io}"
    );
    assert_eq!(pairs, runs.len() as u64);
    assert!(full > 0 && unknown > 0 && poisoned > 0 && io > 0, "trouble that nobody heard of");
}
