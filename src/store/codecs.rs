//! The codecs of the store's own rows, as the fuzzing looks at them.

use super::boots::{self, STORE};
use crate::codec::Recoding;

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] =
    &[Recoding::row("log of openings", &[STORE.0], boots::recode)];
