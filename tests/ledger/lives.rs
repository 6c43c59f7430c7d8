//! Random lives of a bot's books. Nothing of the library's own verification is believed: the judge
//! beside this file says whether they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::disk::MemoryDisk;
use highwater::{
    AccountKind, Background, Effect, EntryId, Error, Failure, Fill, InProgress, Intent, Leg,
    ManualClock, Mode, NewPosition, OperationId, Options, PositionId, RollBack, Store, Timestamp,
};

use super::judge::{asset, judge, money};

const OWNERS: [&str; 2] = ["main", "main2"];

struct Dice(u64);
impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len() as u64) as usize) }
    }
    fn amount(&mut self) -> i128 {
        match self.below(40) {
            0 => 0,
            1 => i128::MAX,
            2 => i128::MAX / 2,
            3..=12 => self.below(5) as i128 + 1,
            13..=15 => 10i128.pow(33),
            _ => self.below(100) as i128 + 1,
        }
    }
}

struct Life {
    store: Store,
    clock: ManualClock,
    dice: Dice,
    number: u64,
    running: Vec<(OperationId, Vec<(PositionId, u64)>)>,
    handles: Vec<InProgress>,
    fills: Vec<String>,
    done: BTreeMap<&'static str, (u64, u64)>,
}

impl Life {
    fn tell<T>(&mut self, what: &'static str, outcome: Result<T, Error>) -> Option<T> {
        let count = self.done.entry(what).or_default();
        match outcome {
            Ok(value) => {
                count.0 += 1;
                Some(value)
            }
            Err(error) => {
                let blocked = matches!(error, Error::UndoBlocked { .. });
                assert!(blocked || error.is_refused(), "{what}: {error:?}");
                count.1 += 1;
                None
            }
        }
    }

    fn effect(&mut self, positions: &[(PositionId, u64)]) -> Effect {
        let mut effect = Effect::new();
        for _ in 0..self.dice.below(3) {
            let Some((position, _)) = self.dice.pick(positions).copied() else { continue };
            let Ok(state) = self.store.snapshot().ledger().position(position) else { continue };
            let owner = state.account.clone();
            let quantity = match self.dice.below(3) {
                0 => state.quantity.amount().units(),
                _ => self.dice.amount(),
            };
            let (q, g) = (money(&state.asset, quantity), money(&state.quote, self.dice.amount()));
            let venue = ["v", "w"][self.dice.below(2) as usize];
            let mut fill = if self.dice.below(4) == 0 {
                Fill::cumulative(venue, q, g)
            } else {
                self.number += 1;
                let id = match self.dice.below(10) {
                    0 => self.dice.pick(&self.fills.clone()).cloned().unwrap_or("F".into()),
                    _ => format!("F{}", self.number),
                };
                self.fills.push(id.clone());
                Fill::new(venue, id, q, g)
            };
            if self.dice.below(3) == 0 {
                let f = self.dice.amount();
                fill = fill.fee(money(&state.quote, if self.dice.below(4) == 0 { -f } else { f }));
            }
            if self.dice.below(4) == 0 {
                fill = fill.fee(money(&state.asset, self.dice.below(4) as i128));
            }
            if self.dice.below(5) == 0 {
                fill = fill.fee(money(&asset(4), self.dice.below(9) as i128 - 3));
            }
            if self.dice.below(12) == 0 {
                let last = self.store.snapshot().ledger().entries().count() as u64;
                fill = fill.corrects(EntryId::new(self.dice.below(last + 2)));
            }
            let all: Vec<PositionId> = positions.iter().map(|one| one.0).collect();
            effect = match self.dice.below(12) {
                0..=3 => effect.buy(position, fill),
                4..=7 => effect.sell(position, fill),
                8 => effect.redeem(position, fill),
                9 => effect
                    .split(money(&asset(0), self.dice.amount()), all.iter().map(|p| (*p, None))),
                10 => effect.merge(money(&asset(0), self.dice.amount()), all),
                _ => {
                    let a = self.dice.amount();
                    let other = OWNERS[self.dice.below(2) as usize];
                    let kind = AccountKind::ALL[self.dice.below(7) as usize];
                    effect.entry([
                        Leg {
                            account: owner,
                            kind: AccountKind::Cash,
                            money: money(&state.quote, a),
                        },
                        Leg {
                            account: other.into(),
                            kind,
                            money: money(&state.quote, a.checked_neg().unwrap_or(0)),
                        },
                    ])
                }
            };
        }
        if self.dice.below(3) == 0 { effect.cover_shortfall("why") } else { effect }
    }

    fn step(&mut self) {
        self.clock.advance_micros(self.dice.below(2_000) as i64 - 200);
        let owner = OWNERS[self.dice.below(2) as usize];
        let a = asset(self.dice.below(5));
        let m = money(&a, self.dice.amount());
        self.number += 1;
        let k = format!("k{}", self.number);
        let ids: Vec<PositionId> = self
            .store
            .snapshot()
            .ledger()
            .positions()
            .map(|p| p.unwrap())
            .filter(|p| p.closed_at.is_none())
            .map(|p| p.id)
            .collect();
        let new = {
            let n = NewPosition::new(owner, asset(1 + self.dice.below(4)), asset(0))
                .tag(["", "x"][self.dice.below(2) as usize]);
            if self.dice.below(2) == 0 { n.fifo() } else { n }
        };
        match self.dice.below(30) {
            0..=2 => {
                let r = self.store.ledger().deposit(owner, &m);
                self.tell("deposit", r);
            }
            3 => {
                let r = self.store.ledger().withdraw(owner, &m);
                self.tell("withdraw", r);
            }
            4 => {
                let r =
                    self.store.ledger().transfer(owner, OWNERS[self.dice.below(2) as usize], &m);
                self.tell("transfer", r);
            }
            5 => {
                let r = self.store.ledger().opening_balance(owner, &m);
                self.tell("opening", r);
            }
            6 => {
                let at = self.clock_now();
                let asset =
                    [asset(1), asset(2), asset(3), asset(4)][self.dice.below(4) as usize].clone();
                let new = NewPosition::new(owner, asset.clone(), super::judge::asset(0))
                    .tag(["", "x", "y"][self.dice.below(3) as usize]);
                let r = self.store.ledger().import_position(
                    &new,
                    &money(&asset, m.amount().units()),
                    &money(&super::judge::asset(0), self.dice.amount()),
                    at,
                );
                self.tell("import", r);
            }
            7 => {
                let r = self.store.ledger().adjust(owner, &[m], "why");
                self.tell("adjust", r);
            }
            8 => {
                let r = self.store.ledger().write_off(owner, &a, "why");
                self.tell("write_off", r);
            }
            9..=11 => {
                let last = self.store.snapshot().ledger().entries().count() as u64;
                let entry = EntryId::new(if self.dice.below(2) == 0 {
                    last - self.dice.below(4).min(last)
                } else {
                    self.dice.below(last + 2)
                });
                let r = self.store.ledger().reverse(entry, "why");
                self.tell("reverse", r);
            }
            12..=17 => {
                let mut intent = match self.dice.below(6) {
                    0 => Intent::open(&k, new),
                    1 => match self.dice.pick(&ids) {
                        Some(p) => Intent::close(&k, *p),
                        None => return,
                    },
                    2 => Intent::deduct(&k, owner, m.clone()),
                    3 => Intent::add(&k, owner, m.clone()),
                    x => {
                        let mut i = if x == 4 {
                            Intent::trade(&k, owner)
                        } else {
                            Intent::custom(&k, "c", owner).account("main").account("main2")
                        };
                        for _ in 0..self.dice.below(3) {
                            if let Some(p) = self.dice.pick(&ids).copied() {
                                let q = self.store.snapshot().ledger().position(p).unwrap();
                                i = match self.dice.below(2) {
                                    0 => i.increase(p),
                                    _ => i.reduce(
                                        p,
                                        money(&q.asset, self.dice.below(20) as i128 + 1),
                                    ),
                                };
                            }
                        }
                        if self.dice.below(2) == 0 {
                            i = i.opens(new);
                        }
                        i
                    }
                };
                if self.dice.below(2) == 0 {
                    intent = intent.hold(money(&asset(0), self.dice.amount()));
                }
                for n in 0..5 {
                    intent = intent.touches(asset(n));
                }
                let r = self.store.operations().begin_and_start(&intent);
                if let Some(begun) = self.tell("begin", r) {
                    let handle = begun.into_handle().unwrap();
                    let positions = handle.positions().iter().map(|p| (*p, 0)).collect();
                    self.running.push((handle.id(), positions));
                    self.handles.push(handle);
                }
            }
            x => {
                let Some((id, positions)) = self.dice.pick(&self.running).cloned() else { return };
                match x {
                    18..=21 => {
                        let e = self.effect(&positions);
                        let r = self.store.operations().record(id, &e);
                        self.tell("record", r);
                    }
                    22..=23 => {
                        let m = m.clone();
                        let e = match self.dice.below(3) {
                            0 => Effect::new().deposit(owner, m),
                            1 => Effect::new().withdraw(owner, m),
                            _ => self.effect(&positions),
                        };
                        let r = self.store.operations().apply(id, &e);
                        self.tell("apply", r);
                    }
                    24..=26 => {
                        let e = match self.dice.below(4) {
                            0 => Effect::new().deposit(owner, m),
                            1 => Effect::new().withdraw(owner, m),
                            _ => self.effect(&positions),
                        };
                        let r = self.store.operations().complete(id, &e);
                        self.tell("complete", r);
                    }
                    27 => {
                        let r = self.store.operations().fail(id, Failure::definite("x"));
                        self.tell("fail", r);
                    }
                    28 => {
                        let r = self.store.operations().roll_back(id, RollBack::new("x"));
                        self.tell("roll_back", r);
                    }
                    _ => {
                        let e = self.effect(&positions);
                        // A refused call inside a closure that goes on.
                        let r: Result<(), Error> = self.store.write(|tx| {
                            let _ = tx.operations().record(id, &e);
                            let _ = tx.ledger().withdraw(owner, &m);
                            let _ = tx.operations().complete(id, &e);
                            let _ = tx.ledger().deposit(owner, &money(&asset(0), 1))?;
                            let _ = tx.ledger().transfer("main", "main2", &m);
                            let _ = tx.operations().begin(&Intent::deduct(&k, owner, m.clone()));
                            Ok(())
                        });
                        self.tell("closure", r);
                    }
                }
                let snapshot = self.store.snapshot();
                self.running.retain(|(id, _)| {
                    !snapshot.operations().get(*id).unwrap().unwrap().status.is_finished()
                });
            }
        }
    }

    fn clock_now(&self) -> Timestamp {
        highwater::Clock::now(&self.clock)
    }
}

/// The story: 20,000 lives in a model came out right, and the library never lived one of them.
#[test]
fn whatever_happens_the_books_hold() {
    let lives: u64 =
        std::env::var("HIGHWATER_LEDGER_LIVES").map_or(30, |text| text.parse().unwrap());
    let from: u64 = std::env::var("HIGHWATER_LEDGER_SEED").map_or(1, |text| text.parse().unwrap());
    let mut done: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for seed in from..from + lives {
        let clock = ManualClock::new(Timestamp::from_micros(1_000_000));
        let store = Options::new(Mode::Paper, asset(0))
            .background(Background::Manual)
            .clock(Arc::new(clock.clone()))
            .seed(seed)
            .open_on(Arc::new(MemoryDisk::new()))
            .unwrap();
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.next();
        let mut life = Life {
            store,
            clock,
            dice,
            number: 0,
            running: vec![],
            handles: vec![],
            fills: vec![],
            done: BTreeMap::new(),
        };
        for owner in OWNERS {
            for n in [0, 0, 3, 4] {
                life.store.ledger().deposit(owner, &money(&asset(n), 5_000)).unwrap();
            }
        }
        for step in 0..250 {
            life.step();
            if step % 5 == 0 {
                let snapshot = life.store.snapshot();
                let judged =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(&snapshot)));
                assert!(judged.is_ok(), "seed {seed}, step {step}");
            }
        }
        for (what, (ok, refused)) in life.done {
            let all = done.entry(what).or_default();
            (all.0, all.1) = (all.0 + ok, all.1 + refused);
        }
    }
    eprintln!("{done:?}");
}
