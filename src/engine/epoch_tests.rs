//! Tests of the epoch: every opening of a store has a number that none before it had.

use std::sync::Arc;

use super::journal::{Purpose, RoomOptions};
use super::tests::{ROWS, options};
use super::{Durability, EngineOptions, Error, Running, open};
use crate::disk::{Disk, MemoryDisk};

fn start(disk: &Arc<dyn Disk>, keep_bytes: u64) -> Result<Running, Error> {
    let options = options();
    let room = RoomOptions { keep_bytes, keep_micros: 1_000_000, ..options.room };
    Running::start(open(disk.clone(), EngineOptions { room, ..options }, true)?)
}

/// Enough for a few segments, some of which are retired on the way.
fn work(running: &Running, commits: u8) -> Result<(), Error> {
    for number in 0..commits {
        let staged = running.engine().stage(Durability::Synced, Purpose::Ordinary, |tx| {
            tx.put(ROWS, &[number], vec![number; 16 * 1024]);
            Ok::<_, Error>(())
        })?;
        staged.ticket.wait()?;
        if number % 5 == 4 {
            running.engine().checkpoint()?;
        }
    }
    Ok(())
}

/// A bot is restarted before it has written anything, after a clean close, and after its segments
/// were given back: a handle from before must never pass for one from now.
#[test]
fn every_opening_has_a_higher_number() {
    for keep_bytes in [0, 1 << 20] {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let mut last = 0;
        for commits in [0, 0, 20, 0, 1, 40] {
            let running = start(&disk, keep_bytes).unwrap();
            let epoch = running.engine().epoch();
            assert!(epoch > last, "epoch {epoch} follows {last}");
            work(&running, commits).unwrap();
            assert_eq!(running.engine().epoch(), epoch, "it is one number for one opening");
            running.close().unwrap();
            last = epoch;
        }
    }
}

/// The power goes out at any call, of openings too, and takes with it what it may take: whatever
/// number an opening answered, the next one's is higher.
#[test]
#[cfg(feature = "simulation")]
fn a_crash_never_lets_a_number_come_back() {
    use crate::disk::{CrashStyle, SimulatedDisk};

    let styles = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];
    let mut openings_cut_short = 0;
    let mut openings_after_one = 0;
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let keep_bytes = if seed % 2 == 0 { 0 } else { 1 << 20 };
        let mut disk = SimulatedDisk::new(seed);
        let (mut last, mut cut_short) = (0, false);
        for _ in 0..6 {
            disk.crash_at(disk.calls() + random.u64(1..120));
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            match start(&shared, keep_bytes) {
                Ok(running) => {
                    let epoch = running.engine().epoch();
                    assert!(epoch > last, "seed {seed}: epoch {epoch} follows {last}");
                    openings_after_one += u64::from(cut_short && last > 0);
                    (last, cut_short) = (epoch, false);
                    // The power goes out in it, or else in the close.
                    let _ = work(&running, random.u8(0..30));
                    let _ = running.close();
                }
                Err(_) => {
                    cut_short = true;
                    openings_cut_short += 1;
                }
            }
            disk = match random.choice(styles) {
                Some(style) if random.bool() => disk.crash_image(random.u64(..), style),
                _ => disk.process_killed_image(),
            };
        }
    }
    assert!(
        openings_cut_short > 20 && openings_after_one > 20,
        "the crashes were never in the way"
    );
}
