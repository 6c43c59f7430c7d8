//! Verification: the indexes, locks, keys, claims and counters of operations against their rows.

use std::collections::{BTreeMap, BTreeSet};

use super::begin::NEXT;
use super::error::Error;
use super::kind::Role;
use super::row::{self, EventRow, KeyRow, OperationRow};
use super::{
    CHECKPOINTS, EVENTS, FINISHED, KEYS, OPERATION_STATE, OPERATIONS, OperationId, PAYLOADS, UNDO,
    UNFINISHED, WORKING,
};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Table};
use crate::ledger::{Finding, Ledger};
use crate::processed::{ClaimState, Claims};

/// Everything about the operations of one state that is not as it must be; empty where it is sound.
pub(crate) fn verify(reader: &dyn Reader) -> Result<Vec<Finding>, Error> {
    let mut verifier = Verifier { reader, operations: BTreeMap::new(), findings: Vec::new() };
    verifier.operations()?;
    verifier.unfinished()?;
    verifier.finished()?;
    verifier.working()?;
    verifier.holds()?;
    verifier.keys()?;
    verifier.next()?;
    verifier.claims()?;
    for (table, count) in [
        (EVENTS, (|row: &OperationRow| row.events.min(64)) as fn(&OperationRow) -> u32),
        (CHECKPOINTS, |row| row.checkpoints),
        (UNDO, |row| row.undo),
    ] {
        verifier.counted(table, count)?;
    }
    verifier.payloads()?;
    verifier.events()?;
    Ok(verifier.findings)
}

struct Verifier<'r> {
    reader: &'r dyn Reader,
    operations: BTreeMap<u64, OperationRow>,
    findings: Vec<Finding>,
}

impl Verifier<'_> {
    fn find(&mut self, table: Table, row: impl ToString, problem: impl Into<String>) {
        self.findings.push(Finding::new(row::table_name(table), row.to_string(), problem));
    }

    fn operations(&mut self) -> Result<(), Error> {
        for found in self.reader.scan(OPERATIONS, KeyRange::all()) {
            let (key, bytes) = found?;
            let id = row::id_of(OPERATIONS, &key)?;
            let operation = row::decode(OPERATIONS, &key, &bytes)?;
            self.operations.insert(id.get(), operation);
        }
        let problems: Vec<_> = self
            .operations
            .iter()
            .flat_map(|(id, operation)| problems_of(operation).into_iter().map(move |p| (*id, p)))
            .collect();
        for (id, problem) in problems {
            self.find(OPERATIONS, OperationId::new(id), problem);
        }
        Ok(())
    }

    /// The operations for which `is` holds, by number.
    fn those(&self, is: impl Fn(&OperationRow) -> bool) -> BTreeSet<u64> {
        self.operations.iter().filter(|(_, row)| is(row)).map(|(id, _)| *id).collect()
    }

    fn unfinished(&mut self) -> Result<(), Error> {
        let expected = self.those(|row| !row.status.is_finished());
        let listed: BTreeSet<u64> =
            row::unfinished(self.reader).map(|id| Ok(id?.get())).collect::<Result<_, Error>>()?;
        for id in expected.difference(&listed) {
            self.find(UNFINISHED, OperationId::new(*id), "an unfinished operation is not listed");
        }
        for id in listed.difference(&expected) {
            self.find(UNFINISHED, OperationId::new(*id), "listed, and no unfinished operation");
        }
        Ok(())
    }

    fn finished(&mut self) -> Result<(), Error> {
        let finished = self.operations.iter();
        let finished = finished.filter_map(|(id, row)| Some((row.finished_at?, *id)));
        let expected: BTreeSet<(i64, u64)> = finished.collect();
        let mut listed = BTreeSet::new();
        for found in self.reader.scan(FINISHED, KeyRange::all()) {
            let (key, _) = found?;
            let (time, id) = row::pair_of(FINISHED, &key)?;
            listed.insert((row::time_of(time), id));
        }
        for (_, id) in expected.symmetric_difference(&listed) {
            let problem = "the list of finished operations and the operation differ";
            self.find(FINISHED, OperationId::new(*id), problem);
        }
        Ok(())
    }

    fn working(&mut self) -> Result<(), Error> {
        let mut expected: BTreeMap<(u64, u64), BTreeSet<Role>> = BTreeMap::new();
        for (id, operation) in &self.operations {
            if operation.status.is_finished() {
                continue;
            }
            for named in &operation.positions {
                expected.entry((named.position, *id)).or_default().insert(named.role);
            }
        }
        let mut locks = BTreeMap::new();
        for found in self.reader.scan(WORKING, KeyRange::all()) {
            let (key, bytes) = found?;
            let roles: Vec<Role> = row::decode(WORKING, &key, &bytes)?;
            locks.insert(row::pair_of(WORKING, &key)?, roles.into_iter().collect());
        }
        let places: BTreeSet<_> = expected.keys().chain(locks.keys()).copied().collect();
        for place in places {
            if expected.get(&place) != locks.get(&place) {
                let (position, operation) = place;
                let row = format!("position #{position}, operation #{operation}");
                self.find(WORKING, row, "the lock and the operation differ");
            }
        }
        self.exclusive(&locks);
        Ok(())
    }

    fn exclusive(&mut self, locks: &BTreeMap<(u64, u64), BTreeSet<Role>>) {
        let mut owners: BTreeMap<u64, usize> = BTreeMap::new();
        for ((position, _), roles) in locks {
            if roles.iter().any(|role| role.is_exclusive()) {
                *owners.entry(*position).or_default() += 1;
            }
        }
        for (position, count) in owners.into_iter().filter(|(_, count)| *count > 1) {
            let problem = format!("{count} operations have the position for themselves");
            self.find(WORKING, format!("position #{position}"), problem);
        }
    }

    fn holds(&mut self) -> Result<(), Error> {
        let ledger = Ledger::new(self.reader, None, Timestamp::default());
        for hold in ledger.holds()? {
            let operation = self.operations.get(&hold.operation.get());
            if operation.is_none_or(|row| row.status.is_finished()) {
                let problem = "something is held for it, and it is no unfinished operation";
                self.find(OPERATIONS, hold.operation, problem);
            }
        }
        Ok(())
    }

    fn keys(&mut self) -> Result<(), Error> {
        let mut latest: BTreeMap<Box<[u8]>, u64> = BTreeMap::new();
        for (id, operation) in &self.operations {
            latest.insert(operation.key.clone(), *id);
        }
        for found in self.reader.scan(KEYS, KeyRange::all()) {
            let (key, bytes) = found?;
            let known: KeyRow = row::decode(KEYS, &key, &bytes)?;
            let listed = latest.remove(&key);
            let is_sound = match known.outcome {
                None => listed == Some(known.operation),
                Some(_) => listed.is_none_or(|id| id < known.operation),
            };
            if !is_sound {
                let problem = format!("names operation #{} wrongly", known.operation);
                self.find(KEYS, key.escape_ascii(), problem);
            }
            let operation = self.operations.get(&known.operation);
            if operation.is_some_and(|operation| operation.claim != known.claim) {
                let problem = format!("has another claim than operation #{}", known.operation);
                self.find(KEYS, key.escape_ascii(), problem);
            }
        }
        for (key, id) in latest {
            self.find(KEYS, key.escape_ascii(), format!("operation #{id} has no key"));
        }
        Ok(())
    }

    /// That the next number was never given: not to an operation, and not to one that a key names.
    fn next(&mut self) -> Result<(), Error> {
        let next = row::load::<u64>(self.reader, OPERATION_STATE, NEXT)?.unwrap_or(1);
        let mut last = self.operations.keys().next_back().copied().unwrap_or(0);
        for found in self.reader.scan(KEYS, KeyRange::all()) {
            let (key, bytes) = found?;
            last = last.max(row::decode::<KeyRow>(KEYS, &key, &bytes)?.operation);
        }
        if next <= last {
            let problem = format!("is operation #{next}, and there was #{last} already");
            self.find(OPERATION_STATE, NEXT.escape_ascii(), problem);
        }
        Ok(())
    }

    fn claims(&mut self) -> Result<(), Error> {
        for claim in Claims::new(self.reader).all() {
            let claim = claim?;
            let ClaimState::InFlight(id) = claim.record.state else { continue };
            let is_sound = self.operations.get(&id).is_some_and(|row| {
                let names = |named: &row::NamedClaim| {
                    named.namespace == claim.namespace && named.key == claim.key
                };
                !row.status.is_finished() && row.claim.as_ref().is_some_and(names)
            });
            if !is_sound {
                let problem = "a claim is in its hands, and it is no unfinished operation with it";
                self.find(OPERATIONS, OperationId::new(id), problem);
            }
        }
        Ok(())
    }

    /// That every operation has as many rows in `table` as it counts, and nobody else has any.
    fn counted(&mut self, table: Table, count: fn(&OperationRow) -> u32) -> Result<(), Error> {
        let mut found: BTreeMap<u64, u32> = BTreeMap::new();
        for row in self.reader.scan(table, KeyRange::all()) {
            let (key, _) = row?;
            *found.entry(row::id_of(table, &key)?.get()).or_default() += 1;
        }
        let ids: BTreeSet<u64> = self.operations.keys().chain(found.keys()).copied().collect();
        for id in ids {
            let expected = self.operations.get(&id).map_or(0, count);
            let rows = found.get(&id).copied().unwrap_or(0);
            if rows != expected {
                let problem = format!("{rows} rows, and {expected} are counted");
                self.find(table, OperationId::new(id), problem);
            }
        }
        Ok(())
    }

    fn payloads(&mut self) -> Result<(), Error> {
        for found in self.reader.scan(PAYLOADS, KeyRange::all()) {
            let (key, _) = found?;
            let id = row::id_of(PAYLOADS, &key)?;
            if !self.operations.contains_key(&id.get()) {
                self.find(PAYLOADS, id, "belongs to no operation");
            }
        }
        Ok(())
    }

    fn events(&mut self) -> Result<(), Error> {
        let mut wrong = Vec::new();
        for found in self.reader.scan(EVENTS, KeyRange::all()) {
            let (key, bytes) = found?;
            let id = row::id_of(EVENTS, &key)?;
            let event: EventRow = row::decode(EVENTS, &key, &bytes)?;
            let is_sound = self
                .operations
                .get(&id.get())
                .is_some_and(|row| event.number < row.events && event.attempt <= row.attempt);
            if !is_sound {
                wrong.push(id);
            }
        }
        for id in wrong {
            self.find(EVENTS, id, "an event that the operation has not had");
        }
        Ok(())
    }
}

/// What of an operation's row contradicts itself.
fn problems_of(row: &OperationRow) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let mut expect = |is_sound: bool, problem| {
        if !is_sound {
            problems.push(problem);
        }
    };
    let finished = row.status.is_finished();
    expect(row.finished_at.is_some() == finished, "its end and its state differ");
    expect(!finished || row.attention.is_none(), "it is finished and needs attention");
    expect(!finished || row.undo == 0, "it is finished and has a plan of undo");
    expect(row.effect.is_none() || finished, "it has an effect and is not finished");
    expect(!row.external_ids.is_empty(), "it has no external id");
    expect(row.tries <= row.attempt, "it was tried more often than it changed hands");
    expect(row.events > 0, "nothing ever happened to it");
    expect(
        row.accounts.contains(&row.account),
        "the account it was begun for is not among those it may touch",
    );
    problems
}
