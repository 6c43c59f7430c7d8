//! The names that a caller gives: accounts, tags, venues, fills, attributes.

use super::Error;

/// The greatest length of a name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The greatest length of a venue's id of a fill or an order, in bytes.
pub const MAX_FILL_BYTES: usize = 128;
/// The greatest length of a reason, in bytes.
pub const MAX_REASON_BYTES: usize = 256;
/// The greatest length of an attribute's value, in bytes.
pub const MAX_ATTRIBUTE_BYTES: usize = 4096;

/// That `name` can stand in a key: not empty, at most [`MAX_NAME_BYTES`], no control character.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    check_text(what, name, 1, MAX_NAME_BYTES)
}

/// As [`check_name`], for a name that may be absent.
pub(crate) fn check_tag(what: &'static str, name: &str) -> Result<(), Error> {
    check_text(what, name, 0, MAX_NAME_BYTES)
}

/// That `text` has a length within these limits and holds no control character.
pub(crate) fn check_text(
    what: &'static str,
    text: &str,
    least: usize,
    limit: usize,
) -> Result<(), Error> {
    let fault = if text.len() < least {
        "is empty"
    } else if text.len() > limit {
        "is too long"
    } else if text.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { what, name: text.chars().take(MAX_NAME_BYTES).collect(), fault })
}
