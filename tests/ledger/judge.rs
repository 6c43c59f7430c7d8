//! The rules of the books, written down once more: entries are folded and compared with everything
//! that the library derives.

use std::collections::{BTreeMap, VecDeque};

use highwater::ledger::{CostMethod, EntryKind, HoldKind};
use highwater::{AccountKind, Amount, Asset, EntryId, Money, PositionId, Snapshot};

pub(crate) fn asset(n: u64) -> Asset {
    match n {
        0 => Asset::new("fiat", "USD", 2).unwrap(),
        1 => Asset::new("t", "YES", 2).unwrap(),
        2 => Asset::new("t", "NO", 2).unwrap(),
        3 => Asset::new("t", "BTC", 8).unwrap(),
        _ => Asset::new("t", "BNB", 3).unwrap(),
    }
}

pub(crate) fn money(asset: &Asset, units: i128) -> Money {
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
pub(crate) fn judge(snapshot: &Snapshot) {
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
