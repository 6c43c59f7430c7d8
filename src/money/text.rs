//! Numbers and keys for serde: exact strings, checked as they are read. A JSON number is refused,
//! since most readers and writers of JSON push numbers through binary floating point.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Amount, Asset, Price, TokenKey};

macro_rules! as_text {
    ($number:ty) => {
        impl Serialize for $number {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $number {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

as_text!(Price);
as_text!(Amount);

#[derive(Serialize, Deserialize)]
struct KeyFields<'t> {
    chain: Cow<'t, str>,
    address: Cow<'t, str>,
}

impl Serialize for TokenKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = KeyFields { chain: self.chain().into(), address: self.address().into() };
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TokenKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = KeyFields::deserialize(deserializer)?;
        Self::new(&fields.chain, &fields.address).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
struct AssetFields<'t> {
    chain: Cow<'t, str>,
    id: Cow<'t, str>,
    scale: u8,
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (chain, id) = (self.chain().into(), self.id().into());
        AssetFields { chain, id, scale: self.scale() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = AssetFields::deserialize(deserializer)?;
        Self::new(&fields.chain, &fields.id, fields.scale).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    #[test]
    fn numbers_travel_as_exact_strings() {
        // The story: a price went through a JSON number and came back as 0.1000000000000000055.
        let price: Price = "0.000000000000000000000001".parse().expect("a price");
        let text = serde_json::to_string(&price).expect("serialises");
        assert_eq!(text, "\"0.000000000000000000000001\"");
        assert_eq!(serde_json::from_str::<Price>(&text).expect("reads back"), price);
        assert!(serde_json::from_str::<Price>("0.5").is_err());
        assert!(serde_json::from_str::<Amount>("5").is_err());
        let dollar = Asset::new("fiat", "USD", 2).expect("an asset");
        let money = Money::new(dollar, Amount::from_units(-1250));
        let text = serde_json::to_string(&money).expect("serialises");
        assert_eq!(text, r#"{"asset":{"chain":"fiat","id":"USD","scale":2},"amount":"-1250"}"#);
        assert_eq!(serde_json::from_str::<Money>(&text).expect("reads back"), money);
    }

    #[test]
    fn what_a_constructor_refuses_is_refused_here_too() {
        for text in [r#"{"chain":"","id":"USD","scale":2}"#, r#"{"chain":"a","id":"b","scale":25}"#]
        {
            assert!(serde_json::from_str::<Asset>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<TokenKey>(r#"{"chain":"a","address":"b\u0000"}"#).is_err());
        let key = serde_json::from_str::<TokenKey>(r#"{"chain":"a","address":"b"}"#);
        assert_eq!(key.expect("a key"), TokenKey::new("a", "b").expect("a key"));
    }
}
