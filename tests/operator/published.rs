//! What a recorder is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use highwater::{Asset, Intent, Money, NewPosition, Store};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};

use crate::operator::documented::table;
use crate::{tick, usd};

type Values = Arc<Mutex<BTreeMap<String, f64>>>;

/// Keeps the last value of each metric, and what kind each name is.
#[derive(Default)]
struct Notebook {
    values: Values,
    kinds: Mutex<BTreeMap<String, String>>,
}

struct Line {
    values: Values,
    key: String,
}

impl Line {
    fn set(&self, value: f64) {
        self.values.lock().unwrap().insert(self.key.clone(), value);
    }
}

impl CounterFn for Line {
    fn increment(&self, _: u64) {
        panic!("counters are told as they stand");
    }

    fn absolute(&self, value: u64) {
        self.set(value as f64);
    }
}

impl GaugeFn for Line {
    fn increment(&self, _: f64) {
        panic!("gauges are told as they stand");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are told as they stand");
    }

    fn set(&self, value: f64) {
        self.set(value);
    }
}

impl Notebook {
    fn line(&self, key: &Key) -> Arc<Line> {
        let labels = key.labels().filter(|label| label.key() != "store");
        let labels: Vec<_> =
            labels.map(|label| format!("{}={}", label.key(), label.value())).collect();
        assert!(key.labels().any(|label| label.key() == "store"), "{key}");
        let key = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(Line { values: self.values.clone(), key })
    }

    fn note(&self, key: &KeyName, kind: &str, unit: Option<Unit>, help: &SharedString) {
        assert!(unit.is_some() && help.ends_with('.'), "{key:?}: {help}");
        self.kinds.lock().unwrap().insert(key.as_str().to_owned(), kind.to_owned());
    }
}

impl Recorder for Notebook {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        self.note(&key, "counter", unit, &help);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        self.note(&key, "gauge", unit, &help);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("{key:?}: no histograms");
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.line(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.line(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("{key}: no histograms");
    }
}

fn store() -> Store {
    let store = crate::manual().open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    store.tokens().upsert(&tick("1")).unwrap();
    store.ledger().deposit("main", &Money::parse(&usd(), "100").unwrap()).unwrap();
    store
}

#[test]
fn every_metric_is_on_the_page() {
    let notebook = Notebook::default();
    metrics::with_local_recorder(&notebook, || store().publish_metrics());
    let kinds = notebook.kinds.lock().unwrap().clone();
    assert_eq!(table("Metrics"), kinds, "the page (left) and what is published (right)");
    let named: std::collections::BTreeSet<_> = notebook
        .values
        .lock()
        .unwrap()
        .keys()
        .map(|key| key.split('{').next().unwrap().to_owned())
        .collect();
    assert_eq!(named, kinds.into_keys().collect());
}

/// A dashboard is trusted because its numbers are the store's own.
#[test]
fn what_is_published_is_what_the_store_says() {
    let store = store();
    let bonk = Asset::new("solana", "mintA", 5).unwrap();
    let intent = Intent::open("a", NewPosition::new("main", bonk, usd()))
        .hold(Money::parse(&usd(), "10").unwrap());
    let pending = store.operations().begin(&intent).unwrap().into_handle().unwrap();
    let running = pending.start(&store).unwrap();
    store.checkpoint().unwrap();
    let held = store.snapshot();
    let notebook = Notebook::default();
    // Maintenance publishes as well.
    metrics::with_local_recorder(&notebook, || store.maintain().unwrap());
    let values = notebook.values.lock().unwrap().clone();
    let stats = store.stats();
    for (name, expected) in [
        ("highwater_commits_total{}", stats.commits),
        ("highwater_rows_total{}", stats.rows),
        ("highwater_batches_total{}", stats.batches),
        ("highwater_appended_bytes_total{}", stats.appended_bytes),
        ("highwater_checkpoints_total{}", 1),
        ("highwater_snapshots{}", 1),
        ("highwater_maintenance_runs_total{}", 1),
        ("highwater_operations{status=pending}", 0),
        ("highwater_operations{status=in_progress}", 1),
        ("highwater_writes_waiting{}", 0),
    ] {
        assert_eq!(values[name], expected as f64, "{name}");
    }
    assert!(stats.rows >= stats.commits && stats.commits >= 4, "{stats:?}");
    assert!(stats.batches > 0 && stats.checkpoint_rows > 0 && stats.checkpoint_bytes > 0);
    assert!(values["highwater_memory_bytes{}"] > 0.0);
    drop((held, running));
}

#[test]
fn a_recorder_that_panics_does_no_harm() {
    struct Panics;
    impl Recorder for Panics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
            panic!("a recorder");
        }
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            panic!("a recorder");
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }
    let store = store();
    metrics::with_local_recorder(&Panics, || store.publish_metrics());
    store.tokens().upsert(&tick("2")).unwrap();
}
