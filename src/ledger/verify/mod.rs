//! Verification: everything that is derived is computed anew from the entries, and compared.

mod fills;
mod movements;
mod registers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::engine::{KeyRange, Reader, Table};
use crate::ledger::accounts::{self, Account, AccountKey, AccountKind, add};
use crate::ledger::assets::AssetId;
use crate::ledger::entry::{self, EntryRecord};
use crate::ledger::fold::fold;
use crate::ledger::holds::{self, HoldKind};
use crate::ledger::position::{self, PositionState};
use crate::ledger::rows::{self, Key};
use crate::ledger::save::{Counters, closed_key};
use crate::ledger::{
    ACCOUNTS, CLOSED, ENTRIES, ENTRIES_BY_ACCOUNT, ENTRIES_BY_OPERATION, ENTRIES_BY_POSITION,
    Error, LOTS, OWNERS, POSITIONS, PositionId, REVERSALS, SLOTS,
};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The row, in words.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.table, self.row, self.problem)
    }
}

impl Finding {
    pub(crate) fn new(
        table: &'static str,
        row: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self { table, row: row.into(), problem: problem.into() }
    }
}

/// Everything about the ledger of one state that is not as it must be; empty where it is sound.
pub(crate) fn verify(reader: &dyn Reader) -> Result<Vec<Finding>, Error> {
    let mut verifier = Verifier::new(reader);
    verifier.registers()?;
    verifier.fills()?;
    verifier.entries()?;
    verifier.holds()?;
    verifier.positions()?;
    verifier.accounts()?;
    verifier.counts()?;
    Ok(verifier.findings)
}

/// What the entries, holds and positions read so far add up to.
struct Verifier<'r> {
    reader: &'r dyn Reader,
    findings: Vec<Finding>,
    accounts: BTreeMap<AccountKey, Account>,
    reserved: BTreeMap<PositionId, i128>,
    owners: BTreeMap<String, Counters>,
    /// How many rows each index must have.
    rows: BTreeMap<Table, u64>,
    /// The entries that the list of fills names.
    listed_fills: BTreeSet<u64>,
}

impl<'r> Verifier<'r> {
    fn new(reader: &'r dyn Reader) -> Self {
        Self {
            reader,
            findings: Vec::new(),
            accounts: BTreeMap::new(),
            reserved: BTreeMap::new(),
            owners: BTreeMap::new(),
            rows: BTreeMap::new(),
            listed_fills: BTreeSet::new(),
        }
    }

    fn find(&mut self, table: Table, row: impl fmt::Display, problem: impl Into<String>) {
        let table = rows::table_name(table);
        self.findings.push(Finding::new(table, row.to_string(), problem));
    }

    fn count(&mut self, table: Table) {
        *self.rows.entry(table).or_default() += 1;
    }

    fn expect_row(&mut self, table: Table, key: &[u8], of: impl fmt::Display) -> Result<(), Error> {
        self.count(table);
        if self.reader.get(table, key)?.is_none() {
            self.find(table, of, "is not listed");
        }
        Ok(())
    }

    /// Entries are without gaps, in time order, balanced and listed; they sum up to the accounts.
    fn entries(&mut self) -> Result<(), Error> {
        let (mut expected, mut last_at) = (1, i64::MIN);
        for row in self.reader.scan(ENTRIES, KeyRange::all()) {
            let (key, row) = row?;
            let record = EntryRecord::decode(&key, &row)?;
            if record.id.get() != expected {
                self.find(ENTRIES, record.id, format!("follows where {expected} has to"));
            }
            if record.at < last_at {
                self.find(ENTRIES, record.id, "is older than the one before");
            }
            (expected, last_at) = (record.id.get().saturating_add(1), record.at);
            self.entry(&record)?;
        }
        if crate::ledger::tx::next_numbers(self.reader)?.entry != expected {
            self.find(ENTRIES, expected, "is not the next number that the book has");
        }
        Ok(())
    }

    fn entry(&mut self, record: &EntryRecord) -> Result<(), Error> {
        let mut sums: BTreeMap<AssetId, i128> = BTreeMap::new();
        let mut owners = BTreeSet::new();
        for (key, amount) in &record.legs {
            let sum = sums.entry(key.asset).or_default();
            *sum = add(*sum, *amount)?;
            self.accounts.entry(key.clone()).or_default().post(*amount)?;
            owners.insert(key.owner.clone());
        }
        if sums.values().any(|sum| *sum != 0) {
            self.find(ENTRIES, record.id, "does not sum to zero");
        }
        let (id, number) = (record.id, record.id.get());
        for owner in owners {
            let key = Key::new().name(&owner).u64(number);
            self.expect_row(ENTRIES_BY_ACCOUNT, key.bytes(), id)?;
        }
        if let Some(operation) = record.operation {
            let key = Key::new().u64(operation.get()).u64(number);
            self.expect_row(ENTRIES_BY_OPERATION, key.bytes(), id)?;
        }
        let positions: BTreeSet<u64> =
            record.changes.iter().map(|change| change.position).collect();
        for position in positions {
            let key = Key::new().u64(position).u64(number);
            self.expect_row(ENTRIES_BY_POSITION, key.bytes(), id)?;
        }
        if let Some(reversed) = record.reverses {
            self.count(REVERSALS);
            if entry::reversal_of(self.reader, reversed)? != Some(id) {
                self.find(REVERSALS, reversed, format!("does not name its reversal {id}"));
            }
        }
        self.fill(record)?;
        self.movements(record)
    }

    fn holds(&mut self) -> Result<(), Error> {
        for (key, hold) in holds::scan(self.reader, None)? {
            if hold.remaining < 0 || hold.remaining > hold.reserved {
                let problem = format!("{} of {} remain", hold.remaining, hold.reserved);
                self.find(crate::ledger::HOLDS, key.operation, problem);
            }
            let account = self.accounts.entry(key.account()).or_default();
            match key.kind {
                HoldKind::Expected => {
                    account.pending_credits = add(account.pending_credits, hold.remaining)?;
                }
                HoldKind::Cash | HoldKind::Units(_) => {
                    account.pending_debits = add(account.pending_debits, hold.remaining)?;
                }
            }
            if let HoldKind::Units(position) = key.kind {
                let reserved = self.reserved.entry(position).or_default();
                *reserved = add(*reserved, hold.remaining)?;
            }
        }
        Ok(())
    }

    /// Every position is the fold of its entries; units and costs of an account are those of its
    /// positions.
    fn positions(&mut self) -> Result<(), Error> {
        let mut sums: BTreeMap<AccountKey, i128> = BTreeMap::new();
        for row in self.reader.scan(POSITIONS, KeyRange::all()) {
            let (key, row) = row?;
            let state = PositionState::decode(&key, &row)?;
            self.position(&state)?;
            for (asset, kind, amount) in [
                (state.asset, AccountKind::Units, state.quantity),
                (state.quote, AccountKind::Cost, state.cost),
            ] {
                let key = AccountKey { owner: state.owner.clone(), asset, kind };
                let sum = sums.entry(key).or_default();
                *sum = add(*sum, amount)?;
            }
        }
        for (key, account) in &self.accounts {
            let positions = matches!(key.kind, AccountKind::Units | AccountKind::Cost);
            let sum = sums.remove(key).unwrap_or(0);
            if positions && account.balance() != sum {
                let problem = format!("is {}, its positions have {sum}", account.balance());
                let finding = Finding::new("accounts", shown(key), problem);
                self.findings.push(finding);
            }
        }
        for (key, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            self.find(ACCOUNTS, shown(&key), format!("is not there, its positions have {sum}"));
        }
        let unknown: Vec<_> = self.reserved.keys().copied().collect();
        for position in unknown {
            self.find(crate::ledger::HOLDS, position, "has a hold and is no position");
        }
        Ok(())
    }

    fn position(&mut self, state: &PositionState) -> Result<(), Error> {
        let folded = fold(self.reader, state, None)?;
        for entry in &folded.wrong {
            self.find(ENTRIES, entry, "took out another cost than its units had");
        }
        let all = folded.basis.totals()?;
        let reserved = self.reserved.remove(&state.id).unwrap_or(0);
        for (what, found, expected) in [
            ("quantity", state.quantity, all.quantity),
            ("cost", state.cost, all.cost),
            ("reserved", state.reserved, reserved),
            ("realized", state.realized, folded.realized),
            ("quote_fees", state.quote_fees, folded.quote_fees),
            ("bought", state.bought, folded.bought),
            ("proceeds", state.proceeds, folded.proceeds),
            ("entries", state.entries.into(), folded.entries.into()),
        ] {
            if found != expected {
                self.find(POSITIONS, state.id, format!("{what} is {found}, not {expected}"));
            }
        }
        if state.last_entry != folded.last_entry {
            self.find(POSITIONS, state.id, "names another entry as its last");
        }
        if state.reserved > state.quantity || state.quantity < 0 || state.cost < 0 {
            self.find(POSITIONS, state.id, "is below zero, or more is set aside than there is");
        }
        if state.quantity == 0 && state.cost != 0 {
            self.find(POSITIONS, state.id, "has a cost and no units");
        }
        self.lot_numbers(state)?;
        if position::basis(self.reader, state)? != folded.basis {
            self.find(LOTS, state.id, "are not what its entries leave");
        }
        self.position_indexes(state)
    }

    fn position_indexes(&mut self, state: &PositionState) -> Result<(), Error> {
        let owner = self.owners.entry(state.owner.to_string()).or_default();
        owner.count(state)?;
        if let Some(key) = closed_key(state) {
            if state.quantity != 0 {
                self.find(POSITIONS, state.id, "is closed and has units");
            }
            return self.expect_row(CLOSED, &key, state.id);
        }
        self.count(SLOTS);
        if rows::load::<u64>(self.reader, SLOTS, &state.slot())? != Some(state.id.get()) {
            self.find(SLOTS, state.id, "is open and has not the slot of its key");
        }
        Ok(())
    }

    fn accounts(&mut self) -> Result<(), Error> {
        let mut expected = std::mem::take(&mut self.accounts);
        for row in self.reader.scan(ACCOUNTS, KeyRange::all()) {
            let (key, _) = row?;
            let key = AccountKey::read(&key)?;
            let found = accounts::load(self.reader, &key)?;
            let account = expected.remove(&key).unwrap_or_default();
            if found != account {
                self.find(ACCOUNTS, shown(&key), format!("is {found:?}, not {account:?}"));
            }
            let never_negative = key.kind.is_never_negative();
            if never_negative && (found.available()? < 0 || found.pending_debits < 0) {
                self.find(ACCOUNTS, shown(&key), "has less than is set aside");
            }
        }
        let missing = expected.into_iter().filter(|(_, account)| *account != Account::default());
        for (key, account) in missing {
            self.find(ACCOUNTS, shown(&key), format!("is not there, not {account:?}"));
        }
        Ok(())
    }

    /// Counters match, and no index has rows that nothing stands behind.
    fn counts(&mut self) -> Result<(), Error> {
        let mut owners = std::mem::take(&mut self.owners);
        for row in self.reader.scan(OWNERS, KeyRange::all()) {
            let (key, row) = row?;
            let found: Counters = rows::decode(OWNERS, &key, &row)?;
            let owner = String::from_utf8_lossy(&key).into_owned();
            let expected = owners.remove(&owner).unwrap_or_default();
            if found != expected {
                self.find(OWNERS, owner, format!("is {found:?}, not {expected:?}"));
            }
        }
        let missing = owners.into_iter().filter(|(_, counted)| *counted != Counters::default());
        for (owner, counted) in missing {
            self.find(OWNERS, owner, format!("is not there, not {counted:?}"));
        }
        for table in [
            ENTRIES_BY_ACCOUNT,
            ENTRIES_BY_OPERATION,
            ENTRIES_BY_POSITION,
            REVERSALS,
            SLOTS,
            CLOSED,
        ] {
            let expected = self.rows.get(&table).copied().unwrap_or(0);
            let mut found = 0u64;
            for row in self.reader.scan(table, KeyRange::all()) {
                row?;
                found += 1;
            }
            if found != expected {
                self.find(table, "as a whole", format!("has {found} rows, not {expected}"));
            }
        }
        Ok(())
    }
}

fn shown(key: &AccountKey) -> String {
    format!("{} {} of asset {}", key.owner, key.kind, key.asset.0)
}
