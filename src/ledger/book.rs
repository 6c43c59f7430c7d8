//! The ledger as a bot writes it without an operation: money across the border, corrections,
//! attributes, the halt switch.

use std::collections::BTreeSet;

use super::accounts::{self, AccountKey, AccountKind, add, sub};
use super::names::{MAX_REASON_BYTES, check_name, check_text};
use super::tx::LedgerTx;
use super::value::Marks;
use super::{EQUITY, EntryId, EquityPoint, Error, Ledger, Mismatch, NewPosition, PositionId, rows};
use crate::clock::Timestamp;
use crate::money::{Amount, Asset, Money};

/// The ledger of a commit in the making, for what is no operation. A call that is refused stages
/// nothing; the commit can go on without it.
pub struct LedgerMut<'t> {
    inner: LedgerTx<'t>,
}

/// By how much the outside has more than the books, or less.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Difference {
    /// Cash and units of the account, in the books.
    pub booked: Money,
    /// What the outside says.
    pub external: Money,
    /// The outside less the books.
    pub difference: Money,
}

impl<'t> LedgerMut<'t> {
    pub(crate) fn new(inner: LedgerTx<'t>) -> Self {
        Self { inner }
    }

    /// The ledger as it would be after this commit.
    pub fn read(&self) -> Ledger<'_> {
        let reference = &self.inner.rules().reference;
        Ledger::new(self.inner.reader(), Some(reference), self.inner.now())
    }

    fn note(&mut self, what: &'static str) {
        self.inner.tx().note(what);
    }

    /// Money comes into an account from outside: World to Cash. Called twice, it comes twice; claim
    /// something in the same commit, or use an operation, where it may be repeated.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::EffectMismatch`] for zero or less, [`Error::Money`].
    pub fn deposit(&mut self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.note("ledger.deposit");
        self.inner.whole(|ledger| ledger.deposit(account, money))
    }

    /// Available money leaves an account for outside: Cash to World.
    ///
    /// # Errors
    /// [`Error::Insufficient`]; otherwise as [`LedgerMut::deposit`].
    pub fn withdraw(&mut self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.note("ledger.withdraw");
        self.inner.whole(|ledger| ledger.withdraw(account, money))
    }

    /// Available cash of one account becomes cash of another.
    ///
    /// # Errors
    /// [`Error::Insufficient`]; [`Error::EffectMismatch`] from an account to itself, and as
    /// [`LedgerMut::deposit`].
    pub fn transfer(&mut self, from: &str, to: &str, money: &Money) -> Result<EntryId, Error> {
        self.note("ledger.transfer");
        self.inner.whole(|ledger| ledger.transfer(from, to, money))
    }

    /// What an account held before the book was opened: once for each account and asset.
    ///
    /// # Errors
    /// [`Error::AlreadyOpened`]; otherwise as [`LedgerMut::deposit`].
    pub fn opening_balance(&mut self, account: &str, money: &Money) -> Result<EntryId, Error> {
        self.note("ledger.opening-balance");
        self.inner.whole(|ledger| ledger.opening_balance(account, money))
    }

    /// A position that was there before the book was: once for each account, asset and tag.
    ///
    /// # Errors
    /// [`Error::AlreadyOpened`], [`Error::DuplicatePosition`], [`Error::EffectMismatch`],
    /// [`Error::FromTheFuture`], [`Error::InvalidName`], [`Error::Money`].
    pub fn import_position(
        &mut self,
        position: &NewPosition,
        quantity: &Money,
        cost: &Money,
        opened_at: Timestamp,
    ) -> Result<PositionId, Error> {
        self.note("ledger.import");
        self.inner.whole(|ledger| ledger.import_position(position, quantity, cost, opened_at))
    }

    /// Writes or, with `None`, clears an attribute of a position, and answers its version. With
    /// `expected`, only if it has that version; one that was never written has version 0.
    ///
    /// # Errors
    /// [`Error::AttributeMoved`], [`Error::UnknownPosition`], [`Error::InvalidName`].
    pub fn set_attribute(
        &mut self,
        position: PositionId,
        name: &str,
        value: Option<&[u8]>,
        expected: Option<u64>,
    ) -> Result<u64, Error> {
        self.note("ledger.attribute");
        let write =
            |ledger: &mut LedgerTx<'t>| ledger.write_attribute(position, name, value, expected);
        Ok(self.inner.whole(write)?.written)
    }

    /// Halts everything that raises risk until [`LedgerMut::resume`], also over restarts. Reducing
    /// and closing go on.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a reason that is empty or too long.
    pub fn halt(&mut self, reason: &str) -> Result<(), Error> {
        self.note("ledger.halt");
        self.inner.whole(|ledger| ledger.halt(reason))
    }

    /// Ends the halt.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn resume(&mut self) -> Result<(), Error> {
        self.note("ledger.resume");
        self.inner.whole(|ledger| ledger.resume())
    }

    /// Appends what `account` is worth now to its equity series.
    ///
    /// # Errors
    /// [`Error::Unmarked`] where something it holds has no price.
    pub fn record_equity(&mut self, account: &str) -> Result<EquityPoint, Error> {
        check_name("the account's name", account)?;
        let rules = self.inner.rules();
        let equity =
            Marks::new(self.inner.reader(), &rules.reference, self.inner.now()).equity(account)?;
        if let Some(asset) = equity.unmarked.into_iter().next() {
            return Err(Error::Unmarked { asset });
        }
        let at = self.inner.stored_now();
        let key = rows::Key::new().name(account).time(at).into_bytes();
        rows::put(self.inner.tx(), EQUITY, &key, &equity.value.amount().units());
        self.note("ledger.equity");
        Ok(EquityPoint { at: Timestamp::from_micros(at), value: equity.value })
    }

    /// Brings the books in line with what the outside says an account holds: each difference is an
    /// entry between Cash and Adjustment. Answers the entries; none where nothing differs.
    ///
    /// # Errors
    /// [`Error::Insufficient`] where cash cannot be lowered by the difference, because the books
    /// have it in positions or set aside; [`Error::InvalidName`], [`Error::Money`].
    pub fn adjust(
        &mut self,
        account: &str,
        external: &[Money],
        reason: &str,
    ) -> Result<Vec<EntryId>, Error> {
        check_name("the account's name", account)?;
        check_text("the reason", reason, 1, MAX_REASON_BYTES)?;
        let differences = self.read().reconcile(account, external)?;
        self.note("ledger.adjust");
        self.inner.whole(|ledger| {
            let adjust = |difference: Difference| {
                let asset = ledger.asset_id(difference.difference.asset())?;
                let units = difference.difference.amount().units();
                ledger.adjust(account, asset, units, reason)
            };
            differences.into_iter().map(adjust).collect()
        })
    }

    /// Declares what stands on an account's Adjustment for this asset as explained: it moves to
    /// World, and is no shortfall any more.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Money`].
    pub fn write_off(
        &mut self,
        account: &str,
        asset: &Asset,
        reason: &str,
    ) -> Result<Option<EntryId>, Error> {
        check_name("the account's name", account)?;
        check_text("the reason", reason, 1, MAX_REASON_BYTES)?;
        self.note("ledger.write-off");
        self.inner.whole(|ledger| ledger.write_off(account, asset, reason))
    }
}

impl Ledger<'_> {
    /// Where the outside differs from the books: `external` says what the account holds of some
    /// assets, in cash and positions together. Assets that are not in it are not looked at.
    ///
    /// # Errors
    /// [`Error::Money`], [`Error::CorruptRow`], [`Error::Engine`].
    pub fn reconcile(&self, account: &str, external: &[Money]) -> Result<Vec<Difference>, Error> {
        let (mut differences, mut seen) = (Vec::new(), BTreeSet::new());
        for external in external {
            let asset = external.asset();
            if !seen.insert(asset.key()) {
                return Err(Mismatch::Twice(asset.clone()).into());
            }
            let booked = match super::assets::find(self.reader, asset)? {
                Some(id) => {
                    let balance = |kind| -> Result<i128, Error> {
                        let key = AccountKey::of(account, id, kind);
                        Ok(accounts::load(self.reader, &key)?.balance())
                    };
                    add(balance(AccountKind::Cash)?, balance(AccountKind::Units)?)?
                }
                None => 0,
            };
            let difference = sub(external.amount().units(), booked)?;
            let money = |units| Money::new(asset.clone(), Amount::from_units(units));
            let (booked, external) = (money(booked), external.clone());
            if difference != 0 {
                let difference = money(difference);
                differences.push(Difference { booked, external, difference });
            }
        }
        Ok(differences)
    }
}
