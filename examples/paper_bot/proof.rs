//! The proof: the bot's books held against the venue's, and against those of a bot that never died.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;

use highwater::ledger::FillId;
use highwater::{AccountKind, Amount, Asset, Mode, Money, Snapshot, Store};

use crate::arguments::Arguments;
use crate::bot::ACCOUNT;
use crate::execute::VENUE;
use crate::market::Side;
use crate::venue::{Execution, Order, Venue, dollars};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Prints the proof line by line. Answers whether all of it holds.
pub(crate) fn prove(store: &Store, venue: &Venue, arguments: &Arguments) -> Outcome<bool> {
    let snapshot = store.snapshot();
    let mut proof = Proof { holds: true };
    proof.executions(&snapshot, venue)?;
    proof.books(&snapshot, venue)?;
    proof.operations(&snapshot, venue)?;
    proof.undisturbed(&snapshot, venue, arguments)?;
    println!("proof     {}", if proof.holds { "all of it holds" } else { "IT DOES NOT HOLD" });
    Ok(proof.holds)
}

/// What the proof has come to so far.
struct Proof {
    holds: bool,
}

impl Proof {
    /// One line of it. Nothing differs where it holds.
    fn line(&mut self, claim: impl Display, differences: &[String]) {
        const SHOWN: usize = 10;
        let word = if differences.is_empty() { "ok" } else { "NO" };
        println!("proof     {word}  {claim}");
        for difference in differences.iter().take(SHOWN) {
            println!("              {difference}");
        }
        if differences.len() > SHOWN {
            println!("              and {} more", differences.len() - SHOWN);
        }
        self.holds &= differences.is_empty();
    }

    /// Every execution is in the ledger, once, in the venue's numbers; and no other one is.
    fn executions(&mut self, snapshot: &Snapshot, venue: &Venue) -> Outcome<()> {
        let theirs = executions(venue);
        let (mut found, mut differences) = (BTreeSet::new(), Vec::new());
        for entry in snapshot.ledger().entries() {
            let entry = entry?;
            let Some((name, FillId::Execution(id))) = &entry.fill else { continue };
            let ours: Vec<_> = entry.changes.iter().collect();
            let problem = match (theirs.get(&**id), &ours[..]) {
                _ if **name != *VENUE => "is of another venue",
                (None, _) => "never happened",
                _ if !found.insert(id.clone()) => "is there twice",
                (Some((order, one)), [ours]) => {
                    let (quantity, dollar_fee, unit_fee) = signed(order, one)?;
                    let is_equal = ours.quantity == quantity
                        && ours.gross == one.gross
                        && ours.fee == dollar_fee
                        && ours.token_fee == unit_fee;
                    if is_equal { continue } else { "has other numbers" }
                }
                _ => "moved several positions",
            };
            differences.push(format!("{id} {problem}: entry {}", entry.id));
        }
        let missing = theirs.keys().filter(|id| !found.contains(id.as_str()));
        differences.extend(missing.map(|id| format!("{id} is missing")));
        let claim =
            format!("each of the venue's {} executions is in the ledger, once", theirs.len());
        self.line(claim, &differences);
        Ok(())
    }

    /// Cash, units and fees of every asset are the venue's, to the last unit.
    fn books(&mut self, snapshot: &Snapshot, venue: &Venue) -> Outcome<()> {
        let ledger = snapshot.ledger();
        let mut ours = Books::default();
        for account in ledger.accounts(ACCOUNT)? {
            match account.kind {
                AccountKind::Cash => ours.cash.add(&account.balance)?,
                AccountKind::Units => ours.units.add(&account.balance)?,
                AccountKind::Fees => ours.fees.add(&account.balance)?,
                _ => {}
            }
        }
        let mut theirs = Books::default();
        theirs.cash.add(venue.cash())?;
        for (order, one) in executions(venue).values() {
            let (quantity, dollar_fee, unit_fee) = signed(order, one)?;
            theirs.units.add(&quantity.checked_sub(&unit_fee)?)?;
            theirs.fees.add(&dollar_fee)?;
            theirs.fees.add(&unit_fee)?;
        }
        let cash = ledger.balance(ACCOUNT, &dollars())?;
        self.line(
            format!("cash is {} as at the venue", cash.total),
            &ours.cash.unlike(&theirs.cash),
        );
        let claim = format!("units of {} assets are as at the venue", theirs.units.0.len());
        self.line(claim, &ours.units.unlike(&theirs.units));
        let dollar_fees = ours.fees.of(&dollars());
        let claim = format!("fees are as at the venue: {dollar_fees} in dollars, the rest in kind");
        self.line(claim, &ours.fees.unlike(&theirs.fees));
        Ok(())
    }

    /// No trade was copied twice, no operation is left, nothing is set aside for nobody.
    fn operations(&mut self, snapshot: &Snapshot, venue: &Venue) -> Outcome<()> {
        let mut copied = BTreeSet::new();
        let twice = venue.filled().filter(|report| !copied.insert(&report.order.trade));
        let twice: Vec<_> = twice.map(|report| report.order.trade.clone()).collect();
        self.line(format!("each of {} trades was copied once", venue.filled().count()), &twice);

        let mut known = BTreeSet::new();
        for operation in snapshot.operations().all() {
            known.extend(operation?.external_ids.iter().map(ToString::to_string));
        }
        let unknown = venue.orders().filter(|(id, _)| !known.contains(*id));
        let unknown: Vec<_> = unknown.map(|(id, _)| id.clone()).collect();
        let claim = format!("each of {} orders belongs to an operation", venue.orders().len());
        self.line(claim, &unknown);

        let unfinished = snapshot.operations().unfinished()?;
        let left = unfinished.iter().map(|one| format!("{} is {}", one.id, one.status));
        self.line("no operation is unfinished", &left.collect::<Vec<_>>());

        let holds = snapshot.ledger().holds()?;
        let held = holds.iter().map(|hold| format!("{} for {}", hold.remaining, hold.operation));
        let held: Vec<_> = held.collect();
        self.line("nothing is set aside for any operation", &held);

        let findings = snapshot.verify()?;
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        self.line("the store verifies itself: every sum and index recomputed", &findings);
        Ok(())
    }

    /// The same input, read by a bot that nobody kills, comes to the same executions and the same
    /// cash.
    fn undisturbed(
        &mut self,
        snapshot: &Snapshot,
        venue: &Venue,
        arguments: &Arguments,
    ) -> Outcome<()> {
        let mut other_venue = Venue::in_memory(arguments.seed, crate::first_cash());
        let other_store = Store::memory(Mode::Paper, dollars())?;
        crate::copy_all(&other_store, &mut other_venue, arguments)?;

        let (ours, theirs) = (executions(venue), executions(&other_venue));
        let ids: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let unlike = ids.into_iter().filter(|id| ours.get(*id) != theirs.get(*id));
        let unlike: Vec<_> = unlike.map(|id| format!("{id} is not the same")).collect();
        self.line("a bot that never died has the same executions", &unlike);

        let cash = |snapshot: &Snapshot| snapshot.ledger().balance(ACCOUNT, &dollars());
        let (ours, theirs) = (cash(snapshot)?, cash(&other_store.snapshot())?);
        let unlike = if ours == theirs { vec![] } else { vec![format!("it has {}", theirs.total)] };
        self.line(format!("and the same cash: {}", ours.total), &unlike);
        Ok(())
    }
}

/// All executions of a venue by their ids, with the orders they belong to.
fn executions(venue: &Venue) -> BTreeMap<String, (Order, Execution)> {
    let each = venue.filled().flat_map(|report| {
        let order = &report.order;
        report.executions.iter().map(|one| (one.id.clone(), (order.clone(), one.clone())))
    });
    each.collect()
}

/// The units that came, or with a minus went; the fee in dollars; and the fee in units.
fn signed(order: &Order, one: &Execution) -> Outcome<(Money, Money, Money)> {
    let (units, dollars) = (order.quantity.asset(), dollars());
    let zero = |asset: &Asset| Money::new(asset.clone(), Amount::ZERO);
    let quantity = match order.side {
        Side::Buy => one.quantity.clone(),
        Side::Sell => zero(units).checked_sub(&one.quantity)?,
    };
    let is_in_kind = one.fee.asset() == units;
    let (dollar_fee, unit_fee) =
        if is_in_kind { (zero(&dollars), one.fee.clone()) } else { (one.fee.clone(), zero(units)) };
    Ok((quantity, dollar_fee, unit_fee))
}

#[derive(Default)]
struct Books {
    cash: Sums,
    units: Sums,
    fees: Sums,
}

/// A sum for each asset, by its name.
#[derive(Default)]
struct Sums(BTreeMap<String, Money>);

impl Sums {
    fn add(&mut self, money: &Money) -> Outcome<()> {
        let sum = self.of(money.asset()).checked_add(money)?;
        self.0.insert(money.asset().to_string(), sum);
        Ok(())
    }

    fn of(&self, asset: &Asset) -> Money {
        let sum = self.0.get(&asset.to_string()).cloned();
        sum.unwrap_or_else(|| Money::new(asset.clone(), Amount::ZERO))
    }

    fn unlike(&self, theirs: &Self) -> Vec<String> {
        let all = self.0.values().chain(theirs.0.values()).map(|sum| sum.asset());
        let unlike = all.filter(|asset| self.of(asset) != theirs.of(asset));
        let told = unlike.map(|asset| {
            format!("{asset}: {} in the ledger, {} at the venue", self.of(asset), theirs.of(asset))
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told.dedup();
        told
    }
}
