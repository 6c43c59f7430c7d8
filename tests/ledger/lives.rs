//! Random lives of a bot's books, judged by rules written down here once more: nothing of the
//! library's own verification is believed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use highwater::disk::MemoryDisk;
use highwater::ledger::{CostMethod, EntryKind, HoldKind};
use highwater::{
    AccountKind, Amount, Asset, Background, Effect, EntryId, Error, Failure, Fill, InProgress,
    Intent, Leg, ManualClock, Mode, Money, NewPosition, OperationId, Options, PositionId, RollBack,
    Snapshot, Store, Timestamp,
};

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

fn asset(n: u64) -> Asset {
    match n {
        0 => Asset::new("fiat", "USD", 2).unwrap(),
        1 => Asset::new("t", "YES", 2).unwrap(),
        2 => Asset::new("t", "NO", 2).unwrap(),
        3 => Asset::new("t", "BTC", 8).unwrap(),
        _ => Asset::new("t", "BNB", 3).unwrap(),
    }
}

fn money(asset: &Asset, units: i128) -> Money {
    Money::new(asset.clone(), Amount::from_units(units))
}

fn big_floor(a: i128, b: i128, c: i128) -> i128 {
    // a*b/c by long multiplication over u128 halves, slow and plain: bit by bit.
    let (a, b, c) = (a as u128, b as u128, c as u128);
    let (mut q, mut r) = (0u128, 0u128);
    for bit in (0..128).rev() {
        // (q, r) = 2*(q, r) + bit of a times b
        let two = |x: u128| -> (u128, u128) {
            let carry = (x >= c - x) as u128;
            (carry, if carry == 1 { x - (c - x) } else { x + x })
        };
        let (carry, double) = two(r);
        q = q * 2 + carry;
        r = double;
        if (a >> bit) & 1 == 1 {
            q += b / c;
            let add = b % c;
            if r >= c - add {
                r -= c - add;
                q += 1;
            } else {
                r += add;
            }
        }
    }
    q as i128
}

type Key = (String, String, AccountKind);

fn key(owner: &str, asset: &Asset, kind: AccountKind) -> Key {
    (owner.into(), format!("{:?}", asset), kind)
}

/// Everything that the rules say, from the entries alone.
fn judge(snapshot: &Snapshot) {
    let ledger = snapshot.ledger();
    let mut sums: BTreeMap<Key, (i128, i128)> = BTreeMap::new();
    let entries: Vec<_> = ledger.entries().map(Result::unwrap).collect();
    let mut reversed: BTreeMap<EntryId, EntryId> = BTreeMap::new();
    let mut seen_fills = BTreeMap::new();
    for entry in &entries {
        let mut zero: BTreeMap<String, i128> = BTreeMap::new();
        for leg in &entry.legs {
            let units = leg.money.amount().units();
            assert_ne!(units, 0);
            let sum = zero.entry(format!("{:?}", leg.money.asset())).or_default();
            *sum = sum.wrapping_add(units);
            let account = sums.entry(key(&leg.account, leg.money.asset(), leg.kind)).or_default();
            let booked = if units > 0 { account.0 } else { account.1 };
            if booked.checked_add(units.abs()).is_none() {
                // Too much to count: what was booked on both sides is forgotten.
                let both = account.0.min(account.1);
                *account = (account.0 - both, account.1 - both);
            }
            if units > 0 { account.0 += units } else { account.1 -= units }
        }
        assert!(zero.values().all(|sum| *sum == 0), "{entry:?}");
        if let Some(of) = entry.reverses {
            assert!(reversed.insert(of, entry.id).is_none(), "reversed twice");
            let before = entries.iter().find(|one| one.id == of).unwrap();
            assert_eq!(before.reversed_by, Some(entry.id));
            let mut legs: Vec<_> = before.legs.clone();
            for leg in &mut legs {
                leg.money = money(leg.money.asset(), -leg.money.amount().units());
            }
            assert_eq!(legs, entry.legs);
        }
    }
    for entry in &entries {
        if let Some((venue, highwater::ledger::FillId::Execution(id))) = &entry.fill
            && !reversed.contains_key(&entry.id)
        {
            let change = &entry.changes[0];
            let owner = ledger.position(change.position).unwrap().account;
            // The legs of one swap have one id.
            let side = (change.position, change.quantity.amount().is_negative());
            let fill = (owner, venue.clone(), id.clone(), side);
            assert!(seen_fills.insert(fill, entry.id).is_none(), "posted twice");
        }
    }
    // Accounts, holds.
    let mut pending: BTreeMap<Key, (i128, i128)> = BTreeMap::new();
    let mut reserved: BTreeMap<PositionId, i128> = BTreeMap::new();
    for hold in ledger.holds().unwrap() {
        let operation = snapshot.operations().get(hold.operation).unwrap().unwrap();
        assert!(!operation.status.is_finished(), "a hold outlives its operation");
        let units = hold.remaining.amount().units();
        assert!(units >= 0 && units <= hold.reserved.amount().units());
        let kind =
            if let HoldKind::Units(_) = hold.kind { AccountKind::Units } else { AccountKind::Cash };
        let account = pending.entry(key(&hold.account, hold.remaining.asset(), kind)).or_default();
        match hold.kind {
            HoldKind::Expected => account.1 += units,
            HoldKind::Cash => account.0 += units,
            HoldKind::Units(position) => {
                account.0 += units;
                *reserved.entry(position).or_default() += units;
            }
        }
    }
    for account in ledger.all_accounts().unwrap() {
        let key = key(&account.account, account.balance.asset(), account.kind);
        let (credits, debits) = sums.remove(&key).unwrap_or_default();
        let (debit, credit) = pending.remove(&key).unwrap_or_default();
        assert_eq!(account.credits.amount().units(), credits, "{key:?}");
        assert_eq!(account.debits.amount().units(), debits, "{key:?}");
        assert_eq!(account.balance.amount().units(), credits - debits);
        assert_eq!(account.pending_debits.amount().units(), debit, "{key:?}");
        assert_eq!(account.pending_credits.amount().units(), credit, "{key:?}");
        if account.kind.is_never_negative() {
            assert!(credits - debits >= debit && debit >= 0, "{key:?}");
        }
        sums.insert(key, (credits, debits));
    }
    assert!(pending.values().all(|v| *v == (0, 0)));
    // Positions by my own fold.
    let mut totals: BTreeMap<Key, i128> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for position in ledger.positions() {
        let position = position.unwrap();
        let mut lots: VecDeque<(i128, i128)> = VecDeque::new();
        let (mut realized, mut fees, mut bought, mut proceeds) = (0i128, 0i128, 0i128, 0i128);
        let mut last = None;
        for entry in
            entries.iter().filter(|one| one.reverses.is_none() && !reversed.contains_key(&one.id))
        {
            for change in entry.changes.iter().filter(|one| one.position == position.id) {
                last = Some(entry.id);
                let n = |m: &Money| m.amount().units();
                let (q, t, g, f, covered) = (
                    n(&change.quantity),
                    n(&change.token_fee),
                    n(&change.gross),
                    n(&change.fee),
                    n(&change.covered),
                );
                fees += f;
                let incoming =
                    matches!(entry.kind, EntryKind::Buy | EntryKind::Split | EntryKind::Import);
                let (all_q, all_c): (i128, i128) =
                    (lots.iter().map(|l| l.0).sum(), lots.iter().map(|l| l.1).sum());
                let (cost, pnl);
                if incoming {
                    bought += g;
                    let units = q - t;
                    if covered > 0 {
                        assert!(units < 0, "covered without need");
                        if position.method == CostMethod::Average {
                            lots = [(all_q + covered, all_c)].into();
                        } else {
                            lots.push_back((covered, 0));
                        }
                    }
                    if all_q + covered + units == 0 {
                        lots.clear();
                        cost = -all_c;
                        pnl = -(g + all_c);
                    } else {
                        cost = g;
                        pnl = 0;
                        if position.method == CostMethod::Average {
                            lots = [(all_q + covered + units, all_c + g)].into();
                        } else if units < 0 {
                            // The fee takes more than came: the oldest units go, their cost stays.
                            lots.back_mut().unwrap().1 += g;
                            let mut fee = -units;
                            while fee > 0 {
                                let take = fee.min(lots[0].0);
                                lots[0].0 -= take;
                                fee -= take;
                                if lots[0].0 == 0 {
                                    let lost = lots.pop_front().unwrap().1;
                                    lots[0].1 += lost;
                                }
                            }
                        } else if units > 0 {
                            lots.push_back((units, g));
                        } else {
                            lots.back_mut().unwrap().1 += g;
                        }
                    }
                } else {
                    proceeds += g;
                    let q = -q;
                    if covered > 0 {
                        if position.method == CostMethod::Average {
                            lots = [(all_q + covered, all_c)].into();
                        } else {
                            lots.push_back((covered, 0));
                        }
                    }
                    let whole: i128 = lots.iter().map(|l| l.0).sum();
                    assert!(whole >= q + t, "sold more than there was");
                    let out = if whole == q + t {
                        lots.clear();
                        all_c
                    } else if position.method == CostMethod::Average {
                        let c = big_floor(all_c, q, whole);
                        lots = [(whole - q - t, all_c - c)].into();
                        c
                    } else {
                        let (mut c, mut left) = (0, q);
                        while left > 0 {
                            let lot = lots.front_mut().unwrap();
                            let take = left.min(lot.0);
                            let part =
                                if take == lot.0 { lot.1 } else { big_floor(lot.1, take, lot.0) };
                            c += part;
                            lot.0 -= take;
                            lot.1 -= part;
                            left -= take;
                            if lot.0 == 0 {
                                lots.pop_front();
                            }
                        }
                        let mut fee = t;
                        while fee > 0 {
                            let take = fee.min(lots[0].0);
                            lots[0].0 -= take;
                            fee -= take;
                            if lots[0].0 == 0 {
                                let lost = lots.pop_front().unwrap().1;
                                lots[0].1 += lost;
                            }
                        }
                        c
                    };
                    cost = -out;
                    pnl = g - out;
                }
                realized += pnl;
                assert_eq!(n(&change.realized), pnl, "{entry:?}");
                assert_eq!(n(&change.cost), cost, "{entry:?}");
                // The legs that this change must have, beside others of the same entry.
                if entry.changes.len() == 1 && entry.kind != EntryKind::Import {
                    let leg = |asset: &Asset, kind| {
                        entry
                            .legs
                            .iter()
                            .find(|l| {
                                l.kind == kind
                                    && l.money.asset() == asset
                                    && l.account == position.account
                            })
                            .map_or(0, |l| l.money.amount().units())
                    };
                    let sign = if incoming { 1 } else { -1 };
                    let q = q.abs();
                    let quote = &position.quote;
                    assert_eq!(leg(quote, AccountKind::Cost), cost);
                    assert_eq!(leg(quote, AccountKind::RealizedPnl), -pnl);
                    assert_eq!(leg(quote, AccountKind::Fees), f);
                    let short = -leg(quote, AccountKind::Adjustment);
                    assert!(short >= 0);
                    assert_eq!(leg(quote, AccountKind::Cash), -sign * g - f + short);
                    assert_eq!(leg(&position.asset, AccountKind::Units), sign * q - t + covered);
                    assert_eq!(leg(&position.asset, AccountKind::World), -sign * q);
                    assert_eq!(leg(&position.asset, AccountKind::Fees), t);
                    assert_eq!(leg(&position.asset, AccountKind::Adjustment), -covered);
                }
            }
        }
        let n = |m: &Money| m.amount().units();
        let (q, c): (i128, i128) = (lots.iter().map(|l| l.0).sum(), lots.iter().map(|l| l.1).sum());
        assert_eq!((n(&position.quantity), n(&position.cost)), (q, c), "{position:?}");
        assert_eq!(
            (n(&position.realized), n(&position.quote_fees)),
            (realized, fees),
            "{position:?}"
        );
        assert_eq!((n(&position.bought), n(&position.proceeds)), (bought, proceeds));
        assert_eq!(realized, proceeds - bought + c, "costs do not telescope");
        assert_eq!(position.last_entry, last);
        assert_eq!(n(&position.reserved), reserved.remove(&position.id).unwrap_or(0));
        assert!(n(&position.reserved) <= q);
        if position.closed_at.is_some() {
            assert_eq!(q, 0, "closed with units");
        } else {
            let slot =
                (position.account.clone(), format!("{:?}", position.asset), position.tag.clone());
            assert!(open.insert(slot, position.id).is_none(), "two open positions of one key");
            if q == 0 {
                let filling = snapshot.operations().unfinished().unwrap().into_iter().any(|op| {
                    op.positions.iter().any(|named| {
                        named.position == position.id
                            && matches!(
                                named.role,
                                highwater::Role::Opens | highwater::Role::Increases
                            )
                    })
                });
                assert!(filling, "open, empty and nobody fills it: {position:?}");
            }
        }
        *totals.entry(key(&position.account, &position.asset, AccountKind::Units)).or_default() +=
            q;
        *totals.entry(key(&position.account, &position.quote, AccountKind::Cost)).or_default() += c;
    }
    assert!(reserved.is_empty());
    for (key, total) in totals {
        let (credits, debits) = sums.get(&key).copied().unwrap_or_default();
        assert_eq!(credits - debits, total, "{key:?}");
    }
    let findings = snapshot.verify().unwrap();
    assert!(findings.is_empty(), "{findings:?}");
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
                let new = NewPosition::new(owner, asset.clone(), super::lives::asset(0))
                    .tag(["", "x", "y"][self.dice.below(3) as usize]);
                let r = self.store.ledger().import_position(
                    &new,
                    &money(&asset, m.amount().units()),
                    &money(&super::lives::asset(0), self.dice.amount()),
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
