//! An append-only list that is read while it grows: what is in it never moves.
//!
//! It stands in pieces, four of a size and then four of twice that, so that not much more than a fifth of it is room
//! that nobody uses yet. One thread pushes, any number of threads read; each slot is set once.

use std::sync::OnceLock;

use crate::engine::sync::atomic::{AtomicUsize, Ordering};

/// The smallest pieces have two to the power of this many slots.
const SMALLEST_LOG2: u32 = 3;
/// Pieces of one size, as a power of two.
const PIECES_OF_A_SIZE_LOG2: u32 = 2;
/// As many as there are slot numbers for.
const PIECES: usize =
    ((u32::BITS + 1 - SMALLEST_LOG2 - PIECES_OF_A_SIZE_LOG2) << PIECES_OF_A_SIZE_LOG2) as usize;

/// See the module.
#[derive(Debug)]
pub(super) struct Slots<T> {
    pieces: Box<[OnceLock<Piece<T>>]>,
    len: AtomicUsize,
}

type Piece<T> = Box<[OnceLock<T>]>;

/// Where a slot is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    piece: usize,
    slot: usize,
    /// How many slots its piece has.
    of: usize,
}

impl Place {
    /// Counted from the slots that all smaller sizes together would have, were there no end to them, the highest
    /// bit of a number says its piece's size, the next ones which of that size, and the rest which slot.
    fn of(number: u32) -> Self {
        let shift = SMALLEST_LOG2 + PIECES_OF_A_SIZE_LOG2;
        let number = u64::from(number) + (1 << shift);
        let size_log2 = number.ilog2() - PIECES_OF_A_SIZE_LOG2;
        let size = size_log2 - SMALLEST_LOG2;
        let nth_of_size = (number >> size_log2) as usize & ((1 << PIECES_OF_A_SIZE_LOG2) - 1);
        let of = 1 << size_log2;
        Self {
            piece: ((size as usize) << PIECES_OF_A_SIZE_LOG2) + nth_of_size,
            slot: number as usize & (of - 1),
            of,
        }
    }
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        let pieces = (0..PIECES).map(|_| OnceLock::new()).collect();
        Self { pieces, len: AtomicUsize::new(0) }
    }

    /// How many there are. Whoever sees the number sees them all.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// The number of what is pushed next.
    pub(super) fn next(&self) -> u32 {
        let len = self.len.load(Ordering::Relaxed);
        // A hundred bytes each, and this many would be half a terabyte.
        assert!(len < u32::MAX as usize, "there are no more slot numbers");
        len as u32
    }

    /// Adds `value`; answers how many bytes of heap were taken for it and those to come. Only one thread pushes at a
    /// time.
    pub(super) fn push(&self, value: T) -> usize {
        let number = self.next();
        let place = Place::of(number);
        let piece = &self.pieces[place.piece];
        let fresh = piece.get().is_none();
        let piece = piece.get_or_init(|| (0..place.of).map(|_| OnceLock::new()).collect());
        let pushed = piece[place.slot].set(value);
        assert!(pushed.is_ok(), "two threads pushed at a time");
        self.len.store(number as usize + 1, Ordering::Release);
        if fresh { place.of * size_of::<OnceLock<T>>() } else { 0 }
    }

    /// What has this number, if there is that much.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let place = Place::of(number);
        self.pieces[place.piece].get()?[place.slot].get()
    }

    /// How many bytes of heap it takes when it is empty.
    pub(super) fn fixed_bytes(&self) -> usize {
        size_of_val(&*self.pieces)
    }

    /// How many bytes of heap it takes beside.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().filter_map(OnceLock::get).map(|piece| size_of_val(&**piece)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number has a slot of its own, one behind the other, and the last possible one has too.
    #[test]
    fn each_number_has_its_place() {
        let mut expected = Place { piece: 0, slot: 0, of: 8 };
        for number in 0..200_000 {
            assert_eq!(Place::of(number), expected, "{number}");
            expected.slot += 1;
            if expected.slot == expected.of {
                let piece = expected.piece + 1;
                expected = Place { piece, slot: 0, of: 8 << (piece / 4) };
            }
        }
        assert!(Place::of(u32::MAX).piece < PIECES);
    }

    #[test]
    fn what_was_pushed_stays_where_it_is() {
        let slots = Slots::new();
        let mut bytes = 0;
        for number in 0..10_000_u32 {
            assert_eq!(slots.get(number), None);
            assert_eq!(slots.next(), number);
            bytes += slots.push(number);
            assert_eq!(bytes, slots.bytes());
            assert_eq!(slots.len(), number as usize + 1);
        }
        assert!((0..10_000).all(|number| slots.get(number) == Some(&number)));
        let room = bytes / size_of::<OnceLock<u32>>();
        assert!(room <= 10_000 * 5 / 4, "room for {room}");
    }
}
