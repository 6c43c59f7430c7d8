//! The codecs of missing prices, as the fuzzing looks at them.

use super::key::{due_key, due_of, subject_of};
use super::row::{self, DUE_VERSION};
use super::{DUE, MISSING};
use crate::codec::{Form, Recoding, recode};

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("missing price", &[MISSING.0], |bytes| {
        row::decode(bytes).ok().map(|missing| row::encode(&missing))
    }),
    Recoding::row("missing price key", &[MISSING.0], |bytes| {
        subject_of(bytes).map(|of| of.subject().stored())
    })
    .with(Form::OpenEnd),
    Recoding::row("due price", &[DUE.0], recode::<DUE_VERSION, ()>),
    Recoding::row("due price key", &[DUE.0], |bytes| {
        let (at, subject) = due_of(bytes)?;
        subject_of(subject).map(|of| due_key(at, &of.subject().stored()))
    })
    .with(Form::OpenEnd),
];
