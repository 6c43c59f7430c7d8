//! A hash map of rows behind a lock, kept nowhere.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use super::kv::{Kv, Rows, TABLES, Table};
use crate::Outcome;

pub const SETTINGS: &str = "a HashMap of the same rows behind a RwLock, kept nowhere";

type Maps = [HashMap<Box<[u8]>, Vec<u8>>; TABLES.len()];

#[derive(Default)]
pub struct Memory(RwLock<Maps>);

impl Kv for Memory {
    type Tx<'a> = RwLockWriteGuard<'a, Maps>;

    fn write(&self, body: &mut dyn FnMut(&mut Self::Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        body(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        let maps = self.0.read().unwrap_or_else(PoisonError::into_inner);
        seen(maps[table as usize].get(key).map(Vec::as_slice))
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner)[table as usize].len() as u64)
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

impl Rows for RwLockWriteGuard<'_, Maps> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        row.extend(self[table as usize].get(key).into_iter().flatten());
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        match self[table as usize].get_mut(key) {
            Some(there) => row.clone_into(there),
            None => drop(self[table as usize].insert(key.into(), row.into())),
        }
        Ok(())
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        self[table as usize].iter().for_each(|(key, row)| seen(key, row));
        Ok(())
    }
}
