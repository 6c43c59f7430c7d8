//! The codecs of claims and cursors, as the fuzzing looks at them.

use super::name::ClaimKey;
use super::{CLAIMS, CURSORS, row};
use crate::codec::{Form, Recoding};

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("claim", &[CLAIMS.0], |bytes| {
        row::decode_claim(bytes).ok().map(|claim| row::encode_claim(&claim))
    }),
    Recoding::row("claim key", &[CLAIMS.0], |bytes| {
        ClaimKey::from_stored(bytes).map(|key| key.stored())
    })
    .with(Form::OpenEnd),
    Recoding::row("cursor", &[CURSORS.0], |bytes| {
        row::decode_cursor(bytes).ok().map(row::encode_cursor)
    }),
];
