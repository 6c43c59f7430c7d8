//! Does by the store's ledger, claims and cursors what is done by hand.

use crate::clock::Timestamp;
use crate::ledger::PositionId;
use crate::processed::{Claim, ClaimOutcome, ClaimState};
use crate::store::{Error, Tx};

use super::tokens;
use super::translate::{attribute, money, new_position};
use crate::simulation::model::hand::Deed;
use crate::simulation::model::words::{Claimed, Reply};

/// Does one deed, or several of which each can be refused alone, or all where one is. Answers what
/// the store said, to one alone.
pub(crate) fn in_one_commit(
    tx: &mut Tx<'_>,
    deeds: &[Deed],
    all_or_nothing: bool,
) -> Result<Reply, Error> {
    if let [deed] = deeds {
        return in_a_commit(tx, deed);
    }
    for deed in deeds {
        match in_a_commit(tx, deed) {
            Err(error) if all_or_nothing || !error.is_refused() => return Err(error),
            _ => {}
        }
    }
    Ok(Reply::Done)
}

fn in_a_commit(tx: &mut Tx<'_>, deed: &Deed) -> Result<Reply, Error> {
    let mut ledger = tx.ledger();
    let posted = |entry: crate::ledger::EntryId| Reply::Posted(entry.get());
    Ok(match deed {
        Deed::Deposit(owner, sum) => posted(ledger.deposit(owner.name(), &money(*sum))?),
        Deed::Withdraw(owner, sum) => posted(ledger.withdraw(owner.name(), &money(*sum))?),
        Deed::OpeningBalance(owner, sum) => {
            posted(ledger.opening_balance(owner.name(), &money(*sum))?)
        }
        Deed::ImportPosition { new, quantity, cost, opened_at } => {
            let (quantity, cost) = (money((new.coin, *quantity)), money((new.quote, *cost)));
            let opened_at = Timestamp::from_micros(*opened_at);
            let opened = ledger.import_position(&new_position(new), &quantity, &cost, opened_at);
            Reply::Opened(opened?.get())
        }
        Deed::Reverse(entry) => {
            let entry = crate::ledger::EntryId::new(*entry);
            posted(tx.operations().reverse(entry, "the venue busted it")?)
        }
        Deed::SetAttribute { position, name, value, seen } => {
            let value = value.map(|value| [value]);
            let value = value.as_ref().map(|value| &value[..]);
            let position = PositionId::new(*position);
            ledger.set_attribute(position, &attribute(*name), value, *seen)?;
            Reply::Done
        }
        Deed::Halt => {
            ledger.halt("somebody said so")?;
            Reply::Done
        }
        Deed::Resume => {
            ledger.resume()?;
            Reply::Done
        }
        Deed::Claim { namespace: space, key, at } => {
            let at = Timestamp::from_micros(*at);
            match tx.claims().claim(&namespace(*space), &[*key], at)? {
                Claim::New => Reply::Done,
                Claim::Duplicate(state) => Reply::Duplicate(claimed(state)),
                Claim::TooOld => Reply::TooOld,
            }
        }
        Deed::PriceUnavailable { namespace: space, key, at } => {
            let (space, at) = (namespace(*space), Timestamp::from_micros(*at));
            let mut claims = tx.claims();
            let before = claims.missing(&space, &[*key])?;
            match claims.price_unavailable(&space, &[*key], at)? == before {
                true => Reply::AlreadyDone,
                false => Reply::Done,
            }
        }
        Deed::PriceFound { namespace: space, key } => {
            match tx.claims().price_found(&namespace(*space), &[*key])? {
                true => Reply::Done,
                false => Reply::AlreadyDone,
            }
        }
        Deed::PruneClaims => match tx.claims().prune(usize::MAX)? {
            0 => Reply::AlreadyDone,
            _ => Reply::Done,
        },
        Deed::SetCursor { name, expected, value } => {
            let expected = expected.map(|value| [value]);
            let expected = expected.as_ref().map(|value| &value[..]);
            tx.cursors().set(&cursor(*name), expected, &[*value])?;
            Reply::Done
        }
        Deed::Upsert(saying) => {
            match tx.tokens().upsert(&tokens::update(saying))?.changes.is_empty() {
                true => Reply::AlreadyDone,
                false => Reply::Done,
            }
        }
        Deed::Adjust(owner, sum) => {
            match ledger.adjust(owner.name(), &[money(*sum)], "counted outside")?.as_slice() {
                [] => Reply::AlreadyDone,
                _ => Reply::Done,
            }
        }
    })
}

pub(crate) fn namespace(number: u8) -> String {
    format!("events-{number}")
}

pub(crate) fn cursor(number: u8) -> String {
    format!("cursor-{number}")
}

pub(crate) fn claimed(state: ClaimState) -> Claimed {
    match state {
        ClaimState::InFlight(operation) => Claimed::InFlight(operation),
        ClaimState::Done(ClaimOutcome::Completed) => Claimed::Completed,
        ClaimState::Done(ClaimOutcome::RolledBack) => Claimed::RolledBack,
        ClaimState::Done(ClaimOutcome::Recorded) => Claimed::Recorded,
    }
}
