//! One file of the simulated disk: what reads show, what is durable, and the changes between them.
//!
//! Invariant: without faults, what reads show is what is durable with the un-synced changes applied
//! in order. A failed sync, a lost write and a misplaced one break it on purpose: from then on the
//! two differ where nothing un-synced is left to explain it.

use std::io;
use std::sync::Arc;

use super::super::pages::Pages;
use super::crash::Survival;

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// What the file is called, or was called last.
    pub(super) name: Arc<str>,
    /// How many open handles there are.
    pub(super) handles: usize,
    cached: Pages,
    durable: Pages,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetLen { len: u64 },
}

/// How far a change gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Reads show it and a sync saves it.
    Disk,
    /// Reads show it, and nothing will ever save it.
    CacheOnly,
}

impl File {
    /// A file of which every byte is durable.
    pub(super) fn durable(name: &str, pages: Pages) -> Self {
        let durable = pages.clone();
        Self { name: name.into(), cached: pages, durable, ..Self::default() }
    }

    pub(super) fn shown(&self) -> &Pages {
        &self.cached
    }

    pub(super) fn saved(&self) -> &Pages {
        &self.durable
    }

    /// Whether a power cut now could change what reads show.
    pub(super) fn is_unsynced(&self) -> bool {
        !self.unsynced.is_empty() || self.cached != self.durable
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], reach: Reach) -> io::Result<()> {
        self.cached.write_at(offset, bytes)?;
        if reach == Reach::Disk && !bytes.is_empty() {
            self.unsynced.push(Change::Write { offset, bytes: bytes.into() });
        }
        Ok(())
    }

    /// A write that reads show at `offset` and that the disk puts down at `landing`.
    pub(super) fn write_misplaced(
        &mut self,
        offset: u64,
        landing: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.cached.write_at(offset, bytes)?;
        self.unsynced.push(Change::Write { offset: landing, bytes: bytes.into() });
        Ok(())
    }

    pub(super) fn set_len(&mut self, len: u64, reach: Reach) {
        self.cached.set_len(len);
        if reach == Reach::Disk {
            self.unsynced.push(Change::SetLen { len });
        }
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply(&mut self.durable);
        }
    }

    /// Marks everything clean and saves what `survival` keeps of it.
    pub(super) fn fail_to_sync(&mut self, survival: &mut Survival) {
        self.durable = self.after_power_cut(None, survival);
        self.unsynced.clear();
    }

    /// Throws away what is only cached: reads show the disk and what is still to be saved.
    pub(super) fn drop_cache(&mut self) {
        self.cached = self.durable.clone();
        for change in &self.unsynced {
            change.apply(&mut self.cached);
        }
    }

    /// What is on the disk if the power goes out now, in the middle of the write `in_flight`.
    pub(super) fn after_power_cut(
        &self,
        in_flight: Option<(u64, &[u8])>,
        survival: &mut Survival,
    ) -> Pages {
        let mut image = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Write { offset, bytes } => survival.write(&mut image, *offset, bytes),
                Change::SetLen { len } => {
                    if survival.keeps() {
                        image.set_len(*len);
                    }
                }
            }
        }
        if let Some((offset, bytes)) = in_flight {
            survival.write(&mut image, offset, bytes);
        }
        image
    }

    /// Replaces all bytes, durably.
    pub(super) fn overwrite(&mut self, pages: Pages) {
        self.cached = pages.clone();
        self.durable = pages;
        self.unsynced.clear();
    }

    /// Flips one bit where it stands, on the disk and in what reads show. Answers whether the byte
    /// is inside the file.
    pub(super) fn flip_bit(&mut self, offset: u64, bit: u8) -> bool {
        let flip = |pages: &mut Pages| {
            let mut byte = [0];
            let inside = pages.read_at(offset, &mut byte).is_ok();
            byte[0] ^= 1_u8 << (bit % 8);
            inside && pages.write_at(offset, &byte).is_ok()
        };
        let on_disk = flip(&mut self.durable);
        flip(&mut self.cached) || on_disk
    }
}

impl Change {
    fn apply(&self, pages: &mut Pages) {
        match self {
            // The offset was accepted when the write was made.
            Self::Write { offset, bytes } => drop(pages.write_at(*offset, bytes)),
            Self::SetLen { len } => pages.set_len(*len),
        }
    }
}
