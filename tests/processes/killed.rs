//! Killed at random moments: while it creates, commits, checkpoints, recovers and closes.

use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::child::{Expected, Said, drive};

/// A figure from the environment.
fn figure(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// A time after its start.
    AfterStart(Duration),
    /// A time after it has said so many lines; the first is what it recovered.
    AfterLines(usize, Duration),
}

impl Moment {
    fn any(random: &mut fastrand::Rng) -> Self {
        let mut within = |micros| Duration::from_micros(random.u64(0..micros));
        let (early, soon) = (within(30_000), within(2_000));
        // The test harness of the child says two lines before it becomes the drive program.
        match random.usize(..4) {
            0 => Self::AfterStart(early),
            1 => Self::AfterLines(random.usize(2..4), soon),
            _ => Self::AfterLines(random.usize(3..150), soon),
        }
    }
}

fn kill(mut command: Command, moment: Moment) -> Said {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut heard = Vec::new();
    match moment {
        Moment::AfterStart(pause) => std::thread::sleep(pause),
        Moment::AfterLines(count, pause) => {
            for _ in 0..count {
                lines.read_until(b'\n', &mut heard).unwrap();
            }
            std::thread::sleep(pause);
        }
    }
    child.kill().unwrap();
    lines.read_to_end(&mut heard).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stdout = heard;
    Said::by(&output)
}

/// A bot whose machine kills it again and again, a moment after its start or some time later. Each
/// life finds what all lives before had acknowledged, and goes on with the next number.
#[test]
fn at_random_moments() {
    let seed = figure("HIGHWATER_PROCESSES_SEED").unwrap_or(1);
    let kills = figure("HIGHWATER_PROCESSES_KILLS").unwrap_or(300);
    println!("HIGHWATER_PROCESSES_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut kept, mut acknowledged, mut before_open) = (None, 0, 0);
    for kill in 0..kills {
        let (directory, expected) =
            kept.get_or_insert_with(|| (TempDir::new().unwrap(), Expected::default()));
        let store = directory.path().join("store");
        let threads = random.u64(1..=4);
        let moment = Moment::any(&mut random);
        let arguments = [store.to_str().unwrap(), "1000", &threads.to_string()];
        let said = self::kill(drive(&arguments), moment);
        println!("kill {kill} {moment:?}, {threads} threads: {:?}", said.recovered);
        expected.hold(&said, threads);
        acknowledged += said.acknowledged.len();
        before_open += u64::from(said.recovered.is_none());
        if random.u64(..12) == 0 {
            expected.hold_undisturbed(&store);
            kept = None;
        }
    }
    if let Some((directory, mut expected)) = kept {
        expected.hold_undisturbed(&directory.path().join("store"));
    }
    println!(
        "{kills} kills, {before_open} of them before the store was open; {acknowledged} acknowledged"
    );
    assert!(acknowledged > 0 && before_open < kills, "the kills came too early to show anything");
}
