//! Figures of an open store through the `metrics` facade, for whichever recorder the bot installed.
//!
//! Nothing is counted for it anywhere else: each figure is read where it stands anyway, when somebody
//! publishes. So no commit ever runs a recorder's code, and a store that publishes nothing pays nothing.
//!
//! A gauge of the facade is a floating-point number. This is the one file of the library that has one.

use metrics::{Key, Label, Level, Metadata, Recorder, Unit};

use super::maintenance::MaintenanceTotals;
use super::{Error, Stats, Store};
use crate::events::survive;
use crate::operations::UnderWay;

const METADATA: Metadata<'static> = Metadata::new("highwater", Level::INFO, None);
const STATUSES: [&str; 3] = ["pending", "in_progress", "failed"];

/// What is published from.
struct Figures {
    stats: Stats,
    health_level: u64,
    health_reasons: u64,
    maintenance: MaintenanceTotals,
    memtable_budget: u64,
    /// Without, where a row of them cannot be read; health says so.
    under_way: Option<UnderWay>,
    claims_pruned: Option<u64>,
}

/// One metric: its name, what it counts in, what it says, and where it comes from.
struct Metric {
    name: &'static str,
    unit: Unit,
    help: &'static str,
    value: fn(&Figures) -> Option<u64>,
}

const fn metric(
    name: &'static str,
    unit: Unit,
    help: &'static str,
    value: fn(&Figures) -> Option<u64>,
) -> Metric {
    Metric { name, unit, help, value }
}

use Unit::{Bytes, Count, Microseconds};

/// What only grows as long as the store is open.
const COUNTERS: &[Metric] = &[
    metric("highwater_commits_total", Count, "Commits.", |f| Some(f.stats.commits)),
    metric("highwater_rows_total", Count, "Rows written by commits.", |f| Some(f.stats.rows)),
    metric("highwater_batches_total", Count, "Batches of commits.", |f| Some(f.stats.batches)),
    metric("highwater_appended_bytes_total", Bytes, "Bytes of batches.", |f| {
        Some(f.stats.appended_bytes)
    }),
    metric("highwater_written_bytes_total", Bytes, "Bytes written to all files.", |f| {
        Some(f.stats.bytes_written)
    }),
    metric("highwater_journal_syncs_total", Count, "Syncs of the journal.", |f| {
        Some(f.stats.journal_syncs)
    }),
    metric("highwater_journal_sync_microseconds_total", Microseconds, "What they took.", |f| {
        Some(f.stats.all_syncs_micros)
    }),
    metric("highwater_checkpoints_total", Count, "Checkpoints.", |f| Some(f.stats.checkpoints)),
    metric("highwater_checkpoint_microseconds_total", Microseconds, "What they took.", |f| {
        Some(f.stats.checkpoint_micros)
    }),
    metric("highwater_checkpoint_rows_total", Count, "Rows that they moved.", |f| {
        Some(f.stats.checkpoint_rows)
    }),
    metric("highwater_checkpoint_bytes_total", Bytes, "Memory that those rows took.", |f| {
        Some(f.stats.checkpoint_bytes)
    }),
    metric("highwater_writes_waited_total", Count, "Writes that waited for memory.", |f| {
        Some(f.stats.writes_waited)
    }),
    metric("highwater_writes_refused_total", Count, "Writes refused for lack of memory.", |f| {
        Some(f.stats.writes_refused)
    }),
    metric("highwater_claims_pruned_total", Count, "Claims let go, ever.", |f| f.claims_pruned),
    metric("highwater_history_purged_total", Count, "Ticks and candles purged.", |f| {
        Some(f.maintenance.done.history_purged)
    }),
    metric("highwater_operations_swept_total", Count, "Pending operations rolled back.", |f| {
        Some(f.maintenance.done.rolled_back)
    }),
    metric("highwater_operations_purged_total", Count, "Finished operations purged.", |f| {
        Some(f.maintenance.done.purged)
    }),
    metric("highwater_maintenance_runs_total", Count, "Runs of maintenance.", |f| {
        Some(f.maintenance.runs)
    }),
    metric("highwater_maintenance_failures_total", Count, "Those that failed.", |f| {
        Some(f.maintenance.failures)
    }),
];

/// What rises and falls. Gauges in microseconds are published in seconds, as is usual for gauges.
const GAUGES: &[Metric] = &[
    metric("highwater_memory_bytes", Bytes, "Rows, queue and cache.", |f| {
        Some(f.stats.memory_bytes)
    }),
    metric("highwater_uncheckpointed_bytes", Bytes, "Rows not checkpointed yet.", |f| {
        Some(f.stats.uncheckpointed_bytes)
    }),
    metric("highwater_uncheckpointed_budget_bytes", Bytes, "What they may take.", |f| {
        Some(f.memtable_budget)
    }),
    metric("highwater_journal_disk_bytes", Bytes, "All files of the journal.", |f| {
        Some(f.stats.journal_disk_bytes)
    }),
    metric("highwater_base_disk_bytes", Bytes, "The base's file.", |f| {
        Some(f.stats.base_disk_bytes)
    }),
    metric("highwater_reserve_bytes", Bytes, "Room set aside for a full disk.", |f| {
        Some(f.stats.reserve_bytes)
    }),
    metric("highwater_journal_sync_seconds", Microseconds, "What a sync took lately.", |f| {
        Some(f.stats.sync_micros)
    }),
    metric("highwater_checkpoint_failures", Count, "Failed in a row.", |f| {
        Some(f.stats.checkpoint_failures)
    }),
    metric("highwater_snapshots", Count, "Snapshots held.", |f| Some(f.stats.snapshots)),
    metric("highwater_oldest_snapshot_seconds", Microseconds, "Since the oldest was taken.", |f| {
        Some(f.stats.oldest_snapshot_micros)
    }),
    metric("highwater_writes_waiting", Count, "Writes that wait for memory now.", |f| {
        Some(f.stats.writes_waiting)
    }),
    metric("highwater_longest_memory_wait_microseconds", Microseconds, "For memory.", |f| {
        Some(f.stats.longest_memory_wait_micros)
    }),
    metric("highwater_longest_lock_wait_microseconds", Microseconds, "For other writers.", |f| {
        Some(f.stats.longest_lock_wait_micros)
    }),
    metric("highwater_longest_turn_wait_microseconds", Microseconds, "For others' sync.", |f| {
        Some(f.stats.longest_turn_wait_micros)
    }),
    metric("highwater_orphans", Count, "Operations of earlier openings.", |f| {
        f.under_way.as_ref().map(|all| all.orphans.count)
    }),
    metric("highwater_operations_needing_attention", Count, "Somebody has to decide.", |f| {
        f.under_way.as_ref().map(|all| all.needs_attention.count)
    }),
    metric("highwater_health_level", Count, "0 healthy, 1 warning, 2 critical.", |f| {
        Some(f.health_level)
    }),
    metric("highwater_health_reasons", Count, "How many reasons there are.", |f| {
        Some(f.health_reasons)
    }),
];

/// The operations under way, by their status.
const OPERATIONS: &str = "highwater_operations";

impl Store {
    /// Publishes the store's figures through the `metrics` facade, each with the label `store`, which is
    /// the store's directory. `docs/operating.md` has a table of all of them. [`Store::maintain`] ends
    /// with it; call it more often where the figures are to be fresher.
    ///
    /// It computes [`Store::health`], and so reads the unfinished operations and the accounts. A recorder
    /// that panics does no harm.
    pub fn publish_metrics(&self) {
        let figures = self.figures();
        let labels = vec![Label::new("store", self.running.engine().label())];
        let publish = || metrics::with_recorder(|recorder| figures.publish(recorder, &labels));
        // There is nobody to be told of it but the recorder.
        let _ = survive(publish);
    }

    fn figures(&self) -> Figures {
        let health = self.health();
        let longest = std::time::Duration::MAX; // nobody asks which take long
        let snapshot = self.snapshot();
        let under_way = UnderWay::look(snapshot.reader(), Some(&self.life), health.at, longest);
        Figures {
            stats: health.stats,
            health_level: health.level as u64,
            health_reasons: health.reasons.len() as u64,
            maintenance: self.maintenance.totals(),
            memtable_budget: self.memtable_bytes,
            under_way: under_way.ok(),
            claims_pruned: self.claims_pruned().ok(),
        }
    }

    fn claims_pruned(&self) -> Result<u64, Error> {
        let namespaces = self.claims().namespaces()?;
        Ok(namespaces.iter().fold(0, |sum: u64, one| sum.saturating_add(one.stats.pruned)))
    }
}

impl Figures {
    fn publish(&self, recorder: &dyn Recorder, labels: &[Label]) {
        for metric in COUNTERS {
            if let Some(value) = (metric.value)(self) {
                let key = Key::from_parts(metric.name, labels.to_vec());
                let help = metric.help.into();
                recorder.describe_counter(metric.name.into(), Some(metric.unit), help);
                recorder.register_counter(&key, &METADATA).absolute(value);
            }
        }
        for metric in GAUGES {
            if let Some(value) = (metric.value)(self) {
                let key = Key::from_parts(metric.name, labels.to_vec());
                let (unit, value) = published(metric.unit, value);
                recorder.describe_gauge(metric.name.into(), Some(unit), metric.help.into());
                recorder.register_gauge(&key, &METADATA).set(value);
            }
        }
        let Some(under_way) = &self.under_way else { return };
        let help = "Operations under way, by status.".into();
        recorder.describe_gauge(OPERATIONS.into(), Some(Count), help);
        for (status, count) in STATUSES.into_iter().zip(under_way.by_status) {
            let mut labels = labels.to_vec();
            labels.push(Label::new("status", status));
            let key = Key::from_parts(OPERATIONS, labels);
            recorder.register_gauge(&key, &METADATA).set(published(Count, count).1);
        }
    }
}

/// A gauge as the facade takes it. Above 2^53 it is rounded.
fn published(unit: Unit, value: u64) -> (Unit, f64) {
    match unit {
        Microseconds => (Unit::Seconds, std::time::Duration::from_micros(value).as_secs_f64()),
        unit => (unit, value as f64),
    }
}
