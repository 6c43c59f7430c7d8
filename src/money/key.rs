//! The key of a token and of every other asset: where it lives and its address there, in the one
//! spelling under which it is stored.

use std::fmt;
use std::sync::Arc;

use super::{Error, KeyFault, KeyPart};

/// A chain and the canonical address of a token on it.
///
/// - `0x` and 40 hex digits is an EVM address on any chain. It compares without case and is kept in
///   lower case. Everything else is case-sensitive and kept as given, chain names included.
/// - The same address on two chains is two tokens.
/// - Neither part is empty, longer than [`TokenKey::MAX_PART_BYTES`] or holds a control character.
///
/// Keys order by chain, then by address, both by their bytes. Cloning one copies no text.
///
/// ```
/// use highwater::TokenKey;
///
/// let listed = TokenKey::new("ethereum", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")?;
/// let traded = TokenKey::new("ethereum", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")?;
/// assert_eq!(listed, traded);
/// assert_eq!(listed.address(), "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey {
    /// The chain, NUL, the address. NUL is below every byte a part can hold, so the order of these
    /// texts is the order of (chain, address).
    stored: Arc<str>,
    chain_bytes: u8,
}

const SEPARATOR: char = '\0';

impl TokenKey {
    /// The greatest length of each part, in bytes.
    pub const MAX_PART_BYTES: usize = 128;

    /// The key of the token at `address` on `chain`.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] says which part is wrong and why.
    pub fn new(chain: &str, address: &str) -> Result<Self, Error> {
        let chain_bytes = check(KeyPart::Chain, chain)?;
        check(KeyPart::Address, address)?;
        let mut stored = String::with_capacity(chain.len() + 1 + address.len());
        stored.push_str(chain);
        stored.push(SEPARATOR);
        stored.push_str(address);
        if is_evm(address) {
            stored[chain.len()..].make_ascii_lowercase();
        }
        Ok(Self { stored: stored.into(), chain_bytes })
    }

    /// The chain's name, as it was given.
    pub fn chain(&self) -> &str {
        &self.stored[..usize::from(self.chain_bytes)]
    }

    /// The address in its canonical spelling.
    pub fn address(&self) -> &str {
        &self.stored[usize::from(self.chain_bytes) + 1..]
    }

    /// The key as tables hold it: chain, NUL, address.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.stored.as_bytes()
    }

    /// The key that is stored as `bytes`, or `None` where no key is stored so.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let stored = std::str::from_utf8(bytes).ok()?;
        let (chain, address) = stored.split_once(SEPARATOR)?;
        let chain_bytes = check(KeyPart::Chain, chain).ok()?;
        check(KeyPart::Address, address).ok()?;
        let is_canonical = !is_evm(address) || !address.bytes().any(|c| c.is_ascii_uppercase());
        is_canonical.then(|| Self { stored: stored.into(), chain_bytes })
    }

    /// What the stored keys of all tokens on `chain` begin with whose address begins with `prefix`,
    /// spelled exactly so.
    pub(crate) fn stored_prefix(chain: &str, prefix: &str) -> Vec<u8> {
        [chain.as_bytes(), SEPARATOR.encode_utf8(&mut [0]).as_bytes(), prefix.as_bytes()].concat()
    }

    /// How EVM addresses that begin with `prefix` in some case are spelled here, if that differs.
    pub(crate) fn evm_prefix(prefix: &str) -> Option<String> {
        let begins_evm = match prefix.as_bytes() {
            [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
            _ => false,
        };
        let folded = prefix.to_ascii_lowercase();
        (begins_evm && folded != prefix).then_some(folded)
    }

    /// Whether the address is an EVM address.
    pub fn is_evm(&self) -> bool {
        is_evm(self.address())
    }
}

/// The length of a part that can stand in a key.
fn check(part: KeyPart, text: &str) -> Result<u8, Error> {
    let refuse = |fault| Err(Error::InvalidKey { part, fault });
    if text.is_empty() {
        return refuse(KeyFault::Empty);
    }
    if text.len() > TokenKey::MAX_PART_BYTES {
        return refuse(KeyFault::TooLong { bytes: text.len() });
    }
    // Most are printable ASCII, which needs no look at every character.
    let is_printable = text.bytes().fold(true, |all, byte| all & (b' '..=b'~').contains(&byte));
    if !is_printable
        && let Some((at, character)) = text.char_indices().find(|(_, c)| c.is_control())
    {
        return refuse(KeyFault::ControlCharacter { character, at });
    }
    // Not above MAX_PART_BYTES, as was just checked.
    Ok(text.len() as u8)
}

const _: () = assert!(TokenKey::MAX_PART_BYTES <= u8::MAX as usize);

/// Whether `address` is `0x` and 40 hex digits, in any case.
fn is_evm(address: &str) -> bool {
    address.len() == 42
        && matches!(address.as_bytes(), [b'0', b'x' | b'X', digits @ ..]
            if digits.iter().all(u8::is_ascii_hexdigit))
}

impl fmt::Display for TokenKey {
    /// The chain, a colon and the address, as in `ethereum:0xc02a...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain(), self.address())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WETH: &str = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";

    fn key(chain: &str, address: &str) -> TokenKey {
        TokenKey::new(chain, address).expect("a good key")
    }

    #[test]
    fn an_evm_address_is_one_token_in_any_case_and_two_on_two_chains() {
        // The story: a list in checksum case and a feed in lower case made two tokens of one, each
        // with half a high-water mark.
        let shouted = WETH.to_uppercase();
        for spelling in [WETH, &WETH.to_lowercase(), &shouted] {
            assert_eq!(key("ethereum", WETH), key("ethereum", spelling));
            assert_eq!(key("any chain", spelling).address(), WETH.to_lowercase());
        }
        assert_ne!(key("ethereum", WETH), key("base", WETH));
        assert_ne!(key("ethereum", WETH), key("Ethereum", WETH), "chain names are as given");
    }

    #[test]
    fn everything_that_is_not_evm_keeps_its_case() {
        // The story: folding base58 merged two Solana tokens into one.
        let bonk = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263";
        assert_ne!(key("solana", bonk), key("solana", &bonk.to_lowercase()));
        assert_eq!(key("solana", bonk).address(), bonk);
        // One digit short, one long, and one that is no hex digit.
        for not_evm in [&WETH[..41], &format!("{WETH}A"), &WETH.replace("C7", "G7")] {
            assert_eq!(key("ethereum", not_evm).address(), not_evm);
        }
    }

    #[test]
    fn a_part_that_cannot_be_stored_is_refused_by_name() {
        // The story: an address with a NUL in it would read back as another chain's token.
        let long = "a".repeat(129);
        let fault = |chain: &str, address: &str| match TokenKey::new(chain, address) {
            Err(Error::InvalidKey { part, fault }) => (part, fault),
            other => panic!("expected a refusal, found {other:?}"),
        };
        assert_eq!(fault("", "x"), (KeyPart::Chain, KeyFault::Empty));
        assert_eq!(fault("x", ""), (KeyPart::Address, KeyFault::Empty));
        assert_eq!(fault(&long, "x"), (KeyPart::Chain, KeyFault::TooLong { bytes: 129 }));
        assert_eq!(fault("x", &long), (KeyPart::Address, KeyFault::TooLong { bytes: 129 }));
        for character in ['\0', '\n', '\u{7f}', '\u{85}'] {
            let control = KeyFault::ControlCharacter { character, at: 1 };
            assert_eq!(fault(&format!("a{character}b"), "x"), (KeyPart::Chain, control));
            assert_eq!(fault("x", &format!("a{character}b")), (KeyPart::Address, control));
        }
        assert_eq!(key(&long[1..], &long[1..]).chain().len(), 128);
        assert_eq!(TokenKey::new("x", "").expect_err("empty").to_string(), "the address is empty");
    }

    #[test]
    fn bytes_that_are_no_stored_key_are_not_read_as_one() {
        let stored = key("ethereum", WETH);
        assert_eq!(TokenKey::from_bytes(stored.as_bytes()), Some(stored));
        let not_canonical = format!("ethereum\0{WETH}");
        for bytes in [
            &b""[..],
            b"ethereum",
            b"\0a",
            b"a\0",
            b"a\0b\0c",
            b"\xff\0a",
            not_canonical.as_bytes(),
        ] {
            assert_eq!(TokenKey::from_bytes(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn keys_order_as_their_parts_do(
            left in ("[a-c]{1,3}", "[ -~é]{1,4}"), right in ("[a-c]{1,3}", "[ -~é]{1,4}"),
        ) {
            let (one, other) = (key(&left.0, &left.1), key(&right.0, &right.1));
            prop_assert_eq!(one.cmp(&other), left.cmp(&right));
            prop_assert_eq!(one.as_bytes().cmp(other.as_bytes()), left.cmp(&right));
        }

        #[test]
        fn any_text_makes_a_key_that_reads_back_or_none(chain: String, address: String) {
            if let Ok(key) = TokenKey::new(&chain, &address) {
                prop_assert_eq!(key.chain(), &chain);
                prop_assert_eq!(TokenKey::from_bytes(key.as_bytes()), Some(key.clone()));
                prop_assert_eq!(TokenKey::new(key.chain(), key.address()), Ok(key));
            }
        }
    }
}
