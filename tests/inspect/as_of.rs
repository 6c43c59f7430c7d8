//! What a store was after an earlier commit is told as it was seen then, row by row and view by view,
//! for every commit that the log reaches back to; and what it does not reach is refused, never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use highwater::copies::{self, BareRow};
use highwater::disk::SimulatedDisk;
use highwater::inspect::{LogBase, StateError, state_at_on};
use highwater::tokens::Update;
use highwater::{
    Asset, Background, Effect, Failure, Fill, History, Intent, KeepLog, ManualClock, Mode, Money,
    NewPosition, Options, PositionId, ReadOnly, Store, TokenKey,
};

use super::world::{at, bonk, log, read, usd};

/// All that the views of a state say, the same for a snapshot and for a store that is only read.
macro_rules! views {
    ($state:expr) => {{
        let mut said = String::new();
        let mut say = |what: &dyn Debug| said.push_str(&format!("{what:?}\n"));
        let (ledger, operations) = ($state.ledger(), $state.operations());
        for account in ["main", "side"] {
            say(&ledger.summary(account, None).unwrap());
            say(&ledger.summary(account, Some(Duration::from_secs(30))).unwrap());
        }
        say(&ledger.all_accounts().unwrap());
        say(&ledger.positions().collect::<Result<Vec<_>, _>>().unwrap());
        say(&ledger.entries().collect::<Result<Vec<_>, _>>().unwrap());
        say(&ledger.holds().unwrap());
        for operation in operations.all() {
            let operation = operation.unwrap();
            say(&operations.events(operation.id).unwrap());
            say(&operation);
        }
        say(&$state.tokens().iter().collect::<Result<Vec<_>, _>>().unwrap());
        say(&$state.claims().all().collect::<Result<Vec<_>, _>>().unwrap());
        say(&$state.cursors().iter().collect::<Result<Vec<_>, _>>().unwrap());
        say(&$state.boots().unwrap());
        said
    }};
}

fn all_rows(state: &ReadOnly) -> Vec<BareRow> {
    let rows = (0..=u8::MAX).flat_map(|table| copies::rows(state, table));
    rows.collect::<Result<_, _>>().unwrap()
}

/// A bot that does anything, and what was seen after each of its calls.
struct Bot {
    rng: Rng,
    clock: Arc<ManualClock>,
    options: Options,
    disk: SimulatedDisk,
    store: Store,
    held: Vec<PositionId>,
    calls: u64,
    seen: Seen,
}

impl Bot {
    fn new(seed: u64, keep: u64) -> Self {
        let clock = Arc::new(ManualClock::new(at(1_000)));
        let age = Duration::from_secs(1_000_000);
        let mut options = Options::new(Mode::Paper, usd())
            .background(Background::Manual)
            .clock(clock.clone())
            .keep_log(KeepLog { bytes: keep, age })
            .segment_bytes(64 * 1024, 64 * 1024)
            .seed(seed);
        if seed.is_multiple_of(2) {
            options = options.history(History::new());
        }
        let disk = SimulatedDisk::new(seed);
        let store = options.open_on(Arc::new(disk.clone())).unwrap();
        let (rng, held) = (Rng::with_seed(seed), Vec::new());
        Self { rng, clock, options, disk, store, held, calls: 0, seen: BTreeMap::new() }
    }

    fn live(seed: u64, keep: u64, calls: usize) -> Self {
        let mut bot = Self::new(seed, keep);
        bot.store.ledger().deposit("main", &money(&usd(), 1_000_000_000)).unwrap();
        for _ in 0..calls {
            bot.call();
            bot.look();
        }
        bot
    }

    /// Notes what the store is as soon as a commit was made: prices grow older without one.
    fn look(&mut self) {
        let snapshot = self.store.snapshot();
        let image = ReadOnly::open_on(&self.disk.process_killed_image()).unwrap();
        assert_eq!(image.lsn(), snapshot.lsn());
        let seen = || (all_rows(&image), views!(snapshot));
        self.seen.entry(snapshot.lsn()).or_insert_with(seen);
        self.clock.advance_micros(self.rng.i64(1..20_000_000));
    }

    fn call(&mut self) {
        self.calls += 1;
        let key = format!("call {}", self.calls);
        match self.rng.u8(0..20) {
            0..6 => self.tick(),
            6 => drop(self.store.ledger().deposit("side", &money(&usd(), 7)).unwrap()),
            7 => drop(self.store.ledger().transfer("main", "side", &money(&usd(), 3)).unwrap()),
            8..11 => self.buy(&key),
            11 | 12 => self.sell(&key),
            13 => {
                let intent = Intent::deduct(&*key, "main", money(&usd(), 5)).max_attempts(2);
                let order = self.store.operations().begin(&intent).unwrap().into_handle().unwrap();
                self.look();
                let order = order.start(&self.store).unwrap();
                self.look();
                drop(order.fail(&self.store, Failure::definite("no route")).unwrap());
            }
            14 => {
                let cursor = self.store.cursors().get("height").unwrap();
                let height = self.calls.to_be_bytes();
                self.store.cursors().set("height", cursor.as_deref(), &height).unwrap();
            }
            15 => drop(self.store.maintain().unwrap()),
            16..18 => drop(self.store.checkpoint().unwrap()),
            18 => self.reopen(self.disk.process_killed_image()),
            _ => {
                self.store.checkpoint().unwrap();
                self.reopen(self.disk.process_killed_image());
            }
        }
    }

    fn tick(&mut self) {
        let token = ["BONK", "WIF", "POPCAT"][self.rng.usize(..3)];
        let price = format!("0.00{}", self.rng.u32(1..1000)).parse().unwrap();
        let update = Update::new(TokenKey::new("solana", token).unwrap());
        let now = highwater::Clock::now(&*self.clock);
        self.store.tokens().upsert(&update.price(price, now).source("venue")).unwrap();
    }

    fn buy(&mut self, key: &str) {
        let position = NewPosition::new("main", bonk(), usd()).tag(key);
        let intent = Intent::open(key, position).hold(money(&usd(), 50));
        let intent = intent.claim("copied", key.as_bytes(), highwater::Clock::now(&*self.clock));
        let order = self.store.operations().begin(&intent).unwrap().into_handle().unwrap();
        self.look();
        let order = order.start(&self.store).unwrap();
        self.look();
        let held = order.position().unwrap();
        let fill = Fill::new("venue", key, money(&bonk(), 1_000), money(&usd(), 40));
        order.complete(&self.store, &Effect::new().buy(held, fill)).unwrap();
        self.held.push(held);
    }

    /// Sells all of a position, which closes it.
    fn sell(&mut self, key: &str) {
        let Some(held) = self.held.pop() else { return };
        let order = self.store.operations().begin(&Intent::close(key, held)).unwrap();
        let order = order.into_handle().unwrap().start(&self.store).unwrap();
        let fill = Fill::new("venue", key, money(&bonk(), 1_000), money(&usd(), 45));
        order.complete(&self.store, &Effect::new().sell(held, fill)).unwrap();
    }

    fn reopen(&mut self, disk: SimulatedDisk) {
        self.store = self.options.open_on(Arc::new(disk.clone())).unwrap();
        self.store.skip_recovery().unwrap();
        self.disk = disk;
    }
}

/// The rows and the views after each commit that was looked at.
type Seen = BTreeMap<u64, (Vec<BareRow>, String)>;

/// Holds what is told of the states from `oldest` on against what was seen, and that no older one is.
fn judge(disk: &SimulatedDisk, seen: &Seen, oldest: u64) -> usize {
    let last = ReadOnly::open_on(disk).unwrap().lsn();
    let mut compared = 0;
    for lsn in 0..=last {
        let state = match state_at_on(Arc::new(disk.clone()), lsn) {
            Ok(state) => state,
            Err(StateError::BeyondLog { asked, oldest: told }) => {
                assert_eq!((asked, told), (lsn, oldest));
                assert!(lsn < oldest, "{lsn} can be told: {oldest} is the oldest");
                continue;
            }
            Err(error) => panic!("{lsn} of {last}: {error}"),
        };
        assert!(lsn >= oldest, "{lsn} cannot be told: {oldest} is the oldest");
        assert_eq!(state.lsn(), lsn);
        assert_eq!(state.verify().unwrap(), [], "of commit {lsn}");
        if let Some((rows, views)) = seen.get(&lsn) {
            assert!(all_rows(&state) == *rows, "rows of commit {lsn}");
            for (told, seen) in views!(state).lines().zip(views.lines()) {
                assert_eq!(told, seen, "of commit {lsn}");
            }
            compared += 1;
        }
    }
    let beyond = state_at_on(Arc::new(disk.clone()), last + 1);
    assert!(
        matches!(beyond, Err(StateError::NotYet { asked, last: told }) if asked == last + 1 && told == last)
    );
    compared
}

fn money(asset: &Asset, units: u64) -> Money {
    Money::parse(asset, &units.to_string()).unwrap()
}

/// The oldest commit that the log can tell, by its definition: no row that was written behind it, up to
/// the checkpoint, is one that no earlier commit of the log writes.
fn oldest_by_definition(disk: &SimulatedDisk) -> u64 {
    let log = log(disk);
    let LogBase::Checkpoint { lsn: checkpoint, .. } = *log.base() else { panic!("a base") };
    let commits = read(disk).commits;
    let first = commits.first().map_or(u64::MAX, |commit| commit.lsn);
    if first == 1 {
        return 0;
    }
    let keys = |from: u64, to: u64| -> BTreeSet<(u8, Vec<u8>)> {
        let within = commits.iter().filter(|commit| (from..=to).contains(&commit.lsn));
        let rows = within.flat_map(|commit| commit.rows());
        rows.map(|row| (row.table, row.key.to_vec())).collect()
    };
    let can_tell =
        |lsn: &u64| keys(lsn + 1, checkpoint).is_subset(&keys(first, *lsn)) && *lsn >= first;
    (0..checkpoint).find(can_tell).unwrap_or(checkpoint)
}

/// With all of the log every state can be told, however often the store was killed and checkpointed.
#[test]
fn a_whole_log_tells_every_state() {
    for seed in 0..6 {
        let bot = Bot::live(seed, u64::MAX, 60);
        let killed = bot.disk.process_killed_image();
        assert_eq!(oldest_by_definition(&killed), 0);
        assert!(judge(&killed, &bot.seen, 0) > 40, "seed {seed}");
        let Bot { store, disk, seen, .. } = bot;
        store.close().unwrap();
        assert!(judge(&disk, &seen, 0) > 40, "seed {seed}, closed");
    }
}

/// Of a log that was let go there is one oldest commit, and every later one can be told.
#[test]
fn a_log_that_was_let_go_tells_exactly_so_far() {
    let (mut beyond, mut before_the_checkpoint) = (0, 0);
    for seed in 0..12 {
        let mut bot = Bot::live(seed, 150 * 1024, 60);
        // Nothing new for a while: ticks of tokens that are known, without a history.
        for _ in 0..if seed.is_multiple_of(2) { 0 } else { 400 } {
            bot.tick();
        }
        for _ in 0..20 {
            bot.tick();
            bot.look();
            if bot.rng.u8(..5) == 0 {
                bot.store.checkpoint().unwrap();
            }
        }
        let killed = bot.disk.process_killed_image();
        let oldest = oldest_by_definition(&killed);
        let LogBase::Checkpoint { lsn: checkpoint, .. } = *log(&killed).base() else { panic!() };
        assert!(judge(&killed, &bot.seen, oldest) > 0, "seed {seed}");
        beyond += u64::from(oldest > 0);
        before_the_checkpoint += u64::from(oldest > 0 && oldest < checkpoint);
    }
    assert!(beyond > 3 && before_the_checkpoint > 1, "{beyond} {before_the_checkpoint}");
}

/// Damage to what is kept shortens how far back it can be told, and no state is told otherwise than it was.
#[test]
fn damage_to_what_is_kept_is_never_told_as_a_state() {
    let bot = Bot::live(3, u64::MAX, 60);
    let sound = bot.disk.process_killed_image();
    let kept: Vec<_> = sound.names().into_iter().filter(|name| name.ends_with(".old")).collect();
    let mut rng = Rng::with_seed(9);
    let (mut told, mut beyond) = (0, 0);
    for _ in 0..60 {
        let disk = sound.fork();
        let name = &kept[rng.usize(..kept.len())];
        let mut bytes = disk.read_file(name).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        bytes[rng.usize(..used)] ^= 1 << rng.u8(..8);
        disk.write_file(name, &bytes);
        for _ in 0..4 {
            let (lsn, (rows, _)) = bot.seen.iter().nth(rng.usize(..bot.seen.len())).unwrap();
            match state_at_on(Arc::new(disk.fork()), *lsn) {
                Ok(state) => {
                    assert!(all_rows(&state) == *rows, "commit {lsn}, a flip in {name}");
                    told += 1;
                }
                Err(StateError::BeyondLog { oldest, .. }) => {
                    assert!(oldest > *lsn);
                    beyond += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(told > 20 && beyond > 20, "{told} {beyond}");
}
