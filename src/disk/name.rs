//! Names inside a store: relative, `/` between the parts, and never a way out of the directory.
//!
//! Every disk refuses the same names, so that a name that works on one works on all of them. This
//! module must not know which names the store uses.

use std::io;

/// Refuses what could leave the store or mean something else on another platform: absolute names,
/// empty parts, `.` and `..`, backslashes, colons and NUL.
pub(super) fn check(name: &str) -> io::Result<()> {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':', '\0'])
    };
    if name.split('/').all(plain) {
        return Ok(());
    }
    let message = format!("{name:?} is not the name of a file inside a store");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// As [`check`], for a directory: `""` is the store's own.
pub(super) fn check_directory(name: &str) -> io::Result<()> {
    if name.is_empty() { Ok(()) } else { check(name) }
}

/// The directory that `name` stands in, `""` being the store's own.
pub(super) fn directory_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// What stands behind the last `/`.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// What `name` is called once the directory or file `from` has the name `to`; none where that does not
/// concern it.
pub(super) fn moved(name: &str, from: &str, to: &str) -> Option<String> {
    let rest = name.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
}

/// The error for a directory that is to be removed and holds something.
pub(super) fn not_empty(name: &str) -> io::Error {
    let message = format!("the directory {name:?} is not empty");
    io::Error::new(io::ErrorKind::DirectoryNotEmpty, message)
}

/// The error for a name that is not there.
pub(super) fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is nothing named {name:?}"))
}

/// The error for a name that is taken.
pub(super) fn already_exists(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, format!("the name {name:?} is taken"))
}

/// The error of a handle that was opened for reading only.
pub(super) fn opened_for_reading(name: &str) -> io::Error {
    let message = format!("{name:?} was opened for reading only");
    io::Error::new(io::ErrorKind::PermissionDenied, message)
}
