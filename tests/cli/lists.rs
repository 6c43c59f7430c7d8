//! What a list calls its fields, and what the command line says beside it.

use crate::cli::place::Place;

/// A list of two chains has records that say none: `--chain` speaks for these alone.
#[test]
fn the_chain_of_a_record_comes_before_that_of_the_command_line() {
    let place = Place::new();
    let list = r#"[{"chain":"base","address":"a","price":1},
                   {"address":"b","price":1},
                   {"chain":null,"address":"d","price":1}]"#;
    place.import_text("list.json", list, &["--chain", "solana"]).exits(0);
    let tokens: Vec<_> = place.tokens().into_keys().collect();
    assert_eq!(tokens, ["base/a", "solana/b", "solana/d"]);
}
