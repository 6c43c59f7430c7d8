//! A new life: what an earlier one left unfinished is settled, by asking the venue.
//!
//! The store knows what was begun and what was started; only the venue knows what came of it. So the
//! store presents its cases, the bot asks the venue about each, and answers with a verdict. The loop is
//! the bot's own: it can await, and it can be killed anywhere in it, and then runs again.

use highwater::{Decided, Operation, OperationId, Status, Verdict};

use crate::bot::{Bot, Outcome};
use crate::execute::effect;
use crate::kills::point;
use crate::venue::{Order, Report, State};

impl Bot<'_> {
    pub(crate) fn recover(&mut self) -> Outcome<()> {
        let mut resumed = Vec::new();
        let mut recovery = self.store.recovery()?;
        while let Some(case) = recovery.next()? {
            point("in recovery, before the venue is asked");
            let report = self.venue.look(&case.operation.external_id.to_string())?;
            let verdict = verdict(&case.operation, report.as_ref())?;
            tell(&case.operation, &said(report.as_ref()), word(&verdict))?;
            point("in recovery, before a decision");
            match recovery.decide(case, verdict)? {
                Decided::Continued(in_progress) => resumed.push(in_progress),
                // The verdict does not fit the books: a mistake in the bot, for a human to see.
                Decided::Refused(error) => return Err(error.into()),
                _ => {}
            }
        }
        point("in recovery, before its end");
        let report = recovery.finish()?;
        for _ in 0..report.auto_rolled_back {
            println!("recovery  an operation was never started -> rolled back without asking");
        }

        for in_progress in resumed {
            point("in recovery, before an order is resumed");
            let order = order(&self.operation(in_progress.id())?)?;
            self.execute(in_progress, &order)?;
        }
        // What had failed before, and what recovery presents no more because three lives ended over
        // it. In earnest the latter is for a human to look into, with the same calls by number.
        for operation in self.store.snapshot().operations().unfinished()? {
            point("in recovery, before a failed operation is taken up");
            let is_given_up = operation.needs_attention.is_some();
            let said = if is_given_up { "three lives ended over it" } else { "it had failed" };
            tell(&operation, said, if is_given_up { "attended to" } else { "settled" })?;
            if let Some(in_progress) = self.settle(operation.id)? {
                self.execute(in_progress, &order(&operation)?)?;
            }
        }
        Ok(())
    }

    pub(crate) fn operation(&self, id: OperationId) -> Outcome<Operation> {
        let operation = self.store.snapshot().operations().get(id)?;
        Ok(operation.ok_or_else(|| format!("there is no operation {id}"))?)
    }
}

/// What is to become of an operation, by the word of the venue.
fn verdict(operation: &Operation, report: Option<&Report>) -> Outcome<Verdict> {
    match report {
        Some(report) if report.state == State::Done => {
            Ok(Verdict::Complete(effect(operation.position(), report)?))
        }
        Some(Report { state: State::Rejected(why), .. }) => {
            Ok(Verdict::RollBack { reason: why.as_str().into() })
        }
        // It is at work there, or never came there: this life goes on with it, under the same id. At
        // a venue whose orders may arrive late, one that it does not know is `RetryLater`.
        _ if operation.status == Status::InProgress => Ok(Verdict::Continue),
        // It had failed before: it stays as it is, and is settled below as any other.
        _ => Ok(Verdict::Leave),
    }
}

/// The order of an operation, as an earlier life meant to send it.
fn order(operation: &Operation) -> Outcome<Order> {
    str::from_utf8(&operation.payload)?.parse()
}

/// One line about an operation, for whoever watches.
fn tell(operation: &Operation, said: &str, decision: &str) -> Outcome<()> {
    let Order { side, quantity, .. } = order(operation)?;
    let (id, status, asset) = (operation.id, operation.status, quantity.asset());
    println!("recovery  {id} {side} {quantity} {asset}, {status}; {said} -> {decision}");
    Ok(())
}

/// What the venue says about an order, in a few words.
fn said(report: Option<&Report>) -> String {
    match report.map(|report| (&report.state, report.executions.len())) {
        None => "the venue never saw it".to_owned(),
        Some((State::Working, executions)) => format!("the venue is at it, {executions} executed"),
        Some((State::Done, executions)) => format!("the venue is done, {executions} executed"),
        Some((State::Rejected(_), _)) => "the venue rejected it".to_owned(),
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Complete(_) => "completed",
        Verdict::RollBack { .. } => "rolled back",
        Verdict::Continue => "continued",
        _ => "left, to be settled",
    }
}
