//! What survives a power cut: the draws that decide it.
//!
//! Everything that was not synced is asked about piece by piece, in the order in which it was done,
//! so one seed gives one answer. This module must not know what a file or a directory is.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::super::pages::{Pages, pieces};

/// The unit in which a disk keeps or loses what was written, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

/// Which part of what was not synced is still there after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CrashStyle {
    /// Nothing: exactly what was synced.
    LoseAll,
    /// Everything, the call that the power cut interrupted included.
    KeepAll,
    /// Any part, drawn from the seed, as the fault model allows.
    Random,
}

/// The draws of one power cut.
pub(super) struct Survival {
    style: CrashStyle,
    rng: Rng,
    /// Of 256 pieces so many are kept, drawn once per power cut so that nearly everything and
    /// nearly nothing are as likely as half.
    kept_of_256: u16,
}

impl Survival {
    pub(super) fn new(style: CrashStyle, mut rng: Rng) -> Self {
        let kept_of_256 = rng.u16(..=256);
        Self { style, rng, kept_of_256 }
    }

    /// Whether the next piece is kept.
    pub(super) fn keeps(&mut self) -> bool {
        match self.style {
            CrashStyle::LoseAll => false,
            CrashStyle::KeepAll => true,
            CrashStyle::Random => self.rng.u16(..256) < self.kept_of_256,
        }
    }

    /// Puts on `image` what is kept of one write: the growth of the file (whole, up to a sector, or
    /// not), any of the sectors, and inside one of them perhaps only the first bytes.
    pub(super) fn write(&mut self, image: &mut Pages, offset: u64, bytes: &[u8]) {
        // The write was accepted, so its end is a valid offset.
        let end = offset + bytes.len() as u64;
        if end > image.len() {
            image.set_len(self.grown(image.len(), end));
        }
        let sectors = bytes.len().div_ceil(SECTOR_BYTES) + 1;
        let torn = match self.style {
            CrashStyle::Random => Some(self.rng.usize(..sectors * 2)),
            CrashStyle::LoseAll | CrashStyle::KeepAll => None,
        };
        for (number, piece) in pieces(offset, bytes.len(), SECTOR_BYTES).enumerate() {
            if self.keeps() {
                let mut kept = piece.range;
                if torn == Some(number) {
                    kept.end = self.rng.usize(kept.clone());
                }
                let start = offset + kept.start as u64;
                let room = image.len().saturating_sub(start);
                kept.end = kept.end.min(kept.start.saturating_add(room as usize));
                // It ends inside the image, so there is no error to come.
                let _ = image.write_at(start, &bytes[kept]);
            }
        }
    }

    /// The length of a file that was being grown from `from` to `to`.
    fn grown(&mut self, from: u64, to: u64) -> u64 {
        if self.keeps() {
            return to;
        }
        match self.style {
            CrashStyle::Random if self.rng.u8(..4) == 0 => {
                let sector = SECTOR_BYTES as u64;
                (self.rng.u64(from..to) / sector * sector).max(from)
            }
            _ => from,
        }
    }
}
