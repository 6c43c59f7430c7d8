//! A bot of yours, killed everywhere: its life is run again and again, and the power goes out at each
//! call of the disk in turn.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::{CrashStyle, SimulatedDisk};

/// Runs `life` on an empty disk and cuts the power at every call that changes the disk, and at each of
/// them in three ways: nothing that was not synced survives, everything does, or some of it. Then `life`
/// is run again on what is left, and has to end well. Answers how many lives were lived to their end.
///
/// `life` is one life of your bot. It opens the store on the disk it is given, does its work, and
/// answers `true` at its end, or `false` where it had to give up because of an error. What it finds
/// wrong it says by a panic, as a test does. `world` is what outlives the bot and does not lie on its
/// disk, such as the venue and the orders that reached it: each interrupted life goes on in a copy of
/// the world as it was left.
///
/// All processors take part. A life that does not depend on time or threads is interrupted at the same
/// places each time.
///
/// ```
/// use std::sync::Arc;
///
/// use highwater::disk::SimulatedDisk;
/// use highwater::simulation::interrupt_everywhere;
/// use highwater::{Asset, Background, Error, Mode, Money, Options};
///
/// /// Books a deposit of ten, once, however often it is interrupted.
/// fn live(disk: &SimulatedDisk) -> Result<(), Error> {
///     let usd = Asset::new("fiat", "USD", 2)?;
///     let ten = Money::parse(&usd, "10")?;
///     let options = Options::new(Mode::Paper, usd.clone()).background(Background::Manual);
///     let store = options.open_on(Arc::new(disk.clone()))?;
///     if store.snapshot().ledger().balance("main", &usd)?.total.amount().is_zero() {
///         store.ledger().deposit("main", &ten)?;
///     }
///     assert_eq!(store.snapshot().ledger().balance("main", &usd)?.total, ten);
///     store.close()
/// }
///
/// let lives = interrupt_everywhere(&(), |disk, ()| live(disk).is_ok());
/// assert!(lives > 30);
/// ```
///
/// # Panics
/// Where a life does not end well although the power stays on.
pub fn interrupt_everywhere<W: Clone + Sync>(
    world: &W,
    life: impl Fn(&SimulatedDisk, &mut W) -> bool + Sync,
) -> u64 {
    let lives = AtomicU64::new(0);
    each_call(world, &life, |nth, disk, world| {
        for style in [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random] {
            let image = disk.crash_image(nth, style);
            assert!(life(&image, &mut world.clone()), "interrupted at call {nth}, {style:?}");
            lives.fetch_add(1, Ordering::Relaxed);
        }
    });
    lives.into_inner()
}

/// As [`interrupt_everywhere`], but the life that follows is interrupted, too, at each of its calls, and
/// the one after that has to end well: recovery has to bear interruptions as anything else has.
/// `every_nth` leaves out first interruptions between, as there are about as many lives as calls,
/// squared.
///
/// # Panics
/// Where a life does not end well although the power stays on.
pub fn interrupt_twice<W: Clone + Sync>(
    world: &W,
    every_nth: u64,
    life: impl Fn(&SimulatedDisk, &mut W) -> bool + Sync,
) -> u64 {
    let lives = AtomicU64::new(0);
    each_call(world, &life, |nth, disk, world| {
        if !nth.is_multiple_of(every_nth.max(1)) {
            return;
        }
        let first = disk.crash_image(nth, CrashStyle::Random);
        for again in 1.. {
            let second = first.fork();
            second.crash_at(again);
            let mut world = world.clone();
            if life(&second, &mut world) {
                return;
            }
            let last = second.crash_image(again, CrashStyle::Random);
            assert!(life(&last, &mut world), "interrupted at calls {nth} and {again}");
            lives.fetch_add(1, Ordering::Relaxed);
        }
    });
    lives.into_inner()
}

/// Lives once for each call of a whole life, until the power goes out there, and hands on what is left.
fn each_call<W: Clone + Sync>(
    world: &W,
    life: &(impl Fn(&SimulatedDisk, &mut W) -> bool + Sync),
    left: impl Fn(u64, &SimulatedDisk, &W) + Sync,
) {
    let whole = SimulatedDisk::new(1);
    assert!(life(&whole, &mut world.clone()), "it does not end well where nothing interrupts it");
    let (next, calls) = (AtomicU64::new(1), whole.calls());
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth > calls {
                return;
            }
            let disk = SimulatedDisk::new(1);
            disk.crash_at(nth);
            let mut world = world.clone();
            // At the last calls the life may be over, and its store is being closed.
            life(&disk, &mut world);
            assert!(disk.is_powered_off(), "this life made fewer than {nth} calls, the first more");
            left(nth, &disk, &world);
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
}
