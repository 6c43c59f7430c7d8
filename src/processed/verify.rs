//! Verification: the list of claims by age and the counts of the namespaces against the claims.

use std::collections::BTreeMap;

use super::claims::Claims;
use super::name::{ClaimKey, age_from_stored, age_key};
use super::namespace::{self, Age, Namespace};
use super::{CLAIM_AGES, CLAIMS, ClaimRecord, ClaimState, Error, row, table_name};
use crate::engine::{KeyRange, Reader, Table};

/// Something that is not as it must be.
pub(crate) struct Contradiction {
    pub(crate) table: &'static str,
    /// The row, in words.
    pub(crate) row: String,
    pub(crate) problem: &'static str,
}

/// Everything about the claims of one state that is not as it must be; empty where it is sound. Keeps
/// nothing of a claim in memory.
pub(crate) fn verify(reader: &dyn Reader) -> Result<Vec<Contradiction>, Error> {
    let mut verifier = Verifier { reader, counted: BTreeMap::new(), found: Vec::new() };
    verifier.claims()?;
    verifier.ages()?;
    verifier.namespaces()?;
    Ok(verifier.found)
}

struct Verifier<'r> {
    reader: &'r dyn Reader,
    /// What the namespaces must be, but for what was let go.
    counted: BTreeMap<Box<str>, Namespace>,
    found: Vec<Contradiction>,
}

impl Verifier<'_> {
    fn find(&mut self, table: Table, row: impl std::fmt::Display, problem: &'static str) {
        let (table, row) = (table_name(table), row.to_string());
        self.found.push(Contradiction { table, row, problem });
    }

    fn claims(&mut self) -> Result<(), Error> {
        for claim in Claims::new(self.reader).all() {
            let claim = claim?;
            let counted = self.counted.entry(claim.namespace.clone()).or_default();
            let age = Age { event_time: claim.record.event_time, key: claim.key };
            let row = age_key(&claim.namespace, &age);
            let is_listed = self.reader.get(CLAIM_AGES, &row)?.is_some();
            let is_settled = is_settled(&claim.record);
            if is_settled {
                counted.settled += 1;
            } else {
                counted.in_flight += 1;
            }
            if is_listed != is_settled {
                let problem = match is_settled {
                    true => "is not listed by its age",
                    false => "an operation is at it, and it is listed by its age",
                };
                self.find(CLAIMS, shown(&claim.namespace, &age.key), problem);
            }
        }
        Ok(())
    }

    fn ages(&mut self) -> Result<(), Error> {
        for row in self.reader.scan(CLAIM_AGES, KeyRange::all()) {
            let (stored, _) = row?;
            let Some((namespace, age)) = age_from_stored(&stored) else {
                return Err(Error::CorruptKey { what: "claim by age", key: stored });
            };
            let claim = ClaimKey { namespace, key: &age.key }.stored();
            let row = self.reader.get(CLAIMS, &claim)?;
            let record = row.map(|row| row::decode_claim(&row)).transpose();
            let record = record.map_err(|source| Error::CorruptRow {
                what: "claim",
                key: claim.into(),
                source,
            })?;
            if record.is_none_or(|record| record.event_time != age.event_time) {
                self.find(CLAIM_AGES, shown(namespace, &age.key), "is no claim of that time");
            }
            let counted = self.counted.entry(namespace.into()).or_default();
            counted.oldest.get_or_insert(age);
        }
        Ok(())
    }

    fn namespaces(&mut self) -> Result<(), Error> {
        for found in namespace::all(self.reader) {
            let (name, kept) = found?;
            let counted = self.counted.remove(&name).unwrap_or_default();
            let Namespace { pruned, watermark, .. } = kept;
            if kept != (Namespace { pruned, watermark, ..counted }) {
                self.find(super::NAMESPACES, &name, "has other claims than it says");
            }
        }
        for (name, _) in std::mem::take(&mut self.counted) {
            self.find(super::NAMESPACES, name, "has claims and no counts");
        }
        Ok(())
    }
}

fn is_settled(record: &ClaimRecord) -> bool {
    match record.state {
        ClaimState::Done(_) => true,
        ClaimState::InFlight(_) => false,
    }
}

fn shown(namespace: &str, key: &[u8]) -> String {
    format!("{} in {namespace}", key.escape_ascii())
}
