//! A started operation on its way: the order is sent, and what the venue does is written down.
//!
//! An operation ends in one of two ways: completed, with what the venue executed in the books, or
//! rolled back, once it is certain that the venue executed nothing. In between it has failed, and its
//! money stays set aside.

use highwater::{Effect, Failure, Fill, InProgress, OperationId, PositionId, RollBack};

use crate::bot::{Bot, Outcome};
use crate::kills::point;
use crate::market::Side;
use crate::venue::{Answer, Order, Report, State};

/// The venue's name in the books. Its ids of executions are unique under it.
pub(crate) const VENUE: &str = "paper";

impl Bot<'_> {
    /// Sends the order of an operation and sees it to its end.
    pub(crate) fn execute(&mut self, operation: InProgress, order: &Order) -> Outcome<()> {
        let mut operation = operation;
        loop {
            // The external id was drawn and synced before: by it the venue can be asked later.
            let failure = match self.venue.place(&operation.external_id().to_string(), order)? {
                Answer::Accepted => return self.follow(operation),
                // Definite: nothing happened. A retry is another order, with another id.
                Answer::Rejected(why) => Failure::definite(why),
                Answer::Busy => Failure::definite("the venue is busy"),
                // Ambiguous: it may have happened. A retry is the same order, with the same id.
                Answer::TimedOut => Failure::ambiguous("no answer came"),
            };
            point("before a failure is written down");
            let failed = operation.fail(self.store, failure)?;
            match self.settle(failed.id())? {
                Some(again) => operation = again,
                None => return Ok(()),
            }
        }
    }

    /// Writes down each execution as it becomes known, until no more will come.
    fn follow(&mut self, operation: InProgress) -> Outcome<()> {
        loop {
            let report = self.venue.look(&operation.external_id().to_string())?;
            let report = report.ok_or("the venue lost an order that it had accepted")?;
            let effect = effect(operation.position(), &report)?;
            match report.state {
                State::Working => {
                    point("before an execution is recorded");
                    operation.record(self.store, &effect)?;
                }
                State::Done => {
                    point("before an operation is completed");
                    operation.complete(self.store, &effect)?;
                    return Ok(());
                }
                State::Rejected(why) => {
                    point("before a rejection is written down");
                    let failed = operation.fail(self.store, Failure::definite(&*why))?;
                    point("between a failure and its roll back");
                    failed.roll_back(self.store, RollBack::new(why))?;
                    return Ok(());
                }
            }
        }
    }

    /// Decides about a failed operation by asking the venue. Answers it in progress again if its
    /// order is to be sent again.
    pub(crate) fn settle(&mut self, id: OperationId) -> Outcome<Option<InProgress>> {
        let operation = self.operation(id)?;
        let report = self.venue.look(&operation.external_id.to_string())?;
        point("before a failed operation is settled");
        let operations = self.store.operations();
        match report {
            Some(Report { state: State::Rejected(why), .. }) => {
                // Where it is not known what happened, evidence is asked for.
                let roll_back = RollBack::new(why).evidence("the venue says that it rejected it");
                operations.roll_back(id, roll_back)?;
                Ok(None)
            }
            Some(report) if report.state == State::Done => {
                operations.resolve_complete(id, &effect(operation.position(), &report)?)?;
                Ok(None)
            }
            // It is at work there, or never came there. Sent again, it is one order in either case.
            Some(_) | None => Ok(Some(operations.retry(id)?)),
        }
    }
}

/// What the venue has done for an operation, in its own numbers: nothing is calculated from a price.
/// All executions are named each time; those that are in the books already are skipped. If the venue
/// could ever take more than the books have, `cover_shortfall` would book that all the same.
pub(crate) fn effect(position: Option<PositionId>, report: &Report) -> Outcome<Effect> {
    let position = position.ok_or("the operation names no position")?;
    Ok(report.executions.iter().fold(Effect::new(), |effect, one| {
        let fill = Fill::new(VENUE, &*one.id, one.quantity.clone(), one.gross.clone());
        let fill = fill.fee(one.fee.clone());
        match report.order.side {
            Side::Buy => effect.buy(position, fill),
            Side::Sell => effect.sell(position, fill),
        }
    }))
}
