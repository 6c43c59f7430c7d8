//! The rows of sources as trees.

use super::key::{SeenKey, check_name};
use super::row::{decode_seen, decode_source};
use super::{SOURCES, SyncEnd};
use crate::codec::{Told, Untold, Value, no_key};
use crate::engine::Table;

pub(in crate::tokens) fn key(table: Table, key: &[u8]) -> Told {
    if table == SOURCES {
        return Ok(Value::Fields(vec![("source", Value::text(source(key)?))]));
    }
    let key = SeenKey::from_stored(key).ok_or_else(no_key)?;
    let fields = [("source", Value::text(key.source)), ("token", Value::Token(key.token))];
    Ok(Value::Fields(fields.into()))
}

fn source(key: &[u8]) -> Result<&str, Untold> {
    let name = std::str::from_utf8(key).map_err(|_| no_key())?;
    check_name("source", name)?;
    Ok(name)
}

pub(in crate::tokens) fn row(table: Table, key: &[u8], bytes: &[u8]) -> Told {
    if table != SOURCES {
        let seen = decode_seen(bytes)?;
        return Ok(Value::Fields(vec![
            ("session", Value::Number(seen.session)),
            ("refused", Value::Flag(seen.refused)),
            ("stale_since", Value::optional(seen.stale_since, Value::time)),
        ]));
    }
    let source = source(key).unwrap_or("a source");
    let session = decode_source(source, bytes)?;
    let counts = session.counts;
    let ended = session.ended.map(|(at, end)| {
        let how = match end {
            SyncEnd::Complete => "complete",
            SyncEnd::WithMalformed => "with malformed rows",
            SyncEnd::FilterChanged => "under a changed filter",
            SyncEnd::Shorter => "shorter than before",
        };
        Value::Fields(vec![("at", Value::Time(at)), ("how", Value::text(how))])
    });
    let mut fields = vec![
        ("session", Value::text(session.session)),
        ("number", Value::Number(session.number)),
        ("run", Value::Number(session.run)),
        ("filter", Value::optional(session.filter, Value::text)),
        ("filter_since", Value::Number(session.filter_since)),
        ("filter_changed", Value::Flag(session.filter_changed)),
        ("started_at", Value::Time(session.started_at)),
        ("updated_at", Value::Time(session.updated_at)),
        ("ended", ended.unwrap_or(Value::Absent)),
    ];
    let counted = [
        ("rows", counts.rows),
        ("new", counts.new),
        ("changed", counts.changed),
        ("unchanged", counts.unchanged),
        ("further", counts.further),
        ("refused", counts.refused),
        ("left_out", counts.left_out),
        ("malformed", counts.malformed),
        ("marked_stale", counts.marked_stale),
    ];
    fields.extend(counted.map(|(name, count)| (name, Value::Number(count))));
    Ok(Value::Fields(fields))
}
