//! The codecs of operations, as the fuzzing looks at them.

use super::kind::Role;
use super::recovery::ReportRow;
use super::row::{CheckpointRow, EventRow, KeyRow, OperationRow, VERSION};
use super::undo::StepRow;
use super::{
    CHECKPOINTS, EVENTS, FINISHED, KEYS, OPERATION_STATE, OPERATIONS, PAYLOADS, UNDO, UNFINISHED,
    WORKING,
};
use crate::codec::{Recoding, recode};

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("operation", &[OPERATIONS.0], recode::<VERSION, OperationRow>),
    Recoding::row("mark", &[UNFINISHED.0, FINISHED.0], recode::<VERSION, ()>),
    Recoding::row("key", &[KEYS.0], recode::<VERSION, KeyRow>),
    Recoding::row("event", &[EVENTS.0], recode::<VERSION, EventRow>),
    Recoding::row("checkpoint", &[CHECKPOINTS.0], recode::<VERSION, CheckpointRow>),
    Recoding::row("undo step", &[UNDO.0], recode::<VERSION, StepRow>),
    Recoding::row("working", &[WORKING.0], recode::<VERSION, Vec<Role>>),
    Recoding::row("next operation", &[OPERATION_STATE.0], recode::<VERSION, u64>),
    Recoding::row("recovery", &[OPERATION_STATE.0], recode::<VERSION, ReportRow>),
    Recoding::row("payload", &[PAYLOADS.0], recode::<VERSION, Box<[u8]>>),
];
