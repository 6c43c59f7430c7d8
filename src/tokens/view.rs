//! The table of tokens: typed reads over any consistent state, and the one typed write.

use super::history::admit::{Admission, Gate, admit};
use super::merge::{DecimalsDiffer, State};
use super::row;
use super::{Applied, Changes, Error, History, Merged, TOKENS, Token, Update};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Row, Scan, Tx};
use crate::money::TokenKey;
use crate::price_status::PriceBackoff;

/// How far ahead of the store's clock a time may be that an update names, if nothing else was
/// chosen: five minutes.
pub const DEFAULT_FUTURE_TOLERANCE_MICROS: i64 = 5 * 60 * 1_000_000;

/// The tokens of one consistent state.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    pub(super) reader: &'a dyn Reader,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader }
    }

    /// The token under `key`, if it is known.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn get(&self, key: &TokenKey) -> Result<Option<Token>, Error> {
        match self.reader.get(TOKENS, key.as_bytes())? {
            Some(row) => Ok(Some(decode(key, &row)?.token(key.clone()))),
            None => Ok(None),
        }
    }

    /// Every token, by chain and then by address.
    pub fn iter(&self) -> Iter<'a> {
        Iter(Box::new(self.scan(KeyRange::all())))
    }

    /// Every token on `chain`, by address.
    pub fn chain(&self, chain: &str) -> Iter<'a> {
        self.prefix(chain, "")
    }

    /// Every token on `chain` whose address begins with `prefix`, by address. EVM addresses compare
    /// without case here too: `0xAB` finds `0xab...`.
    pub fn prefix(&self, chain: &str, prefix: &str) -> Iter<'a> {
        let spelled = |prefix: &str| KeyRange::prefix(&TokenKey::stored_prefix(chain, prefix));
        let exact = self.scan(spelled(prefix));
        let Some(folded) = TokenKey::evm_prefix(prefix) else {
            return Iter(Box::new(exact));
        };
        // EVM addresses are stored in lower case, which orders behind upper case, so the two ranges
        // are apart and in order. What else begins so in lower case was not asked for.
        let evm = self.scan(spelled(&folded)).filter(|token| match token {
            Ok(token) => token.key.is_evm(),
            Err(_) => true,
        });
        Iter(Box::new(exact.chain(evm)))
    }

    /// Every token whose latest price is above its highest one. There must never be one.
    pub fn integrity(&self) -> Iter<'a> {
        Iter(Box::new(self.scan(KeyRange::all()).filter(|token| match token {
            Ok(token) => match (&token.current, &token.max) {
                (Some(current), Some(max)) => max.price < current.price,
                (current, max) => current.is_some() != max.is_some(),
            },
            Err(_) => true,
        })))
    }

    fn scan(
        &self,
        range: KeyRange,
    ) -> impl DoubleEndedIterator<Item = Result<Token, Error>> + use<'a> {
        let rows: Scan<'a> = self.reader.scan(TOKENS, range);
        rows.map(|row| {
            let (key, row) = row?;
            let key = TokenKey::from_bytes(&key).ok_or(Error::CorruptKey { key })?;
            let state = decode(&key, &row)?;
            Ok(state.token(key.clone()))
        })
    }
}

/// Tokens in the order of their keys, from either end.
///
/// A token that cannot be read is an error in its place; the ones behind it still follow.
pub struct Iter<'a>(Box<dyn DoubleEndedIterator<Item = Result<Token, Error>> + 'a>);

impl Iterator for Iter<'_> {
    type Item = Result<Token, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

/// The tokens of a commit in the making.
pub struct TokensMut<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) now: Timestamp,
    /// How long to wait before a missing price is asked for again.
    pub(super) backoff: &'a PriceBackoff,
    /// The latest time an update may name.
    latest: Timestamp,
    known_elsewhere: KnownDecimals,
    /// What is kept of prices, if anything.
    pub(super) history: Option<&'a History>,
}

/// Decimals of a token that are known to somebody beside the tokens, such as a ledger that holds it.
pub(crate) type KnownDecimals = fn(&dyn Reader, &TokenKey) -> Option<u8>;

impl<'a> TokensMut<'a> {
    /// The tokens that `tx` reads and writes, when it is `now` and times up to
    /// `future_tolerance_micros` later are believed.
    pub(crate) fn new(
        tx: &'a mut Tx,
        now: Timestamp,
        future_tolerance_micros: i64,
        known_elsewhere: KnownDecimals,
        backoff: &'a PriceBackoff,
    ) -> Self {
        let latest = now.saturating_add_micros(future_tolerance_micros);
        Self { tx, now, backoff, latest, known_elsewhere, history: None }
    }

    /// The same, where this is kept of prices.
    pub(crate) fn with_history(mut self, history: Option<&'a History>) -> Self {
        self.history = history;
        self
    }

    /// The token under `key` as it would be after this commit, if it is known.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn get(&self, key: &TokenKey) -> Result<Option<Token>, Error> {
        Tokens::new(self.tx).get(key)
    }

    /// Takes in what `update` says, and answers the token as it is then and what changed.
    ///
    /// An update that changes nothing stages nothing. Whether the token's price is missing changes in the
    /// same commit; see [`Update::unavailable`]. The order in which updates arrive makes no
    /// difference to what is known of the token after all of them, but for which one of two that disagree on the
    /// decimals is refused: the later.
    ///
    /// # Errors
    /// The update is refused whole, nothing of it is staged, with [`Error::FromTheFuture`],
    /// [`Error::DecimalsConflict`], [`Error::DecimalsOutOfRange`] or [`Error::TooLong`]. Nothing is
    /// staged either with [`Error::CorruptRow`], [`Error::PriceStatus`] and [`Error::Engine`].
    pub fn upsert(&mut self, update: &Update) -> Result<Merged, Error> {
        self.merge(update, |after, applied| {
            let Applied { changes, recorded, missing } = applied;
            Merged { token: after.token(update.key().clone()), changes, recorded, missing }
        })
    }

    /// As [`TokensMut::upsert`], where nobody looks at the token as it is then: answers what the update came to and
    /// makes no copy of the token. What is stored is the same. For feeds, many updates in a commit.
    ///
    /// ```
    /// use highwater::{Asset, Durability, Error, Mode, Store, Timestamp, TokenKey, Update};
    ///
    /// let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
    /// let seen = Timestamp::from_micros(1_723_161_255_342_000);
    /// let tick = |coin: &str, price: &str| -> Result<Update, Box<dyn std::error::Error>> {
    ///     Ok(Update::new(TokenKey::new("exchange", coin)?).price(price.parse()?, seen).source("feed"))
    /// };
    /// let ticks = [tick("BTC", "61837.63")?, tick("ETH", "2611.4")?, tick("BTC", "61837.63")?];
    ///
    /// // Power loss may take prices, which come again.
    /// let news = store.write_with(Durability::Written, |tx| {
    ///     let mut news = 0;
    ///     for tick in &ticks {
    ///         news += usize::from(!tx.tokens().apply(tick)?.changes.is_empty());
    ///     }
    ///     Ok::<_, Error>(news)
    /// })?;
    /// assert_eq!(news, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`TokensMut::upsert`].
    pub fn apply(&mut self, update: &Update) -> Result<Applied, Error> {
        self.merge(update, |_, applied| applied)
    }

    /// Takes in what `update` says, and answers what `tell` makes of what it came to.
    fn merge<T>(
        &mut self,
        update: &Update,
        tell: impl FnOnce(&State<'_>, Applied) -> T,
    ) -> Result<T, Error> {
        update.check(self.latest)?;
        let key = update.key();
        let stored = self.tx.get(TOKENS, key.as_bytes())?;
        // A state is some hundreds of bytes: it is decoded where it stays, and lent.
        let before = match &stored {
            Some(row) => Some(decode(key, row)?),
            None => None,
        };
        let before = before.as_ref();
        self.check_decimals(before.and_then(|before| before.decimals), update)?;
        let mut after = State::of(update);
        let admission = self.admit(key, before, &after)?;
        let recorded = admission.recorded;
        if !recorded.is_believed() {
            after = State::of_all_but_price(update);
        }
        if let Some(before) = before {
            after = before.join(&after).map_err(|DecimalsDiffer { known, given }| {
                Error::DecimalsConflict { key: key.clone(), known, given }
            })?;
        }
        let changes = after.changes_since(before);
        let known_at = after.marks.as_ref().map(|marks| marks.current.observed_at);
        let status = self.status_change(key, update.asked_in_vain(), known_at)?;
        if !changes.is_empty() {
            let encode = |bytes: &mut Vec<u8>| row::encode_into(bytes, &after);
            self.tx.put_with(TOKENS, key.as_bytes(), encode);
        }
        let changes = Changes { missing: !status.is_none(), ..changes };
        if !changes.is_empty() || !admission.changes_nothing() {
            self.tx.note("token.upsert");
        }
        admission.stage(self.tx);
        self.stage_status(key, status);
        Ok(tell(&after, Applied { changes, recorded, missing: status.after }))
    }
}

impl TokensMut<'_> {
    /// What becomes of the price in `said`, if there is a real one and a history.
    fn admit(
        &self,
        key: &TokenKey,
        before: Option<&State<'_>>,
        said: &State<'_>,
    ) -> Result<Admission, Error> {
        match (self.history, &said.marks) {
            (Some(history), Some(price)) => {
                let marks = before.and_then(|before| before.marks);
                admit(self.tx, history, key, marks, price.current, Gate::Guarded)
            }
            _ => Ok(Admission::of_nothing()),
        }
    }

    /// Decimals that the token has already were held against what is known elsewhere when it got them, and
    /// neither ever changes.
    fn check_decimals(&self, before: Option<u8>, update: &Update) -> Result<(), Error> {
        let Some(given) = update.decimals.filter(|given| before != Some(*given)) else {
            return Ok(());
        };
        let key = update.key();
        match (self.known_elsewhere)(self.tx, key).filter(|known| *known != given) {
            Some(known) => Err(Error::DecimalsConflict { key: key.clone(), known, given }),
            None => Ok(()),
        }
    }
}

fn decode<'r>(key: &TokenKey, row: &'r Row) -> Result<State<'r>, Error> {
    row::decode(row).map_err(|source| Error::CorruptRow { key: key.clone(), source })
}
