//! A bot that works on a store and holds every single answer against what it may be.
//!
//! It keeps its own account of what was promised; whoever ends its life judges by that what is
//! found. The rules for answers stand here, those for what is found in [`super::promises`].

use highwater::disk::SimulatedDisk;
use highwater::{Durability, Error, Snapshot, Store, Ticket, Tx};

use super::history::{self, History};
use super::promises::{End, Promises};
use super::setup::Setup;
use super::workload::Step;

/// A bot with its store, open or not.
pub(crate) struct Bot {
    pub(crate) setup: Setup,
    pub(crate) history: History,
    pub(crate) disk: SimulatedDisk,
    pub(crate) promises: Promises,
    /// How the life before the next opening ended.
    pub(crate) end: End,
    store: Option<Store>,
    tickets: Vec<(u64, Ticket)>,
    /// Whether the store said that it is poisoned.
    poisoned: bool,
    /// Whether the disk may fail calls or be full.
    pub(crate) trouble: bool,
}

/// Why a bot does not go on with its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The power is out.
    PowerOut,
    /// The store is poisoned or could not be opened.
    NeedsReopening,
}

/// What a closure that refuses answers.
#[derive(Debug)]
enum Refusal {
    /// Having seen so many commits.
    Seen(u64),
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Bot {
    /// A bot without a store yet.
    pub(crate) fn new(setup: Setup, history: History, disk: SimulatedDisk) -> Self {
        Self {
            setup,
            history,
            disk,
            promises: Promises::default(),
            end: End::Killed,
            store: None,
            tickets: Vec::new(),
            poisoned: false,
            trouble: false,
        }
    }

    /// Opens the store for the first time and does all of `script`.
    pub(crate) fn run(&mut self, script: &[Step]) -> Result<(), Stop> {
        self.open()?;
        script.iter().try_for_each(|step| self.step(*step))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    /// Gives the store up without a word, as the end of the process does.
    pub(crate) fn abandon(&mut self) {
        self.disk.crash();
        self.drop_store();
    }

    /// Drops the store, which closes it as well as it can.
    pub(crate) fn drop_store(&mut self) {
        self.tickets.clear();
        self.store = None;
        self.poisoned = false;
    }

    /// Opens the store, reads all of it, and holds it against what was promised.
    pub(crate) fn open(&mut self) -> Result<(), Stop> {
        let store = match self.setup.open(&self.disk) {
            Ok(store) => store,
            Err(error) => return Err(self.not_opened(&error)),
        };
        let found = self.history.commits_in(store.snapshot().tokens());
        match found {
            Ok(found) => {
                self.promises.judge(self.end, found);
                assert_eq!(store.opening().last_lsn, found, "what the opening reports");
                self.promises = Promises::opened(found);
                self.end = End::Killed;
            }
            Err(error) => {
                self.forgive(&error, "reading everything");
                drop(store);
                return Err(Stop::NeedsReopening);
            }
        }
        self.store = Some(store);
        self.poisoned = false;
        Ok(())
    }

    fn not_opened(&self, error: &Error) -> Stop {
        if self.disk.is_powered_off() {
            return Stop::PowerOut;
        }
        self.forgive(error, "opening");
        Stop::NeedsReopening
    }

    /// Does one step and holds its answer against the rules.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Commit(durability) => self
                .commit(durability, |store, durability, body| store.write_with(durability, body)),
            Step::Finish => {
                self.commit(Durability::Synced, |store, _, body| store.write_finishing(body))
            }
            Step::Ticket(durability) => self.ticket(durability),
            Step::Wait => self.wait(),
            Step::Refuse => self.refuse(),
            Step::Sync => {
                let synced = self.store().sync();
                self.made_durable(synced.map(|()| self.promises.staged()), "sync")
            }
            Step::Checkpoint => {
                let moved = self.store().checkpoint();
                self.made_durable(moved, "checkpoint")
            }
            Step::Reopen => {
                self.close()?;
                self.open()
            }
        }?;
        self.look()
    }

    fn commit(
        &mut self,
        durability: Durability,
        write: impl Fn(&Store, Durability, Body) -> Result<(), Error>,
    ) -> Result<(), Stop> {
        let number = self.promises.staged() + 1;
        let answer = write(self.store(), durability, body(self.history, number));
        match answer {
            Ok(()) => {
                self.must_not_be_poisoned("a write");
                self.promises.stage(durability);
                self.promises.seen(number);
                Ok(())
            }
            Err(error @ Error::Unknown { .. }) => {
                self.promises.stage(durability);
                self.failed(&error, "a write")
            }
            Err(error) => self.failed(&error, "a write"),
        }
    }

    fn ticket(&mut self, durability: Durability) -> Result<(), Stop> {
        let number = self.promises.staged() + 1;
        let before = self.visible()?;
        let answer = self.store().write_ticket(durability, body(self.history, number));
        match answer {
            Ok(((), ticket)) => {
                self.must_not_be_poisoned("a write");
                assert_eq!(ticket.lsn(), number, "the ticket's place in the order");
                self.promises.stage(durability);
                self.tickets.push((number, ticket));
                // A read may fail where the plan has it fail; then it shows nothing either way.
                if let (Some(before), Some(after)) = (before, self.visible()?) {
                    assert_eq!(before, after, "staging alone shows nothing");
                }
                Ok(())
            }
            Err(error) => self.failed(&error, "staging a write"),
        }
    }

    fn wait(&mut self) -> Result<(), Stop> {
        for (number, ticket) in std::mem::take(&mut self.tickets) {
            match ticket.wait() {
                Ok(()) => self.promises.seen(number),
                Err(error) => {
                    let unknown = matches!(error, Error::Unknown { .. });
                    assert!(
                        unknown || self.disk.is_powered_off(),
                        "a commit in flight answers Unknown, not {error:?}"
                    );
                    return self.failed(&error, "waiting for a ticket");
                }
            }
        }
        Ok(())
    }

    /// Whatever a closure saw is as durable as was asked once its call returns, refused or not.
    fn refuse(&mut self) -> Result<(), Stop> {
        let answer = self
            .store()
            .write(|tx| -> Result<(), Refusal> { Err(Refusal::Seen(history::count_in(tx)?)) });
        match answer {
            Ok(()) => unreachable!("it refuses"),
            Err(Refusal::Seen(seen)) => {
                self.must_not_be_poisoned("a refusal");
                assert_eq!(seen, self.promises.staged(), "a closure sees all that is staged");
                self.promises.seen(seen);
                Ok(())
            }
            Err(Refusal::Store(error)) => self.failed(&error, "a write that refuses"),
        }
    }

    fn made_durable(&mut self, answer: Result<u64, Error>, what: &str) -> Result<(), Stop> {
        match answer {
            Ok(number) => {
                assert!(number <= self.promises.staged(), "{what} answered {number}");
                self.promises.synced(number);
                Ok(())
            }
            Err(error) => self.failed(&error, what),
        }
    }

    /// Closes the store; whether that works or not, it is not open afterwards.
    pub(crate) fn close(&mut self) -> Result<(), Stop> {
        self.tickets.clear();
        let store = self.store.take().expect("the store is open");
        let poisoned = std::mem::take(&mut self.poisoned);
        match store.close() {
            Ok(()) => {
                assert!(!poisoned, "a poisoned store is not closed well");
                self.promises.synced(self.promises.staged());
                Ok(())
            }
            Err(_) if self.disk.is_powered_off() => Err(Stop::PowerOut),
            Err(error) => {
                self.forgive(&error, "closing");
                Ok(())
            }
        }
    }

    /// What any reader sees now is promised.
    fn look(&mut self) -> Result<(), Stop> {
        let visible = self.visible()?;
        if let Some(visible) = visible {
            self.promises.seen(visible);
        }
        Ok(())
    }

    fn visible(&self) -> Result<Option<u64>, Stop> {
        let snapshot: Snapshot = self.store().snapshot();
        match history::count(&snapshot) {
            Ok(count) => {
                assert_eq!(snapshot.lsn(), count, "a snapshot shows what it says");
                Ok(Some(count))
            }
            Err(_) if self.disk.is_powered_off() => Err(Stop::PowerOut),
            Err(error) => {
                self.forgive(&error, "reading");
                Ok(None)
            }
        }
    }

    fn must_not_be_poisoned(&self, what: &str) {
        assert!(!self.poisoned, "{what} went through on a poisoned store");
    }

    /// Notes what an error means; `Ok` where the bot can simply go on.
    fn failed(&mut self, error: &Error, what: &str) -> Result<(), Stop> {
        if self.disk.is_powered_off() {
            return Err(Stop::PowerOut);
        }
        self.forgive(error, what);
        let poisons = matches!(error, Error::Unknown { .. } | Error::Poisoned { .. });
        if self.poisoned {
            let told = matches!(error, Error::Poisoned { .. });
            let base =
                what == "checkpoint" && matches!(error, Error::Io { .. } | Error::Full { .. });
            assert!(told || base, "{what} on a poisoned store answered {error:?}");
        }
        if poisons {
            self.poisoned = true;
            return Err(Stop::NeedsReopening);
        }
        Ok(())
    }

    /// Panics on errors that nothing on this disk can explain.
    fn forgive(&self, error: &Error, what: &str) {
        let memory = matches!(error, Error::Stalled { .. });
        let explained = match error {
            Error::Io { .. }
            | Error::Full { .. }
            | Error::Unknown { .. }
            | Error::Poisoned { .. }
            | Error::SnapshotLost => self.trouble,
            _ => memory,
        };
        assert!(explained, "{what} answered {error:?} on a disk that works: {error}");
    }

    /// A poisoned store goes on answering reads, and refuses every write.
    pub(crate) fn is_poisoned_for_good(&mut self) {
        assert!(self.poisoned);
        for step in [
            Step::Commit(Durability::Synced),
            Step::Finish,
            Step::Ticket(Durability::Written),
            Step::Refuse,
        ] {
            assert_eq!(self.step(step), Err(Stop::NeedsReopening), "{step:?}");
        }
        if let Ok(Some(visible)) = self.visible() {
            self.promises.seen(visible);
        }
    }
}

type Body = Box<dyn FnOnce(&mut Tx<'_>) -> Result<(), Error>>;

/// The closure of commit `number`, which sees the commit before as the newest.
fn body(history: History, number: u64) -> Body {
    Box::new(move |tx| {
        let before = history::count_in(tx)?;
        assert_eq!(before + 1, number, "a closure sees the newest staged state");
        history.write(tx, number)
    })
}
