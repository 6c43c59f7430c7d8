//! A bot's day as a script of numbered commits over tokens, money, operations, claims and a cursor.
//!
//! Commit `n` moves the cursor to `n` and does what the script says, so what a store holds is told by
//! its cursor, and everything it must then show is known from a day on which nothing went wrong. Only
//! the recovery moves no cursor: its commits are counted by the operations that they end.
//!
//! This module must not know what can go wrong.

use std::fmt::{Debug, Write};

use highwater::Durability::{self, Synced, Written};
use highwater::operations::Error as Refusal;
use highwater::{
    AccountKind, Asset, Case, Effect, Error, Failure, Fill, Intent, KeyState, Leg, Money,
    NewPosition, OperationId, OperationsMut, PositionId, RollBack, Snapshot, Status, Store,
    Timestamp, TokenKey, Tx, Update, Verdict,
};

/// What one commit does; the number is that of the deal it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Deposit,
    Tick,
    Claim,
    Begin(u8),
    Start(u8),
    Record(u8),
    Complete(u8),
    /// Begins, starts and applies a transfer in one commit.
    Move(u8),
    Fail(u8),
    RollBack(u8),
    Resolve(u8),
}

/// One thing that the bot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Commit(Deed, Durability),
    /// As a write that finishes something.
    Finish(Deed),
    /// Commits and waits at the next [`Step::Wait`].
    Ticket(Deed, Durability),
    Wait,
    Sync,
    Checkpoint,
    /// Closes the store and opens it again.
    Reopen,
    /// Decides what the opening before left unfinished: [`ORPHANS`], in as many commits.
    Recover,
}

/// The deals that are unfinished when the bot recovers: one not started, one that is to be completed,
/// one that is to be rolled back.
const ORPHANS: [u8; 3] = [60, 61, 62];

/// The bot's day.
pub(crate) fn day() -> Vec<Step> {
    use Deed::{
        Begin, Claim, Complete, Deposit, Fail, Move, Record, Resolve, RollBack, Start, Tick,
    };
    use Step::{Checkpoint, Commit, Finish, Recover, Reopen, Sync, Ticket, Wait};
    let mut day = vec![Commit(Deposit, Synced), Commit(Tick, Written), Commit(Begin(1), Synced)];
    day.extend([Finish(Start(1)), Commit(Claim, Written), Finish(Record(1)), Checkpoint]);
    for deal in 2..9 {
        day.extend([Commit(Begin(deal), Synced), Ticket(Tick, Written), Finish(Start(deal)), Wait]);
        day.push(if deal % 2 == 0 { Finish(Complete(deal)) } else { Finish(Fail(deal)) });
    }
    day.extend([Sync, Finish(Resolve(3)), Checkpoint, Commit(Move(20), Synced), Reopen]);
    day.extend([
        Finish(RollBack(5)),
        Finish(Fail(20)),
        Commit(Tick, Written),
        Finish(RollBack(20)),
    ]);
    day.extend([Ticket(Begin(9), Synced), Ticket(Claim, Synced), Wait, Finish(Complete(1))]);
    day.extend([Finish(Start(9)), Finish(Complete(9)), Finish(RollBack(7)), Checkpoint]);
    day.extend(ORPHANS.map(|deal| Commit(Begin(deal), Synced)));
    day.extend([Finish(Start(61)), Finish(Record(61)), Finish(Start(62)), Reopen, Recover]);
    day.extend([Commit(Tick, Written), Checkpoint, Commit(Begin(10), Synced), Finish(Start(10))]);
    day.extend([Commit(Claim, Written), Checkpoint, Finish(Complete(10)), Sync, Reopen]);
    day.extend([Commit(Tick, Synced), Commit(Claim, Written)]);
    day
}

/// The commits of one step.
pub(crate) fn commits_of(step: Step) -> u64 {
    match step {
        Step::Commit(..) | Step::Finish(_) | Step::Ticket(..) => 1,
        Step::Recover => ORPHANS.len() as u64,
        Step::Wait | Step::Sync | Step::Checkpoint | Step::Reopen => 0,
    }
}

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).expect("a plain asset")
}

fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).expect("plain money")
}

fn coin() -> Asset {
    Asset::new("solana", "BONK", 5).expect("a plain asset")
}

fn coins(text: &str) -> Money {
    Money::parse(&coin(), text).expect("plain money")
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(number as i64)
}

fn key(deal: u8) -> String {
    format!("deal-{deal}")
}

/// Several kilobytes that no other deal has.
fn payload(deal: u8) -> Vec<u8> {
    let mut bytes = vec![0; 7_000];
    fastrand::Rng::with_seed(deal.into()).fill(&mut bytes);
    bytes
}

fn opening(deal: u8) -> Intent {
    let position = NewPosition::new("main", coin(), usd()).tag(key(deal));
    Intent::open(key(deal), position).hold(dollars("50")).payload(payload(deal)).claim(
        "copied",
        [deal],
        at(deal.into()),
    )
}

/// The fills of a deal, so many of them.
fn bought(deal: u8, position: PositionId, fills: u32) -> Effect {
    (0..fills).fold(Effect::new(), |effect, nth| {
        let fill = Fill::new("venue", format!("{deal}/{nth}"), coins("400"), dollars("26"));
        effect.buy(position, fill.fee(dollars("0.75")))
    })
}

/// Begins deal `deal` as commit `number`, by a call of its own.
pub(crate) fn begin(store: &Store, number: u64, before: u64, deal: u8) -> Result<(), Error> {
    let expected = (before > 0).then(|| before.to_be_bytes());
    let intent =
        opening(deal).cursor("step", expected.as_ref().map(|b| &b[..]), number.to_be_bytes());
    let begun = store.operations().begin(&intent)?;
    assert!(begun.into_handle().is_some(), "deal {deal} was begun before");
    Ok(())
}

/// Stages commit `number`, which follows the cursor's commit `before`.
pub(crate) fn stage(tx: &mut Tx<'_>, number: u64, before: u64, deed: Deed) -> Result<(), Error> {
    let expected = (before > 0).then(|| before.to_be_bytes());
    let expected = expected.as_ref().map(|bytes| &bytes[..]);
    tx.cursors().set("step", expected, &number.to_be_bytes())?;
    match deed {
        Deed::Deposit => drop(tx.ledger().deposit("main", &dollars("10000"))?),
        Deed::Tick => {
            let token = TokenKey::new("solana", "BONK").expect("a plain key");
            let price = (number * 7919 % 1000).to_string().parse().expect("a plain price");
            let update = Update::new(token).price(price, at(number * 31 % 17)).seq(number);
            tx.tokens().upsert(&update)?;
        }
        Deed::Claim => drop(tx.claims().claim("events", &number.to_be_bytes(), at(number))?),
        Deed::Begin(deal) => drop(tx.operations().begin(&opening(deal))?),
        Deed::Start(deal) => on(tx, deal, |all, id, _| all.start(id).map(drop))?,
        Deed::Record(deal) => {
            on(tx, deal, |all, id, position| {
                all.record(id, &bought(deal, position?, 1)).map(drop)
            })?;
        }
        Deed::Complete(deal) => {
            on(tx, deal, |all, id, position| {
                all.complete(id, &bought(deal, position?, 2)).map(drop)
            })?;
        }
        Deed::Move(deal) => {
            let intent = Intent::custom(key(deal), "move", "main").account("aside").touches(usd());
            drop(tx.operations().begin(&intent.payload(payload(deal)))?);
            on(tx, deal, |all, id, _| all.start(id).map(drop))?;
            let leg = |account: &str, text: &str| Leg {
                account: account.into(),
                kind: AccountKind::Cash,
                money: dollars(text),
            };
            let moved = Effect::new().entry([leg("main", "-12"), leg("aside", "12")]);
            on(tx, deal, |all, id, _| all.apply(id, &moved).map(drop))?;
        }
        Deed::Fail(deal) => {
            let why = Failure::ambiguous("no answer");
            on(tx, deal, |all, id, _| all.fail(id, &why).map(drop))?;
        }
        Deed::RollBack(deal) => {
            let why = RollBack::new("given up").evidence("the venue never saw it");
            on(tx, deal, |all, id, _| all.roll_back(id, &why).map(drop))?;
        }
        Deed::Resolve(deal) => {
            on(tx, deal, |all, id, position| {
                all.resolve_complete(id, &bought(deal, position?, 2)).map(drop)
            })?;
        }
    }
    Ok(())
}

/// Calls for a deal by its number, taking it over where an earlier opening of the store had it.
fn on(
    tx: &mut Tx<'_>,
    deal: u8,
    call: impl Fn(
        &mut OperationsMut<'_>,
        OperationId,
        Result<PositionId, Refusal>,
    ) -> Result<(), Refusal>,
) -> Result<(), Error> {
    let mut all = tx.operations();
    let known = all.read().by_key(key(deal))?.expect("it was begun");
    let (id, KeyState::Known(operation)) = (known.id(), known) else { panic!("it was purged") };
    let position = || operation.position().ok_or(Refusal::UnknownOperation { operation: id });
    match call(&mut all, id, position()) {
        Err(Refusal::StaleOwner { .. }) => {
            match operation.status {
                Status::Pending => drop(all.take_over_pending(id)?),
                _ => drop(all.take_over(id)?),
            }
            Ok(call(&mut all, id, position())?)
        }
        answer => Ok(answer?),
    }
}

/// What the bot says of an orphan.
pub(crate) fn verdict(case: &Case) -> Verdict {
    let position = case.operation.position().expect("every orphan opens one");
    match &*case.operation.key {
        b"deal-61" => Verdict::Complete(bought(61, position, 2)),
        b"deal-62" => Verdict::roll_back("the venue never saw it"),
        key => panic!("{} is no orphan", key.escape_ascii()),
    }
}

/// How many commits a store holds, if the recovery comes behind commit `recovery`.
pub(crate) fn count(snapshot: &Snapshot, recovery: u64) -> Result<u64, Error> {
    let cursor = snapshot.cursors().get("step")?;
    let cursor = cursor
        .map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("the cursor is a number")));
    if cursor != recovery {
        return Ok(cursor);
    }
    let mut ended = 0;
    for deal in ORPHANS {
        let known = snapshot.operations().by_key(key(deal))?.expect("it was begun");
        ended += u64::from(known.status().is_finished());
    }
    Ok(cursor + ended)
}

/// Everything that a store shows, as text, but for what depends on how often it was opened.
pub(crate) fn picture(snapshot: &Snapshot) -> Result<String, Error> {
    let mut shown = String::new();
    for token in snapshot.tokens().iter() {
        line(&mut shown, &token?);
    }
    let ledger = snapshot.ledger();
    line(&mut shown, &ledger.all_accounts()?);
    line(&mut shown, &ledger.holds()?);
    for position in ledger.positions() {
        line(&mut shown, &position?);
    }
    for entry in ledger.entries() {
        line(&mut shown, &entry?);
    }
    for operation in snapshot.operations().all() {
        let one = operation?;
        assert_eq!(*one.payload, payload_of(&one.key), "the payload of {}", one.id);
        line(&mut shown, &(one.id, one.kind, one.key, one.status, one.tries, one.positions));
        line(&mut shown, &(one.accounts, one.assets, one.claim, one.retry_of, one.needs_attention));
    }
    for claim in snapshot.claims().all() {
        line(&mut shown, &claim?);
    }
    for cursor in snapshot.cursors().iter() {
        line(&mut shown, &cursor?);
    }
    Ok(shown)
}

fn line(shown: &mut String, what: &impl Debug) {
    writeln!(shown, "{what:?}").expect("a string takes everything");
}

fn payload_of(key: &[u8]) -> Vec<u8> {
    let deal = key.strip_prefix(b"deal-").and_then(|digits| std::str::from_utf8(digits).ok());
    payload(deal.and_then(|digits| digits.parse().ok()).expect("every key is a deal's"))
}
