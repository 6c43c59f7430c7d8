//! highwater, by its own bulk sync.

use std::path::Path;

use highwater::{
    Asset, Filter, Malformed, Mode, Options, SyncRow, Timestamp, TokenKey, TokenSync, Update,
};

use super::{BATCH_ROWS, Counts, DAY_MICROS, SOURCE, START_MICROS};
use crate::Outcome;
use crate::list::Row;

pub fn sync(dir: &Path, session: u64, rows: impl Iterator<Item = Outcome<Row>>) -> Outcome<Counts> {
    let store = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?).open(dir)?;
    let at = Timestamp::from_micros(START_MICROS + i64::try_from(session)? * DAY_MICROS);
    let sync = TokenSync::new(SOURCE, session.to_string(), Filter::All).batch_rows(BATCH_ROWS);
    let report = store.tokens().sync(sync, rows.map(|row| sync_row(row, at)))?;
    let counts = report.session.counts;
    store.close()?;
    Ok(Counts { rows: counts.rows, refused: counts.refused })
}

fn sync_row(row: Outcome<Row>, at: Timestamp) -> SyncRow {
    match row.and_then(|row| update(row, at)) {
        Ok(update) => update.into(),
        Err(error) => SyncRow::Malformed(Malformed::new(error.to_string())),
    }
}

fn update(row: Row, at: Timestamp) -> Outcome<Update> {
    Ok(Update::new(TokenKey::new(&row.chain, &row.address)?)
        .symbol(row.symbol, at)
        .name(row.name, at)
        .decimals(u8::try_from(row.decimals).unwrap_or(u8::MAX))
        .price(row.price, at)
        .market_cap(row.market_cap, at)
        .source(SOURCE))
}

pub fn tokens(dir: &Path) -> Outcome<u64> {
    let store = highwater::ReadOnly::open(dir)?;
    Ok(store.tokens().iter().count() as u64)
}
