//! A bot that works through the day of [`super::deals`] on a disk that fails, and holds every answer
//! against what it may be.
//!
//! What is refused it tries again, what is poisoned it opens again, and what is unknown it looks up.
//! So its commits come in the script's order whatever happens, and everything that a store shows at
//! any moment is one of the pictures of a day on which nothing went wrong.

use highwater::disk::SimulatedDisk;
use highwater::{Decided, Durability, Error, Store, Ticket};

use super::deals::{self, Deed, Step};
use super::images::Image;
use super::promises::End;
use super::setup::Setup;

/// Where nothing went wrong, everything is looked at after so many steps.
const LOOKS_APART: usize = 8;

/// The script, and what is known of it.
pub(crate) struct Day {
    pub(crate) setup: Setup,
    steps: Vec<Step>,
    /// Of each commit its step, its durability, and the commit that the cursor names before it.
    commits: Vec<(usize, Durability, u64)>,
    /// How many commits precede the recovery.
    recovery: u64,
    /// What a store shows after so many commits.
    pictures: Vec<String>,
}

impl Day {
    /// Lives the day once, on a disk that works.
    pub(crate) fn new(setup: Setup) -> Self {
        let steps = deals::day();
        let (mut commits, mut recovery, mut cursor) = (Vec::new(), 0, 0);
        for (at, step) in steps.iter().enumerate() {
            if *step == Step::Recover {
                recovery = commits.len() as u64;
            }
            let durability = match step {
                Step::Commit(_, durability) | Step::Ticket(_, durability) => *durability,
                _ => Durability::Synced,
            };
            for _ in 0..deals::commits_of(*step) {
                commits.push((at, durability, cursor));
                if *step != Step::Recover {
                    cursor = commits.len() as u64;
                }
            }
        }
        let day = Self { setup, steps, commits, recovery, pictures: Vec::new() };
        let mut trader = Trader::new(&day, SimulatedDisk::new(1), Trouble::default());
        trader.drawn = Some(vec![String::new(); day.commits.len() + 1]);
        trader.live();
        let pictures = trader.drawn.take().expect("they were being drawn");
        trader.end();
        assert!(pictures.iter().all(|picture| !picture.is_empty()), "not every commit was seen");
        Self { pictures, ..day }
    }

    /// The step that commit `number` is made in, or the end of the day.
    fn step_of(&self, number: u64) -> usize {
        let place = number.checked_sub(1).and_then(|place| self.commits.get(place as usize));
        place.map_or(self.steps.len(), |(step, _, _)| *step)
    }

    /// Where the day goes on from `at`, when `found` commits are there.
    fn goes_on(&self, at: usize, found: u64) -> usize {
        let next = self.step_of(found + 1);
        let behind = if found == 0 { 0 } else { self.step_of(found) + 1 };
        at.clamp(behind.min(next), next)
    }
}

/// What the disk may do to the trader.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    /// It says that it has no room.
    pub(crate) full: bool,
    /// It fails calls that change something.
    pub(crate) changes: bool,
    /// It fails calls that do not.
    pub(crate) reads: bool,
}

/// How often the trader heard what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) full: u64,
    pub(crate) unknown: u64,
    pub(crate) poisoned: u64,
    pub(crate) io: u64,
}

/// What was promised, as numbers of commits: so many survive a power cut, so many the death of the
/// process, and there are never more than so many.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    durable: u64,
    written: u64,
    most: u64,
}

/// Everything at once: the store, the account, and how far the day has come.
pub(crate) struct Trader<'d> {
    day: &'d Day,
    pub(crate) disk: SimulatedDisk,
    trouble: Trouble,
    pub(crate) heard: Heard,
    store: Option<Store>,
    account: Account,
    at: usize,
    tickets: Vec<(u64, Ticket)>,
    poisoned: bool,
    /// Whether a call failed that may have left the base latched.
    base_failed: bool,
    /// The pictures, while they are being drawn.
    drawn: Option<Vec<String>>,
}

/// The step was not done; what has to happen first was done where the answer was heard.
struct Again;

impl<'d> Trader<'d> {
    pub(crate) fn new(day: &'d Day, disk: SimulatedDisk, trouble: Trouble) -> Self {
        Self {
            day,
            disk,
            trouble,
            heard: Heard::default(),
            store: None,
            account: Account::default(),
            at: 0,
            tickets: Vec::new(),
            poisoned: false,
            base_failed: false,
            drawn: None,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    /// Lives to the first answer that is no success, or to the end of the day.
    pub(crate) fn live_until_trouble(&mut self) {
        while self.at < self.day.steps.len() {
            if self.go_on().is_err() {
                return;
            }
        }
    }

    /// Lives to the end of the day, trying everything again; a disk that fails for ever is mended
    /// after a few tries in vain.
    pub(crate) fn live(&mut self) {
        let mut tries = 0;
        self.settle();
        while self.at < self.day.steps.len() {
            match self.go_on() {
                Ok(()) => tries = 0,
                Err(Again) => {
                    tries += 1;
                    if tries == 3 {
                        self.disk.clear_faults();
                    }
                    assert!(tries < 8, "{:?} is never done", self.day.steps.get(self.at));
                    self.settle();
                }
            }
        }
    }

    /// Ends the day: everything is there, all of it sound, and it stays so through a close and a
    /// power cut.
    pub(crate) fn end(mut self) {
        self.disk.clear_faults();
        while self.store.is_none() {
            self.open().unwrap_or_else(|Again| panic!("the disk works again"));
        }
        // A read that failed in the end has latched the base.
        self.store().checkpoint().expect("the disk works again");
        let snapshot = self.store().snapshot();
        let findings = snapshot.verify().expect("the disk works again");
        assert!(findings.is_empty(), "{findings:?}");
        drop(snapshot);
        self.store.take().expect("it is open").close().expect("the disk works again");
        if self.day.pictures.is_empty() {
            return;
        }
        let all = self.day.commits.len() as u64;
        self.account = Account { durable: all, written: all, most: all };
        let image = super::images::power_cut(&self.disk, 1, highwater::disk::CrashStyle::LoseAll);
        self.holds(&image);
    }

    fn go_on(&mut self) -> Result<(), Again> {
        if self.store.is_none() {
            self.open()?;
            if self.at >= self.day.steps.len() {
                return Ok(());
            }
        }
        self.step(self.day.steps[self.at])?;
        self.at += 1;
        // Looking at everything takes longer than the step; after trouble it is done every time.
        if self.store.is_some() && (self.drawn.is_some() || self.at.is_multiple_of(LOOKS_APART)) {
            self.look();
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), Again> {
        match step {
            Step::Commit(deed, durability) => self.commit(|store, number, before| match deed {
                Deed::Begin(deal) if durability == Durability::Synced => {
                    deals::begin(store, number, before, deal)
                }
                _ => store.write_with(durability, |tx| deals::stage(tx, number, before, deed)),
            }),
            Step::Finish(deed) => self.commit(|store, number, before| {
                store.write_finishing(|tx| deals::stage(tx, number, before, deed))
            }),
            Step::Ticket(deed, durability) => self.ticket(deed, durability),
            Step::Wait => self.wait(),
            Step::Sync => {
                let answer = self.store().sync();
                self.made_durable(answer, "sync")
            }
            Step::Checkpoint => {
                let answer = self.store().checkpoint().map(drop);
                self.made_durable(answer, "checkpoint")
            }
            Step::Reopen => {
                self.close();
                Ok(())
            }
            Step::Recover => self.recover(),
        }
    }

    /// The number of the commit that is made in this step, and the commit before by the cursor.
    fn number(&self) -> (u64, u64) {
        let place = self.day.commits.iter().position(|(step, _, _)| *step == self.at);
        let place = place.expect("the step commits");
        (place as u64 + 1, self.day.commits[place].2)
    }

    fn commit(
        &mut self,
        write: impl Fn(&Store, u64, u64) -> Result<(), Error>,
    ) -> Result<(), Again> {
        let (number, before) = self.number();
        match write(self.store(), number, before) {
            Ok(()) => {
                assert!(!self.poisoned, "a write went through on a poisoned store");
                self.account.most = self.account.most.max(number);
                self.seen(number);
                Ok(())
            }
            Err(error) => {
                if error.is_outcome_unknown() {
                    self.account.most = self.account.most.max(number);
                }
                self.failed(&error, "a write")
            }
        }
    }

    fn ticket(&mut self, deed: Deed, durability: Durability) -> Result<(), Again> {
        let (number, before) = self.number();
        let staged =
            self.store().write_ticket(durability, |tx| deals::stage(tx, number, before, deed));
        match staged {
            Ok(((), ticket)) => {
                assert!(!self.poisoned, "a ticket was given out on a poisoned store");
                self.account.most = self.account.most.max(number);
                self.tickets.push((number, ticket));
                // So that each is seen alone.
                if self.drawn.is_some() { self.wait() } else { Ok(()) }
            }
            Err(error) => self.failed(&error, "staging a write"),
        }
    }

    fn wait(&mut self) -> Result<(), Again> {
        let mut failed = None;
        for (number, ticket) in std::mem::take(&mut self.tickets) {
            match ticket.wait() {
                Ok(()) => self.seen(number),
                Err(error) => {
                    assert!(error.is_outcome_unknown(), "a ticket answered {error:?}");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(()), |error| self.failed(&error, "a ticket"))
    }

    fn made_durable(&mut self, answer: Result<(), Error>, what: &str) -> Result<(), Again> {
        match answer {
            Ok(()) => {
                assert!(!self.poisoned, "{what} went through on a poisoned store");
                self.synced();
                Ok(())
            }
            Err(error) => self.failed(&error, what),
        }
    }

    fn recover(&mut self) -> Result<(), Again> {
        let last = self.day.recovery + deals::commits_of(Step::Recover);
        let answer = self.decide_all();
        match answer {
            Ok(()) => {
                assert!(!self.poisoned, "a recovery went through on a poisoned store");
                self.account.most = self.account.most.max(last);
                self.seen(last);
                Ok(())
            }
            Err(error) => {
                // Any number of its commits may be there.
                self.account.most = self.account.most.max(last);
                self.failed(&error, "a recovery")
            }
        }
    }

    fn decide_all(&mut self) -> Result<(), Error> {
        let store = self.store.as_ref().expect("the store is open");
        let mut recovery = store.recovery()?;
        while let Some(case) = recovery.next()? {
            if let Some(drawn) = &mut self.drawn {
                draw(drawn, self.day, store);
            }
            let verdict = deals::verdict(&case);
            let decided = recovery.decide(case, verdict)?;
            assert!(matches!(decided, Decided::Completed(_) | Decided::RolledBack), "{decided:?}");
        }
        let report = recovery.finish()?;
        assert_eq!(report.found(), report.outcomes());
        Ok(())
    }

    /// Opens the store, counts what is there, and goes on from it.
    fn open(&mut self) -> Result<(), Again> {
        let store = match self.day.setup.open(&self.disk) {
            Ok(store) => store,
            Err(error) => {
                self.expect_trouble(&error, "opening");
                assert!(is_of_the_machine(&error), "opening answered {error:?}: {error}");
                return Err(Again);
            }
        };
        let found = match deals::count(&store.snapshot(), self.day.recovery) {
            Ok(found) => found,
            Err(error) => {
                drop(store);
                return self.failed(&error, "reading");
            }
        };
        self.judge(End::Killed, found);
        self.account = Account { durable: found, written: found, most: found };
        self.at = self.day.goes_on(self.at, found);
        if self.day.steps.get(self.at) != Some(&Step::Recover) {
            store.skip_recovery().expect("no recovery runs");
        }
        (self.store, self.poisoned, self.base_failed) = (Some(store), false, false);
        if self.drawn.is_some() {
            self.look();
        }
        Ok(())
    }

    /// Closes the store; it is not open afterwards, whether that worked or not.
    fn close(&mut self) {
        self.tickets.clear();
        let store = self.store.take().expect("the store is open");
        match store.close() {
            Ok(()) => {
                assert!(!self.poisoned, "a poisoned store was closed well");
                self.synced();
            }
            Err(error) => {
                self.expect_trouble(&error, "closing");
                let told = matches!(error, Error::Poisoned { .. });
                assert!(told || is_of_the_machine(&error), "closing answered {error:?}");
            }
        }
    }

    /// After an answer that is no success: what the store has to be like now.
    fn settle(&mut self) {
        if self.store.is_none() {
            return;
        }
        self.look();
        if self.poisoned {
            self.is_poisoned_for_good();
            self.close();
        } else {
            // A read that failed latches the base until a checkpoint opens it anew.
            let answer = self.store().checkpoint();
            let _ = self.made_durable(answer.map(drop), "checkpoint");
        }
    }

    /// Every call answers that it was never tried, and reads go on.
    fn is_poisoned_for_good(&mut self) {
        let (number, before) = (self.account.most + 1, 0);
        let store = self.store();
        let poisoned = [
            store.write(|tx| deals::stage(tx, number, before, Deed::Tick)),
            store.write_finishing(|tx| deals::stage(tx, number, before, Deed::Tick)),
            store.write_ticket(Durability::Written, |_| Ok::<_, Error>(())).map(drop),
            store.ledger().halt("never tried"),
            store.sync(),
            store.recovery().and_then(highwater::Recovery::finish).map(drop),
        ];
        for (nth, answer) in poisoned.into_iter().enumerate() {
            // A recovery of nothing writes nothing.
            let nothing_to_write = nth == 5 && answer.is_ok();
            let told = matches!(answer, Err(Error::Poisoned { .. }));
            assert!(told || nothing_to_write, "call {nth} on a poisoned store: {answer:?}");
        }
        self.look();
    }

    /// Notes what an answer means.
    fn failed(&mut self, error: &Error, what: &str) -> Result<(), Again> {
        self.expect_trouble(error, what);
        let on_the_base = ["checkpoint", "reading"].contains(&what);
        match error {
            Error::Unknown { .. } => {
                let in_flight = ["a write", "a ticket", "a recovery"].contains(&what);
                assert!(in_flight && !self.poisoned, "{what}: {error:?}");
                self.poisoned = true;
            }
            Error::Poisoned { .. } => {
                // Whoever only waits for others is the first to hear it sometimes.
                let first = !self.tickets.is_empty() || ["sync", "checkpoint"].contains(&what);
                assert!(self.poisoned || first, "{what}: {error:?}");
                self.poisoned = true;
            }
            Error::Stalled { .. } => assert!(self.base_failed, "{what}: {error:?}"),
            _ => {
                assert!(!self.poisoned || on_the_base, "{what} on a poisoned store: {error:?}");
                assert!(is_of_the_machine(error), "{what} answered {error:?}: {error}");
                let latched = on_the_base || self.trouble.reads;
                self.base_failed |= latched;
            }
        }
        Err(Again)
    }

    /// An error needs a reason: the disk failed, and could fail in this way.
    fn expect_trouble(&mut self, error: &Error, what: &str) {
        assert!(self.disk.faults_hit() > 0, "{what} on a disk that works: {error:?}");
        let heard = &mut self.heard;
        let (counter, explained) = match error {
            Error::Full { .. } => (&mut heard.full, self.trouble.full),
            Error::Unknown { .. } => (&mut heard.unknown, self.trouble.changes),
            Error::Poisoned { .. } => (&mut heard.poisoned, self.trouble.changes),
            _ => (&mut heard.io, true),
        };
        *counter += 1;
        assert!(explained, "{what} answered {error:?} on {:?}", self.trouble);
    }

    /// What any reader sees now is a state that there was, and is promised.
    fn look(&mut self) {
        if let Some(drawn) = &mut self.drawn {
            return draw(drawn, self.day, self.store.as_ref().expect("the store is open"));
        }
        let snapshot = self.store().snapshot();
        let seen = deals::count(&snapshot, self.day.recovery)
            .and_then(|seen| Ok((seen, deals::picture(&snapshot)?)));
        match seen {
            Ok((seen, picture)) => {
                self.is_as_drawn(seen, &picture);
                assert!(self.account.written <= seen, "{seen} are seen: {:?}", self.account);
                self.seen(seen);
            }
            Err(error) => {
                self.expect_trouble(&error, "reading");
                assert!(is_of_the_machine(&error), "reading answered {error:?}");
                let latched = self.base_failed || self.trouble.reads;
                assert!(latched, "reads have to go on: {error:?}: {error}");
            }
        }
    }

    fn is_as_drawn(&self, number: u64, picture: &str) {
        let expected = self.day.pictures.get(number as usize);
        assert!(
            expected.is_some_and(|expected| expected == picture),
            "after {number} commits there has to be\n{}\nand there is\n{picture}",
            expected.map_or("nothing", String::as_str),
        );
    }

    /// Somebody could see commit `number`: it is as durable as was asked, and so are those before it.
    fn seen(&mut self, number: u64) {
        let account = &mut self.account;
        account.written = account.written.max(number);
        let shown = &self.day.commits[..number as usize];
        let synced = shown.iter().rposition(|(_, kind, _)| *kind == Durability::Synced);
        account.durable = account.durable.max(synced.map_or(0, |at| at as u64 + 1));
    }

    /// All that was staged was said to survive a power cut.
    fn synced(&mut self) {
        let most = self.account.most;
        self.account = Account { durable: most, written: most, most };
    }

    fn judge(&self, end: End, found: u64) {
        let Account { durable, written, most } = self.account;
        let least = if end == End::Killed { written } else { durable };
        assert!(
            (least..=most).contains(&found),
            "{found} commits were found, not {least} to {most} ({end:?})"
        );
    }

    /// Opens a copy of what a crash left: what was promised is there, as it was, sound, and it works.
    pub(crate) fn holds(&self, image: &Image) {
        let disk = image.disk.fork();
        let mut next = Trader::new(self.day, disk, Trouble::default());
        let store = self.day.setup.open(&next.disk).unwrap_or_else(|error| {
            panic!("{}: the store does not open: {error:?}", image.label);
        });
        let snapshot = store.snapshot();
        let found = deals::count(&snapshot, self.day.recovery).expect(&image.label);
        self.judge(image.end, found);
        self.is_as_drawn(found, &deals::picture(&snapshot).expect(&image.label));
        let findings = snapshot.verify().expect(&image.label);
        assert!(findings.is_empty(), "{}: {findings:?}", image.label);
        drop((snapshot, store));
        next.account = Account { durable: found, written: found, most: found };
        next.at = self.day.goes_on(self.at, found);
        for _ in 0..2 {
            if next.at < self.day.steps.len() {
                assert!(next.go_on().is_ok(), "{}: it does not work", image.label);
            }
        }
    }

    /// Gives the store up without a word, as the end of the process does.
    pub(crate) fn abandon(mut self) {
        self.disk.crash();
        self.tickets.clear();
        self.store = None;
    }
}

/// Whether the system refused: full, or an error of input or output.
fn is_of_the_machine(error: &Error) -> bool {
    matches!(error, Error::Full { .. } | Error::Io { .. })
}

fn draw(drawn: &mut [String], day: &Day, store: &Store) {
    let snapshot = store.snapshot();
    let number = deals::count(&snapshot, day.recovery).expect("the disk works");
    drawn[number as usize] = deals::picture(&snapshot).expect("the disk works");
}
