//! Missing prices through a power cut at every call of the disk: status and place in the list are those
//! of one commit, and the script goes on from there to the same end.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{
    Asset, Background, ClaimBounds, Error, ManualClock, MissingPrice, Mode, Options, Price,
    Snapshot, Store, Timestamp, TokenKey, Update,
};

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_000 * SECOND;
const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn key(number: u8) -> TokenKey {
    TokenKey::new("chain", &format!("token-{number}")).expect("a plain key")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * SECOND)
}

fn open(disk: &SimulatedDisk) -> Result<Store, Error> {
    Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?)
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(Timestamp::from_micros(NOW))))
        .seed(1)
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 128 * 1024)
        .claims("swaps", ClaimBounds::new().count(2))
        .open_on(Arc::new(disk.clone()))
}

/// Prices go missing and come back, and claims with and without one are let go. Every call is harmless
/// when it is repeated and at most one commit. `behind` is run behind each.
fn live(store: &Store, mut behind: impl FnMut(&Store)) -> Result<(), Error> {
    let (tokens, claims) = (store.tokens(), store.claims());
    let lose = |number, seconds| {
        let update = Update::new(key(number)).unavailable("no pool", at(seconds));
        tokens.upsert(&update).map(drop)
    };
    let find = |number, seconds| {
        let update = Update::new(key(number)).price(Price::from_units(9), at(seconds));
        tokens.upsert(&update).map(drop)
    };
    let claim = |event: u8| claims.claim("swaps", &[event], at(event.into())).map(drop);
    let miss =
        |event: u8, seconds| claims.price_unavailable("swaps", &[event], at(seconds)).map(drop);
    let calls: [&dyn Fn() -> Result<(), Error>; 20] = [
        &|| lose(1, 10),
        &|| lose(2, 10),
        &|| lose(1, 20),
        &|| claim(1),
        &|| miss(1, 30),
        &|| find(1, 25),
        &|| store.checkpoint().map(drop),
        &|| lose(1, 40),
        &|| claim(2),
        &|| miss(2, 40),
        &|| miss(2, 50),
        // The first one goes, and what was missing of it.
        &|| claim(3),
        &|| lose(2, 60),
        &|| miss(3, 60),
        &|| store.checkpoint().map(drop),
        &|| claims.price_found("swaps", &[3]).map(drop),
        &|| find(2, 60),
        &|| {
            store.write(|tx| {
                tx.tokens().upsert(&Update::new(key(3)).unavailable("no pool", at(70)))?;
                tx.tokens().upsert(&Update::new(key(2)).unavailable("no pool", at(70)))?;
                tx.claims().price_unavailable("swaps", &[2], at(70))?;
                Ok(())
            })
        },
        &|| store.checkpoint().map(drop),
        &|| find(3, 80),
    ];
    behind(store);
    for call in calls {
        call()?;
        behind(store);
    }
    Ok(())
}

/// All that a reader can see of what is missing; what is due has to be the same.
fn shown(snapshot: &Snapshot) -> String {
    assert_eq!(snapshot.verify().expect("reads"), []);
    let missing: Vec<MissingPrice> =
        snapshot.missing_prices().map(|price| price.expect("reads")).collect();
    let end = Timestamp::from_micros(i64::MAX);
    let due = snapshot.due_price_updates(end, usize::MAX).expect("reads");
    assert_eq!(due.len(), missing.len());
    assert!(due.is_sorted_by_key(|price| (price.missing.next_attempt_at, price.of.clone())));
    let tokens: Vec<_> = snapshot.tokens().iter().map(|token| token.expect("reads")).collect();
    let claims: Vec<_> = snapshot.claims().all().map(|claim| claim.expect("reads")).collect();
    format!("{missing:#?}\n{due:#?}\n{tokens:?}\n{claims:?}")
}

/// The bot dies in the middle of noting that a price is missing, or that it is there. What is found is
/// what one of its commits left, and nothing that was answered is gone.
#[test]
fn what_is_missing_is_whole_behind_every_power_cut() {
    let mut states = BTreeMap::new();
    let store = open(&SimulatedDisk::new(1)).expect("opens");
    let keep = |store: &Store| {
        let snapshot = store.snapshot();
        states.insert(snapshot.lsn(), shown(&snapshot));
    };
    live(&store, keep).expect("lives");
    let (last, end) = states.last_key_value().expect("some commits");
    assert_eq!(
        (*last, states.len()),
        (17, 18),
        "one state of each commit, and none at the beginning"
    );
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
