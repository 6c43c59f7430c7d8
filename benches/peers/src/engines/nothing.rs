//! No engine: what comes is thrown away.

use std::hint::black_box;

use super::{Counts, Engine, Session};
use crate::Outcome;
use crate::list::Row;
use crate::record::Seen;
use crate::world::{Change, Token, Transfer};

pub struct Nothing;

impl Engine for Nothing {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Self))
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        Ok(None)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(())
    }
}

impl Session for Nothing {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        for change in changes {
            black_box((&change.token.key, change.tick));
        }
        Ok(())
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        black_box(&token.key);
        Ok(None)
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        Ok(())
    }

    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        black_box(transfers);
        Ok(())
    }

    fn balance(&mut self, _: u32) -> Outcome<u64> {
        Ok(0)
    }

    fn sync(&mut self, _: u64, before: Counts, rows: &[Row]) -> Outcome<Counts> {
        let refused = rows.iter().filter(|row| black_box(row).decimals > 24).count() as u64;
        Ok(Counts { rows: before.rows + rows.len() as u64, refused: before.refused + refused })
    }

    fn end_sync(&mut self, _: u64, _: Counts) -> Outcome<()> {
        Ok(())
    }
}
