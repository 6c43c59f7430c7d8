//! What a write's closure works on.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::{self, Lsn};
use crate::ledger::{self, LedgerMut, LedgerRules, LedgerTx};
use crate::operations::{Life, OperationsMut};
use crate::price_status::PriceBackoff;
use crate::processed::{ClaimRules, ClaimsMut, CursorsMut};
use crate::tokens::{History, TokensMut};

/// A transaction: reads the newest staged state, stages changes over it, and is the only one that
/// does. Nothing happens before the closure that was given it returns `Ok`; where the closure
/// refuses or panics, nothing happens at all.
///
/// A closure must not wait for the outside world: every other writer waits for it.
pub struct Tx<'a> {
    pub(super) tx: &'a mut engine::Tx,
    pub(super) now: Timestamp,
    pub(super) monotonic: Duration,
    pub(super) rules: &'a LedgerRules,
    pub(super) life: &'a Life,
    pub(super) claim_rules: &'a ClaimRules,
    pub(super) history: Option<&'a History>,
    pub(super) price_backoff: &'a PriceBackoff,
}

impl Tx<'_> {
    /// The tokens, to read and to update.
    pub fn tokens(&mut self) -> TokensMut<'_> {
        let tolerance = self.rules.future_tolerance_micros;
        let backoff = self.price_backoff;
        TokensMut::new(self.tx, self.now, tolerance, ledger::scale_of, backoff)
            .with_history(self.history)
    }

    /// The ledger, to read and to book what is no operation.
    pub fn ledger(&mut self) -> LedgerMut<'_> {
        LedgerMut::new(self.ledger_tx())
    }

    pub(crate) fn ledger_tx(&mut self) -> LedgerTx<'_> {
        LedgerTx::new(self.tx, self.rules, self.now)
    }

    /// The claims on events outside, to look up and to make.
    pub fn claims(&mut self) -> ClaimsMut<'_> {
        ClaimsMut::new(self.tx, self.claim_rules, self.now)
    }

    /// The cursors, to read and to move.
    pub fn cursors(&mut self) -> CursorsMut<'_> {
        CursorsMut::new(self.tx)
    }

    /// The operations, to begin, run and settle, and to read.
    pub fn operations(&mut self) -> OperationsMut<'_> {
        let ledger = LedgerTx::new(self.tx, self.rules, self.now);
        OperationsMut::new(ledger, self.life, self.claim_rules, self.now, self.monotonic)
    }

    /// The clock's time when the transaction began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The LSN that this commit will have if it changes anything.
    pub fn lsn(&self) -> Lsn {
        self.tx.lsn()
    }

    /// Says what this commit is, in a few words for the reader of the log; cut at 255 bytes. The
    /// last word counts.
    pub fn note(&mut self, note: &str) {
        self.tx.note(note.to_owned());
    }
}
