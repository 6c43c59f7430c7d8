//! Rows into commits: many rows share one, for each commit costs a sync.
//!
//! What is held in memory is one batch, and a count for each of at most [`COUNTED_TOKENS`] tokens.
//! A bad row is counted, the first ones are kept to be shown, and the rest goes on. What was read
//! before an input broke off is committed: it is as true as it was.

use std::collections::HashMap;
use std::path::Path;

use highwater::tokens::{self, TokenKey, Update};
use highwater::{Durability, Store, Tx};

use crate::failure::{Failure, one_line};
use crate::summary::{Problem, Run};
use crate::time::rfc3339;
use crate::trades::{InputError, RowProblem, Trade};

/// The most tokens that are counted and listed one by one.
const COUNTED_TOKENS: usize = 100_000;

/// How many bad rows are shown.
const PROBLEMS_SHOWN: usize = 5;

/// How rows are committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) durability: Durability,
    pub(crate) batch_rows: usize,
    /// Stop at the first bad row.
    pub(crate) strict: bool,
}

/// A replay under way.
pub(crate) struct Batches<'a> {
    store: &'a Store,
    directory: &'a Path,
    way: Way,
    /// What to call the input that the batch is from.
    label: String,
    batch: Vec<Trade>,
    run: Run,
    ticks: HashMap<TokenKey, u64>,
}

impl<'a> Batches<'a> {
    /// Nothing replayed yet.
    pub(crate) fn new(store: &'a Store, directory: &'a Path, way: Way) -> Self {
        Self {
            store,
            directory,
            way,
            label: String::new(),
            batch: Vec::new(),
            run: Run::default(),
            ticks: HashMap::new(),
        }
    }

    /// The figures, and how many rows each token had.
    pub(crate) fn finish(self) -> (Run, HashMap<TokenKey, u64>) {
        (self.run, self.ticks)
    }

    /// Replays the rows of one input. Whatever ends them, the rows before it are committed.
    pub(crate) fn replay(
        &mut self,
        label: String,
        rows: impl Iterator<Item = Result<Result<Trade, RowProblem>, InputError>>,
    ) -> Result<(), Failure> {
        self.label = label;
        for row in rows {
            let row = match row {
                Ok(row) => row,
                Err(broken) => {
                    self.commit()?;
                    return Err(broken.into());
                }
            };
            self.run.rows += 1;
            match row {
                Ok(trade) => self.batch.push(trade),
                Err(problem) => {
                    if self.way.strict {
                        // A row before it may be refused, and is then the first bad one.
                        self.commit()?;
                    }
                    self.run.malformed += 1;
                    self.bad(problem)?;
                }
            }
            if self.batch.len() == self.way.batch_rows {
                self.commit()?;
            }
        }
        self.commit()
    }

    /// Commits the batch as one. A batch that changes nothing is no commit.
    fn commit(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (batch, strict) = (&self.batch, self.way.strict);
        let merged = self.store.write_with(self.way.durability, |tx| merge(tx, batch, strict));
        let merged = merged.map_err(Failure::of_store(self.directory))?;
        self.run.changed += merged.changed;
        self.run.refused += merged.refused.len() as u64;
        self.count_ticks(&merged.taken);
        self.batch.clear();
        merged.refused.into_iter().try_for_each(|problem| self.bad(problem))
    }

    /// Counts the rows of the batch that were `taken`, for each token.
    fn count_ticks(&mut self, taken: &[usize]) {
        for trade in taken.iter().map(|place| &self.batch[*place]) {
            if let Some(ticks) = self.ticks.get_mut(&trade.key) {
                *ticks += 1;
            } else if self.ticks.len() < COUNTED_TOKENS {
                self.ticks.insert(trade.key.clone(), 1);
            } else {
                self.run.rows_of_uncounted_tokens += 1;
            }
        }
    }

    /// Keeps the first problems, to show them at the end; if `strict`, the first one is the end.
    fn bad(&mut self, problem: RowProblem) -> Result<(), Failure> {
        let problem = Problem::new(self.label.clone(), problem);
        let row = self.way.strict.then(|| problem.sentence());
        if self.run.problems.len() < PROBLEMS_SHOWN {
            self.run.problems.push(problem);
        }
        row.map_or(Ok(()), |row| Err(Failure::Strict { row }))
    }
}

/// What a commit did with its batch.
#[derive(Default)]
struct Merged {
    changed: u64,
    /// The places in the batch of the rows that were not refused.
    taken: Vec<usize>,
    refused: Vec<RowProblem>,
}

/// Merges a batch, row by row. A refused row changes nothing and spares the others; if `strict`,
/// the batch ends at the first of them.
fn merge(tx: &mut Tx, batch: &[Trade], strict: bool) -> Result<Merged, highwater::Error> {
    let mut merged = Merged::default();
    for (place, trade) in batch.iter().enumerate() {
        match tx.tokens().upsert(&update(trade)) {
            Ok(token) => {
                merged.changed += u64::from(!token.changes.is_empty());
                merged.taken.push(place);
            }
            Err(error) if error.is_refused() => {
                merged.refused.push(refusal(trade, &error));
                if strict {
                    break;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(merged)
}

fn update(trade: &Trade) -> Update {
    let update = Update::new(trade.key.clone())
        .price(trade.price, trade.observed_at)
        .source(trade.source.as_str());
    let update = match trade.seq {
        Some(seq) => update.seq(seq),
        None => update,
    };
    match &trade.symbol {
        Some(symbol) => update.symbol(symbol.as_str(), trade.observed_at),
        None => update,
    }
}

fn refusal(trade: &Trade, error: &tokens::Error) -> RowProblem {
    let (key, price) = (&trade.key, trade.price);
    let time = rfc3339(trade.observed_at);
    RowProblem {
        line: trade.line,
        column: None,
        text: format!("{key} {price} at {time}"),
        reason: match error {
            tokens::Error::FromTheFuture { latest, .. } => {
                format!("its time is later than the latest accepted now, {}", rfc3339(*latest))
            }
            error => one_line(error),
        },
    }
}
