//! One record of a list, as names and values: an object of JSON, or a row of a CSV file.
//!
//! Values stay as they are written until somebody asks: a number of JSON is its digits and never a float.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A name and its value.
pub(crate) type Entry<'a> = (Cow<'a, str>, Value<'a>);

/// A value as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// The cell of a CSV file.
    Cell(&'a str),
    Json(&'a RawValue),
}

impl<'a> Value<'a> {
    /// The text or the digits that the value says, if it says any: `null` and an empty text say nothing.
    pub(crate) fn text(self) -> Result<Option<Cow<'a, str>>, &'static str> {
        let raw = match self {
            Self::Cell(cell) => {
                return Ok(Some(cell.trim()).filter(|cell| !cell.is_empty()).map(Cow::Borrowed));
            }
            Self::Json(raw) => raw.get(),
        };
        match raw.as_bytes().first() {
            Some(b'"') => {
                let text = string(raw).ok_or("it is no text")?;
                let trimmed = match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                    Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
                };
                Ok(Some(trimmed).filter(|text| !text.is_empty()))
            }
            Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(raw))),
            Some(b'n') => Ok(None),
            Some(b'{') => Err("it is an object"),
            Some(b'[') => Err("it is a list"),
            _ => Err("it is true or false"),
        }
    }

    /// Whether it is written down and says nothing.
    pub(crate) fn is_nothing(self) -> bool {
        match self {
            Self::Cell(cell) => cell.trim().is_empty(),
            Self::Json(_) => matches!(self.text(), Ok(None)),
        }
    }

    /// Whether the value is `text`, or a list that has it.
    pub(crate) fn is_or_has(self, text: &str) -> bool {
        match self.text() {
            Ok(found) => found.as_deref() == Some(text),
            Err(_) => match self {
                Self::Cell(_) => false,
                Self::Json(raw) if raw.get() == text => true,
                Self::Json(raw) => serde_json::from_str::<Vec<&RawValue>>(raw.get())
                    .is_ok_and(|all| all.into_iter().any(|one| Value::Json(one).is(text))),
            },
        }
    }

    fn is(self, text: &str) -> bool {
        self.text().is_ok_and(|found| found.as_deref() == Some(text))
    }
}

/// The text of a string of JSON.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Name<'_>>(raw).ok().map(|name| name.0)
}

/// The names and values of an object of JSON, in its order, names that stand there twice included.
pub(crate) fn object(json: &[u8]) -> Result<Vec<Entry<'_>>, serde_json::Error> {
    serde_json::from_slice::<Object<'_>>(json).map(|object| object.0)
}

/// What stands under `path` in a record. An object that has a name of the path twice is an error.
pub(crate) fn at<'a>(
    entries: &[Entry<'a>],
    path: &[Box<str>],
) -> Result<Option<Value<'a>>, String> {
    let Some((first, rest)) = path.split_first() else { return Ok(None) };
    let Some(value) = only(entries, first)? else { return Ok(None) };
    match (value, rest) {
        (value, []) => Ok(Some(value)),
        (Value::Cell(_), _) => Ok(None),
        (Value::Json(raw), rest) => match serde_json::from_str::<Object<'a>>(raw.get()) {
            Ok(object) => at(&object.0, rest),
            // Another form of record: what was asked for is not in it.
            Err(_) => Ok(None),
        },
    }
}

fn only<'a>(entries: &[Entry<'a>], name: &str) -> Result<Option<Value<'a>>, String> {
    let mut found = entries.iter().filter(|(other, _)| other == name).map(|(_, value)| *value);
    let first = found.next();
    match found.next() {
        Some(_) => Err(twice(name)),
        None => Ok(first),
    }
}

/// Why a record with two values of one name is none: either could be meant.
pub(crate) fn twice(name: &str) -> String {
    format!("`{}` stands there twice", crate::trades::shortened(name))
}

struct Object<'a>(Vec<Entry<'a>>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(16);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            entries.push((name, Value::Json(value)));
        }
        Ok(Object(entries))
    }
}

/// A text that borrows where nothing in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(path: &str) -> Vec<Box<str>> {
        path.split('.').map(Box::from).collect()
    }

    fn text_at(json: &str, at_path: &str) -> Result<Option<String>, String> {
        let entries = object(json.as_bytes()).unwrap();
        let value = at(&entries, &path(at_path))?;
        let text = value.map(Value::text).transpose().map_err(str::to_owned)?;
        Ok(text.flatten().map(Cow::into_owned))
    }

    /// The story: a price went through a float and came back with other digits.
    #[test]
    fn numbers_keep_their_digits() {
        for digits in ["0.1", "123456789012345678.901234567890123456", "5.12E-6", "-0", "1e400"] {
            let found = text_at(&format!("{{\"price\": {digits} }}"), "price");
            assert_eq!(found, Ok(Some(digits.to_owned())));
        }
    }

    #[test]
    fn a_path_reaches_into_objects() {
        let json =
            r#"{"base":{"a\u0064dr":" 0x1\n","deep":{"n":7}},"list":[1],"none":null,"t":true}"#;
        assert_eq!(text_at(json, "base.addr"), Ok(Some("0x1".to_owned())));
        assert_eq!(text_at(json, "base.deep.n"), Ok(Some("7".to_owned())));
        for nowhere in ["", "base.x", "list.n", "none", "none.x", "base.addr.x"] {
            assert_eq!(text_at(json, nowhere), Ok(None), "{nowhere}");
        }
        assert_eq!(text_at(json, "base"), Err("it is an object".to_owned()));
        assert_eq!(text_at(json, "list"), Err("it is a list".to_owned()));
        assert_eq!(text_at(json, "t"), Err("it is true or false".to_owned()));
    }

    /// Of two values of one name a parser takes one silently, and which one depends on the parser.
    #[test]
    fn a_name_that_stands_there_twice_is_an_error() {
        let json = r#"{"a":{"b":1,"\u0062":2},"c":1}"#;
        assert_eq!(text_at(json, "a.b"), Err("`b` stands there twice".to_owned()));
        assert_eq!(text_at(json, "c"), Ok(Some("1".to_owned())));
    }

    #[test]
    fn a_filter_looks_into_lists() {
        let entries = object(br#"{"in":["uniswap", 7],"id":1,"yes":true}"#).unwrap();
        let is =
            |name: &str, text: &str| at(&entries, &path(name)).unwrap().unwrap().is_or_has(text);
        assert!(is("in", "uniswap") && is("in", "7") && is("id", "1") && is("yes", "true"));
        assert!(!is("in", "uni") && !is("in", "[") && !is("id", "") && !is("yes", "false"));
    }

    /// Whatever the nesting, a record is read or refused; the stack is not its size.
    #[test]
    fn deep_nesting_is_no_deep_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        let entries = object(deep.as_bytes()).unwrap();
        assert_eq!(entries.len(), 1);
        assert!(!entries[0].1.is_or_has("x"));
        assert!(object("{\"a\":".repeat(10_000).as_bytes()).is_err());
    }
}
