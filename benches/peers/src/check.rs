//! Whether a store holds what it was told: an engine that does less is caught.

use std::path::Path;

use crate::Outcome;
use crate::engines::{Engine, Name, Purpose};
use crate::world::{self, ACCOUNTS, BALANCE, Feed, WARM_UP_THREAD, WARM_UPS};

/// Every hundredth token is computed anew.
const ONE_IN: usize = 100;

/// Closes the store, opens it again and compares its tokens with what the feed comes to.
pub fn tokens(
    engine: Box<dyn Engine>,
    name: Name,
    dir: &Path,
    purpose: Purpose,
    feed: Feed,
    changes: u64,
) -> Outcome<()> {
    let engine = again(engine, name, dir, purpose)?;
    if name != Name::Nothing {
        compare(&*engine, feed, changes).map_err(|error| format!("{name}: {error}"))?;
    }
    engine.close()
}

/// What is kept nowhere is not closed.
fn again(
    engine: Box<dyn Engine>,
    name: Name,
    dir: &Path,
    purpose: Purpose,
) -> Outcome<Box<dyn Engine>> {
    if name == Name::Memory {
        return Ok(engine);
    }
    engine.close()?;
    name.open(dir, purpose)
}

fn compare(engine: &dyn Engine, feed: Feed, changes: u64) -> Outcome<()> {
    let count = engine.tokens()?;
    if count.is_some_and(|count| count != feed.world.tokens.len() as u64) {
        return Err(format!("{count:?} tokens of {}", feed.world.tokens.len()).into());
    }
    let mut session = engine.session()?;
    for (number, marks) in feed.model(true, changes, ONE_IN) {
        let token = &feed.world.tokens[number];
        let seen = session.read(token)?.ok_or("a token is not there")?;
        if seen.marks != marks || seen.texts != token.texts {
            return Err(format!("token {number} is {seen:?}, not {marks:?}").into());
        }
    }
    Ok(())
}

/// The same of balances, after so many transfers of each thread.
pub fn balances(
    engine: Box<dyn Engine>,
    name: Name,
    dir: &Path,
    purpose: Purpose,
    threads: u64,
    transfers: u64,
) -> Outcome<()> {
    let engine = again(engine, name, dir, purpose)?;
    let mut balances = vec![BALANCE; ACCOUNTS as usize];
    let measured = (0..threads).flat_map(|thread| (0..transfers).map(move |n| (thread, n)));
    let warmed_up = (0..WARM_UPS).map(|number| (WARM_UP_THREAD, number));
    for (thread, number) in measured.chain(warmed_up) {
        let one = world::transfer(thread, number);
        balances[one.from as usize] -= one.units;
        balances[one.to as usize] += one.units;
    }
    let mut session = engine.session()?;
    for (number, balance) in (0..).zip(balances).filter(|_| name != Name::Nothing) {
        let found = session.balance(number)?;
        if found != balance {
            return Err(format!("{name}: account {number} has {found}, not {balance}").into());
        }
    }
    drop(session);
    engine.close()
}
