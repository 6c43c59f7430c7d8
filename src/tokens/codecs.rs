//! The codecs of tokens, as the fuzzing looks at them.

use super::TOKENS;
use super::row;
use crate::codec::{Form, Recoding};
use crate::money::TokenKey;

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("token", &[TOKENS.0], |bytes| {
        row::decode(bytes).ok().map(|row| row::encode(&row))
    }),
    Recoding::row("token key", &[TOKENS.0], |bytes| {
        TokenKey::from_bytes(bytes).map(|key| key.as_bytes().to_vec())
    })
    .with(Form::OpenEnd),
];
