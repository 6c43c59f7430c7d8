//! What an operator is told: events through `tracing`, figures through `metrics`, and that the page
//! which explains them names all of them and no others.

mod operator {
    pub(crate) mod documented;
    pub(crate) mod harmful;
    pub(crate) mod listener;
    #[cfg(feature = "metrics")]
    pub(crate) mod published;
    pub(crate) mod told;
}

use highwater::{Asset, Background, Mode, Options, Timestamp, TokenKey, Update};

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).unwrap()
}

/// A paper store in which nothing happens that the test does not do.
fn manual() -> Options {
    Options::new(Mode::Paper, usd()).background(Background::Manual)
}

fn tick(price: &str) -> Update {
    let key = TokenKey::new("solana", "mintA").unwrap();
    let seen = Timestamp::from_micros(1_723_161_255_000_000);
    Update::new(key).price(price.parse().unwrap(), seen)
}
