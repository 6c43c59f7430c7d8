//! Posting: an entry is held against the accounts, and then written with all that follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::accounts::{Account, AccountKey, AccountKind, add, sub};
use super::assets::AssetId;
use super::entry::{Change, EntryRecord, FillName};
use super::holds::{HoldKey, HoldKind};
use super::rows::{self, Key};
use super::tx::LedgerTx;
use super::{
    ENTRIES, ENTRIES_BY_ACCOUNT, ENTRIES_BY_OPERATION, ENTRIES_BY_POSITION, EntryId, EntryKind,
    Error, Mismatch, OperationId, PositionId,
};
use crate::money::{Amount, Money};

/// An entry that is not posted yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) kind: EntryKind,
    pub(super) operation: Option<OperationId>,
    pub(super) reverses: Option<EntryId>,
    pub(super) corrects: Option<EntryId>,
    pub(super) reason: Option<Box<str>>,
    pub(super) fill: Option<FillName>,
    pub(super) changes: Vec<Change>,
    pub(super) legs: BTreeMap<AccountKey, i128>,
}

/// What was missing, of which asset, and was booked from Adjustment.
pub(super) type Shortfall = (AssetId, i128);

impl Draft {
    pub(super) fn new(kind: EntryKind, operation: Option<OperationId>) -> Self {
        Self {
            kind,
            operation,
            reverses: None,
            corrects: None,
            reason: None,
            fill: None,
            changes: Vec::new(),
            legs: BTreeMap::new(),
        }
    }

    /// Adds `amount` to an account, or takes it where it is negative.
    pub(super) fn leg(
        &mut self,
        owner: &Arc<str>,
        asset: AssetId,
        kind: AccountKind,
        amount: i128,
    ) -> Result<(), Error> {
        let key = AccountKey { owner: owner.clone(), asset, kind };
        let leg = self.legs.entry(key).or_default();
        *leg = add(*leg, amount)?;
        Ok(())
    }
}

impl LedgerTx<'_> {
    /// Posts the entry. Cash is taken from the operation's hold first and then from what is
    /// available; what is missing then is refused, or booked from Adjustment if that was asked for.
    pub(super) fn post_entry(
        &mut self,
        mut draft: Draft,
        cover: Option<&str>,
    ) -> Result<(EntryId, Vec<Shortfall>), Error> {
        let shortfalls = self.cover_cash(&mut draft, cover.is_some())?;
        if !shortfalls.is_empty() || draft.changes.iter().any(|change| change.covered != 0) {
            draft.reason = draft.reason.or(cover.map(Box::from));
        }
        draft.legs.retain(|_, amount| *amount != 0);
        if draft.legs.is_empty() {
            return Err(Mismatch::Empty.into());
        }
        self.check_balanced(&draft)?;
        for (key, amount) in &draft.legs {
            self.post_leg(draft.operation, key, *amount)?;
        }
        Ok((self.write_entry(draft)?, shortfalls))
    }

    /// Finds out where cash would not last, and evens it out where that was asked for.
    fn cover_cash(&self, draft: &mut Draft, cover: bool) -> Result<Vec<Shortfall>, Error> {
        let mut shortfalls = Vec::new();
        let spent: Vec<(AccountKey, i128)> = draft
            .legs
            .iter()
            .filter(|(key, amount)| key.kind == AccountKind::Cash && **amount < 0)
            .map(|(key, amount)| (key.clone(), *amount))
            .collect();
        for (key, amount) in spent {
            let short = self.short_of_cash(draft.operation, &key, amount)?;
            if short <= 0 {
                continue;
            }
            if !cover {
                return Err(self.insufficient(&key.owner, key.asset, short, None)?);
            }
            draft.leg(&key.owner, key.asset, AccountKind::Cash, short)?;
            draft.leg(&key.owner, key.asset, AccountKind::Adjustment, sub(0, short)?)?;
            shortfalls.push((key.asset, short));
        }
        Ok(shortfalls)
    }

    /// How much an account lacks to post `amount`, which is negative, once the operation's hold is
    /// used; zero or less where it lacks nothing.
    fn short_of_cash(
        &self,
        operation: Option<OperationId>,
        key: &AccountKey,
        amount: i128,
    ) -> Result<i128, Error> {
        let account = self.account(key)?;
        let held = match cash_hold(operation, key, HoldKind::Cash) {
            Some(hold) => self.hold(&hold)?.map_or(0, |hold| hold.remaining),
            None => 0,
        };
        let wanted = sub(0, amount)?;
        let left = sub(account.balance(), wanted)?;
        sub(sub(account.pending_debits, held.min(wanted))?, left)
    }

    fn check_balanced(&self, draft: &Draft) -> Result<(), Error> {
        let mut sums: BTreeMap<AssetId, i128> = BTreeMap::new();
        for (key, amount) in &draft.legs {
            let sum = sums.entry(key.asset).or_default();
            *sum = add(*sum, *amount)?;
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((asset, sum)) => {
                let sum = Money::new(self.asset(asset)?, Amount::from_units(sum));
                Err(Mismatch::Unbalanced(sum).into())
            }
            None => Ok(()),
        }
    }

    fn post_leg(
        &mut self,
        operation: Option<OperationId>,
        key: &AccountKey,
        amount: i128,
    ) -> Result<(), Error> {
        let mut account = self.account(key)?;
        if key.kind == AccountKind::Cash {
            let kind = if amount < 0 { HoldKind::Cash } else { HoldKind::Expected };
            if let Some(hold) = cash_hold(operation, key, kind) {
                self.capture(&hold, amount.saturating_abs(), &mut account)?;
            }
        }
        account.post(amount)?;
        self.check_not_negative(key, &account)?;
        self.put_account(key, &account);
        Ok(())
    }

    fn check_not_negative(&self, key: &AccountKey, account: &Account) -> Result<(), Error> {
        if !key.kind.is_never_negative() {
            return Ok(());
        }
        let short = sub(account.pending_debits, account.balance())?;
        if short > 0 {
            return Err(self.insufficient(&key.owner, key.asset, short, None)?);
        }
        Ok(())
    }

    fn write_entry(&mut self, draft: Draft) -> Result<EntryId, Error> {
        let id = self.next_entry()?;
        let record = EntryRecord {
            id,
            at: self.stored_now(),
            kind: draft.kind,
            operation: draft.operation,
            reverses: draft.reverses,
            corrects: draft.corrects,
            reason: draft.reason,
            fill: draft.fill,
            legs: draft.legs.into_iter().collect(),
            changes: draft.changes,
        };
        self.tx().put(ENTRIES, &id.get().to_be_bytes(), record.encode());
        self.index_entry(&record);
        if record.reverses.is_none() {
            for change in &record.changes {
                self.note_last_entry(PositionId::new(change.position), id)?;
            }
        }
        Ok(id)
    }

    fn note_last_entry(&mut self, position: PositionId, entry: EntryId) -> Result<(), Error> {
        let before = self.load_position(position)?;
        let mut after = before.clone();
        after.last_entry = Some(entry);
        after.entries = after.entries.saturating_add(1);
        self.save_position(Some(&before), &after)
    }

    fn index_entry(&mut self, record: &EntryRecord) {
        let id = record.id.get();
        let mut list = |table, key: Key| {
            rows::put(self.tx(), table, key.u64(id).bytes(), &());
        };
        for (key, _) in &record.legs {
            // A second leg of the same owner lists the entry under the same key again.
            list(ENTRIES_BY_ACCOUNT, Key::new().name(&key.owner));
        }
        if let Some(operation) = record.operation {
            list(ENTRIES_BY_OPERATION, Key::new().u64(operation.get()));
        }
        for change in &record.changes {
            list(ENTRIES_BY_POSITION, Key::new().u64(change.position));
        }
    }
}

fn cash_hold(operation: Option<OperationId>, key: &AccountKey, kind: HoldKind) -> Option<HoldKey> {
    let operation = operation?;
    Some(HoldKey { operation, kind, asset: key.asset, owner: key.owner.clone() })
}
