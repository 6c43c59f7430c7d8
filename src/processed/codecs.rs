//! The codecs of claims, their namespaces and cursors, as the fuzzing looks at them.

use super::name::{ClaimKey, age_from_stored, age_key};
use super::row::{self, AGE_VERSION};
use super::{CLAIM_AGES, CLAIMS, CURSORS, NAMESPACES};
use crate::codec::{Form, Recoding, recode};

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("claim", &[CLAIMS.0], |bytes| {
        row::decode_claim(bytes).ok().map(|claim| row::encode_claim(&claim))
    }),
    Recoding::row("claim key", &[CLAIMS.0], |bytes| {
        ClaimKey::from_stored(bytes).map(|key| key.stored())
    })
    .with(Form::OpenEnd),
    Recoding::row("claim age", &[CLAIM_AGES.0], recode::<AGE_VERSION, ()>),
    Recoding::row("claim age key", &[CLAIM_AGES.0], |bytes| {
        age_from_stored(bytes).map(|(namespace, age)| age_key(namespace, &age))
    })
    .with(Form::OpenEnd),
    Recoding::row("claim namespace", &[NAMESPACES.0], |bytes| {
        row::decode_namespace(bytes).ok().map(|namespace| row::encode_namespace(&namespace))
    }),
    Recoding::row("cursor", &[CURSORS.0], |bytes| {
        row::decode_cursor(bytes).ok().map(row::encode_cursor)
    }),
];
