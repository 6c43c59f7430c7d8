//! A bot's day, interrupted at every call that changes the disk, and its recovery interrupted again.

use std::sync::atomic::{AtomicU64, Ordering};

use highwater::disk::{CrashStyle, SimulatedDisk};

use crate::day::{Venue, live};

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

/// How many calls a day takes that nothing interrupts.
fn calls_of_a_day() -> u64 {
    let disk = SimulatedDisk::new(1);
    assert!(live(&disk, &mut Venue::default()), "nothing interrupts it");
    disk.calls()
}

/// Runs `body` for each number on all processors.
fn each(numbers: std::ops::RangeInclusive<u64>, body: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(*numbers.start());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > *numbers.end() {
                        return;
                    }
                    body(number);
                }
            });
        }
    });
}

/// The day until the power goes out at the disk's call `nth`, which may be when it is over and the
/// store is being closed.
fn interrupted(nth: u64) -> (SimulatedDisk, Venue) {
    let disk = SimulatedDisk::new(1);
    disk.crash_at(nth);
    let mut venue = Venue::default();
    live(&disk, &mut venue);
    assert!(disk.is_powered_off(), "a day takes {nth} calls");
    (disk, venue)
}

/// A bot dies at any moment of its day and is started again: at the end of the day its books say what
/// the venue did, each fill once, and nothing is held for anybody.
#[test]
fn a_day_interrupted_at_any_call_ends_well() {
    each(1..=calls_of_a_day(), |nth| {
        let (disk, venue) = interrupted(nth);
        for style in STYLES {
            let image = disk.crash_image(nth, style);
            assert!(live(&image, &mut venue.clone()), "call {nth}, {style:?}");
        }
    });
}

/// Recovery is interrupted, too, at every call of it, and a third life still ends the day well.
#[test]
fn a_recovery_interrupted_at_any_call_ends_well() {
    let calls = calls_of_a_day();
    each(1..=calls / 3, |third| {
        let nth = third * 3;
        let (disk, venue) = interrupted(nth);
        let first = disk.crash_image(nth, CrashStyle::Random);
        for again in 1.. {
            let second = first.fork();
            second.crash_at(again);
            let mut venue = venue.clone();
            if live(&second, &mut venue) {
                break;
            }
            let last = second.crash_image(again, CrashStyle::Random);
            assert!(live(&last, &mut venue), "calls {nth} and {again}");
        }
    });
}
