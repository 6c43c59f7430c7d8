//! The bot: what it does about a trade, up to the moment at which it may act outside.
//!
//! It copies one trade at a time. What it is about to do is in the store before it does it, together
//! with the money set aside for it and the claim on the trade, in one commit. From then on
//! [`execute`](crate::execute) has it, and after a death [`recovery`](crate::recovery).

use std::error::Error as AnyError;

use highwater::{
    Amount, Begun, Durability, Error, Intent, KeyState, Money, NewPosition, Rounding, Status,
    Store, Update, ledger,
};

use crate::kills::{self, point};
use crate::market::{Side, Trade, UNIT_SCALE};
use crate::venue::{Order, Venue, dollars};

pub(crate) type Outcome<T> = Result<T, Box<dyn AnyError>>;

/// The account that the bot trades for: a name of its own choosing.
pub(crate) const ACCOUNT: &str = "copies";
/// The claims on trades are under this name, and so is the mark of how far the input was read.
const FEED: &str = "feed";
/// At most this much is spent on one trade.
const STAKE_DOLLARS: i128 = 250;

pub(crate) struct Bot<'a> {
    pub(crate) store: &'a Store,
    pub(crate) venue: &'a mut Venue,
    /// The row of the input that the last commit was about: what the cursor says.
    row: Option<u64>,
}

impl<'a> Bot<'a> {
    pub(crate) fn new(store: &'a Store, venue: &'a mut Venue) -> Outcome<Self> {
        let cursor = store.snapshot().cursors().get(FEED)?;
        let row = cursor.map(|text| Ok::<_, Box<dyn AnyError>>(str::from_utf8(&text)?.parse()?));
        let row = row.transpose()?;
        kills::at_row(row.unwrap_or(0));
        Ok(Self { store, venue, row })
    }

    /// How many rows need not be read again. The last one is read once more: its operation may have
    /// been rolled back because the bot died before it could start it.
    pub(crate) fn rows_done(&self) -> u64 {
        self.row.unwrap_or(0).saturating_sub(1)
    }

    /// Books what the account begins with. That happens once, however often it is tried.
    pub(crate) fn open_book(&self, cash: &Money) -> Outcome<()> {
        point("before the opening balance");
        match self.store.ledger().opening_balance(ACCOUNT, cash) {
            Ok(_) | Err(Error::Ledger(ledger::Error::AlreadyOpened { .. })) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Copies a trade, or passes it over for good.
    pub(crate) fn copy(&mut self, trade: &Trade) -> Outcome<()> {
        kills::at_row(trade.row);
        self.note_price(trade)?;
        // The trade's id is the key of its operation. Whatever happens, there is one for it.
        let known = self.store.snapshot().operations().by_key(&trade.id)?;
        let was_lost = known.as_ref().is_some_and(was_never_started);
        if known.is_some() && !was_lost {
            return self.pass_over(trade);
        }
        let Some((intent, order)) = self.decide(trade)? else { return self.pass_over(trade) };

        point("before an operation is begun");
        let operations = self.store.operations();
        let begun =
            if was_lost { operations.begin_again(&intent) } else { operations.begin(&intent) };
        let pending = match begun {
            Ok(Begun::New(pending)) => pending,
            // Somebody had the trade before.
            Ok(_) => return self.pass_over(trade),
            // All money is at work or reserved. A refusal has changed nothing.
            Err(Error::Insufficient { .. }) => return self.pass_over(trade),
            Err(error) => return Err(error.into()),
        };
        self.row = Some(trade.row);

        // Time to sign, to ask for a quote. What dies here was never sent; nobody needs to be asked.
        point("with an operation begun and not started");
        let started = pending.start(self.store)?;
        // Started is synced before it returns: whatever is sent from now on, a later life knows of it.
        self.execute(started, &order)
    }

    /// What to do about a trade: the operation, with all that it may touch, and the order to send.
    fn decide(&self, trade: &Trade) -> Outcome<Option<(Intent, Order)>> {
        let asset = trade.quantity.asset();
        let position = self.store.snapshot().ledger().open_position(ACCOUNT, asset, "")?;
        let (intent, quantity) = match (trade.side, position) {
            (Side::Sell, None) => return Ok(None),
            // Sets aside all units of the position.
            (Side::Sell, Some(position)) => {
                (Intent::close(&trade.id, position.id), position.quantity)
            }
            (Side::Buy, position) => {
                let Some((quantity, cost)) = stake(trade)? else { return Ok(None) };
                let intent = match position {
                    None => {
                        let new = NewPosition::new(ACCOUNT, asset.clone(), dollars());
                        Intent::open(&trade.id, new)
                    }
                    Some(position) => Intent::trade(&trade.id, ACCOUNT).increase(position.id),
                };
                // Sets aside what it should cost. What it costs beyond is taken from what is free,
                // because what a venue has done cannot be refused.
                (intent.hold(cost), quantity)
            }
        };
        let order =
            Order { side: trade.side, quantity, price: trade.price, trade: trade.id.clone() };
        let (before, row) = (self.cursor(), trade.row.to_string());
        let intent = intent
            // For a later life, which has to know what this one sent.
            .payload(order.to_string())
            // The venue takes an order id once, so sending an order again does no harm.
            .idempotent()
            .max_attempts(10)
            // In the same commit: nobody copies this trade again, nobody reads up to here again.
            .claim(FEED, &trade.id, trade.at)
            .cursor(FEED, before.as_deref(), row);
        Ok(Some((intent, order)))
    }

    /// What the cursor was set to last, which setting it anew has to state.
    fn cursor(&self) -> Option<Vec<u8>> {
        self.row.map(|row| row.to_string().into_bytes())
    }

    /// Claims a trade about which nothing is done. If power takes this commit away, the trade is
    /// looked at and passed over once more, so the commit need not wait for the disk.
    fn pass_over(&mut self, trade: &Trade) -> Outcome<()> {
        let before = self.cursor();
        self.store.write_with(Durability::Written, |tx| {
            tx.claims().claim(FEED, trade.id.as_bytes(), trade.at)?;
            tx.cursors().set(FEED, before.as_deref(), trade.row.to_string().as_bytes())?;
            Ok::<_, Error>(())
        })?;
        self.row = Some(trade.row);
        Ok(())
    }

    /// Tells the store what the token was traded at, to value the positions with.
    fn note_price(&self, trade: &Trade) -> Outcome<()> {
        let update = Update::new(trade.quantity.asset().key().clone())
            .price(trade.price, trade.at)
            .source(FEED)
            .seq(trade.row);
        self.store.write_with(Durability::Written, |tx| {
            Ok::<_, Error>(tx.tokens().apply(&update).map(drop)?)
        })?;
        Ok(())
    }
}

/// Whether an operation was given up by recovery before anything was sent.
fn was_never_started(known: &KeyState) -> bool {
    let operation = known.operation();
    operation.is_some_and(|operation| {
        operation.status == Status::RolledBack && operation.started_at.is_none()
    })
}

/// How much of a trade is copied, and what that should cost with a little to spare; nothing where it
/// is not worth an order.
fn stake(trade: &Trade) -> Outcome<Option<(Money, Money)>> {
    let dollars = dollars();
    let one = 10_i128.pow(u32::from(dollars.scale()));
    let (whole, asset) = (trade.quantity.amount(), trade.quantity.asset());
    let cost = |units| trade.price.times(units, UNIT_SCALE, dollars.scale(), Rounding::Up);
    let (stake, full) = (STAKE_DOLLARS * one, cost(whole)?.units());
    let copied = if full <= stake {
        whole
    } else {
        let product = whole.units().checked_mul(stake).ok_or("the trade is too large")?;
        Amount::from_units(product / full)
    };
    let cost = cost(copied)?.units();
    let held = Amount::from_units(cost + cost / 100);
    let is_worth_it = copied.units() > 0 && cost >= one;
    Ok(is_worth_it.then(|| (Money::new(asset.clone(), copied), Money::new(dollars, held))))
}
