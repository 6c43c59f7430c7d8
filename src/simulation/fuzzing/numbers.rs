//! Numbers, keys and ids as text: read exactly or not at all, by the same rules as a second opinion,
//! and printed so that they are read again as what they were.

use super::bytes::Bytes;
use super::oracle::Moved;
use crate::money::{Amount, Asset, Money, Price, Rounding, TokenKey};
use crate::operations::ExternalId;

const ROUNDINGS: [Rounding; 5] =
    [Rounding::Down, Rounding::Up, Rounding::HalfEven, Rounding::Floor, Rounding::Ceiling];

/// The first byte says as what the others are read.
///
/// # Panics
///
/// Where reading panics, where it answers otherwise than the second opinion, and where what was read
/// is not read again from what it prints.
pub fn numbers(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    match bytes.u8() % 6 {
        0 => price(&text(bytes.0)),
        1 => amount(&text(bytes.0)),
        2 => money(bytes.u8() % 25, &text(bytes.0)),
        3 => binary(f64::from_bits(bytes.u64())),
        4 => key(&text(bytes.0)),
        _ => external_id(&text(bytes.0)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn unsigned(text: &str) -> Option<Moved> {
    Moved::read(text, i64::from(Price::DECIMALS)).filter(|_| !text.starts_with('-'))
}

fn price(text: &str) {
    let expected = unsigned(text);
    let read = text.parse::<Price>();
    let exact = expected.as_ref().and_then(Moved::exact);
    assert_eq!(read.as_ref().ok().map(|price| price.units()), exact, "{text:?}: {read:?}");
    for rounding in ROUNDINGS {
        let rounded = Price::parse_rounded(text, rounding);
        let found = rounded.as_ref().ok().map(|price| (price.value.units(), price.rounded));
        let expected = expected.as_ref().and_then(|moved| moved.rounded(rounding));
        assert_eq!(found, expected, "{text:?} {rounding:?}: {rounded:?}");
    }
    if let Ok(price) = read {
        price_prints(price);
    }
}

fn price_prints(price: Price) {
    let printed = price.to_string();
    assert_eq!(printed.parse(), Ok(price), "{printed}");
    assert_eq!(Price::from_be_bytes(price.to_be_bytes()), price);
}

/// A whole number with or without a minus; nothing but digits.
fn amount(text: &str) {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let expected = Moved::read(text, 0).filter(|_| plain).and_then(|moved| signed(&moved));
    let read = text.parse::<Amount>();
    assert_eq!(read.as_ref().ok().map(|amount| amount.units()), expected, "{text:?}: {read:?}");
    if let Ok(amount) = read {
        assert_eq!(amount.to_string().parse(), Ok(amount));
    }
}

fn money(scale: u8, text: &str) {
    let Ok(asset) = Asset::new("chain", "coin", scale) else {
        panic!("a scale of {scale} is refused");
    };
    let expected = Moved::read(text, i64::from(scale)).and_then(|moved| signed(&moved));
    let read = Money::parse(&asset, text);
    let units = read.as_ref().ok().map(|money| money.amount().units());
    assert_eq!(units, expected, "{text:?} with {scale} decimals: {read:?}");
    if let Ok(money) = read {
        assert_eq!(Money::parse(&asset, &money.to_string()), Ok(money));
    }
}

fn signed(moved: &Moved) -> Option<i128> {
    let units = moved.exact()?;
    if moved.negative { 0i128.checked_sub_unsigned(units) } else { i128::try_from(units).ok() }
}

/// The standard library prints a binary number to its last digit, and that text is read.
fn binary(number: f64) {
    let read = Price::from_f64(number);
    // Minus zero is zero, and everything else below it is no price.
    let expected = unsigned(&format!("{:.1100}", if number == 0.0 { 0.0 } else { number }));
    let expected = expected.and_then(|moved| moved.rounded(Rounding::HalfEven));
    let found = read.as_ref().ok().map(|price| (price.value.units(), price.rounded));
    assert_eq!(found, expected, "{number:e}: {read:?}");
}

/// The chain and the address on two lines.
fn key(text: &str) {
    let (chain, address) = text.split_once('\n').unwrap_or((text, ""));
    let is_part = |part: &str| {
        (1..=TokenKey::MAX_PART_BYTES).contains(&part.len()) && !part.chars().any(char::is_control)
    };
    let read = TokenKey::new(chain, address);
    assert_eq!(read.is_ok(), is_part(chain) && is_part(address), "{text:?}: {read:?}");
    let Ok(key) = read else { return };
    assert_eq!(key.chain(), chain);
    let is_hex = |digits: &str| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let evm = address.strip_prefix("0x").or(address.strip_prefix("0X")).is_some_and(is_hex);
    let expected = if evm { address.to_ascii_lowercase() } else { address.to_owned() };
    assert_eq!(key.address(), expected);
    assert_eq!(TokenKey::from_bytes(key.as_bytes()).as_ref(), Some(&key));
    assert_eq!(TokenKey::new(key.chain(), key.address()).as_ref(), Ok(&key), "its own spelling");
    for scale in [0, 24, 25] {
        let asset = Asset::new(chain, address, scale);
        assert_eq!(asset.is_ok(), scale <= Asset::MAX_SCALE);
    }
}

fn external_id(text: &str) {
    let Ok(id) = text.parse::<ExternalId>() else { return };
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    assert_eq!(id.to_string(), digits.to_ascii_lowercase(), "{text:?}");
    assert_eq!(id.to_string().parse::<ExternalId>().as_ref().ok(), Some(&id));
}
