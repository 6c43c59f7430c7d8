//! Times each piece of work, and commits by so many threads at once.
//!
//! ```text
//! cargo bench --bench hot_paths              # everything
//! cargo bench --bench hot_paths -- upsert    # what has this in its name
//! ```
//!
//! Stores are made in the directory for temporary files; set `TMPDIR` to a tmpfs to take the disk out of it.

mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use highwater::{Asset, Mode, Options, Store, Timestamp, TokenKey, Update};
use tempfile::TempDir;
use work::{Work, benches};

criterion_group! {
    name = hot_paths;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = pieces, group_commit
}
criterion_main!(hot_paths);

/// What the list has, one after another.
fn pieces(criterion: &mut Criterion) {
    for bench in benches() {
        let dir = TempDir::new().expect("a directory");
        // Set up where it is asked for, and not where the name is filtered out.
        let mut work: Option<Box<dyn Work>> = None;
        let mut group = criterion.benchmark_group("one");
        group.throughput(Throughput::Elements(bench.units));
        group.bench_function(bench.name, |bencher| {
            let work = work.get_or_insert_with(|| (bench.set_up)(dir.path()));
            bencher.iter_custom(|times| (0..times).map(|_| timed(work.as_mut())).sum());
        });
    }
}

fn timed(work: &mut dyn Work) -> Duration {
    work.prepare();
    let began = Instant::now();
    work.run();
    began.elapsed()
}

/// Durable commits of one update each, by threads that share syncs.
fn group_commit(criterion: &mut Criterion) {
    for threads in [1, 8, 32] {
        let dir = TempDir::new().expect("a directory");
        let mut store = None;
        let mut group = criterion.benchmark_group("synced commits");
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{threads} threads"), |bencher| {
            let store = store.get_or_insert_with(|| {
                let reference = Asset::new("fiat", "USD", 6).expect("an asset");
                Options::new(Mode::Paper, reference).open(dir.path()).expect("a store")
            });
            bencher.iter_custom(|times| commits(store, threads, times));
        });
    }
}

/// How long so many commits take, shared by the threads.
fn commits(store: &Store, threads: u64, times: u64) -> Duration {
    let left = AtomicU64::new(times);
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..threads {
            scope.spawn(move || {
                while let Ok(round) = take() {
                    let key = TokenKey::new("test", &format!("token {number}")).expect("a key");
                    let seen = Timestamp::from_micros(round as i64);
                    let price = "1.25".parse().expect("a price");
                    let update = Update::new(key).price(price, seen);
                    store.tokens().upsert(&update).expect("an upsert");
                }
            });
        }
    });
    began.elapsed()
}
