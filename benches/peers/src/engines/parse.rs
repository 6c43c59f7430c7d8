//! No engine: the list is read and thrown away.

use super::Counts;
use crate::Outcome;
use crate::list::Row;

pub fn sync(rows: impl Iterator<Item = Outcome<Row>>) -> Outcome<Counts> {
    let mut counts = Counts::default();
    for row in rows {
        counts.rows += 1;
        counts.refused += u64::from(std::hint::black_box(row?).decimals > 24);
    }
    Ok(counts)
}
