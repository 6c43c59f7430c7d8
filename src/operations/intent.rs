//! The intent: what an operation is to do, stated before anything is done.

use super::PositionId;
use super::error::Error;
use super::kind::{Kind, Role};
use crate::clock::Timestamp;
use crate::ledger::{self, NewPosition, check_name, check_tag};
use crate::money::{Asset, Money};

/// The greatest length of an idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;
/// The greatest length of a payload, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// The most positions, accounts, assets or holds that one operation may name.
pub(super) const MAX_NAMED: usize = 64;
/// The most attempts that an operation may be given.
pub const MAX_ATTEMPTS: u32 = 1_000;
/// The attempts that an operation has if it does not say otherwise.
pub const DEFAULT_ATTEMPTS: u32 = 3;

/// What an operation is to do: under which key, with which money, on which positions.
///
/// The key makes it happen once: begun again with the same key and the same content it answers the
/// operation there is; with the same key and another content it is refused. An effect may later touch
/// only what is named here.
///
/// ```
/// use highwater::{Asset, Intent, Money, NewPosition};
///
/// let (btc, usd) = (Asset::new("bitcoin", "BTC", 8)?, Asset::new("fiat", "USD", 2)?);
/// let intent = Intent::open("signal-17", NewPosition::new("main", btc, usd.clone()).tag("trend"))
///     .hold(Money::parse(&usd, "500")?)
///     .payload(*b"limit 61000");
/// # let _ = intent;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "an intent does nothing until an operation is begun with it"]
pub struct Intent {
    pub(super) kind: Kind,
    pub(super) key: Box<[u8]>,
    pub(super) account: Option<Box<str>>,
    /// The money that a deduction takes or an addition brings.
    pub(super) money: Option<Money>,
    pub(super) holds: Vec<Money>,
    pub(super) named: Vec<Named>,
    pub(super) opens: Vec<NewPosition>,
    pub(super) touches: Vec<Asset>,
    pub(super) accounts: Vec<Box<str>>,
    pub(super) payload: Box<[u8]>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) max_attempts: u32,
    pub(super) idempotent: bool,
    pub(super) claim: Option<ClaimIntent>,
    pub(super) cursor: Option<CursorIntent>,
    /// What the caller asked for that operations of this kind do not take.
    misplaced: Option<&'static str>,
}

/// A position that the intent names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) position: PositionId,
    pub(super) role: Role,
    /// Of a reduction: the units to hold. Where none are given, all that nobody else holds.
    pub(super) quantity: Option<Money>,
}

/// A transaction of the outside that is claimed with the operation.
#[derive(Clone, Debug)]
pub(super) struct ClaimIntent {
    pub(super) namespace: Box<str>,
    pub(super) key: Box<[u8]>,
    pub(super) event_time: Timestamp,
}

/// A cursor that is moved with the operation.
#[derive(Clone, Debug)]
pub(super) struct CursorIntent {
    pub(super) name: Box<str>,
    pub(super) expected: Option<Box<[u8]>>,
    pub(super) value: Box<[u8]>,
}

impl Intent {
    fn new(kind: Kind, key: &[u8], account: Option<Box<str>>) -> Self {
        Self {
            kind,
            key: key.into(),
            account,
            money: None,
            holds: Vec::new(),
            named: Vec::new(),
            opens: Vec::new(),
            touches: Vec::new(),
            accounts: Vec::new(),
            payload: Box::default(),
            deadline: None,
            max_attempts: DEFAULT_ATTEMPTS,
            idempotent: false,
            claim: None,
            cursor: None,
            misplaced: None,
        }
    }

    /// Money is to leave `account` for outside. It is held.
    pub fn deduct(key: impl AsRef<[u8]>, account: impl Into<Box<str>>, money: Money) -> Self {
        let intent = Self::new(Kind::BalanceDeduct, key.as_ref(), Some(account.into()));
        Self { money: Some(money), ..intent }
    }

    /// Money is to come into `account` from outside. It is expected, and not spendable before.
    pub fn add(key: impl AsRef<[u8]>, account: impl Into<Box<str>>, money: Money) -> Self {
        let intent = Self::new(Kind::BalanceAdd, key.as_ref(), Some(account.into()));
        Self { money: Some(money), ..intent }
    }

    /// A position is to be opened. State with [`Intent::hold`] what may be spent on it.
    pub fn open(key: impl AsRef<[u8]>, position: NewPosition) -> Self {
        let account = Some(position.account.clone());
        Self { opens: vec![position], ..Self::new(Kind::PositionOpen, key.as_ref(), account) }
    }

    /// A position is to be closed: all its units that nothing else holds, or less with
    /// [`Intent::quantity`].
    pub fn close(key: impl AsRef<[u8]>, position: PositionId) -> Self {
        Self::on_position(Kind::PositionClose, key.as_ref(), position, Role::Reduces)
    }

    /// Attributes of a position are to change.
    pub fn update(key: impl AsRef<[u8]>, position: PositionId) -> Self {
        Self::on_position(Kind::PositionUpdate, key.as_ref(), position, Role::Updates)
    }

    fn on_position(kind: Kind, key: &[u8], position: PositionId, role: Role) -> Self {
        let named = vec![Named { position, role, quantity: None }];
        Self { named, ..Self::new(kind, key, None) }
    }

    /// Positions are to be increased and reduced together: a swap, a rebalancing, a split.
    pub fn trade(key: impl AsRef<[u8]>, account: impl Into<Box<str>>) -> Self {
        Self::new(Kind::TradeExecute, key.as_ref(), Some(account.into()))
    }

    /// Something of the bot's own, under a name of its own.
    pub fn custom(
        key: impl AsRef<[u8]>,
        name: impl Into<Box<str>>,
        account: impl Into<Box<str>>,
    ) -> Self {
        Self::new(Kind::Custom(name.into()), key.as_ref(), Some(account.into()))
    }

    fn is_free(&self) -> bool {
        matches!(self.kind, Kind::TradeExecute | Kind::Custom(_))
    }

    fn only_if(&mut self, fits: bool, what: &'static str) {
        if !fits {
            self.misplaced = Some(what);
        }
    }

    /// So much cash of the account is set aside for it. Once for each asset that it may spend.
    pub fn hold(mut self, money: Money) -> Self {
        let takes = matches!(self.kind, Kind::PositionOpen | Kind::PositionClose);
        self.only_if(takes || self.is_free(), "a hold");
        self.holds.push(money);
        self
    }

    /// The units that a closing sets aside, instead of all.
    pub fn quantity(mut self, quantity: Money) -> Self {
        self.only_if(self.kind == Kind::PositionClose, "a quantity");
        if let Some(named) = self.named.first_mut() {
            named.quantity = Some(quantity);
        }
        self
    }

    /// So many units of a position are set aside to be taken away from it.
    pub fn reduce(mut self, position: PositionId, quantity: Money) -> Self {
        self.only_if(self.is_free(), "a reduction");
        self.named.push(Named { position, role: Role::Reduces, quantity: Some(quantity) });
        self
    }

    /// Units are to be added to a position.
    pub fn increase(mut self, position: PositionId) -> Self {
        self.only_if(self.is_free(), "an increase");
        self.named.push(Named { position, role: Role::Increases, quantity: None });
        self
    }

    /// A position is opened with it. Call it once for each.
    pub fn opens(mut self, position: NewPosition) -> Self {
        self.only_if(self.is_free(), "another position to open");
        self.opens.push(position);
        self
    }

    /// The effect may touch this asset: one in which fees may be taken, for example.
    pub fn touches(mut self, asset: Asset) -> Self {
        self.touches.push(asset);
        self
    }

    /// The effect may touch this account beside the first.
    pub fn account(mut self, name: impl Into<Box<str>>) -> Self {
        self.only_if(self.is_free(), "another account");
        self.accounts.push(name.into());
        self
    }

    /// Bytes of the caller's own, kept with the operation. Part of what makes two intents the same.
    pub fn payload(mut self, payload: impl AsRef<[u8]>) -> Self {
        self.payload = payload.as_ref().into();
        self
    }

    /// It is not to be started after this time; then it is rolled back instead. Once it runs, the
    /// deadline matters no more.
    pub fn deadline(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How often it may be tried, the first time included. Default 3.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Doing it twice outside does no harm: the venue knows the external id and does it once. Only
    /// such an operation can be retried after an ambiguous failure.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// It stands for this transaction of the outside, which is processed once: begun only where the
    /// transaction is not claimed.
    pub fn claim(
        mut self,
        namespace: impl Into<Box<str>>,
        key: impl AsRef<[u8]>,
        event_time: Timestamp,
    ) -> Self {
        let (namespace, key) = (namespace.into(), key.as_ref().into());
        self.claim = Some(ClaimIntent { namespace, key, event_time });
        self
    }

    /// A cursor moves in the same commit, if it still stands where expected.
    pub fn cursor(
        mut self,
        name: impl Into<Box<str>>,
        expected: Option<&[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Self {
        let (expected, value) = (expected.map(Box::from), value.as_ref().into());
        self.cursor = Some(CursorIntent { name: name.into(), expected, value });
        self
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What it is about.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Refuses what no operation can be, whatever is in the books.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |what, fault| Err(Error::InvalidIntent { what, fault });
        if self.key.is_empty() {
            return refuse("the key", "is empty");
        }
        if self.key.len() > MAX_KEY_BYTES {
            return refuse("the key", "is too long");
        }
        if self.payload.len() > MAX_PAYLOAD_BYTES {
            return refuse("the payload", "is too long");
        }
        if let Some(what) = self.misplaced {
            return refuse(what, "is not for an operation of this kind");
        }
        if !(1..=MAX_ATTEMPTS).contains(&self.max_attempts) {
            return refuse("the number of attempts", "is not between 1 and 1000");
        }
        let named = [
            self.holds.len(),
            self.named.len() + self.opens.len(),
            self.touches.len(),
            self.accounts.len(),
        ];
        if named.into_iter().any(|count| count > MAX_NAMED) {
            return refuse("a list of holds, positions, assets or accounts", "is too long");
        }
        self.check_names()?;
        self.check_money()
    }

    fn check_names(&self) -> Result<(), Error> {
        if let Kind::Custom(name) = &self.kind {
            check_name("the operation's name", name)?;
        }
        for account in self.account.iter().chain(&self.accounts) {
            check_name("the account's name", account)?;
        }
        for position in &self.opens {
            check_name("the account's name", &position.account)?;
            check_tag("the position's tag", &position.tag)?;
        }
        Ok(())
    }

    fn check_money(&self) -> Result<(), Error> {
        let quantities = self.named.iter().filter_map(|named| named.quantity.as_ref());
        for money in self.money.iter().chain(&self.holds).chain(quantities) {
            if money.amount().is_negative() {
                return Err(ledger::Mismatch::Negative("an amount to set aside").into());
            }
            if money.amount().is_zero() {
                return Err(ledger::Mismatch::Zero("an amount to set aside").into());
            }
        }
        Ok(())
    }

    /// Whether it raises risk: limits and the halt switch are for such.
    pub(super) fn raises_risk(&self) -> bool {
        !self.opens.is_empty() || self.named.iter().any(|named| named.role.raises_risk())
    }
}
