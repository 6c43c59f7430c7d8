//! The ledger of one consistent state, to read.

use std::sync::Arc;

use super::accounts::{self, AccountBalance, AccountKey, AccountKind, sub};
use super::assets;
use super::attributes::{self, Attribute};
use super::entry::{self, Entry, EntryRecord};
use super::holds::{Hold, all_holds, holds_of};
use super::position::{self, Position, PositionState};
use super::rows::{self, Key, KeyReader};
use super::{
    ACCOUNTS, CLOSED, ENTRIES, EntryId, Error, Finding, OperationId, POSITIONS, PositionId, SLOTS,
};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};
use crate::money::{Amount, Asset, Money};

/// The ledger of one consistent state.
#[derive(Clone, Copy)]
pub struct Ledger<'a> {
    pub(super) reader: &'a dyn Reader,
    /// The asset that prices are in; none where it cannot be told.
    pub(super) reference: Option<&'a Asset>,
    /// The time that prices are held against.
    pub(super) now: Timestamp,
}

/// What an account has of one asset in cash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Balance {
    /// All of it.
    pub total: Money,
    /// What is set aside for unfinished operations.
    pub reserved: Money,
    /// What can be spent: the rest.
    pub available: Money,
    /// What unfinished operations expect to come in. It cannot be spent.
    pub expected: Money,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(
        reader: &'a dyn Reader,
        reference: Option<&'a Asset>,
        now: Timestamp,
    ) -> Self {
        Self { reader, reference, now }
    }

    /// What `account` has of `asset` in cash; nothing where it is not known.
    ///
    /// # Errors
    /// [`Error::Money`] for an asset with another scale, [`Error::CorruptRow`], [`Error::Engine`].
    pub fn balance(&self, account: &str, asset: &Asset) -> Result<Balance, Error> {
        let sums = match assets::find(self.reader, asset)? {
            Some(id) => {
                let kind = AccountKind::Cash;
                let key = AccountKey { owner: account.into(), asset: id, kind };
                accounts::load(self.reader, &key)?
            }
            None => accounts::Account::default(),
        };
        let money = |units| Money::new(asset.clone(), Amount::from_units(units));
        Ok(Balance {
            total: money(sums.balance()),
            reserved: money(sums.pending_debits),
            available: money(sums.available()?),
            expected: money(sums.pending_credits),
        })
    }

    /// Every account of `owner`, by asset in the order in which the ledger came to know them.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn accounts(&self, owner: &str) -> Result<Vec<AccountBalance>, Error> {
        self.accounts_in(KeyRange::prefix(Key::new().name(owner).bytes()))
    }

    /// The names of all who have an account, in their order, from the one behind `behind` on. Of each
    /// one key is read, however many accounts there are.
    ///
    /// # Errors
    /// Each name [`Error::CorruptRow`], [`Error::Engine`].
    pub(crate) fn owners(
        &self,
        behind: Option<&str>,
    ) -> impl Iterator<Item = Result<Box<str>, Error>> + use<'a> {
        let reader = self.reader;
        let mut range = KeyRange { start: behind_owner(behind), ..KeyRange::all() };
        let mut has_failed = false;
        std::iter::from_fn(move || {
            let next = if has_failed { None } else { reader.scan(ACCOUNTS, range.clone()).next() };
            let key = match next? {
                Ok((key, _)) => key,
                Err(error) => {
                    has_failed = true;
                    return Some(Err(error.into()));
                }
            };
            let owner = AccountKey::read(&key).map(|key| Box::from(&*key.owner));
            range.start = match &owner {
                Ok(owner) => behind_owner(Some(owner)),
                Err(_) => std::ops::Bound::Excluded(key.into_vec()),
            };
            Some(owner)
        })
    }

    /// Every account there is.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn all_accounts(&self) -> Result<Vec<AccountBalance>, Error> {
        self.accounts_in(KeyRange::all())
    }

    fn accounts_in(&self, range: KeyRange) -> Result<Vec<AccountBalance>, Error> {
        let rows = self.reader.scan(ACCOUNTS, range).map(|row| {
            let (key, row) = row?;
            let sums: accounts::Account = rows::decode(ACCOUNTS, &key, &row)?;
            let key = AccountKey::read(&key)?;
            let asset = assets::asset(self.reader, key.asset)?;
            let money = |units| Money::new(asset.clone(), Amount::from_units(units));
            Ok(AccountBalance {
                account: (&*key.owner).into(),
                kind: key.kind,
                balance: money(sums.balance()),
                debits: money(sums.debits),
                credits: money(sums.credits),
                pending_debits: money(sums.pending_debits),
                pending_credits: money(sums.pending_credits),
            })
        });
        rows.collect()
    }

    /// What the books took from Adjustment and nobody has reconciled or written off: negative where
    /// something was missing.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn shortfalls(&self) -> Result<Vec<AccountBalance>, Error> {
        let mut accounts = self.all_accounts()?;
        accounts.retain(|account| {
            account.kind == AccountKind::Adjustment && !account.balance.amount().is_zero()
        });
        Ok(accounts)
    }

    /// The position with this number.
    ///
    /// # Errors
    /// [`Error::UnknownPosition`], [`Error::CorruptRow`], [`Error::Engine`].
    pub fn position(&self, id: PositionId) -> Result<Position, Error> {
        position::load(self.reader, id)?.shown(self.reader)
    }

    /// The open position of `account` in `asset` under `tag`.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn open_position(
        &self,
        account: &str,
        asset: &Asset,
        tag: &str,
    ) -> Result<Option<Position>, Error> {
        let Some(id) = assets::find(self.reader, asset)? else { return Ok(None) };
        let slot = position::slot(account, id, tag);
        match rows::load::<u64>(self.reader, SLOTS, &slot)? {
            Some(id) => self.position(PositionId::new(id)).map(Some),
            None => Ok(None),
        }
    }

    /// The positions of `account` that are open or being opened, by asset and tag.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn open_positions(&self, account: &str) -> Result<Vec<Position>, Error> {
        let states = self.open_states(account)?;
        states.iter().map(|state| state.shown(self.reader)).collect()
    }

    pub(super) fn open_states(&self, account: &str) -> Result<Vec<PositionState>, Error> {
        let slots = self.reader.scan(SLOTS, KeyRange::prefix(Key::new().name(account).bytes()));
        slots
            .map(|row| {
                let (key, row) = row?;
                let id: u64 = rows::decode(SLOTS, &key, &row)?;
                position::load(self.reader, PositionId::new(id))
            })
            .collect()
    }

    /// The closed positions of `account`, the one closed first first.
    pub fn closed_positions(
        &self,
        account: &str,
    ) -> impl DoubleEndedIterator<Item = Result<Position, Error>> + use<'a> {
        let reader = self.reader;
        let range = KeyRange::prefix(Key::new().name(account).bytes());
        self.reader.scan(CLOSED, range).map(move |row| {
            let (key, _) = row?;
            let mut parts = KeyReader(&key);
            let id = parts.name().and_then(|_| parts.time()).and_then(|_| parts.u64());
            let id = id.ok_or_else(|| rows::impossible(CLOSED, &key, "key"))?;
            position::load(reader, PositionId::new(id))?.shown(reader)
        })
    }

    /// Every position there ever was, by number.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = Result<Position, Error>> + use<'a> {
        let reader = self.reader;
        self.reader.scan(POSITIONS, KeyRange::all()).map(move |row| {
            let (key, row) = row?;
            PositionState::decode(&key, &row)?.shown(reader)
        })
    }

    /// The attributes of a position, by name.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn attributes(&self, position: PositionId) -> Result<Vec<Attribute>, Error> {
        attributes::of_position(self.reader, position)
    }

    /// The entry with this number.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], [`Error::CorruptRow`], [`Error::Engine`].
    pub fn entry(&self, id: EntryId) -> Result<Entry, Error> {
        entry::load(self.reader, id)?.shown(self.reader)
    }

    /// Every entry, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + use<'a> {
        self.entries_in(KeyRange::all())
    }

    /// The entries posted from `from` on and before `to`, oldest first.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn entries_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<impl DoubleEndedIterator<Item = Result<Entry, Error>> + use<'a>, Error> {
        let first = self.first_entry_at(from)?;
        let end = self.first_entry_at(to)?.max(first);
        let bound = |id: u64| id.to_be_bytes().to_vec();
        Ok(self.entries_in(KeyRange {
            start: std::ops::Bound::Included(bound(first)),
            end: std::ops::Bound::Excluded(bound(end)),
        }))
    }

    fn entries_in(
        &self,
        range: KeyRange,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + use<'a> {
        let reader = self.reader;
        self.reader.scan(ENTRIES, range).map(move |row| {
            let (key, row) = row?;
            EntryRecord::decode(&key, &row)?.shown(reader)
        })
    }

    /// The number of the first entry that is not older than `time`: their times never fall.
    fn first_entry_at(&self, time: Timestamp) -> Result<u64, Error> {
        let (mut low, mut high) = (1, super::tx::next_numbers(self.reader)?.entry);
        while low < high {
            let middle = low + (high - low) / 2;
            if entry::load(self.reader, EntryId::new(middle))?.at < time.as_micros() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The entries of an operation, oldest first.
    pub fn entries_of(
        &self,
        operation: OperationId,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + 'a {
        shown(self.reader, entry::of_operation(self.reader, operation))
    }

    /// The entries that moved a position, and their reversals, oldest first.
    pub fn entries_of_position(
        &self,
        position: PositionId,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + 'a {
        shown(self.reader, entry::of_position(self.reader, position))
    }

    /// The entries with a leg on an account of `owner`, oldest first.
    pub fn entries_of_account(
        &self,
        owner: &str,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + 'a {
        shown(self.reader, entry::of_owner(self.reader, owner))
    }

    /// Everything that is set aside or expected, by operation.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn holds(&self) -> Result<Vec<Hold>, Error> {
        all_holds(self.reader)
    }

    /// What `operation` has set aside or expects.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn holds_of(&self, operation: OperationId) -> Result<Vec<Hold>, Error> {
        holds_of(self.reader, operation)
    }

    /// Computes everything that is derived in the ledger anew and answers what differs: nothing in a
    /// sound one. [`Snapshot::verify`](crate::Snapshot::verify) looks at operations as well.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn verify(&self) -> Result<Vec<Finding>, Error> {
        super::verify(self.reader)
    }

    /// Why trading is halted, if it is.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn halted(&self) -> Result<Option<Box<str>>, Error> {
        super::limits::halted(self.reader)
    }

    /// The profit that positions of `account` closed from `from` on and before `to` made, fees in
    /// their quote asset taken off: one sum for each quote asset.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn pnl_between(
        &self,
        account: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Money>, Error> {
        let mut sums: Vec<Money> = Vec::new();
        let key = |time: Timestamp| Key::new().name(account).time(time.as_micros()).into_bytes();
        let range = KeyRange {
            start: std::ops::Bound::Included(key(from)),
            end: std::ops::Bound::Excluded(key(to.max(from))),
        };
        for row in self.reader.scan(CLOSED, range) {
            let (key, _) = row?;
            let id = key.last_chunk::<8>().map(|id| PositionId::new(u64::from_be_bytes(*id)));
            let id = id.ok_or_else(|| rows::impossible(CLOSED, &key, "key"))?;
            let state = position::load(self.reader, id)?;
            let made = sub(state.realized, state.quote_fees)?;
            let made =
                Money::new(assets::asset(self.reader, state.quote)?, Amount::from_units(made));
            match sums.iter_mut().find(|sum| sum.asset() == made.asset()) {
                Some(sum) => *sum = sum.checked_add(&made)?,
                None => sums.push(made),
            }
        }
        Ok(sums)
    }
}

/// Where the accounts of those behind this owner begin.
fn behind_owner(owner: Option<&str>) -> std::ops::Bound<Vec<u8>> {
    owner.map_or(std::ops::Bound::Unbounded, |owner| {
        match KeyRange::prefix(Key::new().name(owner).bytes()).end {
            std::ops::Bound::Excluded(end) => std::ops::Bound::Included(end),
            end => end,
        }
    })
}

fn shown<'a>(
    reader: &'a dyn Reader,
    records: impl DoubleEndedIterator<Item = Result<EntryRecord, Error>> + 'a,
) -> impl DoubleEndedIterator<Item = Result<Entry, Error>> + 'a {
    records.map(move |record| record?.shown(reader))
}

impl AccountKey {
    pub(crate) fn of(owner: &str, asset: super::assets::AssetId, kind: AccountKind) -> Self {
        Self { owner: Arc::from(owner), asset, kind }
    }
}
