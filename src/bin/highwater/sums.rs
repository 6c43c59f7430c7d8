//! Money, assets and bytes as the program prints them: exact text, for people and in JSON alike.

use highwater::ledger::{Hold, HoldKind};
use highwater::{Asset, Money};
use serde::Serialize;

/// An asset, as `fiat/USD`.
pub(crate) fn asset(asset: &Asset) -> String {
    format!("{}/{}", asset.chain(), asset.id())
}

/// An amount with its asset, as `12.5 fiat/USD`.
pub(crate) fn money(money: &Money) -> String {
    format!("{money} {}", asset(money.asset()))
}

/// Several amounts on one line.
pub(crate) fn listed<'m>(all: impl IntoIterator<Item = &'m Money>) -> String {
    let all: Vec<_> = all.into_iter().map(money).collect();
    all.join(", ")
}

/// An amount in JSON: the asset and every digit as text.
#[derive(Serialize)]
pub(crate) struct MoneyLine {
    asset: String,
    amount: String,
}

impl From<&Money> for MoneyLine {
    fn from(money: &Money) -> Self {
        Self { asset: asset(money.asset()), amount: money.to_string() }
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a hold holds, in words.
pub(crate) fn held(hold: &Hold) -> String {
    match hold.kind {
        HoldKind::Cash => "cash".to_owned(),
        HoldKind::Units(position) => format!("units of position {position}"),
        HoldKind::Expected => "expected to come in".to_owned(),
    }
}

pub(crate) fn or_dash(fact: Option<String>) -> String {
    fact.unwrap_or_else(|| "-".to_owned())
}
