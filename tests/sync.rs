//! Bulk sync as a bot meets it: lists of any kind into a store, cut short anywhere and taken up again.

#[cfg(feature = "simulation")]
#[path = "sync/crash.rs"]
mod crash;
#[path = "sync/endings.rs"]
mod endings;
#[path = "sync/lists.rs"]
mod lists;
#[path = "sync/resumed.rs"]
mod resumed;
#[path = "sync/rows.rs"]
mod rows;
