//! Tests of missing prices by themselves: pauses, keys, rows, and words that come in any order.

use std::time::Duration;

use proptest::prelude::*;

use super::key::{Subject, due_key, due_of, due_until, subject_of};
use super::{Error, Missing, PriceBackoff, PriceOf, heard, row};
use crate::clock::Timestamp;
use crate::codec;
use crate::money::TokenKey;

const SECOND: i64 = 1_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn key() -> TokenKey {
    TokenKey::new("chain", "token").unwrap()
}

fn plain() -> PriceBackoff {
    PriceBackoff::new().jitter_percent(0)
}

#[test]
fn pauses_double_up_to_the_cap() {
    // The story: a token without a pool was asked for once a second for a week, and the venue banned
    // the bot.
    let pauses: Vec<i64> =
        (1..=10).map(|attempt| plain().pause_micros(b"x", attempt) / SECOND).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    for attempt in [63, 64, 65, 66, 1 << 32, u64::MAX] {
        assert_eq!(plain().pause_micros(b"x", attempt), 900 * SECOND, "{attempt}");
    }
    let longest = PriceBackoff::new().base(Duration::MAX).cap(Duration::MAX);
    assert!(longest.check().unwrap().pause_micros(b"x", u64::MAX) > 0);
}

#[test]
fn what_went_missing_together_is_not_asked_for_together() {
    // The story: a node failed, a thousand tokens lost their price at once, and from then on all of
    // them were asked for in the same instant.
    let backoff = PriceBackoff::new();
    let mut pauses: Vec<i64> =
        (0..1_000u32).map(|number| backoff.pause_micros(&number.to_be_bytes(), 1)).collect();
    pauses.sort_unstable();
    let (least, most) = (pauses[0], pauses[999]);
    assert!(least >= 4 * SECOND && most <= 5 * SECOND, "{least} to {most}");
    assert!(most - least > SECOND * 98 / 100, "{least} to {most}");
    pauses.dedup();
    assert!(pauses.len() > 990, "{}", pauses.len());
    let other_bot = backoff.seed(1).pause_micros(b"x", 1);
    assert_ne!(backoff.pause_micros(b"x", 1), other_bot);
}

#[test]
fn a_backoff_that_cannot_be_is_refused_by_name() {
    let fault = |backoff: PriceBackoff| match backoff.check() {
        Err(error @ Error::InvalidBackoff { fault, .. }) => {
            assert!(error.is_refused());
            fault
        }
        other => panic!("{other:?}"),
    };
    let (ms, new) = (Duration::from_millis, PriceBackoff::new());
    assert_eq!(fault(new.base(Duration::from_micros(999))), "begins with less than a millisecond");
    assert_eq!(fault(new.base(ms(20)).cap(ms(19))), "ends below where it begins");
    assert_eq!(fault(new.jitter_percent(51)), "has more than 50 % of it");
    new.base(ms(1)).cap(ms(1)).jitter_percent(50).check().unwrap();
}

#[test]
fn the_first_word_sets_since_and_each_later_one_counts() {
    let (token, backoff) = (key(), plain());
    let hear =
        |before, asked, now| heard(before, Subject::Token(&token), at(asked), at(now), &backoff);
    let told = |missing: Missing| {
        let Missing { since, last_attempt_at, attempts, next_attempt_at } = missing;
        let [since, last, next] =
            [since, last_attempt_at, next_attempt_at].map(|at| at.as_micros());
        (since, last, attempts, next)
    };
    let first = hear(None, 100, 1_000);
    assert_eq!(told(first), (100, 100, 1, 1_000 + 5 * SECOND));
    let second = hear(Some(first), 200, 2_000);
    assert_eq!(told(second), (100, 200, 2, 2_000 + 10 * SECOND));
    // Said twice, it counts once.
    assert_eq!(hear(Some(second), 200, 3_000), second);
    // Old news says since when; it is no attempt.
    let earlier = hear(Some(second), 50, 3_000);
    assert_eq!(told(earlier), (50, 200, 2, 2_000 + 10 * SECOND));
    // Whatever time the bot states: what is due and asked for in vain is not due at once again.
    let due = 2_000 + 10 * SECOND;
    assert_eq!(hear(Some(earlier), 200, due - 1), earlier);
    assert_eq!(told(hear(Some(earlier), 200, due)), (50, 200, 3, due + 20 * SECOND));
    let most = Missing { attempts: u64::MAX, ..second };
    assert_eq!(hear(Some(most), 300, 3_000).attempts, u64::MAX);
    assert_eq!(hear(None, 1, i64::MAX).next_attempt_at, at(i64::MAX));
}

/// The bytes that `docs/format.md` has as its example.
#[test]
fn rows_and_keys_are_as_the_page_on_the_format_says() {
    let begin = 1_723_161_255_342_000;
    let missing = Missing {
        since: at(begin),
        last_attempt_at: at(begin + 500_000),
        attempts: 2,
        next_attempt_at: at(begin + 9_500_000),
    };
    let bytes = row::encode(&missing);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    assert_eq!(
        hex(&bytes),
        "01 fd 60 df 07 7d 69 3e 0c 00 fd a0 21 17 7d 69 3e 0c 00 02 fd 20 ca 29 7e 69 3e 0c 00 "
    );
    assert_eq!(row::decode(&bytes).unwrap(), missing);
    for end in 0..bytes.len() {
        row::decode(&bytes[..end]).unwrap_err();
    }
    let stored = Subject::Token(&key()).stored();
    assert_eq!(hex(&stored), "00 63 68 61 69 6e 00 74 6f 6b 65 6e ");
    let place = due_key(missing.next_attempt_at, &stored);
    assert_eq!(hex(&place[..8]), "80 06 1f 34 bf 14 e5 10 ");
    let claim = Subject::Claim { namespace: "swaps", key: b"0xab:1" };
    assert_eq!(hex(&claim.stored()), "01 73 77 61 70 73 00 30 78 61 62 3a 31 ");
}

#[test]
fn rows_that_nobody_writes_are_damage() {
    let sound =
        Missing { since: at(5), last_attempt_at: at(5), attempts: 1, next_attempt_at: at(0) };
    row::decode(&row::encode(&sound)).unwrap();
    for (broken, of) in [
        (Missing { attempts: 0, ..sound }, "attempts"),
        (Missing { since: at(6), ..sound }, "last_attempt_at"),
    ] {
        match row::decode(&row::encode(&broken)) {
            Err(codec::Error::Impossible { field }) => assert_eq!(field, of),
            other => panic!("{other:?}"),
        }
    }
}

fn subject() -> impl Strategy<Value = PriceOf> {
    prop_oneof![
        ("[a-c]{1,3}", "[ -~]{1,4}")
            .prop_map(|(chain, id)| PriceOf::Token(TokenKey::new(&chain, &id).unwrap())),
        ("[a-c]{1,3}", prop::collection::vec(any::<u8>(), 1..6))
            .prop_map(|(space, key)| PriceOf::Claim { namespace: space.into(), key: key.into() }),
    ]
}

proptest! {
    #[test]
    fn another_crate_writes_the_same_bytes(since: i64, more: u32, attempts in 1u64.., next: i64) {
        // The story: bincode is no longer maintained. The day it has to go, no row may change.
        let last = since.saturating_add(more.into());
        let missing = Missing {
            since: at(since),
            last_attempt_at: at(last),
            attempts,
            next_attempt_at: at(next),
        };
        let config = wincode::config::Configuration::default().with_varint_encoding();
        let bytes = wincode::config::serialize(&(since, last, attempts, next), config);
        let expected = [&[1][..], &bytes.expect("wincode takes every value")].concat();
        prop_assert_eq!(row::encode(&missing), expected);
        prop_assert_eq!(row::decode(&row::encode(&missing)).unwrap(), missing);
    }

    #[test]
    fn a_pause_lies_within_its_jitter_and_shrinks_only_at_the_cap(
        base in 1u64..100_000, factor in 1u64..100_000, jitter in 0u8..=50, seed: u64,
        key: Vec<u8>, attempt in 1u64..40,
    ) {
        let (first, longest) = (base * 1_000, base * factor * 1_000);
        let backoff = PriceBackoff::new()
            .base(Duration::from_micros(first))
            .cap(Duration::from_micros(longest))
            .jitter_percent(jitter)
            .seed(seed)
            .check()
            .unwrap();
        let whole = |attempt: u64| {
            u128::from(longest).min(u128::from(first) << (attempt - 1).min(64)) as i64
        };
        let pause = backoff.pause_micros(&key, attempt);
        prop_assert!(pause <= whole(attempt));
        prop_assert!(pause >= whole(attempt) - whole(attempt) * i64::from(jitter) / 100);
        prop_assert_eq!(pause, backoff.pause_micros(&key, attempt));
        if whole(attempt + 1) == 2 * whole(attempt) {
            prop_assert!(backoff.pause_micros(&key, attempt + 1) >= pause);
        }
    }

    #[test]
    fn places_are_in_the_order_of_time_and_read_back(
        first in (any::<i64>(), subject()), second in (any::<i64>(), subject()),
    ) {
        let place = |(time, of): &(i64, PriceOf)| due_key(at(*time), &of.subject().stored());
        let (one, other) = (place(&first), place(&second));
        if first.0 != second.0 {
            prop_assert_eq!(one.cmp(&other), first.0.cmp(&second.0));
        }
        let (time, stored) = due_of(&one).unwrap();
        prop_assert_eq!((time, subject_of(stored)), (at(first.0), Some(first.1.clone())));
        use std::ops::RangeBounds;
        let is_due = due_until(at(second.0)).bounds().contains(one.as_slice());
        prop_assert_eq!(is_due, first.0 <= second.0);
    }

    #[test]
    fn bytes_that_are_no_key_are_not_read_as_one(bytes: Vec<u8>) {
        if let Some(of) = subject_of(&bytes) {
            prop_assert_eq!(of.subject().stored(), bytes);
        }
    }
}
