//! Everything that can be seen, as text under a name, so that the model's and the store's can be laid
//! side by side.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::simulation::cast::{Coin, Kind, Owner};
use crate::simulation::model::Model;
use crate::simulation::model::book::{Held, pairs};
use crate::simulation::model::claims::NAMESPACES;
use crate::simulation::model::words::*;

/// What can be seen, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) seen: BTreeMap<String, String>,
}

impl View {
    pub(crate) fn show(&mut self, name: impl Into<String>, what: impl Debug) {
        self.seen.insert(name.into(), format!("{what:?}"));
    }

    /// What is not alike, as lines; `self` is the model's.
    pub(crate) fn differences(&self, store: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<_> =
            self.seen.keys().chain(store.seen.keys()).collect();
        let nothing = "nothing".to_owned();
        names
            .into_iter()
            .filter(|name| self.seen.get(*name) != store.seen.get(*name))
            .map(|name| {
                let of = |view: &Self| view.seen.get(name).unwrap_or(&nothing).clone();
                format!("{name}:\n    model {}\n    store {}", of(self), of(store))
            })
            .collect()
    }
}

/// An entry without the order of its legs.
pub(crate) fn netted(legs: impl Iterator<Item = Leg>) -> Vec<(Owner, Coin, Kind, Amount)> {
    let mut sums: BTreeMap<(Owner, Coin, Kind), Amount> = BTreeMap::new();
    for leg in legs {
        *sums.entry((leg.owner, leg.coin, leg.kind)).or_default() += leg.amount;
    }
    sums.retain(|_, amount| *amount != 0);
    sums.into_iter().map(|((owner, coin, kind), amount)| (owner, coin, kind, amount)).collect()
}

impl Model {
    pub(crate) fn view(&self) -> View {
        let mut view = View::default();
        self.show_accounts(&mut view);
        self.show_positions(&mut view);
        for (number, entry) in (1..).zip(&self.book.entries) {
            view.show(
                format!("entry {number}"),
                (
                    entry.operation,
                    netted(entry.legs.iter().copied()),
                    entry.reverses,
                    entry.reversed_by,
                ),
            );
        }
        for ((operation, held), amount) in &self.book.holds {
            view.show(format!("hold of {operation} on {held:?}"), amount);
        }
        for ((space, key), kept) in &self.claims {
            let missing = self.missing.get(&(*space, *key));
            view.show(format!("claim {key} in {space}"), (kept.claimed, kept.at, missing));
        }
        for space in 0..NAMESPACES {
            if let Some(figures) = self.namespace(space) {
                view.show(format!("claims in {space}"), figures);
            }
        }
        for (name, value) in &self.cursors {
            view.show(format!("cursor-{name}"), value);
        }
        for (number, known) in &self.tokens {
            known.show(*number, &mut view);
        }
        view.show("due prices", self.due_prices());
        view.show("halted", self.book.halted);
        for number in 1..=self.operations.len() as u64 {
            self.show_operation(number, &mut view);
        }
        for (key, number) in &self.keys {
            view.show(format!("key {key}"), number);
        }
        view
    }

    fn show_operation(&self, number: OperationNumber, view: &mut View) {
        let Some(one) = self.operation(number) else { return };
        let is_failed = one.status == Status::Failed;
        if let (true, Some(time)) = (is_failed, one.not_before) {
            view.show(format!("operation {number} waits"), time);
        }
        view.show(
            format!("operation {number}"),
            (one.status, is_failed.then_some(one.class).flatten(), one.needs_attention),
        );
        view.show(
            format!("operation {number} attempts"),
            (one.attempt, one.tries, one.external_ids.len(), one.presentations, one.retry_of),
        );
        view.show(format!("operation {number} positions"), &one.scope.roles);
        view.show(format!("operation {number} checkpoints"), &one.checkpoints);
    }

    fn show_accounts(&self, view: &mut View) {
        for (owner, coin) in pairs() {
            for kind in Kind::ALL {
                let balance = self.book.balance(owner, coin, kind);
                if balance != 0 {
                    view.show(format!("{owner:?} {coin:?} {kind:?}"), balance);
                }
            }
            let total = self.book.balance(owner, coin, Kind::Cash);
            let reserved = self.book.held(Held::Cash(owner, coin));
            let expected = self.book.held(Held::Expected(owner, coin));
            view.show(format!("{owner:?} {coin:?}"), (total, reserved, total - reserved, expected));
        }
    }

    fn show_positions(&self, view: &mut View) {
        for (number, one) in (1..).zip(&self.book.positions) {
            let standing = self.book.standing(number);
            view.show(format!("position {number}"), (&one.new, one.opened_by, one.is_closed));
            view.show(
                format!("position {number} holds"),
                (standing.quantity(), standing.cost(), self.book.held(Held::Units(number))),
            );
            view.show(
                format!("position {number} made"),
                (standing.realized, standing.fees, standing.bought, standing.proceeds),
            );
            view.show(format!("position {number} last"), self.book.last_entry(number));
        }
        for ((position, name), attribute) in &self.book.attributes {
            if let Some(value) = attribute.value {
                view.show(format!("attribute {name} of {position}"), (value, attribute.version));
            }
        }
    }
}
