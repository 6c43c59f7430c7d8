//! Tokens, as the store wants to be told of them and as it shows them.

use super::translate::cents;
use crate::clock::Timestamp;
use crate::money::Price;
use crate::price_status::{Missing, PriceOf};
use crate::simulation::model::missing::{DueFor, Missing as Told};
use crate::simulation::model::tokens::{MOCK, Marks, Quote, Saying, Tick as Shown};
use crate::simulation::view::View;
use crate::store::{Error, Snapshot};
use crate::tokens::SYNTHETIC_SOURCE;
use crate::tokens::{Observed, Tick, TokenKey, Update};

const CHAIN: &str = "pools";

fn key(number: u8) -> TokenKey {
    TokenKey::new(CHAIN, &format!("token-{number}")).expect("a plain key is one always")
}

fn source(number: u8) -> String {
    if number == MOCK { SYNTHETIC_SOURCE.to_owned() } else { format!("source-{number}") }
}

/// What is said, as an update.
pub(crate) fn update(saying: &Saying) -> Update {
    let at = Timestamp::from_micros(saying.at);
    let mut told = Update::new(key(saying.token)).source(source(saying.source));
    told = match saying.price {
        Quote::NotGiven => told,
        Quote::Given(price) => told.price(cents(price), at),
        Quote::Unavailable => told.unavailable("nobody trades it", at),
    };
    if let Some(seq) = saying.seq {
        told = told.seq(seq);
    }
    if let Some(symbol) = saying.symbol {
        told = told.symbol(format!("symbol-{symbol}"), at);
    }
    if let Some(name) = saying.name {
        told = told.name(format!("name-{name}"), at);
    }
    if let Some(decimals) = saying.decimals {
        told = told.decimals(decimals);
    }
    match saying.market_cap {
        Some(cap) => told.market_cap(cents(cap), at),
        None => told,
    }
}

/// Shows all tokens, read in both directions.
pub(crate) fn show(snapshot: &Snapshot, view: &mut View) -> Result<(), Error> {
    let forwards = snapshot.tokens().iter().collect::<Result<Vec<_>, _>>()?;
    let mut backwards = snapshot.tokens().iter().rev().collect::<Result<Vec<_>, _>>()?;
    backwards.reverse();
    assert_eq!(forwards, backwards, "tokens read from either end");
    for token in forwards {
        assert_eq!(snapshot.tokens().get(&token.key)?.as_ref(), Some(&token));
        let nth = number(token.key.address(), "token-");
        let marks = Marks {
            current: token.current.as_ref().map(shown),
            first: token.first.as_ref().map(shown),
            max: token.max.as_ref().map(shown),
            min: token.min.as_ref().map(shown),
            mock: token.mock.as_ref().map(shown),
        };
        view.show(format!("token {nth}"), marks);
        let text = |text: &Observed<Box<str>>, before| {
            (text.observed_at.as_micros(), number(&text.value, before))
        };
        view.show(
            format!("token {nth} is"),
            (
                token.symbol.as_ref().map(|symbol| text(symbol, "symbol-")),
                token.name.as_ref().map(|name| text(name, "name-")),
                token.market_cap.map(|cap| (cap.observed_at.as_micros(), in_cents(cap.value))),
                token.decimals,
                token.first_seen.map(Timestamp::as_micros),
                snapshot.tokens().missing(&token.key)?.map(told),
            ),
        );
    }
    Ok(())
}

pub(crate) fn told(missing: Missing) -> Told {
    let Missing { since, last_attempt_at, attempts, next_attempt_at, .. } = missing;
    let [since, last, next] = [since, last_attempt_at, next_attempt_at].map(Timestamp::as_micros);
    (since, last, attempts, next)
}

/// Shows the prices to ask for, in the order in which they are to be asked for.
pub(crate) fn show_due(snapshot: &Snapshot, view: &mut View) -> Result<(), Error> {
    let end = Timestamp::from_micros(i64::MAX);
    let due = snapshot.due_price_updates(end, usize::MAX)?;
    let due = due.iter().map(|price| {
        let of = match &price.of {
            PriceOf::Token(key) => DueFor::Token(number(key.address(), "token-")),
            PriceOf::Claim { namespace, key } => {
                DueFor::Claim(number(namespace, "events-"), key[0])
            }
        };
        (price.missing.next_attempt_at.as_micros(), of)
    });
    view.show("due prices", due.collect::<Vec<_>>());
    Ok(())
}

fn shown(tick: &Tick) -> Shown {
    let source =
        if &*tick.source == SYNTHETIC_SOURCE { MOCK } else { number(&tick.source, "source-") };
    (tick.observed_at.as_micros(), tick.seq, source, in_cents(tick.price))
}

fn number(text: &str, before: &str) -> u8 {
    let number = text.strip_prefix(before).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{text} was never said"))
}

fn in_cents(price: Price) -> u64 {
    let units = price.units() / super::translate::UNITS_PER_CENT;
    assert_eq!(cents(units as u64), price, "a price that was never said");
    units as u64
}
