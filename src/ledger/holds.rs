//! Holds: money and units that are set aside for one operation, and money that one expects.

use std::sync::Arc;

use super::accounts::{AccountKey, AccountKind, add, sub};
use super::assets::{self, AssetId};
use super::rows::{self, Key, KeyReader};
use super::tx::LedgerTx;
use super::{ACCOUNTS, Error, HOLDS, OperationId, PositionId};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader};
use crate::money::{Amount, Money};

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum HoldKind {
    /// Cash that the operation may spend.
    Cash,
    /// Units of a position that the operation may sell.
    Units(PositionId),
    /// Cash that the operation expects to come in.
    Expected,
}

/// One hold of an unfinished operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Hold {
    /// The operation.
    pub operation: OperationId,
    /// The account's name.
    pub account: Box<str>,
    /// What is held.
    pub kind: HoldKind,
    /// How much was set aside.
    pub reserved: Money,
    /// How much of it was not used yet.
    pub remaining: Money,
}

/// What was left of a hold when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Released {
    /// The account's name.
    pub account: Box<str>,
    /// What was held.
    pub kind: HoldKind,
    /// How much of it is free again.
    pub money: Money,
}

/// The amounts of one hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct HoldRow {
    pub(crate) reserved: i128,
    pub(crate) remaining: i128,
}

/// Which hold: of one operation there is one for each asset, owner and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldKey {
    pub(crate) operation: OperationId,
    pub(crate) kind: HoldKind,
    pub(crate) asset: AssetId,
    pub(crate) owner: Arc<str>,
}

impl HoldKey {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (kind, position) = match self.kind {
            HoldKind::Cash => (0, 0),
            HoldKind::Units(position) => (1, position.get()),
            HoldKind::Expected => (2, 0),
        };
        let key = Key::new().u64(self.operation.get()).u8(kind).u32(self.asset.0).u64(position);
        key.rest(self.owner.as_bytes()).into_bytes()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let read = || {
            let mut key = KeyReader(bytes);
            let operation = OperationId::new(key.u64()?);
            let kind = key.u8()?;
            let asset = AssetId(key.u32()?);
            let position = PositionId::new(key.u64()?);
            let kind = match kind {
                0 => HoldKind::Cash,
                1 => HoldKind::Units(position),
                2 => HoldKind::Expected,
                _ => return None,
            };
            Some(Self { operation, kind, asset, owner: key.text()?.into() })
        };
        read().ok_or_else(|| rows::impossible(HOLDS, bytes, "key"))
    }

    /// The account on which the hold is counted.
    pub(crate) fn account(&self) -> AccountKey {
        let kind = match self.kind {
            HoldKind::Cash | HoldKind::Expected => AccountKind::Cash,
            HoldKind::Units(_) => AccountKind::Units,
        };
        AccountKey { owner: self.owner.clone(), asset: self.asset, kind }
    }
}

/// Every hold, or those of one operation.
pub(crate) fn scan(
    reader: &dyn Reader,
    operation: Option<OperationId>,
) -> Result<Vec<(HoldKey, HoldRow)>, Error> {
    let range = match operation {
        Some(operation) => KeyRange::prefix(&operation.get().to_be_bytes()),
        None => KeyRange::all(),
    };
    let rows = reader.scan(HOLDS, range).map(|row| {
        let (key, row) = row?;
        Ok((HoldKey::read(&key)?, rows::decode(HOLDS, &key, &row)?))
    });
    rows.collect()
}

/// What `operation` has set aside.
pub(crate) fn holds_of(reader: &dyn Reader, operation: OperationId) -> Result<Vec<Hold>, Error> {
    shown(reader, scan(reader, Some(operation))?)
}

/// Everything that is set aside.
pub(crate) fn all_holds(reader: &dyn Reader) -> Result<Vec<Hold>, Error> {
    shown(reader, scan(reader, None)?)
}

fn shown(reader: &dyn Reader, holds: Vec<(HoldKey, HoldRow)>) -> Result<Vec<Hold>, Error> {
    let holds = holds.into_iter().map(|(key, row)| {
        let asset = assets::asset(reader, key.asset)?;
        let money = |units| Money::new(asset.clone(), Amount::from_units(units));
        Ok(Hold {
            operation: key.operation,
            account: (&*key.owner).into(),
            kind: key.kind,
            reserved: money(row.reserved),
            remaining: money(row.remaining),
        })
    });
    holds.collect()
}

impl LedgerTx<'_> {
    /// Sets cash aside for `operation`. What is held cannot be negative; nothing is held of zero.
    pub(crate) fn reserve_cash(
        &mut self,
        operation: OperationId,
        owner: &str,
        money: &Money,
    ) -> Result<(), Error> {
        let asset = self.asset_id(money.asset())?;
        let key = HoldKey { operation, kind: HoldKind::Cash, asset, owner: owner.into() };
        let mut account = self.account(&key.account())?;
        let amount = not_negative("a hold", money)?;
        let short = sub(amount, account.available()?)?;
        if short > 0 {
            return Err(self.insufficient(owner, asset, short, None)?);
        }
        account.pending_debits = add(account.pending_debits, amount)?;
        self.put_account(&key.account(), &account);
        self.raise_hold(&key, amount)
    }

    /// Notes that `operation` expects cash to come in.
    pub(crate) fn expect_cash(
        &mut self,
        operation: OperationId,
        owner: &str,
        money: &Money,
    ) -> Result<(), Error> {
        let asset = self.asset_id(money.asset())?;
        let key = HoldKey { operation, kind: HoldKind::Expected, asset, owner: owner.into() };
        let mut account = self.account(&key.account())?;
        let amount = not_negative("what is expected", money)?;
        account.pending_credits = add(account.pending_credits, amount)?;
        self.put_account(&key.account(), &account);
        self.raise_hold(&key, amount)
    }

    /// Sets units of a position aside for `operation`.
    pub(crate) fn reserve_units(
        &mut self,
        operation: OperationId,
        position: PositionId,
        money: &Money,
    ) -> Result<(), Error> {
        let before = self.load_position(position)?;
        self.expect_asset(money, before.asset)?;
        let amount = not_negative("a hold", money)?;
        let short = sub(amount, sub(before.quantity, before.reserved)?)?;
        if short > 0 {
            return Err(self.insufficient(&before.owner, before.asset, short, Some(position))?);
        }
        let mut after = before.clone();
        after.reserved = add(after.reserved, amount)?;
        self.save_position(Some(&before), &after)?;
        let (asset, owner) = (before.asset, before.owner);
        let key = HoldKey { operation, kind: HoldKind::Units(position), asset, owner };
        let mut account = self.account(&key.account())?;
        account.pending_debits = add(account.pending_debits, amount)?;
        self.put_account(&key.account(), &account);
        self.raise_hold(&key, amount)
    }

    fn raise_hold(&mut self, key: &HoldKey, amount: i128) -> Result<(), Error> {
        let mut hold = self.hold(key)?.unwrap_or_default();
        hold.reserved = add(hold.reserved, amount)?;
        hold.remaining = add(hold.remaining, amount)?;
        rows::put(self.tx(), HOLDS, &key.bytes(), &hold);
        Ok(())
    }

    pub(super) fn hold(&self, key: &HoldKey) -> Result<Option<HoldRow>, Error> {
        rows::load(self.reader(), HOLDS, &key.bytes())
    }

    /// Uses up to `wanted` of a hold and answers how much that was. The account on which the hold is
    /// counted is changed in `account`, which the caller saves.
    pub(super) fn capture(
        &mut self,
        key: &HoldKey,
        wanted: i128,
        account: &mut super::accounts::Account,
    ) -> Result<i128, Error> {
        let Some(mut hold) = self.hold(key)? else { return Ok(0) };
        let used = hold.remaining.min(wanted).max(0);
        if used == 0 {
            return Ok(0);
        }
        hold.remaining = sub(hold.remaining, used)?;
        match key.kind {
            HoldKind::Cash | HoldKind::Units(_) => {
                account.pending_debits = sub(account.pending_debits, used)?;
            }
            HoldKind::Expected => account.pending_credits = sub(account.pending_credits, used)?,
        }
        rows::put(self.tx(), HOLDS, &key.bytes(), &hold);
        Ok(used)
    }

    /// Ends all holds of `operation` and answers what was left of them.
    pub(crate) fn release(&mut self, operation: OperationId) -> Result<Vec<Released>, Error> {
        let mut released = Vec::new();
        for (key, hold) in scan(self.reader(), Some(operation))? {
            let left = hold.remaining;
            if let HoldKind::Units(position) = key.kind {
                let before = self.load_position(position)?;
                let mut after = before.clone();
                after.reserved = sub(after.reserved, left)?;
                self.save_position(Some(&before), &after)?;
            }
            let mut account = self.account(&key.account())?;
            self.capture(&key, left, &mut account)?;
            self.put_account(&key.account(), &account);
            self.tx().delete(HOLDS, &key.bytes());
            let money = Money::new(self.asset(key.asset)?, Amount::from_units(left));
            released.push(Released { account: (&*key.owner).into(), kind: key.kind, money });
        }
        Ok(released)
    }

    pub(super) fn account(&self, key: &AccountKey) -> Result<super::accounts::Account, Error> {
        super::accounts::load(self.reader(), key)
    }

    pub(super) fn put_account(&mut self, key: &AccountKey, account: &super::accounts::Account) {
        rows::put(self.tx(), ACCOUNTS, &key.bytes(), account);
    }
}

/// The amount in the smallest unit, which cannot be negative.
pub(super) fn not_negative(what: &'static str, money: &Money) -> Result<i128, Error> {
    if money.amount().is_negative() {
        return Err(super::Mismatch::Negative(what).into());
    }
    Ok(money.amount().units())
}
