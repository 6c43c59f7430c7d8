//! Names of namespaces and cursors, and the keys under which claims are stored and listed by age.

use super::Error;
use super::namespace::Age;
use crate::clock::Timestamp;

/// The greatest length of a namespace's or a cursor's name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The greatest length of a claim's key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// Parts the namespace from the key. No name holds it, so it parts them wherever it comes first.
const SEPARATOR: u8 = 0;

/// What is claimed: a key in a namespace, both as they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClaimKey<'a> {
    pub(super) namespace: &'a str,
    pub(super) key: &'a [u8],
}

impl<'a> ClaimKey<'a> {
    pub(super) fn new(namespace: &'a str, key: &'a [u8]) -> Result<Self, Error> {
        check_name("namespace", namespace)?;
        match key.len() {
            1..=MAX_KEY_BYTES => Ok(Self { namespace, key }),
            bytes => Err(Error::KeyLength { namespace: namespace.into(), bytes }),
        }
    }

    /// The key as the table holds it: namespace, NUL, key.
    pub(super) fn stored(self) -> Vec<u8> {
        let mut stored = stored_prefix(self.namespace);
        stored.extend_from_slice(self.key);
        stored
    }

    /// The key that is stored as `bytes`, or `None` where no key is stored so.
    pub(super) fn from_stored(bytes: &'a [u8]) -> Option<Self> {
        let Self { namespace, key } = Self::parts_of(bytes)?;
        Self::new(namespace, key).ok()
    }

    /// What stands before the separator and behind it, whatever that is.
    fn parts_of(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == SEPARATOR)?;
        let namespace = std::str::from_utf8(&bytes[..end]).ok()?;
        Some(Self { namespace, key: &bytes[end + 1..] })
    }
}

/// What the stored keys of all claims in `namespace` begin with.
pub(super) fn stored_prefix(namespace: &str) -> Vec<u8> {
    [namespace.as_bytes(), &[SEPARATOR]].concat()
}

/// The key of a claim in the list by age: namespace, NUL, the time of the event, key. The time is
/// big-endian with the sign bit turned, so that the keys order by it.
pub(super) fn age_key(namespace: &str, age: &Age) -> Vec<u8> {
    let time = age.event_time.as_micros().cast_unsigned() ^ (1 << 63);
    [&stored_prefix(namespace), &time.to_be_bytes()[..], &age.key].concat()
}

/// What the keys of all claims in `namespace` begin with in the list by age.
pub(super) fn age_prefix(namespace: &str) -> Vec<u8> {
    stored_prefix(namespace)
}

/// The namespace and the claim that are listed as `bytes`, or `None` where nothing is listed so.
pub(super) fn age_from_stored(bytes: &[u8]) -> Option<(&str, Age)> {
    let ClaimKey { namespace, key: rest } = ClaimKey::parts_of(bytes)?;
    let (time, key) = rest.split_first_chunk()?;
    let claim = ClaimKey::new(namespace, key).ok()?;
    let micros = (u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed();
    let event_time = Timestamp::from_micros(micros);
    Some((claim.namespace, Age { event_time, key: claim.key.into() }))
}

/// That `name` can stand in a key: 1 to [`MAX_NAME_BYTES`] bytes and no control character.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME_BYTES {
        "is too long"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { what, name: name.chars().take(MAX_NAME_BYTES).collect(), fault })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_claims_never_share_a_stored_key() {
        // The story: namespace "a" with a key that begins with "b" was the same row as namespace "ab".
        let stored = |namespace, key: &[u8]| ClaimKey::new(namespace, key).unwrap().stored();
        assert_ne!(stored("a", b"b\0c"), stored("ab", b"\0c"));
        assert_eq!(stored("a", b"\0\xff"), b"a\0\0\xff");
    }

    #[test]
    fn a_name_or_key_that_cannot_be_stored_is_refused() {
        // The story: a NUL in a namespace moved the claim into another one.
        let fault = |name: &str| match ClaimKey::new(name, b"k") {
            Err(Error::InvalidName { what: "namespace", fault, .. }) => fault,
            other => panic!("{name:?} gave {other:?}"),
        };
        assert_eq!(fault(""), "is empty");
        assert_eq!(fault(&"é".repeat(33)), "is too long");
        for name in ["a\0b", "a\nb", "\u{7f}", "\u{85}"] {
            assert_eq!(fault(name), "holds a control character");
        }
        assert!(ClaimKey::new(&"é".repeat(32), &[0; MAX_KEY_BYTES]).is_ok());
        for bytes in [0, MAX_KEY_BYTES + 1] {
            let refused = ClaimKey::new("n", &vec![7; bytes]).unwrap_err();
            assert!(matches!(&refused, Error::KeyLength { bytes: found, .. } if *found == bytes));
            assert!(refused.is_refused());
        }
    }

    proptest! {
        #[test]
        fn any_key_reads_back_or_is_refused(namespace: String, key: Vec<u8>) {
            if let Ok(claim) = ClaimKey::new(&namespace, &key) {
                let stored = claim.stored();
                prop_assert_eq!(ClaimKey::from_stored(&stored), Some(claim));
                prop_assert!(stored.starts_with(&stored_prefix(&namespace)));
            }
        }

        #[test]
        fn claims_are_listed_by_the_time_of_their_events(
            first: (i64, u8), second: (i64, u8), key in prop::collection::vec(any::<u8>(), 1..20),
        ) {
            let age = |(micros, tail)| {
                let event_time = Timestamp::from_micros(micros);
                Age { event_time, key: [&key[..], &[tail]].concat().into() }
            };
            let (first, second) = (age(first), age(second));
            let listed = |age| age_key("n", age);
            prop_assert_eq!(first.cmp(&second), listed(&first).cmp(&listed(&second)));
            let listed = listed(&first);
            prop_assert!(listed.starts_with(&age_prefix("n")));
            prop_assert_eq!(age_from_stored(&listed), Some(("n", first)));
            // Without a key it is no place in the list.
            prop_assert_eq!(age_from_stored(&listed[..10]), None);
        }

        #[test]
        fn bytes_that_are_no_stored_key_are_not_read_as_one(bytes: Vec<u8>) {
            if let Some((namespace, age)) = age_from_stored(&bytes) {
                prop_assert_eq!(&age_key(namespace, &age), &bytes);
            }
            if let Some(claim) = ClaimKey::from_stored(&bytes) {
                prop_assert_eq!(claim.stored(), bytes);
            }
        }
    }
}
