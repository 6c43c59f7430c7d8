//! Money across the border: deposits, withdrawals, opening balances, imports, and entries of the
//! caller's own.

use std::sync::Arc;

use super::accounts::{AccountKind, sub};
use super::assets::AssetId;
use super::cost::Basis;
use super::entry::{self, Change};
use super::holds::not_negative;
use super::names::check_name;
use super::position;
use super::posting::Draft;
use super::rows::{self, Key};
use super::tx::LedgerTx;
use super::{BOOK, EntryId, EntryKind, Error, Leg, Mismatch, NewPosition, OperationId, PositionId};
use crate::clock::Timestamp;
use crate::money::{Asset, Money};

impl LedgerTx<'_> {
    /// Money comes into an account from outside.
    pub(crate) fn deposit(&mut self, account: &str, money: &Money) -> Result<EntryId, Error> {
        check_name("the account's name", account)?;
        let draft = self.deposit_draft(None, account, money)?;
        Ok(self.post_entry(draft, None)?.0)
    }

    /// Available money leaves an account for outside.
    pub(crate) fn withdraw(&mut self, account: &str, money: &Money) -> Result<EntryId, Error> {
        check_name("the account's name", account)?;
        let draft = self.withdrawal_draft(None, account, money)?;
        Ok(self.post_entry(draft, None)?.0)
    }

    pub(super) fn deposit_draft(
        &mut self,
        operation: Option<OperationId>,
        account: &str,
        money: &Money,
    ) -> Result<Draft, Error> {
        let amount = not_zero("a deposit", money)?;
        self.world_draft(EntryKind::Deposit, operation, account, money, amount)
    }

    pub(super) fn withdrawal_draft(
        &mut self,
        operation: Option<OperationId>,
        account: &str,
        money: &Money,
    ) -> Result<Draft, Error> {
        let amount = not_zero("a withdrawal", money)?;
        self.world_draft(EntryKind::Withdrawal, operation, account, money, sub(0, amount)?)
    }

    fn world_draft(
        &mut self,
        kind: EntryKind,
        operation: Option<OperationId>,
        account: &str,
        money: &Money,
        amount: i128,
    ) -> Result<Draft, Error> {
        let (owner, asset) = (Arc::from(account), self.asset_id(money.asset())?);
        let mut draft = Draft::new(kind, operation);
        draft.leg(&owner, asset, AccountKind::Cash, amount)?;
        draft.leg(&owner, asset, AccountKind::World, sub(0, amount)?)?;
        Ok(draft)
    }

    /// What an account holds when the book is opened: once for each account and asset.
    pub(crate) fn opening_balance(
        &mut self,
        account: &str,
        money: &Money,
    ) -> Result<EntryId, Error> {
        check_name("the account's name", account)?;
        let amount = not_zero("an opening balance", money)?;
        let asset = self.asset_id(money.asset())?;
        let key = Key::new().rest(b"opened-cash\0").name(account).u32(asset.0).into_bytes();
        self.refuse_twice(&key)?;
        let kind = EntryKind::OpeningBalance;
        let draft = self.world_draft(kind, None, account, money, amount)?;
        let (entry, _) = self.post_entry(draft, None)?;
        rows::put(self.tx(), BOOK, &key, &entry.get());
        Ok(entry)
    }

    /// A position that was there before the book was: once for each key.
    pub(crate) fn import_position(
        &mut self,
        new: &NewPosition,
        quantity: &Money,
        cost: &Money,
        opened_at: Timestamp,
    ) -> Result<PositionId, Error> {
        let latest = self.now().saturating_add_micros(self.rules().future_tolerance_micros);
        if opened_at > latest {
            return Err(Error::FromTheFuture { given: opened_at, latest });
        }
        new.check()?;
        let asset = self.asset_id(&new.asset)?;
        let slot = position::slot(&new.account, asset, &new.tag);
        let key = Key::new().rest(b"opened-position\0").rest(&slot).into_bytes();
        self.refuse_twice(&key)?;
        let before = self.new_position(None, new, opened_at.as_micros())?;
        self.expect_asset(quantity, before.asset)?;
        self.expect_quote(cost, before.quote)?;
        let units = not_zero("the quantity", quantity)?;
        let cost = not_negative("the cost", cost)?;
        let change = Change {
            position: before.id.get(),
            incoming: true,
            quantity: units,
            token_fee: 0,
            covered: 0,
            gross: cost,
            fee: 0,
            cost,
            realized: 0,
        };
        let (mut after, basis) = (before.clone(), position::basis(self.reader(), &before)?);
        let mut moved: Basis = basis.clone();
        moved.add(units, cost)?;
        after.book(&change)?;
        self.save_basis(&mut after, &basis, &moved)?;
        self.save_position(Some(&before), &after)?;
        let mut draft = Draft::new(EntryKind::Import, None);
        draft.add_change(&after, &change)?;
        // Its cost was paid outside, before there was a book.
        draft.leg(&after.owner, after.quote, AccountKind::Cash, cost)?;
        draft.leg(&after.owner, after.quote, AccountKind::World, sub(0, cost)?)?;
        let (entry, _) = self.post_entry(draft, None)?;
        rows::put(self.tx(), BOOK, &key, &entry.get());
        Ok(before.id)
    }

    /// Refuses what was booked under `key` before, unless that was reversed.
    fn refuse_twice(&self, key: &[u8]) -> Result<(), Error> {
        let Some(entry) = rows::load::<u64>(self.reader(), BOOK, key)? else { return Ok(()) };
        let entry = EntryId::new(entry);
        match entry::reversal_of(self.reader(), entry)? {
            Some(_) => Ok(()),
            None => Err(Error::AlreadyOpened { entry }),
        }
    }

    /// Available cash of one account becomes that of another.
    pub(crate) fn transfer(
        &mut self,
        from: &str,
        to: &str,
        money: &Money,
    ) -> Result<EntryId, Error> {
        check_name("the account's name", from)?;
        check_name("the account's name", to)?;
        let amount = not_zero("a transfer", money)?;
        let asset = self.asset_id(money.asset())?;
        if from == to {
            return Err(Mismatch::Empty.into());
        }
        let mut draft = Draft::new(EntryKind::Transfer, None);
        draft.leg(&Arc::from(from), asset, AccountKind::Cash, sub(0, amount)?)?;
        draft.leg(&Arc::from(to), asset, AccountKind::Cash, amount)?;
        Ok(self.post_entry(draft, None)?.0)
    }

    pub(super) fn transfer_draft(
        &mut self,
        operation: OperationId,
        legs: &[Leg],
    ) -> Result<Draft, Error> {
        if legs.is_empty() {
            return Err(Mismatch::Empty.into());
        }
        let mut draft = Draft::new(EntryKind::Transfer, Some(operation));
        for leg in legs {
            if matches!(leg.kind, AccountKind::Units | AccountKind::Cost) {
                return Err(Mismatch::PositionAccount(leg.kind).into());
            }
            let asset = self.asset_id(leg.money.asset())?;
            let owner = Arc::from(&*leg.account);
            draft.leg(&owner, asset, leg.kind, leg.money.amount().units())?;
        }
        Ok(draft)
    }

    /// Brings cash to what the outside says it is: `difference` is added from Adjustment.
    pub(crate) fn adjust(
        &mut self,
        account: &str,
        asset: AssetId,
        difference: i128,
        reason: &str,
    ) -> Result<EntryId, Error> {
        let owner = Arc::from(account);
        let mut draft = Draft::new(EntryKind::Adjustment, None);
        draft.leg(&owner, asset, AccountKind::Cash, difference)?;
        draft.leg(&owner, asset, AccountKind::Adjustment, sub(0, difference)?)?;
        draft.reason = Some(reason.into());
        Ok(self.post_entry(draft, None)?.0)
    }

    /// Moves what stands on Adjustment to World. Answers the entry, if there was anything.
    pub(crate) fn write_off(
        &mut self,
        account: &str,
        asset: &Asset,
        reason: &str,
    ) -> Result<Option<EntryId>, Error> {
        let asset = self.asset_id(asset)?;
        let owner = Arc::from(account);
        let key = self.account_key(&owner, asset, AccountKind::Adjustment);
        let balance = self.account(&key)?.balance();
        if balance == 0 {
            return Ok(None);
        }
        let mut draft = Draft::new(EntryKind::Adjustment, None);
        draft.leg(&owner, asset, AccountKind::Adjustment, sub(0, balance)?)?;
        draft.leg(&owner, asset, AccountKind::World, balance)?;
        draft.reason = Some(reason.into());
        Ok(Some(self.post_entry(draft, None)?.0))
    }
}

fn not_zero(what: &'static str, money: &Money) -> Result<i128, Error> {
    match not_negative(what, money)? {
        0 => Err(Mismatch::Zero(what).into()),
        amount => Ok(amount),
    }
}
