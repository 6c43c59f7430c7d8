//! A bot's day, left behind in every state there is: for commands that tell what was under way.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use highwater::tokens::Update;
use highwater::{
    AccountKind, Asset, Background, Effect, Error, Failure, Fill, InProgress, Intent, Leg,
    ManualClock, Mode, Money, NewPosition, OperationId, Options, ReadOnly, Store, Timestamp,
    TokenKey,
};

use crate::cli::place::Place;

/// The operations of the scene, by what became of them.
pub(crate) struct Scene {
    pub(crate) bought: OperationId,
    pub(crate) sold: OperationId,
    pub(crate) running: OperationId,
    pub(crate) pending: OperationId,
    pub(crate) used_up: OperationId,
    pub(crate) quarantined: OperationId,
}

pub(crate) fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).unwrap()
}

pub(crate) fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).unwrap()
}

fn coin(name: &str) -> Asset {
    Asset::new("solana", name, 5).unwrap()
}

fn fill(id: &str, asset: &Asset, quantity: &str, gross: &str) -> Fill {
    let quantity = Money::parse(asset, quantity).unwrap();
    Fill::new("venue", id, quantity, dollars(gross)).fee(dollars("0.10"))
}

fn started(store: &Store, intent: &Intent) -> InProgress {
    store.operations().begin(intent).unwrap().into_handle().unwrap().start(store).unwrap()
}

/// Opens the store, always at the same moment of 2024-08-08. A program that another test starts at this moment has the lock's file for an instant,
/// until it is the program.
pub(crate) fn open(path: &Path) -> Store {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_723_161_255_342_000)));
    let options = Options::new(Mode::Paper, usd()).background(Background::Manual).seed(3);
    let options = options.clock(clock);
    loop {
        match options.open(path) {
            Err(Error::Locked { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Closes the store, and waits until its lock is nobody's; see [`open`].
pub(crate) fn close(store: Store, path: &Path) {
    store.close().unwrap();
    while matches!(ReadOnly::open(path), Err(Error::Locked { .. })) {
        std::thread::yield_now();
    }
}

impl Scene {
    /// Lives the day in the store of `place`. The bot is killed in the end: what it left is copied
    /// aside while it runs, and put in the store's place.
    pub(crate) fn killed(place: &Place) -> Self {
        let (scene, store) = Self::live(&place.store());
        let aside = place.directory.path().join("aside");
        copy(&place.store(), &aside);
        drop(store);
        fs::remove_dir_all(place.store()).unwrap();
        fs::rename(aside, place.store()).unwrap();
        scene
    }

    /// The same, and the bot closes its store.
    pub(crate) fn closed(place: &Place) -> Self {
        let (scene, store) = Self::live(&place.store());
        close(store, &place.store());
        scene
    }

    fn live(path: &Path) -> (Self, Store) {
        let quarantined = quarantine_one(path);
        let store = open(path);
        store.skip_recovery().unwrap();
        store.ledger().deposit("main", &dollars("1000")).unwrap();
        let bonk = coin("BONK");
        let update = Update::new(TokenKey::new("solana", "BONK").unwrap());
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        store.tokens().upsert(&update.price("0.001".parse().unwrap(), at)).unwrap();

        // A trade that came out well, and what is left of it is open.
        let position = NewPosition::new("main", bonk.clone(), usd()).tag("copy");
        let order = started(&store, &Intent::open("buy 1", position).hold(dollars("50")));
        let (bought, held) = (order.id(), order.position().unwrap());
        let effect = Effect::new().buy(held, fill("F1", &bonk, "40000", "40"));
        order.complete(&store, &effect).unwrap();
        let quantity = Money::parse(&bonk, "10000").unwrap();
        let order = started(&store, &Intent::close("sell 1", held).quantity(quantity));
        let sold = order.id();
        order
            .complete(&store, &Effect::new().sell(held, fill("F2", &bonk, "10000", "15")))
            .unwrap();

        // A position in a coin without a price.
        let wif = coin("WIF");
        let position = NewPosition::new("main", wif.clone(), usd()).tag("copy");
        let order = started(&store, &Intent::open("buy 2", position).hold(dollars("30")));
        let held = order.position().unwrap();
        order.complete(&store, &Effect::new().buy(held, fill("F3", &wif, "5", "20"))).unwrap();

        // One that uses up its attempts, one that is under way, one that was only begun.
        let hopeless = Intent::deduct("pay rent", "main", dollars("7")).max_attempts(1);
        let failed =
            started(&store, &hopeless).fail(&store, Failure::definite("no route")).unwrap();
        let used_up = failed.id();
        assert!(
            matches!(failed.retry(&store), Err(error) if matches!(*error.error, Error::AttemptsUsedUp { .. }))
        );
        let leg = |account: &str, text| Leg {
            account: account.into(),
            kind: AccountKind::Cash,
            money: dollars(text),
        };
        let stash = Intent::custom("stash 1", "stash", "main").account("vault").hold(dollars("90"));
        let order = started(&store, &stash.payload("a plan"));
        let running = order.id();
        order.checkpoint(&store, b"order 99").unwrap();
        let effect = Effect::new().entry([leg("main", "-25"), leg("vault", "25")]);
        order.apply(&store, &effect).unwrap();
        let begun = store.operations().begin(&Intent::add("refund", "main", dollars("3"))).unwrap();
        let pending = begun.into_handle().unwrap().id();
        (Self { bought, sold, running, pending, used_up, quarantined }, store)
    }
}

/// A case that is presented three times without an answer; the next recovery gives it up.
fn quarantine_one(path: &Path) -> OperationId {
    let store = open(path);
    store.ledger().deposit("main", &dollars("11")).unwrap();
    let id = started(&store, &Intent::deduct("poison", "main", dollars("11"))).id();
    store.close().unwrap();
    for _ in 0..4 {
        let store = open(path);
        let mut recovery = store.recovery().unwrap();
        drop(recovery.next().unwrap());
        drop(recovery);
        store.close().unwrap();
    }
    id
}

/// Copies a directory with all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
