//! Which name of a record means what: the usual ones, and those named on the command line.
//!
//! Names are compared without case, underscores and dashes, so that `price_usd`, `priceUsd` and `PriceUSD`
//! are one; a time may have its unit behind its name. Knows no files and no store.

use std::collections::HashMap;

use crate::failure::Failure;
use crate::time::TimeUnit;

use super::record::{Entry, Value, at, twice};

/// What a record can say of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Chain,
    Address,
    Symbol,
    Name,
    Decimals,
    Price,
    MarketCap,
    Time,
}

/// How many roles there are.
const ROLES: usize = 8;

/// The roles in order, by the name that `--field` has for each and the usual ones in records, best first.
const USUAL: [(&str, &[&str]); ROLES] = [
    ("chain", &["chain", "blockchain", "chainname", "network", "chainid", "networkid", "platform"]),
    ("address", &["address", "tokenaddress", "mint", "mintaddress", "contract", "contractaddress"]),
    ("symbol", &["symbol", "tokensymbol", "ticker"]),
    ("name", &["name", "tokenname"]),
    ("decimals", &["decimals", "tokendecimals"]),
    ("price", &["price", "priceusd", "usdprice"]),
    ("market_cap", &["marketcap", "marketcapusd", "usdmarketcap"]),
    ("time", &["observedat", "timestamp", "updatedat", "lastupdated", "time"]),
];

/// How many other names of records are remembered, so that they need not be compared again.
const REMEMBERED: usize = 1_000;

/// Where the values of a record are.
pub(crate) struct Fields {
    /// The paths that the command line named, by role.
    named: [Option<Vec<Box<str>>>; ROLES],
    /// Names of records that were met, and what they usually mean.
    met: HashMap<Box<str>, Option<Usual>>,
    /// Whether any record so far had a field for the time.
    has_met_time: bool,
}

/// What a name usually means; the lesser rank is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usual {
    role: usize,
    rank: usize,
}

/// The values of a record, by role, each with the name that it stood under.
pub(crate) struct Values<'a, 'e> {
    found: [Option<(&'e str, Value<'a>)>; ROLES],
}

impl<'a, 'e> Values<'a, 'e> {
    pub(crate) fn get(&self, role: Role) -> Option<(&'e str, Value<'a>)> {
        self.found[role as usize]
    }
}

impl Fields {
    /// The usual names, and before them those of `arguments`, each as `role=path`.
    pub(crate) fn new(arguments: &[String]) -> Result<Self, Failure> {
        let mut named = [const { None }; ROLES];
        for asked in arguments {
            let role = asked.split_once('=').and_then(|(role, path)| {
                let role = USUAL.iter().position(|(name, _)| *name == role.trim())?;
                Some((role, path.trim())).filter(|(_, path)| !path.is_empty())
            });
            let Some((role, path)) = role else {
                let form = "ROLE=PATH, where ROLE is chain, address, symbol, name, decimals, price, market_cap or time";
                return Err(Failure::Argument { what: "--field", asked: asked.clone(), form });
            };
            named[role] = Some(path.split('.').map(Box::from).collect());
        }
        Ok(Self { named, met: HashMap::new(), has_met_time: false })
    }

    /// The values of a record. Where two of its names mean the same, it is told which.
    pub(crate) fn find<'a, 'e>(
        &'e mut self,
        entries: &'e [Entry<'a>],
    ) -> Result<Values<'a, 'e>, String> {
        let mut best: [Option<(usize, &'e str, Value<'a>)>; ROLES] = [None; ROLES];
        for (name, value) in entries {
            let Some(Usual { role, rank }) = self.usual(name) else { continue };
            self.has_met_time |= role == Role::Time as usize && self.named[role].is_none();
            match best[role] {
                // Another name may say what this one leaves empty.
                _ if value.is_nothing() => {}
                _ if self.named[role].is_some() => {}
                Some((better, _, _)) if better < rank => {}
                Some((same, _, _)) if same == rank => return Err(twice(name)),
                Some(_) | None => best[role] = Some((rank, name, *value)),
            }
        }
        let mut found = best.map(|one| one.map(|(_, name, value)| (name, value)));
        for (role, path) in self.named.iter().enumerate() {
            let Some(path) = path else { continue };
            let name = path.last().map_or("", |name| name);
            found[role] = at(entries, path)?.map(|value| (name, value));
            self.has_met_time |= role == Role::Time as usize && found[role].is_some();
        }
        Ok(Values { found })
    }

    /// Whether the command line says where values of this role stand.
    pub(crate) fn is_named(&self, role: Role) -> bool {
        self.named[role as usize].is_some()
    }

    /// Whether any record so far had a field for the time, whatever stood in it.
    pub(crate) fn has_met_time(&self) -> bool {
        self.has_met_time
    }

    /// Whether a record with these names says which token it is about.
    pub(crate) fn has_address(&mut self, names: &[String]) -> bool {
        match &self.named[Role::Address as usize] {
            Some(path) => names.iter().any(|name| path.len() == 1 && **name == *path[0]),
            None => names.iter().any(|name| {
                self.usual(name).is_some_and(|usual| usual.role == Role::Address as usize)
            }),
        }
    }

    fn usual(&mut self, name: &str) -> Option<Usual> {
        if let Some(usual) = self.met.get(name) {
            return *usual;
        }
        let usual = usual(name);
        if self.met.len() < REMEMBERED {
            self.met.insert(name.into(), usual);
        }
        usual
    }
}

fn usual(name: &str) -> Option<Usual> {
    let folded = folded(name);
    let plain = USUAL.iter().enumerate().find_map(|(role, (_, names))| {
        let rank = names.iter().position(|name| *name == folded)?;
        // Of two names of one time, that which says its unit is the better one.
        Some(Usual { role, rank: 2 * rank + 1 })
    });
    plain.or_else(|| {
        let (rank, _) = time_with_unit(name, &folded)?;
        Some(Usual { role: Role::Time as usize, rank: 2 * rank })
    })
}

/// The unit that the name of a time states, as in `observed_at_ms` and `timestampMs`.
pub(crate) fn unit_of(name: &str) -> Option<TimeUnit> {
    let of_usual = || time_with_unit(name, &folded(name)).map(|(_, unit)| unit);
    TimeUnit::of_name(name).or_else(of_usual)
}

/// Which of the usual names of a time this is, and the unit behind it.
fn time_with_unit(name: &str, folded: &str) -> Option<(usize, TimeUnit)> {
    let (_, names) = USUAL[Role::Time as usize];
    names.iter().enumerate().find_map(|(rank, stem)| {
        let word = folded.strip_prefix(stem)?;
        let unit = TimeUnit::of_word(word)?;
        // A lone letter may be a plural.
        (word.len() > 1 || TimeUnit::of_name(name).is_some()).then_some((rank, unit))
    })
}

/// A name as names are compared.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|letter| !matches!(letter, '_' | '-' | ' '));
    letters.collect::<String>().to_lowercase()
}

/// What rows have to be to be wanted.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    All,
    /// Every one of these fields has to be, or to have, its text.
    Only {
        fields: Vec<(Vec<Box<str>>, String)>,
        name: String,
    },
}

impl Wanted {
    /// What `--filter` asks for: `all`, or any number of `field=value`.
    pub(crate) fn new(arguments: &[String]) -> Result<Self, Failure> {
        if let [all] = arguments
            && all == "all"
        {
            return Ok(Self::All);
        }
        let mut fields = Vec::new();
        for asked in arguments {
            match asked.split_once('=') {
                Some((path, value)) if !path.is_empty() => {
                    fields.push((path.split('.').map(Box::from).collect(), value.to_owned()));
                }
                _ => {
                    let form = "`all` alone, or FIELD=VALUE";
                    return Err(Failure::Argument { what: "--filter", asked: asked.clone(), form });
                }
            }
        }
        let mut sorted = arguments.to_vec();
        sorted.sort();
        Ok(Self::Only { fields, name: sorted.join(" and ") })
    }

    /// Whether a record is wanted. One that lacks what is asked for is not one of this list's.
    pub(crate) fn wants(&self, entries: &[Entry<'_>]) -> Result<bool, String> {
        let Self::Only { fields, .. } = self else { return Ok(true) };
        let mut is_wanted = true;
        for (path, text) in fields {
            let Some(value) = at(entries, path)? else {
                return Err(format!("it has no `{}`, which --filter asks for", path.join(".")));
            };
            is_wanted &= value.is_or_has(text);
        }
        Ok(is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::object;
    use super::*;

    fn found(arguments: &[&str], json: &str, role: Role) -> Result<Option<String>, String> {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut fields = Fields::new(&arguments).unwrap();
        let entries = object(json.as_bytes()).unwrap();
        let values = fields.find(&entries)?;
        Ok(values.get(role).and_then(|(_, value)| value.text().unwrap()).map(String::from))
    }

    /// Lists of five services, each with names of its own, need no mapping.
    #[test]
    fn usual_names_are_found_however_they_are_spelled() {
        for name in ["price", "priceUsd", "price_usd", "PRICE-USD", "usd_price"] {
            let json = format!("{{\"volume\":1,\"{name}\":\"2.5\"}}");
            assert_eq!(found(&[], &json, Role::Price), Ok(Some("2.5".to_owned())), "{name}");
        }
        for name in ["address", "token_address", "tokenAddress", "mint", "contract_address"] {
            let json = format!("{{\"{name}\":\"x\"}}");
            assert_eq!(found(&[], &json, Role::Address), Ok(Some("x".to_owned())), "{name}");
        }
        for name in [
            "observed_at",
            "timestamp_ms",
            "updatedAt",
            "time_ns",
            "last_updated_us",
            "TIMESTAMPMS",
            "timeS",
        ] {
            let json = format!("{{\"{name}\":7}}");
            assert_eq!(found(&[], &json, Role::Time), Ok(Some("7".to_owned())), "{name}");
        }
        assert_eq!(
            found(&[], r#"{"chain":"eth","chainId":1}"#, Role::Chain),
            Ok(Some("eth".into()))
        );
        let json = r#"{"fdv":9,"marketCap":8}"#;
        assert_eq!(found(&[], json, Role::MarketCap), Ok(Some("8".into())));
        assert_eq!(found(&["market_cap=fdv"], json, Role::MarketCap), Ok(Some("9".into())));
        assert_eq!(found(&[], r#"{"fdv":9}"#, Role::MarketCap), Ok(None), "it is another figure");
        assert_eq!(found(&[], r#"{"price_ms":9}"#, Role::Price), Ok(None));
        assert_eq!(found(&[], r#"{"times":9,"timeless":8}"#, Role::Time), Ok(None));
    }

    #[test]
    fn a_named_path_comes_before_what_is_usual() {
        let json = r#"{"address":"pool","baseToken":{"address":"mint"}}"#;
        let named = found(&["address=baseToken.address"], json, Role::Address);
        assert_eq!(named, Ok(Some("mint".to_owned())));
        assert_eq!(found(&["address=nowhere"], json, Role::Address), Ok(None));
        for bad in ["address", "address=", "colour=red", "=x"] {
            assert!(Fields::new(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    /// Either of two values could be meant; the wrong one would be a token that does not exist.
    #[test]
    fn two_names_for_one_role_are_an_error_and_a_better_one_is_not() {
        let twice = found(&[], r#"{"mint":"a","mint":"b"}"#, Role::Address);
        assert_eq!(twice, Err("`mint` stands there twice".to_owned()));
        assert!(found(&[], r#"{"price_usd":1,"priceUsd":2}"#, Role::Price).is_err());
        assert!(found(&[], r#"{"volume":1,"volume":2}"#, Role::Price).is_ok());
    }

    #[test]
    fn a_filter_is_stated_and_told_apart_from_a_field_that_is_not_there() {
        let wanted = |arguments: &[&str]| {
            Wanted::new(&arguments.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
        };
        let entries = object(br#"{"chain":"base","dex":{"id":"uni"}}"#).unwrap();
        assert!(wanted(&["all"]).unwrap().wants(&entries).unwrap());
        let both = wanted(&["dex.id=uni", "chain=base"]).unwrap();
        assert!(both.wants(&entries).unwrap());
        assert!(matches!(both, Wanted::Only { name, .. } if name == "chain=base and dex.id=uni"));
        assert_eq!(wanted(&["dex.id=uni", "chain=x"]).unwrap().wants(&entries), Ok(false));
        assert!(wanted(&["dexes=uni"]).unwrap().wants(&entries).is_err());
        for bad in [&["all", "a=b"][..], &["everything"], &["=x"]] {
            assert!(wanted(bad).is_err(), "{bad:?}");
        }
    }
}
