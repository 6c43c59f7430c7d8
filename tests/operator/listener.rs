//! A subscriber that remembers what it was told, and may do something about it.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) level: Level,
    pub(crate) message: String,
    /// Its fields, as ` name=value` one after the other.
    pub(crate) fields: String,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

type Heard = Box<dyn Fn(&Told) + Send + Sync>;

/// Calls a function with every event.
pub(crate) struct Listener {
    heard: Heard,
}

impl Listener {
    pub(crate) fn new(heard: impl Fn(&Told) + Send + Sync + 'static) -> Self {
        Self { heard: Box::new(heard) }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("highwater")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let (message, fields) = (String::new(), String::new());
        let mut told = Told { level: *event.metadata().level(), message, fields };
        event.record(&mut told);
        (self.heard)(&told);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What this thread is told while it runs `run`.
pub(crate) fn listen<T>(run: impl FnOnce() -> T) -> (T, Vec<Told>) {
    let all = Arc::<Mutex<Vec<Told>>>::default();
    let told = all.clone();
    let listener = Listener::new(move |event| told.lock().unwrap().push(event.clone()));
    let done = tracing::subscriber::with_default(listener, run);
    let told = all.lock().unwrap().clone();
    (done, told)
}

/// Level and message of each.
pub(crate) fn lines(told: &[Told]) -> Vec<String> {
    told.iter().map(|one| format!("{} {}", one.level, one.message)).collect()
}
