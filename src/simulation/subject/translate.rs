//! What the model calls by short names, as the store wants to be told it.

use std::time::Duration;

use crate::ledger::{AccountKind, CostMethod};
use crate::ledger::{Effect, EntryId, Fill, Leg, Limits, NewPosition, PositionId};
use crate::money::{Amount, Asset, Money, Price};
use crate::price_status::PriceBackoff;
use crate::processed::ClaimBounds;

use crate::simulation::cast::{Coin, Kind};
use crate::simulation::model::missing::PAUSE_MICROS;
use crate::simulation::model::words::{self, Method, Part, Sum};

pub(crate) const SCALE: u8 = 2;

pub(crate) fn asset(coin: Coin) -> Asset {
    Asset::new("paper", coin.name(), SCALE).expect("a plain asset")
}

pub(crate) fn coin(asset: &Asset) -> Coin {
    let found = Coin::ALL.into_iter().find(|coin| coin.name() == asset.id());
    found.unwrap_or_else(|| panic!("{asset} is none of the assets"))
}

/// A hundredth of the reference currency in units of a price.
pub(crate) const UNITS_PER_CENT: u128 = 10u128.pow(22);

pub(crate) fn cents(cents: u64) -> Price {
    Price::from_units(u128::from(cents) * UNITS_PER_CENT)
}

pub(crate) fn money((of, amount): Sum) -> Money {
    Money::new(asset(of), Amount::from_units(amount))
}

pub(crate) fn kind(kind: Kind) -> AccountKind {
    match kind {
        Kind::Cash => AccountKind::Cash,
        Kind::Units => AccountKind::Units,
        Kind::Cost => AccountKind::Cost,
        Kind::Fees => AccountKind::Fees,
        Kind::RealizedPnl => AccountKind::RealizedPnl,
        Kind::World => AccountKind::World,
        Kind::Adjustment => AccountKind::Adjustment,
    }
}

pub(crate) fn limits(told: crate::simulation::model::Limits) -> Limits {
    let mut limits = Limits::new();
    if let Some(most) = told.open_positions {
        limits = limits.open_positions(most as u64);
    }
    if let Some(most) = told.cost {
        limits = limits.position_cost(money((Coin::Usd, most)));
    }
    limits
}

pub(crate) fn price_backoff() -> PriceBackoff {
    let micros = |micros: i64| Duration::from_micros(micros.unsigned_abs());
    let (first, longest) = PAUSE_MICROS;
    PriceBackoff::new().base(micros(first)).cap(micros(longest)).jitter_percent(0)
}

pub(crate) fn claim_bounds(told: crate::simulation::model::claims::Bounds) -> ClaimBounds {
    let mut bounds = ClaimBounds::new();
    if let Some(most) = told.count {
        bounds = bounds.count(most as u64);
    }
    if let Some(micros) = told.horizon_micros {
        bounds = bounds.horizon(Duration::from_micros(micros.unsigned_abs()));
    }
    bounds
}

pub(crate) fn tag(number: u8) -> String {
    if number == 0 { String::new() } else { format!("strategy-{number}") }
}

pub(crate) fn new_position(new: &words::NewPosition) -> NewPosition {
    let told = NewPosition::new(new.owner.name(), asset(new.coin), asset(new.quote));
    let told = told.tag(tag(new.tag));
    match new.method {
        Method::Average => told,
        Method::Fifo => told.fifo(),
    }
}

pub(crate) fn method(method: CostMethod) -> Method {
    match method {
        CostMethod::Average => Method::Average,
        CostMethod::Fifo => Method::Fifo,
    }
}

pub(crate) fn attribute(number: u8) -> String {
    format!("attribute-{number}")
}

pub(crate) fn fill(fill: &words::Fill) -> Fill {
    let (quantity, gross) = (money(fill.quantity), money(fill.gross));
    let mut told = match fill.id {
        Some(id) => Fill::new(fill.venue.name(), fill_id(id), quantity, gross),
        None => Fill::cumulative(fill.venue.name(), quantity, gross),
    };
    for fee in &fill.fees {
        told = told.fee(money(*fee));
    }
    match fill.corrects {
        Some(entry) => told.corrects(EntryId::new(entry)),
        None => told,
    }
}

pub(crate) fn fill_id(number: u8) -> String {
    format!("F{number}")
}

pub(crate) fn effect(effect: &words::Effect) -> Effect {
    let told = effect.parts.iter().fold(Effect::new(), part);
    if effect.cover { told.cover_shortfall("the venue did it") } else { told }
}

fn part(told: Effect, part: &Part) -> Effect {
    match part {
        Part::Buy(position, one) => told.buy(PositionId::new(*position), fill(one)),
        Part::Sell(position, one) => told.sell(PositionId::new(*position), fill(one)),
        Part::Redeem(position, one) => told.redeem(PositionId::new(*position), fill(one)),
        Part::Split(cash, outcomes) => told.split(
            money(*cash),
            outcomes.iter().map(|(position, cost)| {
                (PositionId::new(*position), cost.map(|cost| money((cash.0, cost))))
            }),
        ),
        Part::Merge(cash, outcomes) => {
            told.merge(money(*cash), outcomes.iter().map(|position| PositionId::new(*position)))
        }
        Part::Deposit(owner, sum) => told.deposit(owner.name(), money(*sum)),
        Part::Withdraw(owner, sum) => told.withdraw(owner.name(), money(*sum)),
        Part::Entry(legs) => told.entry(legs.iter().map(|leg| Leg {
            account: leg.owner.name().into(),
            kind: kind(leg.kind),
            money: money((leg.coin, leg.amount)),
        })),
        Part::Attribute(position, name, value) => {
            let (position, name) = (PositionId::new(*position), attribute(*name));
            match value {
                Some(value) => told.set(position, name, vec![*value]),
                None => told.clear(position, name),
            }
        }
    }
}
