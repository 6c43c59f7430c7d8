//! The ledger as a bot uses it, through the public interface.

mod ledger {
    pub(crate) mod judge;
    pub(crate) mod lives;
    pub(crate) mod stories;
}
