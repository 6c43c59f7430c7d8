//! `highwater ops`: the operations of a store, read without writing a byte.

mod life;
mod list;
mod stuck;

use std::io::Write;

use clap::Subcommand;
use highwater::operations::FailureClass;
use highwater::{Attention, Operation, OperationId};
use serde::Serialize;

use crate::failure::Failure;
use crate::known;
use crate::sums::hex;
use crate::time::rfc3339;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List operations, the latest last
    #[command(after_help = list::EXAMPLES)]
    List(list::Arguments),
    /// Tell the whole life of one operation
    #[command(after_help = life::EXAMPLES)]
    Show(life::Arguments),
    /// List what needs somebody, why, and what to do about it
    #[command(after_help = stuck::EXAMPLES)]
    Stuck(stuck::Arguments),
}

pub(crate) fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(arguments, out),
        Command::Show(arguments) => life::run(arguments, out),
        Command::Stuck(arguments) => stuck::run(arguments, out),
    }
}

/// The number of an operation, as 42 or #42.
fn number(text: &str) -> Result<OperationId, String> {
    known::number(text).map(OperationId::new)
}

/// A key as it is shown: text as it is, everything else as \x escapes.
fn key(operation: &Operation) -> String {
    operation.key.escape_ascii().to_string()
}

/// Why somebody has to look at it, in words.
fn attention(attention: &Attention) -> String {
    match attention {
        Attention::AttemptsUsedUp { was } => format!("attempts used up after a {was} failure"),
        Attention::Quarantined => "quarantined: recovery asked and no answer ever came".to_owned(),
        Attention::UndoBlocked { reason } => format!("undo blocked: {reason}"),
        _ => "for a reason that this program does not know".to_owned(),
    }
}

/// An operation as one line of JSON. What is not known is null and never left out.
#[derive(Serialize)]
struct OperationLine<'a> {
    kind: &'static str,
    id: u64,
    status: String,
    operation_kind: String,
    account: &'a str,
    key: String,
    key_hex: String,
    positions: Vec<u64>,
    claim: Option<ClaimLine<'a>>,
    retry_of: Option<u64>,
    epoch: u64,
    attempt: u32,
    tries: u32,
    max_attempts: u32,
    idempotent: bool,
    external_id: String,
    external_ids: Vec<String>,
    deadline: Option<String>,
    not_before: Option<String>,
    failure: Option<FailureLine<'a>>,
    needs_attention: Option<String>,
    presentations: u8,
    begun_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    event_count: u32,
}

#[derive(Serialize)]
struct ClaimLine<'a> {
    namespace: &'a str,
    key: String,
}

#[derive(Serialize)]
struct FailureLine<'a> {
    class: FailureClass,
    reason: &'a str,
}

impl<'a> From<&'a Operation> for OperationLine<'a> {
    fn from(operation: &'a Operation) -> Self {
        let claim = operation.claim.as_ref();
        let failure = operation.failure.as_ref();
        Self {
            kind: "operation",
            id: operation.id.get(),
            status: operation.status.to_string(),
            operation_kind: operation.kind.to_string(),
            account: &operation.account,
            key: key(operation),
            key_hex: hex(&operation.key),
            positions: operation.positions.iter().map(|named| named.position.get()).collect(),
            claim: claim.map(|(namespace, key)| ClaimLine {
                namespace,
                key: key.escape_ascii().to_string(),
            }),
            retry_of: operation.retry_of.map(OperationId::get),
            epoch: operation.epoch,
            attempt: operation.attempt,
            tries: operation.tries,
            max_attempts: operation.max_attempts,
            idempotent: operation.idempotent,
            external_id: operation.external_id.to_string(),
            external_ids: operation.external_ids.iter().map(ToString::to_string).collect(),
            deadline: operation.deadline.map(rfc3339),
            not_before: operation.not_before.map(rfc3339),
            failure: failure.map(|(class, reason)| FailureLine { class: *class, reason }),
            needs_attention: operation.needs_attention.as_ref().map(attention),
            presentations: operation.presentations,
            begun_at: rfc3339(operation.begun_at),
            started_at: operation.started_at.map(rfc3339),
            finished_at: operation.finished_at.map(rfc3339),
            event_count: operation.events,
        }
    }
}
