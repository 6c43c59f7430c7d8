//! The ledger of an open store, each call a commit of its own.

use super::{Error, Store};
use crate::clock::Timestamp;
use crate::ledger::{EntryId, EquityPoint, NewPosition, PositionId};
use crate::money::{Asset, Money};

/// The ledger of an open store, each call a commit of the store's durability. For several calls in
/// one commit use [`Store::write`], to read use [`Store::snapshot`].
#[derive(Clone, Copy, Debug)]
pub struct StoreLedger<'a> {
    pub(super) store: &'a Store,
}

impl StoreLedger<'_> {
    /// Money comes into an account from outside. Called twice, it comes twice.
    ///
    /// # Errors
    /// As [`LedgerMut::deposit`](crate::ledger::LedgerMut::deposit) and [`Store::write`].
    pub fn deposit(&self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.store.write(|tx| Ok(tx.ledger().deposit(account, money)?))
    }

    /// Available money leaves an account for outside.
    ///
    /// # Errors
    /// As [`LedgerMut::withdraw`](crate::ledger::LedgerMut::withdraw) and [`Store::write`].
    pub fn withdraw(&self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.store.write(|tx| Ok(tx.ledger().withdraw(account, money)?))
    }

    /// Available cash of one account becomes cash of another.
    ///
    /// # Errors
    /// As [`LedgerMut::transfer`](crate::ledger::LedgerMut::transfer) and [`Store::write`].
    pub fn transfer(&self, from: &str, to: &str, money: &Money) -> Result<EntryId, Error> {
        self.store.write(|tx| Ok(tx.ledger().transfer(from, to, money)?))
    }

    /// What an account held before the book was opened.
    ///
    /// # Errors
    /// As [`LedgerMut::opening_balance`](crate::ledger::LedgerMut::opening_balance) and
    /// [`Store::write`].
    pub fn opening_balance(&self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.store.write(|tx| Ok(tx.ledger().opening_balance(account, money)?))
    }

    /// Takes an entry back by another one; see
    /// [`OperationsMut::reverse`](crate::OperationsMut::reverse).
    ///
    /// # Errors
    /// As [`OperationsMut::reverse`](crate::OperationsMut::reverse) and [`Store::write`].
    pub fn reverse(&self, entry: EntryId, reason: &str) -> Result<EntryId, Error> {
        self.store.write(|tx| Ok(tx.operations().reverse(entry, reason)?))
    }

    /// A position that was there before the book was.
    ///
    /// # Errors
    /// As [`LedgerMut::import_position`](crate::ledger::LedgerMut::import_position) and
    /// [`Store::write`].
    pub fn import_position(
        &self,
        position: &NewPosition,
        quantity: &Money,
        cost: &Money,
        opened_at: Timestamp,
    ) -> Result<PositionId, Error> {
        self.store
            .write(|tx| Ok(tx.ledger().import_position(position, quantity, cost, opened_at)?))
    }

    /// Writes or, with `None`, clears an attribute of a position.
    ///
    /// # Errors
    /// As [`LedgerMut::set_attribute`](crate::ledger::LedgerMut::set_attribute) and
    /// [`Store::write`].
    pub fn set_attribute(
        &self,
        position: PositionId,
        name: &str,
        value: Option<&[u8]>,
        expected: Option<u64>,
    ) -> Result<u64, Error> {
        self.store.write(|tx| Ok(tx.ledger().set_attribute(position, name, value, expected)?))
    }

    /// Halts everything that raises risk, until [`StoreLedger::resume`].
    ///
    /// # Errors
    /// As [`LedgerMut::halt`](crate::ledger::LedgerMut::halt) and [`Store::write`].
    pub fn halt(&self, reason: &str) -> Result<(), Error> {
        self.store.write(|tx| Ok(tx.ledger().halt(reason)?))
    }

    /// Ends the halt.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn resume(&self) -> Result<(), Error> {
        self.store.write(|tx| Ok(tx.ledger().resume()?))
    }

    /// Appends what an account is worth now to its equity series.
    ///
    /// # Errors
    /// As [`LedgerMut::record_equity`](crate::ledger::LedgerMut::record_equity) and
    /// [`Store::write`].
    pub fn record_equity(&self, account: &str) -> Result<EquityPoint, Error> {
        self.store.write(|tx| Ok(tx.ledger().record_equity(account)?))
    }

    /// Brings the books in line with what the outside says.
    ///
    /// # Errors
    /// As [`LedgerMut::adjust`](crate::ledger::LedgerMut::adjust) and [`Store::write`].
    pub fn adjust(
        &self,
        account: &str,
        external: &[Money],
        reason: &str,
    ) -> Result<Vec<EntryId>, Error> {
        self.store.write(|tx| Ok(tx.ledger().adjust(account, external, reason)?))
    }

    /// Declares an account's Adjustment for this asset as explained.
    ///
    /// # Errors
    /// As [`LedgerMut::write_off`](crate::ledger::LedgerMut::write_off) and [`Store::write`].
    pub fn write_off(
        &self,
        account: &str,
        asset: &Asset,
        reason: &str,
    ) -> Result<Option<EntryId>, Error> {
        self.store.write(|tx| Ok(tx.ledger().write_off(account, asset, reason)?))
    }
}
