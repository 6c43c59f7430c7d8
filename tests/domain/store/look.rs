//! Everything that a snapshot of the store shows, in the words of the model.

use std::collections::BTreeMap;

use highwater::ledger::{HoldKind, Position};
use highwater::{FailureClass, KeyState, Ledger, Money, Operation, Snapshot};

use super::{deeds, translate};
use crate::cast::{Coin, Kind, Owner, pair};
use crate::model::book::Held;
use crate::model::effect::Role;
use crate::model::words::{Class, Leg, NewPosition, Status};
use crate::view::{View, netted};

pub(crate) fn view(snapshot: &Snapshot) -> View {
    let mut view = View::default();
    let ledger = snapshot.ledger();
    show_accounts(&ledger, &mut view);
    for position in ledger.positions() {
        show_position(&ledger, &position.expect("a position reads"), &mut view);
    }
    for entry in ledger.entries() {
        let entry = entry.expect("an entry reads");
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
    for hold in ledger.holds().expect("holds read") {
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
        let claim = claim.expect("a claim reads");
        let space = claim.namespace.strip_prefix("events-").unwrap_or(&claim.namespace);
        let name = format!("claim {} in {space}", claim.key[0]);
        view.show(name, deeds::claimed(claim.record.state));
    }
    for cursor in snapshot.cursors().iter() {
        let cursor = cursor.expect("a cursor reads");
        view.show(cursor.name, cursor.value[0]);
    }
    let operations = snapshot.operations();
    let mut unfinished = Vec::new();
    for operation in operations.all() {
        let operation = operation.expect("an operation reads");
        if !operation.status.is_finished() {
            unfinished.push(operation.id);
        }
        show_operation(snapshot, &operation, &mut view);
    }
    let indexed = operations.unfinished().expect("the unfinished read");
    assert_eq!(indexed.into_iter().map(|one| one.id).collect::<Vec<_>>(), unfinished);
    view.show("halted", ledger.halted().expect("the switch reads").is_some());
    view
}

fn show_accounts(ledger: &Ledger<'_>, view: &mut View) {
    for account in ledger.all_accounts().expect("accounts read") {
        let (owner, kind) = (owner(&account.account), kind(account.kind));
        let coin = translate::coin(account.balance.asset());
        if !account.balance.amount().is_zero() {
            view.show(format!("{owner:?} {coin:?} {kind:?}"), units(&account.balance));
        }
    }
    for owner in Owner::ALL {
        for coin in Coin::ALL {
            let balance = ledger.balance(owner.name(), &translate::asset(coin));
            let balance = balance.expect("a balance reads");
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
}

fn show_position(ledger: &Ledger<'_>, position: &Position, view: &mut View) {
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
    for attribute in ledger.attributes(position.id).expect("attributes read") {
        let name = attribute.name.strip_prefix("attribute-").unwrap_or(&attribute.name);
        view.show(format!("attribute {name} of {number}"), (attribute.value[0], attribute.version));
    }
}

fn show_operation(snapshot: &Snapshot, one: &Operation, view: &mut View) {
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
    let checkpoints = operations.checkpoints(one.id).expect("checkpoints read");
    let references: Vec<u8> = checkpoints.iter().map(|one| one.reference[0]).collect();
    view.show(format!("operation {number} checkpoints"), references);
    // A key names the operation that was begun with it last.
    let key = std::str::from_utf8(&one.key).expect("a key of ours");
    let state = operations.by_key(&one.key).expect("a key reads").expect("the key is there");
    let named = match state {
        KeyState::Known(operation) => operation.id,
        KeyState::Purged { operation, .. } => operation,
        other => panic!("the model knows no {other:?}"),
    };
    let key = key.strip_prefix("deal-").unwrap_or(key);
    view.show(format!("key {key}"), named.get());
}

fn status(status: highwater::Status) -> Status {
    match status {
        highwater::Status::Pending => Status::Pending,
        highwater::Status::InProgress => Status::InProgress,
        highwater::Status::Failed => Status::Failed,
        highwater::Status::Completed => Status::Completed,
        highwater::Status::RolledBack => Status::RolledBack,
    }
}

fn role(role: highwater::Role) -> Role {
    match role {
        highwater::Role::Opens => Role::Opens,
        highwater::Role::Increases => Role::Increases,
        highwater::Role::Reduces => Role::Reduces,
        highwater::Role::Updates => Role::Updates,
    }
}

fn units(money: &Money) -> i128 {
    money.amount().units()
}

fn owner(name: &str) -> Owner {
    pair(Owner::ALL, |owner| owner.name() == name, name)
}

fn kind(kind: highwater::AccountKind) -> Kind {
    pair(Kind::ALL, |one| translate::kind(*one) == kind, kind)
}
