//! The program as a user meets it: what it prints, what it leaves on disk, and how it exits.
//!
//! Every test runs the real binary against a store in a directory of its own and makes its own
//! input.
#![cfg(feature = "cli")]

mod cli {
    mod asked;
    mod claims;
    mod copies;
    mod history;
    mod import;
    mod lists;
    mod look;
    mod missing;
    #[cfg(unix)]
    mod night;
    mod place;
    mod refused;
    mod replay;
    mod scene;
    mod shown;
    mod state;
    mod unchanged;
    mod wal;
}
