//! The engine through the public API: commits, snapshots, checkpoints, reopening.
use highwater::disk::MemoryDisk;
use highwater::*;
use std::sync::Arc;

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).unwrap()
}
fn update(i: u64, price: u64) -> Update {
    let key = TokenKey::new("test", &format!("token-{i:06}")).unwrap();
    Update::new(key)
        .price(price.to_string().parse().unwrap(), Timestamp::from_micros(price as i64))
        .source("t")
        .seq(price)
}

#[test]
fn smoke() {
    let disk = Arc::new(MemoryDisk::new());
    let options = Options::new(Mode::Paper, usd());
    for round in 0..3u64 {
        let store = options.open_on(disk.clone()).unwrap();
        for i in 0..100 {
            store.tokens().upsert(&update(i, 1000 * round + i)).unwrap();
        }
        assert_eq!(store.snapshot().tokens().iter().count(), 100);
        if round != 1 {
            store.checkpoint().unwrap();
        }
        println!("{:#?}", store.stats());
        if round == 0 {
            store.close().unwrap();
        }
    }
    let read = ReadOnly::open_on(&*disk).unwrap();
    assert_eq!(read.lsn(), 300);
    for t in read.tokens().iter() {
        assert!(t.unwrap().max.unwrap().price >= "2000".parse().unwrap());
    }
}

#[test]
fn threads_real() {
    let dir = tempfile::tempdir().unwrap();
    let store = Options::new(Mode::Paper, usd()).open(dir.path().join("s")).unwrap();
    let start = std::time::Instant::now();
    std::thread::scope(|s| {
        for t in 0..32u64 {
            let store = &store;
            s.spawn(move || {
                for i in 0..100 {
                    store.tokens().upsert(&update(i % 10, t * 1000 + i)).unwrap();
                }
            });
        }
    });
    println!("{:?} {:#?}", start.elapsed(), store.stats());
    store.close().unwrap();
}
