//! Everything that a snapshot of the store shows, in the words of the model.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::ledger::Ledger;
use crate::ledger::{HoldKind, Position};
use crate::money::Money;
use crate::operations::{FailureClass, KeyState, Operation};
use crate::processed::ClaimNamespace;
use crate::store::{Error, Snapshot};

use super::{deeds, tokens, translate};
use crate::simulation::cast::{Coin, Kind, Owner, pair};
use crate::simulation::model::book::Held;
use crate::simulation::model::claims::Figures;
use crate::simulation::model::effect::Role;
use crate::simulation::model::words::{Class, Leg, NewPosition, Status};
use crate::simulation::view::{View, netted};

pub(crate) fn view(snapshot: &Snapshot) -> Result<View, Error> {
    let mut view = View::default();
    let ledger = snapshot.ledger();
    tokens::show(snapshot, &mut view)?;
    tokens::show_due(snapshot, &mut view)?;
    show_accounts(&ledger, &mut view)?;
    for position in ledger.positions() {
        show_position(&ledger, &position?, &mut view)?;
    }
    for entry in ledger.entries() {
        let entry = entry?;
        let legs = entry.legs.iter().map(|leg| Leg {
            owner: owner(&leg.account),
            coin: translate::coin(leg.money.asset()),
            kind: kind(leg.kind),
            amount: units(&leg.money),
        });
        view.show(
            format!("entry {}", entry.id.get()),
            (
                entry.operation.map(|id| id.get()),
                netted(legs),
                entry.reverses.map(|id| id.get()),
                entry.reversed_by.map(|id| id.get()),
            ),
        );
    }
    for hold in ledger.holds()? {
        let coin = translate::coin(hold.remaining.asset());
        let held = match hold.kind {
            HoldKind::Cash => Held::Cash(owner(&hold.account), coin),
            HoldKind::Expected => Held::Expected(owner(&hold.account), coin),
            HoldKind::Units(position) => Held::Units(position.get()),
        };
        if !hold.remaining.amount().is_zero() {
            let name = format!("hold of {} on {held:?}", hold.operation.get());
            view.show(name, units(&hold.remaining));
        }
    }
    for claim in snapshot.claims().all() {
        let claim = claim?;
        let space = claim.namespace.strip_prefix("events-").unwrap_or(&claim.namespace);
        let name = format!("claim {} in {space}", claim.key[0]);
        let record = claim.record;
        let missing = snapshot.claims().missing(&claim.namespace, &claim.key)?.map(tokens::told);
        view.show(name, (deeds::claimed(record.state), record.event_time.as_micros(), missing));
    }
    for namespace in snapshot.claims().namespaces() {
        let ClaimNamespace { name, stats } = namespace?;
        let space = name.strip_prefix("events-").unwrap_or(&name);
        let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
        let (oldest, watermark) = (micros(stats.oldest), micros(stats.watermark));
        let figures: Figures = (stats.size, stats.in_flight, stats.pruned, oldest, watermark);
        view.show(format!("claims in {space}"), figures);
    }
    for cursor in snapshot.cursors().iter() {
        let cursor = cursor?;
        view.show(cursor.name, cursor.value[0]);
    }
    let operations = snapshot.operations();
    let mut unfinished = Vec::new();
    for operation in operations.all() {
        let operation = operation?;
        if !operation.status.is_finished() {
            unfinished.push(operation.id);
        }
        show_operation(snapshot, &operation, &mut view)?;
    }
    let indexed = operations.unfinished()?;
    assert_eq!(indexed.into_iter().map(|one| one.id).collect::<Vec<_>>(), unfinished);
    view.show("halted", ledger.halted()?.is_some());
    Ok(view)
}

fn show_accounts(ledger: &Ledger<'_>, view: &mut View) -> Result<(), Error> {
    for account in ledger.all_accounts()? {
        let (owner, kind) = (owner(&account.account), kind(account.kind));
        let coin = translate::coin(account.balance.asset());
        if !account.balance.amount().is_zero() {
            view.show(format!("{owner:?} {coin:?} {kind:?}"), units(&account.balance));
        }
    }
    for owner in Owner::ALL {
        for coin in Coin::ALL {
            let balance = ledger.balance(owner.name(), &translate::asset(coin));
            let balance = balance?;
            view.show(
                format!("{owner:?} {coin:?}"),
                (
                    units(&balance.total),
                    units(&balance.reserved),
                    units(&balance.available),
                    units(&balance.expected),
                ),
            );
        }
    }
    Ok(())
}

fn show_position(ledger: &Ledger<'_>, position: &Position, view: &mut View) -> Result<(), Error> {
    let number = position.id.get();
    let new = NewPosition {
        owner: owner(&position.account),
        coin: translate::coin(&position.asset),
        quote: translate::coin(&position.quote),
        tag: u8::from(!position.tag.is_empty()),
        method: translate::method(position.method),
    };
    assert_eq!(*position.tag, translate::tag(new.tag), "the tag of position {number}");
    view.show(
        format!("position {number}"),
        (&new, position.opened_by.map(|id| id.get()), position.closed_at.is_some()),
    );
    view.show(
        format!("position {number} holds"),
        (units(&position.quantity), units(&position.cost), units(&position.reserved)),
    );
    view.show(
        format!("position {number} made"),
        (
            units(&position.realized),
            units(&position.quote_fees),
            units(&position.bought),
            units(&position.proceeds),
        ),
    );
    view.show(format!("position {number} last"), position.last_entry.map(|id| id.get()));
    for attribute in ledger.attributes(position.id)? {
        let name = attribute.name.strip_prefix("attribute-").unwrap_or(&attribute.name);
        view.show(format!("attribute {name} of {number}"), (attribute.value[0], attribute.version));
    }
    Ok(())
}

fn show_operation(snapshot: &Snapshot, one: &Operation, view: &mut View) -> Result<(), Error> {
    let number = one.id.get();
    let status = status(one.status);
    let class = one.failure.as_ref().map(|(class, _)| match class {
        FailureClass::Definite => Class::Definite,
        FailureClass::Ambiguous => Class::Ambiguous,
    });
    view.show(
        format!("operation {number}"),
        (status, class.filter(|_| status == Status::Failed), one.needs_attention.is_some()),
    );
    view.show(
        format!("operation {number} attempts"),
        (
            one.attempt,
            one.tries,
            one.external_ids.len(),
            one.presentations,
            one.retry_of.map(|id| id.get()),
        ),
    );
    if let (Status::Failed, Some(time)) = (status, one.not_before) {
        view.show(format!("operation {number} waits"), time.as_micros());
    }
    let roles: BTreeMap<u64, Role> =
        one.positions.iter().map(|named| (named.position.get(), role(named.role))).collect();
    view.show(format!("operation {number} positions"), roles);
    let operations = snapshot.operations();
    let checkpoints = operations.checkpoints(one.id)?;
    let references: Vec<u8> = checkpoints.iter().map(|one| one.reference[0]).collect();
    view.show(format!("operation {number} checkpoints"), references);
    // A key names the operation that was begun with it last.
    let key = std::str::from_utf8(&one.key).expect("a key of ours");
    let state = operations.by_key(&one.key)?.expect("an operation's key is known");
    let named = match state {
        KeyState::Known(operation) => operation.id,
        KeyState::Purged { operation, .. } => operation,
    };
    let key = key.strip_prefix("deal-").unwrap_or(key);
    view.show(format!("key {key}"), named.get());
    Ok(())
}

fn status(status: crate::operations::Status) -> Status {
    match status {
        crate::operations::Status::Pending => Status::Pending,
        crate::operations::Status::InProgress => Status::InProgress,
        crate::operations::Status::Failed => Status::Failed,
        crate::operations::Status::Completed => Status::Completed,
        crate::operations::Status::RolledBack => Status::RolledBack,
    }
}

fn role(role: crate::operations::Role) -> Role {
    match role {
        crate::operations::Role::Opens => Role::Opens,
        crate::operations::Role::Increases => Role::Increases,
        crate::operations::Role::Reduces => Role::Reduces,
        crate::operations::Role::Updates => Role::Updates,
    }
}

fn units(money: &Money) -> i128 {
    money.amount().units()
}

fn owner(name: &str) -> Owner {
    pair(Owner::ALL, |owner| owner.name() == name, name)
}

fn kind(kind: crate::ledger::AccountKind) -> Kind {
    pair(Kind::ALL, |one| translate::kind(*one) == kind, kind)
}
