//! Crashes, failing disks and damaged files, held against what the store promises.
//!
//! A [`bot`](bot::Bot) works through a [`workload`] on a simulated disk and keeps account of what it
//! was [promised](promises). Then the power goes out, the process dies, a call fails or a file is
//! damaged, and what is found is held against that account and against the [`history`].
#![cfg(feature = "simulation")]

#[path = "crash/bot.rs"]
mod bot;
#[path = "crash/bounded.rs"]
mod bounded;
#[path = "crash/campaign.rs"]
mod campaign;
#[path = "crash/copies.rs"]
mod copies;
#[path = "crash/damage.rs"]
mod damage;
#[path = "crash/deals.rs"]
mod deals;
#[path = "crash/errors.rs"]
mod errors;
#[path = "crash/every.rs"]
mod every;
#[path = "crash/history.rs"]
mod history;
#[path = "crash/images.rs"]
mod images;
#[path = "crash/old_claims.rs"]
mod old_claims;
#[path = "crash/processed.rs"]
mod processed;
#[path = "crash/promises.rs"]
mod promises;
#[path = "crash/seeds.rs"]
mod seeds;
#[path = "crash/setup.rs"]
mod setup;
#[path = "crash/stories.rs"]
mod stories;
#[path = "crash/trader.rs"]
mod trader;
#[path = "crash/workload.rs"]
mod workload;
