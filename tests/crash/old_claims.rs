//! Claims that are let go, through a power cut at every call: an event has its effect once, however
//! often it is told and whatever the bounds are when the store is opened again.

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{Begun, Claim, ClaimBounds, Effect, Error, Intent, Store, Timestamp, Verdict};

use super::setup::Setup;

/// In the order of their telling: late ones, three of one time, and each told twice in the end.
const TOLD: [u8; 12] = [4, 1, 5, 9, 2, 3, 8, 6, 7, 11, 0, 10];
const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn time_of(event: u8) -> Timestamp {
    Timestamp::from_micros(i64::from(event / 3) * 1_000)
}

/// How a life keeps claims: each opening another way.
fn open(disk: &SimulatedDisk, life: u64) -> Result<Store, Error> {
    let bounds = match life % 3 {
        0 => ClaimBounds::new().count(3),
        1 => ClaimBounds::new().count(1),
        _ => ClaimBounds::new().horizon(Duration::MAX),
    };
    Setup::new(1).options().claims("events", bounds).open_on(Arc::new(disk.clone()))
}

/// What an event does: it is counted, in the commit of its claim. Every third is an operation's, whose
/// key is new each time, so that only the claim stands between the event and a second effect.
fn deal_with(store: &Store, event: u8, telling: u64) -> Result<(), Error> {
    if event.is_multiple_of(3) {
        let key = format!("{event} in telling {telling}");
        let intent = Intent::custom(key, "copy", "main");
        let intent = intent.claim("events", [event], time_of(event));
        return store.write(|tx| {
            if let Begun::New(pending) = tx.operations().begin(&intent)? {
                count(tx, event)?;
                let order = tx.operations().start(&pending)?;
                if let highwater::Started::InProgress(order) = order {
                    tx.operations().complete(&order, &Effect::new())?;
                }
            }
            Ok(())
        });
    }
    store.write(|tx| {
        if tx.claims().claim("events", &[event], time_of(event))? == Claim::New {
            count(tx, event)?;
        }
        Ok(())
    })
}

fn count(tx: &mut highwater::Tx<'_>, event: u8) -> Result<(), Error> {
    let name = format!("effects of {event}");
    let before = tx.cursors().get(&name)?;
    let count = before.as_ref().map_or(0, |value| value[0]);
    tx.cursors().set(&name, before.as_deref(), &[count + 1])?;
    Ok(())
}

/// Tells all events in order. Answers how many tellings were acknowledged before the power went.
fn work(store: &Store, telling: u64) -> usize {
    for (nth, event) in TOLD.into_iter().enumerate() {
        if deal_with(store, event, telling).is_err() {
            return nth;
        }
        if nth % 4 == 3 && store.checkpoint().is_err() {
            return nth + 1;
        }
    }
    TOLD.len()
}

/// The effects that each event had. None may have had two, and the indexes have to fit the claims.
fn effects(store: &Store, what: &str) -> [u8; TOLD.len()] {
    assert_eq!(store.snapshot().verify().unwrap(), [], "{what}");
    let mut effects = [0; TOLD.len()];
    for event in TOLD {
        let value = store.cursors().get(&format!("effects of {event}")).unwrap();
        let count = value.map_or(0, |value| value[0]);
        assert!(count <= 1, "{what}: event {event} had {count} effects");
        effects[usize::from(event)] = count;
    }
    effects
}

/// The bot dies anywhere while it works through events that its claims outlive or do not. Whatever was
/// let go by then, and however much is kept afterwards, the feed tells everything again.
#[test]
fn what_was_let_go_is_never_new_again_after_a_cut() {
    let whole = open(&SimulatedDisk::new(1), 0).unwrap();
    assert_eq!(work(&whole, 0), TOLD.len());
    let whole = effects(&whole, "without a cut");
    assert!(whole.iter().sum::<u8>() < TOLD.len() as u8, "the watermark passes some of them");
    let mut cuts_in_the_work = 0;
    for call in 1.. {
        let disk = SimulatedDisk::new(call);
        disk.crash_at(call);
        let acknowledged = open(&disk, 0).map_or(0, |store| work(&store, 0));
        if !disk.is_powered_off() {
            assert!(cuts_in_the_work > 20, "{cuts_in_the_work}");
            return;
        }
        cuts_in_the_work += u64::from(acknowledged > 0);
        // Each call in one style, and with each way to open it next in its turn.
        let (nth, style) = (call / 3 % 3, STYLES[(call % 3) as usize]);
        let what = format!("call {call}, {style:?}");
        let image = disk.crash_image(call, style);
        let life = call + nth;
        let store = open(&image, life).unwrap();
        store.recover(|_| Ok::<_, Error>(Verdict::Leave)).unwrap();
        let found = effects(&store, &what);
        for event in &TOLD[..acknowledged] {
            let event = usize::from(*event);
            assert_eq!(found[event], whole[event], "{what}: event {event} was acknowledged");
        }
        work(&store, 1);
        effects(&store, &what);
        drop(store);
        // Killed, and opened with other bounds once more.
        let store = open(&image, life + 1).unwrap();
        work(&store, 2);
        effects(&store, &what);
    }
}
