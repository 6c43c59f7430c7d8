//! Tokens as a bot meets them: through a store.

#[path = "tokens/missing.rs"]
mod missing;
#[cfg(feature = "simulation")]
#[path = "tokens/missing_power_cuts.rs"]
mod missing_power_cuts;
#[cfg(feature = "simulation")]
#[path = "tokens/power_cuts.rs"]
mod power_cuts;

use std::fmt::Debug;
use std::sync::Arc;

use highwater::{
    Asset, Error, ManualClock, Merged, Mode, Options, Price, Store, Timestamp, Token, TokenKey,
    Update,
};

const NOW: Timestamp = Timestamp::from_micros(1_723_161_255_342_000);
const WETH: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";

/// An empty store in a directory of its own, whose clock stands at [`NOW`].
fn store() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let dollar = Asset::new("fiat", "USD", 2).expect("a good asset");
    let store = Options::new(Mode::Paper, dollar)
        .clock(Arc::new(ManualClock::new(NOW)))
        .open(directory.path().join("store"))
        .expect("opens");
    (store, directory)
}

fn key(chain: &str, address: &str) -> TokenKey {
    TokenKey::new(chain, address).expect("a good key")
}

fn keys(listed: impl Iterator<Item = Result<Token, impl Debug>>) -> Vec<TokenKey> {
    listed.map(|token| token.expect("reads").key).collect()
}

fn price(text: &str) -> Price {
    text.parse().expect("a price")
}

fn refusal(result: Result<Merged, Error>) -> Error {
    let error = result.expect_err("a refusal");
    assert!(error.is_refused(), "{error}");
    error
}

#[test]
fn one_token_in_two_spellings_has_one_mark_and_on_two_chains_two() {
    // The story: a list in checksum case and a feed in lower case made two tokens of one.
    let (store, _directory) = store();
    let update = |chain, address: &str, text| {
        Update::new(key(chain, address)).price(price(text), NOW).source(text)
    };
    store.tokens().upsert(&update("ethereum", WETH, "3000")).expect("accepted");
    store.tokens().upsert(&update("ethereum", &WETH.to_lowercase(), "2000")).expect("accepted");
    store.tokens().upsert(&update("base", WETH, "1")).expect("accepted");
    let max = |chain| {
        let token = store.tokens().get(&key(chain, WETH)).expect("reads").expect("known");
        token.max.expect("a price").price
    };
    assert_eq!(max("ethereum"), price("3000"));
    assert_eq!(max("base"), price("1"));
    assert_eq!(store.tokens().get(&key("bsc", WETH)).expect("reads"), None);
}

#[test]
fn what_is_applied_is_what_is_upserted() {
    // The story: the answer without the token was that of another merge, with rules of its own.
    let ((upserted, _one), (applied, _other)) = (store(), store());
    let tick = |text, micros| {
        let seen = Timestamp::from_micros(NOW.as_micros() + micros);
        Update::new(key("bitcoin", "BTC")).price(price(text), seen).source("feed")
    };
    let updates = [
        tick("3", 0).symbol("BTC", NOW).decimals(8),
        tick("3", 0),
        tick("4", -1),
        tick("2", 1).market_cap(price("9"), NOW),
        Update::new(key("bitcoin", "BTC"))
            .unavailable("no trades", Timestamp::from_micros(NOW.as_micros() + 2)),
        tick("1", 3).source("mock"),
    ];
    for update in &updates {
        let merged = upserted.tokens().upsert(update).expect("accepted");
        let answer = applied.write(|tx| Ok::<_, Error>(tx.tokens().apply(update)?));
        let answer = answer.expect("accepted");
        assert_eq!(answer.changes, merged.changes, "{update:?}");
        assert_eq!(answer.recorded, merged.recorded, "{update:?}");
        assert_eq!(answer.missing, merged.missing, "{update:?}");
        let token = applied.tokens().get(update.key()).expect("reads");
        assert_eq!(token, Some(merged.token), "{update:?}");
    }
    let other = tick("5", 4).decimals(6);
    let refused = applied.write(|tx| Ok::<_, Error>(tx.tokens().apply(&other)?));
    assert!(matches!(refused, Err(Error::DecimalsConflict { .. })), "{refused:?}");
}

#[test]
fn a_repeat_answers_the_token_and_writes_nothing() {
    // The story: a feed that repeats itself every second filled the journal with rows that say the
    // same.
    let (store, _directory) = store();
    let update = Update::new(key("bitcoin", "BTC"))
        .price(price("61837.63"), NOW)
        .source("binance-spot")
        .seq(3_735_683_259)
        .symbol("BTC", NOW)
        .decimals(8);
    let created = store.tokens().upsert(&update).expect("accepted");
    assert!(created.changes.created && created.changes.max);
    let commits = store.stats().commits;
    let repeated = store.tokens().upsert(&update).expect("accepted");
    assert!(repeated.changes.is_empty());
    assert_eq!(repeated.token, created.token);
    assert_eq!(store.stats().commits, commits);
}

#[test]
fn a_token_can_be_known_by_its_key_alone() {
    let (store, _directory) = store();
    let bare = Update::new(key("solana", "So11111111111111111111111111111111111111112"));
    assert!(store.tokens().upsert(&bare).expect("accepted").changes.created);
    assert!(store.tokens().upsert(&bare).expect("accepted").changes.is_empty());
    let token = store.tokens().get(bare.key()).expect("reads").expect("known");
    assert_eq!((token.current, token.first_seen, token.decimals), (None, None, None));
}

#[test]
fn a_refused_update_leaves_the_token_as_it_was() {
    // The story: a wrong list said 6 decimals instead of 18, was refused for it, and its price had
    // gone in all the same.
    let (store, _directory) = store();
    let weth = key("ethereum", WETH);
    let update = || Update::new(weth.clone()).price(price("9"), NOW).symbol("WETH", NOW);
    let known = Update::new(weth.clone()).decimals(18);
    let known = store.tokens().upsert(&known).expect("accepted").token;
    let late = NOW.saturating_add_micros(300_000_001);

    let error = refusal(store.tokens().upsert(&update().decimals(6)));
    assert!(matches!(error, Error::DecimalsConflict { known: 18, given: 6, .. }));
    let message = error.to_string();
    assert!(message.contains("18") && message.contains("6"), "names both: {message}");

    let error = refusal(store.tokens().upsert(&update().decimals(148)));
    assert!(error.to_string().contains("cannot have 148 decimals"), "{error}");

    let price_of_tomorrow = update().price(price("9"), late);
    let name_of_tomorrow = update().name("Wrapped Ether", late);
    let symbol_of_tomorrow = update().symbol("WETH", late);
    let cap_of_tomorrow = update().market_cap(price("9"), late);
    let missing_tomorrow = update().unavailable("no pool", late);
    for update in [
        price_of_tomorrow.clone().source("mock"),
        price_of_tomorrow,
        name_of_tomorrow,
        symbol_of_tomorrow,
        cap_of_tomorrow,
        missing_tomorrow,
    ] {
        let error = refusal(store.tokens().upsert(&update));
        assert!(
            matches!(error, Error::FromTheFuture { observed_at, .. } if observed_at == late),
            "{error}"
        );
    }

    for (field, update) in [
        ("symbol", update().symbol("x".repeat(129), NOW)),
        ("name", update().name("x".repeat(257), NOW)),
        ("source", update().source("x".repeat(65))),
        ("reason", update().unavailable("x".repeat(257), NOW)),
    ] {
        let error = refusal(store.tokens().upsert(&update));
        assert!(error.to_string().contains(&format!("the {field} given")), "{error}");
    }

    assert_eq!(store.tokens().get(&weth).expect("reads"), Some(known));
}

#[test]
fn times_up_to_five_minutes_ahead_and_texts_up_to_their_limit_are_taken() {
    // The story: a real venue's clock ran 1.28 s ahead of the bot's on every single trade.
    let (store, _directory) = store();
    let ahead = NOW.saturating_add_micros(300_000_000);
    let update = Update::new(key("ethereum", WETH))
        .price(price("9"), ahead)
        .source("s".repeat(64))
        .symbol("s".repeat(128), ahead)
        .name("n".repeat(256), ahead)
        .decimals(24);
    let token = store.tokens().upsert(&update).expect("accepted").token;
    assert_eq!(store.tokens().get(update.key()).expect("reads"), Some(token));
}

#[test]
fn a_commit_sees_its_own_tokens_and_takes_all_of_them_back_if_it_fails() {
    let (store, _directory) = store();
    let bitcoin = key("bitcoin", "BTC");
    let result: Result<(), Error> = store.write(|tx| {
        tx.tokens().upsert(&Update::new(bitcoin.clone()).decimals(8))?;
        let staged = tx.tokens().get(&bitcoin)?.expect("staged");
        assert_eq!(staged.decimals, Some(8));
        tx.tokens().upsert(&Update::new(bitcoin.clone()).decimals(9))?;
        Ok(())
    });
    assert!(result.is_err());
    assert_eq!(store.tokens().get(&bitcoin).expect("reads"), None);
}

#[test]
fn tokens_are_listed_by_chain_and_address_from_either_end() {
    // The story: a chain whose name begins like another's was listed among its tokens.
    let (store, _directory) = store();
    let upper_case_move_address = format!("0xAB{}", "C".repeat(62));
    let lower_case_move_address = format!("0xab{}", "c".repeat(62));
    let evm = format!("0xab{}", "1".repeat(38));
    let addresses = [
        ("eth", "0x1"),
        ("ethereum", upper_case_move_address.as_str()),
        ("ethereum", evm.as_str()),
        ("ethereum", lower_case_move_address.as_str()),
        ("ethereum", "zz"),
        ("ethereum2", "a"),
        ("solana", "ABc"),
        ("solana", "abC"),
    ];
    for (chain, address) in addresses.into_iter().rev() {
        store.tokens().upsert(&Update::new(key(chain, address))).expect("accepted");
    }
    let snapshot = store.snapshot();
    let tokens = snapshot.tokens();
    let expected = |which: &[usize]| -> Vec<TokenKey> {
        which.iter().map(|i| key(addresses[*i].0, addresses[*i].1)).collect()
    };
    assert_eq!(keys(tokens.iter()), expected(&[0, 1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(keys(tokens.chain("ethereum")), expected(&[1, 2, 3, 4]));
    assert_eq!(keys(tokens.chain("ether")), expected(&[]));
    assert_eq!(keys(tokens.chain("")), expected(&[]));
    assert_eq!(keys(tokens.prefix("ethereum", "0xab")), expected(&[2, 3]));
    assert_eq!(keys(tokens.prefix("ethereum", "0xAB")), expected(&[1, 2]), "EVM in any case");
    assert_eq!(keys(tokens.prefix("solana", "AB")), expected(&[6]), "case-sensitive");

    let mut from_both_ends = tokens.prefix("ethereum", "0xAB");
    let next = |token: Option<Result<Token, _>>| token.expect("one").expect("reads").key;
    assert_eq!(next(from_both_ends.next_back()), expected(&[2])[0]);
    assert_eq!(next(from_both_ends.next_back()), expected(&[1])[0]);
    assert!(from_both_ends.next().is_none() && from_both_ends.next_back().is_none());
}
