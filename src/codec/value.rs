//! What a row says, as a tree that any row fits into: for reading, never for storing.
//!
//! Every module that has rows tells them as such trees in its `told`. Fields that mean the same have
//! the same name everywhere: `operation`, `position`, `account`, `token`.

use std::fmt;

use crate::clock::Timestamp;
use crate::money::{Amount, Asset, Money, TokenKey};

/// A value, or several, read from a row or from its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing is known, or nothing is there.
    Absent,
    /// Yes or no.
    Flag(bool),
    /// A count, a version, or the number of an operation, a position or an entry.
    Number(u64),
    /// A name, a word or an exact decimal number.
    Text(Box<str>),
    /// Bytes of the bot's own.
    Bytes(Box<[u8]>),
    /// Bytes that could not be read as what they should be.
    Unread(Box<[u8]>),
    /// A moment.
    Time(Timestamp),
    /// A token, or an asset of the ledger.
    Token(TokenKey),
    /// An amount of an asset that rows name by a number.
    Money {
        /// In the smallest unit of the asset.
        units: i128,
        /// The asset's number in this store.
        asset: u32,
        /// The asset, once it is known which one has the number.
        of: Option<Asset>,
    },
    /// Several of a kind.
    List(Vec<Value>),
    /// Several under names.
    Fields(Vec<(&'static str, Value)>),
}

impl Value {
    pub(crate) fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn shown(value: &dyn fmt::Display) -> Self {
        Self::Text(value.to_string().into())
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }

    pub(crate) fn time(micros: i64) -> Self {
        Self::Time(Timestamp::from_micros(micros))
    }

    pub(crate) fn money(asset: u32, units: i128) -> Self {
        Self::Money { units, asset, of: None }
    }

    pub(crate) fn optional<T>(value: Option<T>, told: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Absent, told)
    }

    pub(crate) fn list<T>(values: impl IntoIterator<Item = T>, told: impl Fn(T) -> Self) -> Self {
        Self::List(values.into_iter().map(told).collect())
    }

    /// Says of every amount in the tree which asset it is of, as far as `name` knows it.
    pub fn name_assets(&mut self, name: &dyn Fn(u32) -> Option<Asset>) {
        match self {
            Self::Money { asset, of, .. } => *of = name(*asset),
            Self::List(values) => values.iter_mut().for_each(|value| value.name_assets(name)),
            Self::Fields(fields) => {
                fields.iter_mut().for_each(|(_, value)| value.name_assets(name));
            }
            _ => {}
        }
    }

    /// Whether something in the tree is so.
    pub fn any(&self, is: &dyn Fn(Option<&'static str>, &Value) -> bool) -> bool {
        self.any_under(None, is)
    }

    fn any_under(
        &self,
        name: Option<&'static str>,
        is: &dyn Fn(Option<&'static str>, &Value) -> bool,
    ) -> bool {
        is(name, self)
            || match self {
                Self::List(values) => values.iter().any(|value| value.any_under(name, is)),
                Self::Fields(fields) => {
                    fields.iter().any(|(name, value)| value.any_under(Some(name), is))
                }
                _ => false,
            }
    }

    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(_) => write!(f, "{{{self}}}"),
            value => write!(f, "{value}"),
        }
    }
}

/// Bytes as text where they are text that can be shown, else as hex digits.
fn fmt_bytes(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => f.write_str(text),
        _ => fmt_hex(bytes, f),
    }
}

fn fmt_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Value {
    /// One line; what is absent is left out of fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("-"),
            Self::Flag(flag) => write!(f, "{}", if *flag { "yes" } else { "no" }),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => fmt_bytes(bytes, f),
            Self::Unread(bytes) => fmt_hex(bytes, f),
            Self::Time(time) => f.write_str(&utc(*time)),
            Self::Token(key) => write!(f, "{}/{}", key.chain(), key.address()),
            Self::Money { units, of: Some(asset), .. } => {
                let money = Money::new(asset.clone(), Amount::from_units(*units));
                write!(f, "{money} {}", asset.id())
            }
            Self::Money { units, asset, of: None } => write!(f, "{units} units of asset {asset}"),
            Self::List(values) => {
                f.write_str("[")?;
                for (place, value) in values.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    value.fmt_inside(f)?;
                }
                f.write_str("]")
            }
            Self::Fields(fields) => {
                let is_told = |value: &Value| match value {
                    Self::Absent => false,
                    Self::List(values) => !values.is_empty(),
                    _ => true,
                };
                let told = fields.iter().filter(|(_, value)| is_told(value));
                for (place, (name, value)) in told.enumerate() {
                    write!(f, "{}{name} ", if place == 0 { "" } else { ", " })?;
                    value.fmt_inside(f)?;
                }
                Ok(())
            }
        }
    }
}

/// RFC 3339 in UTC with six decimals, for every time there is: years have at least four digits.
fn utc(time: Timestamp) -> String {
    const DAY: i64 = 86_400_000_000;
    let micros = time.as_micros();
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    // Days since 0000-03-01, in eras of 400 years: a year that begins in March ends with its leap day.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let sign = if year < 0 { "-" } else { "" };
    let year = year.abs();
    format!("{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(feature = "serde")]
impl serde::Serialize for Value {
    /// Amounts and other exact numbers are texts, as everywhere; bytes that are no text are `0x` and
    /// hex digits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(_) | Self::Unread(_) | Self::Time(_) => serializer.collect_str(self),
            Self::Token(key) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("chain", key.chain())?;
                map.serialize_entry("address", key.address())?;
                map.end()
            }
            Self::Money { units, asset, of } => {
                let mut map = serializer.serialize_map(Some(4))?;
                let money =
                    of.as_ref().map(|of| Money::new(of.clone(), Amount::from_units(*units)));
                map.serialize_entry("units", &units.to_string())?;
                map.serialize_entry("asset", asset)?;
                map.serialize_entry("amount", &money.map(|money| money.to_string()))?;
                let of = of.as_ref().map(|of| format!("{}/{}", of.chain(), of.id()));
                map.serialize_entry("of", &of)?;
                map.end()
            }
            Self::List(values) => serializer.collect_seq(values),
            Self::Fields(fields) => serializer.collect_map(fields.iter().map(|(n, v)| (*n, v))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody at three in the morning counts microseconds; and no year, however damaged the row, panics.
    #[test]
    fn times_are_dates_at_any_distance() {
        let said = |micros| utc(Timestamp::from_micros(micros));
        assert_eq!(said(1_723_161_255_342_000), "2024-08-08T23:54:15.342000Z");
        assert_eq!(said(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(said(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(said(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(said(4_107_542_400_000_000), "2100-03-01T00:00:00.000000Z");
        assert_eq!(said(i64::MAX), "294247-01-10T04:00:54.775807Z");
        assert_eq!(said(i64::MIN), "-290308-12-21T19:59:05.224192Z");
    }

    /// A line leaves out what is not there and never breaks, whatever a bot put into its bytes.
    #[test]
    fn a_tree_is_one_line() {
        let asset = Asset::new("fiat", "USD", 2).expect("an asset");
        let mut tree = Value::Fields(vec![
            ("operation", Value::Number(7)),
            ("reason", Value::Absent),
            ("key", Value::bytes(b"copy 1")),
            ("payload", Value::bytes(b"\n\0")),
            ("legs", Value::list([150, -150], |units| Value::money(1, units))),
            ("inner", Value::Fields(vec![("flag", Value::Flag(true))])),
        ]);
        assert_eq!(
            tree.to_string(),
            "operation 7, key copy 1, payload 0x0a00, \
             legs [150 units of asset 1, -150 units of asset 1], inner {flag yes}"
        );
        tree.name_assets(&|number| (number == 1).then(|| asset.clone()));
        assert!(tree.to_string().contains("legs [1.5 USD, -1.5 USD]"), "{tree}");
        assert!(tree.any(&|name, value| name == Some("operation") && *value == Value::Number(7)));
        assert!(!tree.any(&|name, value| name == Some("operation") && *value == Value::Number(8)));
    }
}
