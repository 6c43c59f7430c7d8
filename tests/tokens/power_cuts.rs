//! A history of prices through a power cut at every call of the disk: what is found is what one of its
//! commits left, whole, and the script goes on from there to the same end.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::tokens::{QuarantinedTick, RetractedTick};
use highwater::{
    Asset, Background, Error, History, ManualClock, Mode, Options, Price, Ratio, Resolution,
    Retention, Snapshot, Store, Tick, Timestamp, TokenKey, Update,
};

const MINUTE: i64 = 60_000_000;
const NOW: i64 = 100 * MINUTE;
const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn key() -> TokenKey {
    TokenKey::new("chain", "token").expect("a plain key")
}

fn tick(micros: i64, units: u128) -> Tick {
    Tick {
        observed_at: Timestamp::from_micros(micros),
        seq: None,
        source: "venue".into(),
        price: Price::from_units(units),
    }
}

fn open(disk: &SimulatedDisk) -> Result<Store, Error> {
    let history = History::new()
        .ticks(Retention::EVERYTHING.count(4))
        .candles(Resolution::Minute, Retention::EVERYTHING.age(Duration::from_secs(97 * 60)))
        .quarantine(Ratio::times(50));
    let usd = Asset::new("fiat", "USD", 6)?;
    Options::new(Mode::Paper, usd)
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(Timestamp::from_micros(NOW))))
        .seed(1)
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 128 * 1024)
        .history(history)
        .open_on(Arc::new(disk.clone()))
}

/// Everything that a bot does with prices, every call of it harmless when it is repeated and at most one
/// commit. `behind` is run behind each.
fn live(store: &Store, mut behind: impl FnMut(&Store)) -> Result<(), Error> {
    let tokens = store.tokens();
    let see = |micros, units| {
        let tick = tick(micros, units);
        let update = Update::new(key()).price(tick.price, tick.observed_at).source(tick.source);
        tokens.upsert(&update).map(drop)
    };
    let calls: [&dyn Fn() -> Result<(), Error>; 18] = [
        &|| see(MINUTE, 50),
        &|| see(MINUTE + 1, 900),
        &|| see(2 * MINUTE, 40),
        &|| tokens.retract(&key(), &tick(MINUTE + 1, 900), "no such trade").map(drop),
        &|| see(2 * MINUTE, 9_000),
        &|| tokens.accept(&key(), &tick(2 * MINUTE, 9_000)).map(drop),
        &|| store.checkpoint().map(drop),
        &|| see(3 * MINUTE, 1_003),
        &|| see(4 * MINUTE, 1_004),
        &|| see(5 * MINUTE, 1_005),
        &|| see(6 * MINUTE, 1_006),
        &|| see(7 * MINUTE, 1_007),
        &|| tokens.purge_history().map(drop),
        &|| see(3 * MINUTE, 2_000),
        &|| see(8 * MINUTE, 1),
        &|| store.checkpoint().map(drop),
        &|| tokens.retract(&key(), &tick(7 * MINUTE, 1_007), "a wrong one").map(drop),
        &|| tokens.purge_history().map(drop),
    ];
    behind(store);
    for call in calls {
        match call() {
            // What was done before is refused the second time, and that is no fault.
            Err(error) if !error.is_refused() => return Err(error),
            _ => behind(store),
        }
    }
    Ok(())
}

/// All that a reader can see of the token.
fn shown(snapshot: &Snapshot) -> String {
    let tokens = snapshot.tokens();
    let mut text = format!("{:?}\n", tokens.get(&key()).expect("reads"));
    let ticks: Vec<Tick> = tokens.ticks(&key(), ..).map(|tick| tick.expect("reads")).collect();
    let retracted: Vec<RetractedTick> =
        tokens.retracted(&key()).map(|tick| tick.expect("reads")).collect();
    let quarantined: Vec<QuarantinedTick> = tokens.quarantined(&key()).expect("reads");
    let history = tokens.history(&key()).expect("reads");
    writeln!(text, "{history:?}\n{ticks:?}\n{retracted:?}\n{quarantined:?}").expect("a string");
    for resolution in Resolution::ALL {
        for candle in tokens.candles(&key(), resolution, ..) {
            writeln!(text, "{:?}", candle.expect("reads")).expect("a string");
        }
    }
    assert_eq!(snapshot.verify().expect("reads"), [], "{text}");
    assert_eq!(tokens.integrity().count(), 0);
    text
}

/// The bot dies in the middle of an update, a retraction or a purge. What is found is what one of the
/// commits left, no tick without its candles and no mark without its tick; nothing that was answered is
/// gone, and the bot that starts again comes to the same end.
#[test]
fn a_history_is_whole_behind_every_power_cut() {
    let mut states = BTreeMap::new();
    let store = open(&SimulatedDisk::new(1)).expect("opens");
    let keep = |store: &Store| {
        let snapshot = store.snapshot();
        states.insert(snapshot.lsn(), shown(&snapshot));
    };
    live(&store, keep).expect("lives");
    let (last, end) = states.last_key_value().expect("some commits");
    assert_eq!((*last, states.len()), (16, 16), "one state of each commit");
    let mut cuts_in_the_life = 0;
    for call in 1.. {
        let disk = SimulatedDisk::new(call);
        disk.crash_at(call);
        let mut acknowledged = 0;
        if let Ok(store) = open(&disk) {
            let lived = live(&store, |store| acknowledged = store.snapshot().lsn());
            if lived.is_ok() && !disk.is_powered_off() {
                assert!(cuts_in_the_life > 20, "{cuts_in_the_life}");
                return;
            }
        }
        cuts_in_the_life += u64::from(acknowledged > 1);
        for style in STYLES {
            let store = open(&disk.crash_image(call, style)).expect("opens");
            let snapshot = store.snapshot();
            let found = snapshot.lsn();
            assert!(found >= acknowledged, "call {call}: {found} of {acknowledged}");
            assert_eq!(Some(&shown(&snapshot)), states.get(&found), "call {call}, {style:?}");
            live(&store, |_| ()).unwrap_or_else(|error| panic!("call {call}: {error}"));
            assert_eq!(&shown(&store.snapshot()), end, "call {call}, {style:?}");
        }
    }
}
