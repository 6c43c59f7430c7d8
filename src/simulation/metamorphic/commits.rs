//! Commits of tokens, claims and cursors, drawn from few names, and made in any of the forms that a
//! commit can take.

use std::fmt::Debug;

use crate::{Durability, Error, Price, Store, Timestamp, TokenKey, Tx, Update};
use fastrand::Rng;

use super::configuration::{Configuration, Form};
use crate::simulation::script::{SECOND, START_MICROS};

pub(crate) const CHAINS: [&str; 2] = ["ethereum", "solana"];
pub(crate) const ADDRESSES: [&str; 6] = [
    "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B",
    "0xab0000000000000000000000000000000000000c",
    "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    "Bonk",
    "Bone",
    "bonk",
];

/// One thing that is put into a commit.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Tell(Box<Told>),
    Claim {
        key: u8,
        at: i64,
    },
    Cursor {
        expected: Option<u8>,
        value: u8,
        len: usize,
    },
    /// Somebody changes their mind: the commit does not happen.
    Refuse,
}

/// What is told of a token.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    chain: usize,
    address: usize,
    price: Option<u64>,
    at: i64,
    source: u8,
    seq: Option<u64>,
    name_len: usize,
    decimals: Option<u8>,
    unavailable: bool,
}

impl Told {
    fn drawn(rng: &mut Rng) -> Self {
        // Now and then further ahead than is believed.
        let latest = if rng.u8(..12) == 0 { 2_000_000 } else { 50 };
        Self {
            chain: rng.usize(..CHAINS.len()),
            address: rng.usize(..ADDRESSES.len()),
            price: (rng.u8(..5) > 0).then(|| rng.u64(..50)),
            at: START_MICROS + rng.i64(-50..latest) * SECOND,
            source: rng.u8(..4),
            seq: rng.bool().then(|| rng.u64(..3)),
            name_len: if rng.u8(..3) == 0 { rng.usize(..=260) } else { 0 },
            decimals: (rng.u8(..10) == 0).then(|| rng.u8(6..8)),
            unavailable: rng.u8(..8) == 0,
        }
    }

    fn update(&self) -> Result<Update, Error> {
        let at = Timestamp::from_micros(self.at);
        let key = TokenKey::new(CHAINS[self.chain], ADDRESSES[self.address])?;
        let mut update =
            Update::new(key).source(["binance", "kraken", "mock", ""][usize::from(self.source)]);
        if let Some(price) = self.price {
            update = update.price(price.to_string().parse::<Price>()?, at);
        }
        if let Some(seq) = self.seq {
            update = update.seq(seq);
        }
        if self.name_len > 0 {
            update = update
                .name("n".repeat(self.name_len), at)
                .symbol("S".repeat(self.name_len / 2), at);
        }
        if let Some(decimals) = self.decimals {
            update = update.decimals(decimals);
        }
        if self.unavailable {
            update = update.unavailable("delisted", at);
        }
        Ok(update)
    }
}

/// The deeds of one commit.
pub(crate) fn drawn(rng: &mut Rng) -> Vec<Deed> {
    let tell = |rng: &mut Rng| Deed::Tell(Box::new(Told::drawn(rng)));
    match rng.u8(..10) {
        0..4 => vec![tell(rng)],
        4 | 5 => (0..rng.usize(2..20)).map(|_| tell(rng)).collect(),
        6 => vec![Deed::Claim { key: rng.u8(..12), at: START_MICROS + rng.i64(-10..400) * SECOND }],
        7 | 8 => {
            let len = if rng.u8(..4) == 0 { rng.usize(3_000..=4_097) } else { 1 };
            let expected = (rng.u8(..3) > 0).then(|| rng.u8(..2));
            vec![Deed::Cursor { expected, value: rng.u8(..2), len }, tell(rng)]
        }
        _ => vec![tell(rng), Deed::Refuse],
    }
}

/// Makes commits one after the other, or all at once where they are staged. Answers what each of them
/// came to, with the LSN behind it.
pub(crate) fn make(
    configuration: &Configuration,
    store: &Store,
    commits: &[Vec<Deed>],
) -> Vec<String> {
    let mut answers = Vec::new();
    if configuration.form != Form::Ticket {
        for deeds in commits {
            let answer = with_room(store, || one(configuration, store, deeds));
            answers.push(said(answer, store.snapshot().lsn()));
        }
        return answers;
    }
    let mut tickets = Vec::new();
    for deeds in commits {
        let durability = configuration.durability;
        let staged = with_room(store, || store.write_ticket(durability, |tx| body(tx, deeds)));
        match staged {
            Ok((answer, ticket)) => {
                answers.push(said(Ok(answer), ticket.lsn()));
                tickets.push(ticket);
            }
            // It returned once everything before it could be seen.
            Err(error) => answers.push(said(Err(error), store.snapshot().lsn())),
        }
    }
    if configuration.seed.is_multiple_of(2) {
        tickets.reverse();
    }
    for ticket in tickets {
        ticket.wait().expect("the disk works");
    }
    answers
}

fn one(configuration: &Configuration, store: &Store, deeds: &[Deed]) -> Result<String, Error> {
    match (configuration.form, deeds) {
        (Form::Direct, [Deed::Tell(told)]) => {
            store.tokens().upsert(&told.update()?).map(|merged| text(&[merged]))
        }
        (Form::Direct, [Deed::Claim { key, at }]) => {
            let claim = store.claims().claim("volley", &[*key], Timestamp::from_micros(*at));
            claim.map(|claim| format!("{claim:?}"))
        }
        (Form::Finishing, deeds) => store.write_finishing(|tx| body(tx, deeds)),
        (Form::Synced, deeds) => store.write_with(Durability::Synced, |tx| body(tx, deeds)),
        (_, deeds) => store.write(|tx| body(tx, deeds)),
    }
}

fn body(tx: &mut Tx<'_>, deeds: &[Deed]) -> Result<String, Error> {
    let mut merged = Vec::new();
    let mut answer = String::new();
    for deed in deeds {
        match deed {
            Deed::Tell(told) => merged.push(tx.tokens().upsert(&told.update()?)?),
            Deed::Claim { key, at } => {
                let at = Timestamp::from_micros(*at);
                answer = format!("{:?}", tx.claims().claim("volley", &[*key], at)?);
            }
            Deed::Cursor { expected, value, len } => {
                let expected = expected.map(|value| vec![value; *len]);
                tx.cursors().set("volley", expected.as_deref(), &vec![*value; *len])?;
            }
            Deed::Refuse => return Err(Error::Closed),
        }
    }
    Ok(if answer.is_empty() { text(&merged) } else { answer })
}

fn text(merged: &[impl Debug]) -> String {
    format!("{merged:?}")
}

fn said(answer: Result<String, Error>, lsn: u64) -> String {
    match answer {
        Ok(answer) => format!("{lsn}: {answer}"),
        Err(error) => format!("{lsn}: refused: {error:?}: {error}"),
    }
}

/// Where nobody checkpoints in the background, a store says that its memory is full, and nothing
/// happened: whoever called makes room and calls again.
fn with_room<T>(store: &Store, mut call: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    match call() {
        Err(Error::Stalled { .. }) => {
            store.checkpoint()?;
            call()
        }
        answer => answer,
    }
}
