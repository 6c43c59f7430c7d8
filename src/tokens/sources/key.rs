//! Names of sources, sessions and filters, and the keys under which it is noted what a source named.

use super::{MAX_SESSION_BYTES, MAX_SOURCE_BYTES};
use crate::money::TokenKey;
use crate::tokens::Error;

/// Parts the source from the token's key. No name holds it.
const SEPARATOR: u8 = 0;

/// A token as one source names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenKey<'a> {
    pub(super) source: &'a str,
    pub(super) token: TokenKey,
}

impl<'a> SeenKey<'a> {
    /// The key that is stored as `bytes`, or `None` where no key is stored so.
    pub(crate) fn from_stored(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == SEPARATOR)?;
        let source = std::str::from_utf8(&bytes[..end]).ok()?;
        check_name("source", source).ok()?;
        Some(Self { source, token: TokenKey::from_bytes(&bytes[end + 1..])? })
    }

    /// The key as the table holds it: source, NUL, chain, NUL, address.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn stored(&self) -> Vec<u8> {
        seen_key(self.source, &self.token)
    }
}

/// The key under which it is noted that `source` names `token`.
pub(super) fn seen_key(source: &str, token: &TokenKey) -> Vec<u8> {
    [source.as_bytes(), &[SEPARATOR], token.as_bytes()].concat()
}

/// What the keys of everything begin with that `source` names.
pub(super) fn seen_prefix(source: &str) -> Vec<u8> {
    [source.as_bytes(), &[SEPARATOR]].concat()
}

/// That `name` can stand in a row or a key as a `what`: not empty, not too long, no control character.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let limit = if what == "source" { MAX_SOURCE_BYTES } else { MAX_SESSION_BYTES };
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > limit {
        "is too long"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { what, name: name.chars().take(limit).collect(), fault })
}
