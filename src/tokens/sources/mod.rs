//! What a source of token lists said when: its last session, and which tokens it named in it.
//!
//! - A *session* is one pass over a source's list, in as many runs as it takes. Its counts and the rows
//!   that they are of change in one commit, so a run that died leaves a session that can go on.
//! - Every token that a source names is noted with the number of the session that saw it last. Whoever is
//!   not seen by a session that ran to its end is *stale* for that source, until it is seen again.
//! - What a row says is merged whenever it comes. Only the counting knows of sessions.
//!
//! This module knows no lists and no loops over commits; `store::sync` has those.

mod key;
mod row;
mod session;
#[cfg(test)]
mod tests;
pub(super) mod told;
mod view;
mod write;

pub use session::{SyncCounts, SyncEnd, SyncSession};
pub use view::StaleToken;
pub(crate) use view::{Unseen, unseen};
pub(crate) use write::Taken;

use crate::engine::Table;

#[cfg(feature = "simulation")]
pub(super) use key::SeenKey;
#[cfg(feature = "simulation")]
pub(super) use row::{decode_seen, decode_source, encode_seen, encode_source};

/// The engine's table of sources, by name: the last session of each.
pub(crate) const SOURCES: Table = Table(56);
/// The engine's table of what sources named, by source and token.
pub(crate) const SEEN: Table = Table(57);

/// The greatest length of a source's name, in bytes.
const MAX_SOURCE_BYTES: usize = super::Update::MAX_SOURCE_BYTES;
/// The greatest length of a session's name and of a filter's, in bytes.
const MAX_SESSION_BYTES: usize = 128;
