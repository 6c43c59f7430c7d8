//! Scripts as text: one line for how the store is opened, and one for each thing that happens.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::setup::Setup;

/// A whole run: whoever plays it gets the same run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) beginning: Beginning,
    pub(crate) events: Vec<Event>,
}

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    pub(crate) setup: Setup,
    /// The disk's call in the making of the store at which the power goes out; 0 for none.
    pub(crate) first_cut: u64,
}

impl Script {
    pub(crate) fn write(&self) -> String {
        let mut lines = vec![line(&self.beginning)];
        lines.extend(self.events.iter().map(line));
        lines.join("\n")
    }

    /// Reads what [`Script::write`] wrote. Empty lines and spaces around lines are left out.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().ok_or("an empty script")?;
        let beginning = parse(number, first)?;
        let events = lines.map(|(number, line)| parse(number, line)).collect::<Result<_, _>>()?;
        Ok(Self { beginning, events })
    }
}

fn line(told: &impl Serialize) -> String {
    ron::to_string(told).unwrap_or_else(|error| format!("// not to be written down: {error}"))
}

fn parse<T: DeserializeOwned>(number: usize, line: &str) -> Result<T, String> {
    ron::from_str(line.trim()).map_err(|error| format!("line {number}: {error}"))
}
