//! The ledger of a commit in the making: the rows it reads and stages, and the rules it is held to.

use super::accounts::AccountKey;
use super::assets::{self, AssetId};
use super::limits::Limits;
use super::rows::{self};
use super::{ASSET_KEYS, ASSETS, BOOK, EntryId, Error, Mismatch, PositionId};
use crate::clock::Timestamp;
use crate::codec::{BorrowDecode, Encode};
use crate::engine::{Reader, Tx};
use crate::money::{self, Amount, Asset, Money};
use crate::tokens::Tokens;

/// What the store was opened with that the ledger has to know.
#[derive(Clone, Debug)]
pub(crate) struct LedgerRules {
    /// The asset that token prices are in.
    pub(crate) reference: Asset,
    pub(crate) limits: Limits,
    pub(crate) future_tolerance_micros: i64,
}

/// The ledger of a commit in the making.
pub(crate) struct LedgerTx<'t> {
    tx: &'t mut Tx,
    rules: &'t LedgerRules,
    /// The clock's time, as it is.
    now: Timestamp,
}

/// The next number of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct NextNumbers {
    pub(crate) asset: u32,
    pub(crate) entry: u64,
    pub(crate) position: u64,
}

/// The row of [`BOOK`] that holds the next numbers.
pub(crate) const NUMBERS: &[u8] = b"numbers";

pub(crate) fn next_numbers(reader: &dyn Reader) -> Result<NextNumbers, Error> {
    let numbers = rows::load(reader, BOOK, NUMBERS)?;
    Ok(numbers.unwrap_or(NextNumbers { asset: 1, entry: 1, position: 1 }))
}

impl<'t> LedgerTx<'t> {
    pub(crate) fn new(tx: &'t mut Tx, rules: &'t LedgerRules, now: Timestamp) -> Self {
        Self { tx, rules, now }
    }

    /// Does all of `body` or, where it refuses, nothing: what it staged is taken back.
    pub(crate) fn whole<T, E>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let savepoint = self.tx.savepoint();
        let outcome = body(self);
        match outcome {
            Ok(_) => self.tx.keep(savepoint),
            Err(_) => self.tx.go_back(savepoint),
        }
        outcome
    }

    pub(crate) fn tx(&mut self) -> &mut Tx {
        self.tx
    }

    pub(crate) fn reader(&self) -> &dyn Reader {
        self.tx
    }

    pub(crate) fn rules(&self) -> &'t LedgerRules {
        self.rules
    }

    /// The clock's time, which may run backwards.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The time that the commit's rows carry, which never runs backwards.
    pub(crate) fn stored_now(&self) -> i64 {
        self.tx.micros()
    }

    /// The asset's number. An asset that is new gets one.
    pub(crate) fn asset_id(&mut self, asset: &Asset) -> Result<AssetId, Error> {
        if let Some(id) = assets::find(self.reader(), asset)? {
            return Ok(id);
        }
        self.check_scale(asset)?;
        let mut numbers = next_numbers(self.reader())?;
        let id = AssetId(numbers.asset);
        numbers.asset = numbers.asset.checked_add(1).ok_or(too_many())?;
        self.put_numbers(&numbers);
        let (by_key, by_number) = assets::encode(id, asset);
        self.tx.put(ASSETS, asset.key().as_bytes(), by_key);
        self.tx.put(ASSET_KEYS, &id.key(), by_number);
        Ok(id)
    }

    /// A scale that contradicts the reference asset or the token's known decimals is refused before
    /// the ledger holds to it for ever.
    fn check_scale(&self, asset: &Asset) -> Result<(), Error> {
        let reference = &self.rules.reference;
        let token = || -> Result<Option<u8>, Error> {
            let token = Tokens::new(self.tx).get(asset.key());
            Ok(token.map_err(Error::token)?.and_then(|token| token.decimals))
        };
        let known = match reference.key() == asset.key() {
            true => Some(reference.scale()),
            false => token()?,
        };
        match known {
            Some(left) if left != asset.scale() => {
                let (key, right) = (asset.key().clone(), asset.scale());
                Err(money::Error::ScaleConflict { key, left, right }.into())
            }
            _ => Ok(()),
        }
    }

    /// The asset with this number, which some row names.
    pub(crate) fn asset(&self, id: AssetId) -> Result<Asset, Error> {
        assets::asset(self.reader(), id)
    }

    /// That `money` is of the position's asset `id`.
    pub(crate) fn expect_asset(&self, money: &Money, id: AssetId) -> Result<(), Error> {
        let expected = self.asset(id)?;
        same_asset(money.asset(), &expected, |found, expected| Mismatch::Quantity {
            found,
            expected,
        })
    }

    /// That `money` is of the position's quote asset `id`.
    pub(crate) fn expect_quote(&self, money: &Money, id: AssetId) -> Result<(), Error> {
        let expected = self.asset(id)?;
        same_asset(money.asset(), &expected, |found, expected| Mismatch::Quote { found, expected })
    }

    pub(super) fn next_entry(&mut self) -> Result<EntryId, Error> {
        let mut numbers = next_numbers(self.reader())?;
        let id = EntryId::new(numbers.entry);
        numbers.entry = numbers.entry.checked_add(1).ok_or(too_many())?;
        self.put_numbers(&numbers);
        Ok(id)
    }

    pub(super) fn next_position(&mut self) -> Result<PositionId, Error> {
        let mut numbers = next_numbers(self.reader())?;
        let id = PositionId::new(numbers.position);
        numbers.position = numbers.position.checked_add(1).ok_or(too_many())?;
        self.put_numbers(&numbers);
        Ok(id)
    }

    fn put_numbers(&mut self, numbers: &NextNumbers) {
        rows::put(self.tx, BOOK, NUMBERS, numbers);
    }

    /// The refusal for `short` smallest units that are missing.
    pub(super) fn insufficient(
        &self,
        owner: &str,
        asset: AssetId,
        short: i128,
        position: Option<PositionId>,
    ) -> Result<Error, Error> {
        let short = Money::new(self.asset(asset)?, Amount::from_units(short));
        Ok(Error::Insufficient { account: owner.into(), short, position })
    }

    pub(super) fn account_key(
        &self,
        owner: &std::sync::Arc<str>,
        asset: AssetId,
        kind: super::AccountKind,
    ) -> AccountKey {
        AccountKey { owner: owner.clone(), asset, kind }
    }
}

/// That two assets are the same, with the same scale.
fn same_asset(
    found: &Asset,
    expected: &Asset,
    mismatch: impl Fn(Asset, Asset) -> Mismatch,
) -> Result<(), Error> {
    if found.key() != expected.key() {
        return Err(mismatch(found.clone(), expected.clone()).into());
    }
    if found.scale() != expected.scale() {
        let (left, right) = (expected.scale(), found.scale());
        let key = found.key().clone();
        return Err(money::Error::ScaleConflict { key, left, right }.into());
    }
    Ok(())
}

/// A store cannot have so many of anything; the number would not fit.
fn too_many() -> Error {
    Error::Money(money::Error::Overflow { operation: "counting one more" })
}
