//! A bot of several tasks on two worker threads, none of which ever blocks for the disk.
//!
//! ```text
//! cargo run --example async_bot
//! ```
//!
//! A feed writes ticks, traders buy what has fallen by half from its high, each coin by one task at a
//! time, and everybody awaits the commit before acting on it. What a task does is in the store, not in
//! the task: an order whose task is aborted can be taken over with `take_over` by its number.

use std::error::Error;
use std::sync::Arc;

use highwater::{
    Amount, Asset, Begun, Durability, Effect, Fill, Intent, LockTable, Maintainer, Mode, Money,
    NewPosition, Options, Price, Store, Ticket, Timestamp, TokenKey, Tx, Update,
};
use tokio::sync::mpsc::{self, Receiver, Sender};

type Anything = Box<dyn Error + Send + Sync>;

const COINS: [&str; 4] = ["WIF", "BONK", "POPCAT", "MEW"];
const ROUNDS: u64 = 200;
/// 2024-08-09T00:00:00Z, the beginning of the feed.
const START_MICROS: i64 = 1_723_161_600_000_000;

/// What every task has.
#[derive(Clone)]
struct Bot {
    store: Arc<Store>,
    /// One task at a time for each coin.
    coins: LockTable<&'static str>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Anything> {
    let directory = tempfile::tempdir()?;
    let store = Options::new(Mode::Paper, usd()).open(directory.path().join("store"))?;
    store.ledger().deposit("main", &dollars("1000"))?;
    let bot = Bot { store: Arc::new(store), coins: LockTable::new() };
    let maintainer = Maintainer::start(&bot.store, std::time::Duration::from_secs(60))?;

    let (signals, bargains) = mpsc::channel(16);
    let feed = tokio::spawn(feed(bot.clone(), signals));
    let trades = tokio::spawn(trade(bot.clone(), bargains));
    feed.await??;
    let bought = trades.await??;

    maintainer.stop();
    let snapshot = bot.store.snapshot();
    let summary = snapshot.ledger().summary("main", None)?;
    println!("bought    {bought} coins, {} positions open", summary.positions_open);
    println!("cash      {} left of 1000 USD", summary.cash[0].available);
    println!("commits   {}, {} syncs", bot.store.stats().commits, bot.store.stats().journal_syncs);
    println!("verify    {} findings", snapshot.verify()?.len());
    print!("health    {}", bot.store.health());
    drop(snapshot);
    // Dropping the last handle would close it as well; this way errors are told.
    Arc::into_inner(bot.store).ok_or("a task still has the store")?.close()?;
    Ok(())
}

/// Runs a write and awaits it: until it survives power loss nobody acts on it.
async fn commit<T>(
    store: &Store,
    durability: Durability,
    body: impl FnOnce(&mut Tx<'_>) -> Result<T, highwater::Error>,
) -> Result<T, highwater::Error> {
    let (value, ticket): (T, Ticket) = store.write_ticket(durability, body)?;
    ticket.await?;
    Ok(value)
}

/// Writes every tick, and tells of coins that have fallen to half of their high.
async fn feed(bot: Bot, signals: Sender<(&'static str, Price)>) -> Result<(), Anything> {
    for round in 0..ROUNDS {
        for (number, coin) in (0..).zip(COINS) {
            let price = price_of(number, round);
            let at = Timestamp::from_micros(START_MICROS + i64::try_from(round)? * 1_000_000);
            let update = Update::new(key(coin)?).price(price, at).source("feed").seq(round);
            // A tick that power loss takes comes again with the next one: `Written` is enough.
            let merged =
                commit(&bot.store, Durability::Written, |tx| Ok(tx.tokens().upsert(&update)?));
            let max = merged.await?.token.max.map_or(Price::ZERO, |tick| tick.price);
            if price.units() * 2 <= max.units() {
                signals.send((coin, price)).await?;
            }
        }
    }
    Ok(())
}

/// Buys each bargain, several at once. Answers how many were bought.
async fn trade(bot: Bot, mut bargains: Receiver<(&'static str, Price)>) -> Result<u64, Anything> {
    let mut orders = tokio::task::JoinSet::new();
    while let Some((coin, price)) = bargains.recv().await {
        orders.spawn(buy(bot.clone(), coin, price));
    }
    let mut bought = 0;
    while let Some(order) = orders.join_next().await {
        bought += u64::from(order??);
    }
    Ok(bought)
}

/// Buys one coin for 50 dollars, unless that was done before.
async fn buy(bot: Bot, coin: &'static str, price: Price) -> Result<bool, Anything> {
    let _alone = bot.coins.lock_async(coin).await;
    let position = NewPosition::new("main", asset(coin)?, usd());
    let intent = Intent::open(format!("first {coin}"), position).hold(dollars("50"));
    let begun = commit(&bot.store, Durability::Synced, |tx| Ok(tx.operations().begin(&intent)?));
    let Begun::New(pending) = begun.await? else { return Ok(false) };
    let order = commit(&bot.store, Durability::Synced, |tx| Ok(tx.operations().start(&pending)?));
    let highwater::Started::InProgress(order) = order.await? else { return Ok(false) };

    // The order may be live from here on, whatever becomes of this task.
    let fill = venue(coin, price, &order.external_id().to_string()).await?;
    let position = order.position().ok_or("an opening has a position")?;
    let effect = Effect::new().buy(position, fill);
    commit(&bot.store, Durability::Synced, |tx| Ok(tx.operations().complete(&order, &effect)?))
        .await?;
    Ok(true)
}

/// A venue that answers after a while: 50 dollars' worth, and ten cents of fee.
async fn venue(coin: &str, price: Price, client_order_id: &str) -> Result<Fill, Anything> {
    tokio::task::yield_now().await;
    let units = 50 * 10_u128.pow(24) * 100 / price.units().max(1);
    let quantity = Money::new(asset(coin)?, Amount::from_units(i128::try_from(units)?));
    Ok(Fill::new("paper", client_order_id, quantity, dollars("49.90")).fee(dollars("0.10")))
}

/// A made-up price: each coin rises for a while and then falls to a fifth.
fn price_of(coin: u64, round: u64) -> Price {
    let (rising, round) = (40 + 20 * coin, round);
    let cents = if round < rising { 100 + 5 * round } else { 50 };
    Price::from_units(u128::from(cents) * 10_u128.pow(22))
}

fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).expect("a good asset")
}

fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).expect("an exact amount")
}

fn key(coin: &str) -> Result<TokenKey, Anything> {
    Ok(TokenKey::new("paper", coin)?)
}

fn asset(coin: &str) -> Result<Asset, Anything> {
    Ok(Asset::new("paper", coin, 2)?)
}
