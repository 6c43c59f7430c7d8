//! `highwater ops list`: operations by state, account, kind, key and time.

use std::io::Write;

use clap::{Args, ValueEnum};
use highwater::{KeyState, Kind, Operation, Status};

use super::{OperationLine, attention, key};
use crate::failure::Failure;
use crate::grid::{Column, Grid};
use crate::known;
use crate::opened::{Opened, limit};
use crate::print::{Form, json_line, note};
use crate::store_argument::StateArgument;
use crate::sums::or_dash;
use crate::time::{Period, rfc3339};

pub(super) const EXAMPLES: &str = "\
Examples:
  highwater ops list --store /tmp/demo
  highwater ops list --store /tmp/demo --status pending,in-progress,failed
  highwater ops list --store /tmp/demo --kind position-open --since 2024-08-08T00:00:00Z --limit 20
  highwater ops list --store /tmp/demo --json | jq -r 'select(.needs_attention) | .id'
  highwater ops list --store /tmp/demo --at 4711

Times are those of the beginning. Finished operations are purged after their retention: a key then \
still says how its operation ended (--key).

Exit codes: 0 done; 1 wrong usage or an error of the machine; 3 acknowledged data is damaged; 5 the \
store is locked or of an unknown version.";

const COLUMNS: &[Column] = &[
    Column::number("id", 0),
    Column::text("status", 0),
    Column::text("kind", 1),
    Column::text("account", 4),
    Column::text("key", 0),
    Column::number("tries", 3),
    Column::text("begun at", 2),
    Column::text("ended at", 5),
    Column::text("needs attention", 6),
];

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    state: StateArgument,
    /// Only operations in these states
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STATUS,..")]
    status: Vec<State>,
    /// Only operations of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only operations of this kind: balance-deduct, position-open, .. or the name of a kind of your own
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only the operation with this idempotency key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    period: Period,
    /// At most so many, the latest; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Pending,
    InProgress,
    Failed,
    Completed,
    RolledBack,
}

impl State {
    fn status(self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::InProgress => Status::InProgress,
            Self::Failed => Status::Failed,
            Self::Completed => Status::Completed,
            Self::RolledBack => Status::RolledBack,
        }
    }
}

impl Arguments {
    fn matches(&self, operation: &Operation) -> bool {
        let of_status = || self.status.iter().any(|state| state.status() == operation.status);
        let is =
            |asked: &Option<String>, has: &dyn Fn(&str) -> bool| asked.as_deref().is_none_or(has);
        (self.status.is_empty() || of_status())
            && is(&self.account, &|account| account == &*operation.account)
            && is(&self.kind, &|kind| is_kind(&operation.kind, kind))
            && is(&self.key, &|asked| {
                asked.as_bytes() == &*operation.key || asked == key(operation)
            })
            && self.period.contains(operation.begun_at)
    }
}

/// Whether `asked` names the kind, whatever stands between its words.
fn is_kind(kind: &Kind, asked: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], " ");
    match kind {
        Kind::Custom(name) => **name == *asked || asked == "custom",
        kind => plain(&kind.to_string()) == plain(asked),
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let opened = Opened::open_at(&arguments.state)?;
    let form = Form::from_flag(arguments.json);
    known::account(&opened, arguments.account.as_deref())?;
    let operations = opened.store.operations();
    let mut grid = Grid::new(COLUMNS);
    let mut found = 0_u64;
    let limit = limit(arguments.limit, form);
    let matches = |operation: &Operation| arguments.matches(operation);
    opened.each(operations.all(), limit, matches, |operation| {
        found += 1;
        match form {
            Form::Json => json_line(out, &OperationLine::from(operation))?,
            Form::Table => grid.row(cells(operation)),
        }
        Ok(())
    })?;
    let was_purged = match (found, &arguments.key) {
        (0, Some(key)) => tell_purged(&opened, key)?,
        _ => false,
    };
    known::tell_none(form, found == 0 && !was_purged, "operations");
    Ok(grid.print(out)?)
}

/// Says how an operation ended whose row is gone, if it is.
fn tell_purged(opened: &Opened<'_>, key: &str) -> Result<bool, Failure> {
    let known = opened.checked(opened.store.operations().by_key(key))?;
    if let Some(KeyState::Purged { operation, status, finished_at, .. }) = known {
        let at = rfc3339(finished_at);
        note(&format!("operation {operation} had this key: {status} at {at}; its row was purged"));
        return Ok(true);
    }
    Ok(false)
}

fn cells(operation: &Operation) -> [String; 9] {
    [
        operation.id.to_string(),
        operation.status.to_string(),
        operation.kind.to_string(),
        operation.account.to_string(),
        key(operation),
        format!("{}/{}", operation.tries, operation.max_attempts),
        rfc3339(operation.begun_at),
        or_dash(operation.finished_at.map(rfc3339)),
        or_dash(operation.needs_attention.as_ref().map(attention)),
    ]
}
