//! One day of a bot, and the venue it trades at: the plan, what the venue executes, and what the books
//! must say at the end of the day, however often the bot died on the way.
//!
//! The venue outlives the bot. An order reaches it once for each client order id, and it knows what it
//! executed. The bot knows nothing but its store.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::disk::SimulatedDisk;
use highwater::simulation::{interrupt_everywhere, interrupt_twice};
use highwater::{
    Amount, Asset, Background, Begun, Case, Effect, Error, Failure, Fill, InProgress, Intent,
    KeepLog, KeyState, ManualClock, Mode, Money, NewPosition, Operation, Options, PositionId,
    RecoveryReport, RollBack, Snapshot, Status, Store, Timestamp, Verdict,
};

const START_MICROS: i64 = 1_700_000_000_000_000;
const ACCOUNT: &str = "main";
const VENUE: &str = "binance";

/// What the bot wants to do, in this order. The key of each is its name.
const DAY: [&str; 8] =
    ["open", "add", "split", "withdraw", "close half", "note", "rejected", "close"];

/// What a venue did, by the name of the deal. It is asked for by the client order id.
#[derive(Clone, Debug, Default)]
struct Venue {
    orders: BTreeMap<String, &'static str>,
}

/// What the bot has or trades.
#[derive(Clone, Copy)]
enum Coin {
    Usd,
    Yes,
    No,
}

fn asset(coin: Coin) -> Asset {
    let id = match coin {
        Coin::Usd => "USD",
        Coin::Yes => "YES",
        Coin::No => "NO",
    };
    Asset::new("paper", id, 2).expect("a plain asset")
}

fn units(coin: Coin, units: i128) -> Money {
    Money::new(asset(coin), Amount::from_units(units))
}

fn cash(amount: i128) -> Money {
    units(Coin::Usd, amount)
}

fn new_position(coin: Coin, tag: &str) -> NewPosition {
    NewPosition::new(ACCOUNT, asset(coin), asset(Coin::Usd)).tag(tag)
}

fn fill(id: &str, quantity: i128, gross: i128, fee: i128) -> Fill {
    Fill::new(VENUE, id, units(Coin::Yes, quantity), cash(gross)).fee(cash(fee))
}

/// The position that the first deal opens. Positions are numbered in the order of the deals that open
/// some, whichever of their attempts did.
fn position(snapshot: &Snapshot, coin: Coin, tag: &str) -> Result<PositionId, Error> {
    let open = snapshot.ledger().open_position(ACCOUNT, &asset(coin), tag)?;
    Ok(open.expect("an earlier deal opened it").id)
}

fn intent(snapshot: &Snapshot, deal: &str) -> Result<Intent, Error> {
    let event = Timestamp::from_micros(START_MICROS);
    let first = || position(snapshot, Coin::Yes, "");
    Ok(match deal {
        "open" => Intent::open(deal, new_position(Coin::Yes, "")).hold(cash(100)),
        "add" => Intent::add(deal, ACCOUNT, cash(30)).claim("transfers", "in", event),
        "split" => Intent::trade(deal, ACCOUNT)
            .hold(cash(31))
            .opens(new_position(Coin::Yes, "outcome"))
            .opens(new_position(Coin::No, "outcome")),
        "withdraw" => Intent::deduct(deal, ACCOUNT, cash(20)).claim("transfers", "out", event),
        "close half" => Intent::close(deal, first()?).quantity(units(Coin::Yes, 5)),
        "note" => Intent::update(deal, first()?),
        "rejected" => Intent::open(deal, new_position(Coin::No, "")).hold(cash(10)),
        "close" => Intent::close(deal, first()?),
        deal => panic!("the day has no {deal}"),
    })
}

/// What the venue did for a deal, in full.
fn effect(deal: &str, positions: &[PositionId]) -> Effect {
    let first = || *positions.first().expect("the deal is about a position");
    match deal {
        "open" => {
            Effect::new().buy(first(), fill("F1", 4, 40, 1)).buy(first(), fill("F2", 6, 60, 1))
        }
        "add" => Effect::new().deposit(ACCOUNT, cash(30)),
        "split" => Effect::new().split(cash(31), positions.iter().map(|one| (*one, None))),
        "close half" => Effect::new().sell(first(), fill("F3", 5, 70, 1)),
        "note" => Effect::new().set(first(), "stop", *b"9"),
        "close" => {
            Effect::new().sell(first(), fill("F4", 2, 20, 1)).redeem(first(), fill("F5", 3, 0, 0))
        }
        // What was applied before it was completed.
        "withdraw" => Effect::new(),
        deal => panic!("the venue never does {deal}"),
    }
}

/// A bot and the store that it works on, until something stops it.
fn work(store: &Store, venue: &mut Venue) -> Result<Vec<RecoveryReport>, Error> {
    let mut reports = Vec::new();
    if store.snapshot().operations().unfinished()?.is_empty() {
        // There is nothing to recover.
    } else {
        reports.push(store.recover(|case| decide(case, venue))?);
    }
    match store.ledger().opening_balance(ACCOUNT, &cash(1_000)) {
        Err(Error::Ledger(_)) | Ok(_) => {}
        Err(error) => return Err(error),
    }
    for deal in DAY {
        deal_with(store, venue, deal)?;
    }
    Ok(reports)
}

/// What becomes of a deal that an earlier life began: the venue knows.
fn decide(case: &Case, venue: &Venue) -> Result<Verdict, Error> {
    let operation = &case.operation;
    let ids = operation.external_ids.iter().map(|id| id.to_string());
    let executed = ids.filter_map(|id| venue.orders.get(&id)).next();
    Ok(match executed {
        Some(&"rejected") | None => Verdict::roll_back("the venue did nothing of it"),
        // Nobody sends this one out before it was applied.
        Some(&"withdraw") if case.entries.is_empty() => {
            Verdict::Complete(Effect::new().withdraw(ACCOUNT, cash(20)))
        }
        Some(deal) => Verdict::Complete(effect(deal, &named(operation))),
    })
}

fn named(operation: &Operation) -> Vec<PositionId> {
    operation.positions.iter().map(|named| named.position).collect()
}

fn deal_with(store: &Store, venue: &mut Venue, deal: &'static str) -> Result<(), Error> {
    let known = store.snapshot().operations().by_key(deal)?;
    let again = match known {
        Some(KeyState::Known(operation)) => match operation.status {
            Status::Completed => return Ok(()),
            Status::RolledBack if deal == "rejected" => return Ok(()),
            Status::RolledBack => true,
            status => panic!("{deal} is {status} although recovery is over"),
        },
        Some(other) => panic!("{deal} is {other:?}"),
        None => false,
    };
    let intent = intent(&store.snapshot(), deal)?;
    let begun = match again {
        true => store.operations().begin_again(&intent)?,
        false => store.operations().begin(&intent)?,
    };
    let Begun::New(pending) = begun else { panic!("{deal} was not begun: {begun:?}") };
    let running = pending.start(store)?;
    running.checkpoint(store, b"about to be sent")?;
    carry_out(store, venue, deal, running)
}

fn carry_out(
    store: &Store,
    venue: &mut Venue,
    deal: &'static str,
    running: InProgress,
) -> Result<(), Error> {
    if deal == "withdraw" {
        running.apply(store, &Effect::new().withdraw(ACCOUNT, cash(20)))?;
    }
    let before = venue.orders.insert(running.external_id().to_string(), deal);
    assert_eq!(before, None, "a client order id was used twice");
    let effect = effect_or_none(deal, running.positions());
    let Some(effect) = effect else {
        let failed = running.fail(store, Failure::definite("rejected"))?;
        failed.roll_back(store, RollBack::new("rejected"))?;
        return Ok(());
    };
    if deal == "open" {
        // The first fill comes alone, and twice.
        let first = Effect::new().buy(running.positions()[0], fill("F1", 4, 40, 1));
        running.record(store, &first)?;
        running.record(store, &first)?;
    }
    running.complete(store, &effect)?;
    Ok(())
}

fn effect_or_none(deal: &str, positions: &[PositionId]) -> Option<Effect> {
    (deal != "rejected").then(|| effect(deal, positions))
}

/// What the books must say when the day is over. Every number was worked by hand.
fn is_over_well(store: &Store) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.verify().expect("verification reads"), Vec::new());
    let ledger = snapshot.ledger();
    let usd = asset(Coin::Usd);
    let balance = ledger.balance(ACCOUNT, &usd).expect("the balance reads");
    // 1000 - (100 + 2) + 30 - 31 - 20 + (70 - 1) + (20 - 1)
    assert_eq!(balance.total, cash(965));
    assert_eq!((balance.reserved, balance.expected), (cash(0), cash(0)));
    assert!(ledger.holds().expect("holds read").is_empty());
    let positions: Vec<_> = ledger.positions().map(|one| one.expect("a position reads")).collect();
    let traded: Vec<_> = positions.iter().filter(|one| one.entries > 0).collect();
    let held: Vec<_> = traded
        .iter()
        .map(|one| [&one.quantity, &one.cost, &one.realized].map(|sum| sum.amount().units()))
        .collect();
    // Five for 50 of ten for 100 sold for 70; two for 20; three for nothing.
    assert_eq!(held, [[0, 0, 20 - 30], [31, 16, 0], [31, 15, 0]]);
    assert!(positions.iter().all(|one| one.is_open() != one.quantity.amount().is_zero()));
    let entries: Vec<_> = ledger.entries().map(|one| one.expect("an entry reads")).collect();
    let mut fills: Vec<_> = entries.iter().filter_map(|entry| entry.fill.clone()).collect();
    let count = fills.len();
    fills.dedup();
    assert_eq!((count, fills.len()), (5, 5), "each fill is there once");
    let note = ledger.attributes(traded[0].id).expect("attributes read");
    assert_eq!(note.len(), 1, "{note:?}");
    for (key, expected) in [("in", Status::Completed), ("out", Status::Completed)] {
        let claim = snapshot.claims().get("transfers", key.as_bytes()).expect("the claim reads");
        assert!(format!("{claim:?}").contains(&format!("{expected:?}")), "{key}: {claim:?}");
    }
    let unfinished = snapshot.operations().unfinished().expect("operations read");
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

/// What must be true of a store after every opening, whatever the day was up to.
fn is_sound(store: &Store) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.verify().expect("verification reads"), Vec::new());
    let unfinished = snapshot.operations().unfinished().expect("operations read");
    let unfinished: Vec<_> = unfinished.iter().map(|one| one.id).collect();
    for hold in snapshot.ledger().holds().expect("holds read") {
        assert!(unfinished.contains(&hold.operation), "{hold:?} outlives its operation");
    }
}

fn open(disk: &SimulatedDisk) -> Result<Store, Error> {
    let clock = ManualClock::new(Timestamp::from_micros(START_MICROS));
    Options::new(Mode::Paper, asset(Coin::Usd))
        .background(Background::Manual)
        .clock(Arc::new(clock))
        .seed(7)
        .segment_bytes(64 * 1024, 128 * 1024)
        .keep_log(KeepLog { bytes: 0, age: std::time::Duration::ZERO })
        .open_on(Arc::new(disk.clone()))
}

/// Lives on `disk` until the day is over or the power goes out. Answers whether it is over.
fn live(disk: &SimulatedDisk, venue: &mut Venue) -> bool {
    let day = open(disk).and_then(|store| {
        // Reading fails as everything does once the power is out.
        if !disk.is_powered_off() {
            is_sound(&store);
        }
        let reports = work(&store, venue)?;
        Ok((store, reports))
    });
    match day {
        Ok((store, reports)) => {
            for report in reports {
                assert_eq!(report.found(), report.outcomes(), "{report:?}");
            }
            is_over_well(&store);
            true
        }
        Err(error) => {
            assert!(disk.is_powered_off(), "{error:?}");
            false
        }
    }
}

/// A bot dies at any moment of its day and is started again: at the end of the day its books say what
/// the venue did, each fill once, and nothing is held for anybody.
#[test]
fn a_day_interrupted_at_any_call_ends_well() {
    assert!(interrupt_everywhere(&Venue::default(), live) > 300);
}

/// Recovery is interrupted, too, at every call of it, and a third life still ends the day well.
#[test]
fn a_recovery_interrupted_at_any_call_ends_well() {
    assert!(interrupt_twice(&Venue::default(), 3, live) > 1_000);
}
