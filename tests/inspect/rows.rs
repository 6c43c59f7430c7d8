//! What rows say.

use std::collections::BTreeSet;

use highwater::inspect::{KnownAssets, Value, decode_row};

use super::world::{closed, log, read};

/// Every row that the library writes is read by its own codec and told; none is left as hex.
#[test]
fn every_row_of_a_day_is_told() {
    let disk = closed(51);
    let (mut assets, mut tables) = (KnownAssets::default(), BTreeSet::new());
    let mut story = String::new();
    for commit in read(&disk).commits {
        for change in commit.rows() {
            assets.learn(change.table, change.key, change.row);
        }
        for change in commit.rows() {
            let mut row = decode_row(change.table, change.key, change.row);
            assert_eq!((&row.key_problem, &row.row_problem), (&None, &None), "{row}");
            assert!(!row.name.is_empty(), "{row}");
            row.name_assets(&assets);
            tables.insert(row.name);
            story.push_str(&format!("{row}\n"));
        }
    }
    for table in [
        "tokens",
        "ticks",
        "candles",
        "accounts",
        "entries",
        "holds",
        "operations",
        "events",
        "claims",
        "cursors",
        "store",
        "positions",
        "keys",
        "fills",
        "book",
        "assets",
    ] {
        assert!(tables.contains(table), "{table} is not among {tables:?}");
    }
    for line in [
        "accounts: account main, asset 1, kind cash = balance 47 USD",
        "token solana/BONK",
        "status completed",
        "kind buy",
        "holds: operation 1, hold cash, account main, asset 1 = reserved 50 USD, remaining 50 USD",
    ] {
        assert!(story.contains(line), "no {line:?} in\n{story}");
    }
    assert_eq!(log(&disk).known_assets().unwrap().get(1), assets.get(1));
}

/// A row that cannot be read is shown as it is, with the reason, and says nothing it does not know.
#[test]
fn what_cannot_be_read_is_shown_with_the_reason() {
    let row = decode_row(4, b"main\0\0\0\0\x01\0", Some(b"\x07\xff"));
    assert_eq!(row.row, Some(Value::Unread([7, 0xff].into())));
    let said = row.to_string();
    assert!(said.contains("0x07ff (the row has version 7"), "{said}");
    let row = decode_row(200, b"k", Some(b"v"));
    assert!(row.to_string().starts_with("table 200: 0x6b (this release does not know"), "{row}");
}
