//! Rounding: how it is asked for, how it is told, and the one place that decides it.

/// Which of the two neighbours a number takes that lies between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
    /// To the nearer one; from the exact middle, to the even one.
    HalfEven,
    /// Towards minus infinity. The same as [`Rounding::Down`] for what is not negative.
    Floor,
    /// Towards plus infinity. The same as [`Rounding::Up`] for what is not negative.
    Ceiling,
}

/// A value together with the answer to "was anything lost on the way?".
///
/// ```
/// use highwater::{Price, Rounding};
///
/// let third = Price::parse_rounded("0.3333333333333333333333333333", Rounding::HalfEven)?;
/// assert!(third.rounded);
/// assert_eq!(third.value.to_string(), "0.333333333333333333333333");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded<T> {
    /// The value kept.
    pub value: T,
    /// Whether it differs from what was given.
    pub rounded: bool,
}

/// What was cut off behind the last place kept, measured against half a unit of that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Zero,
    BelowHalf,
    Half,
    AboveHalf,
}

impl Tail {
    /// The tail that `remainder` of `divisor` leaves. `divisor` is not zero, `remainder` is less.
    pub(super) fn of_division<N>(remainder: N, divisor: N) -> Self
    where
        N: Copy + Default + Ord + std::ops::Sub<Output = N>,
    {
        if remainder == N::default() {
            return Self::Zero;
        }
        // Compares twice the remainder with the divisor, without the overflow of doubling.
        match remainder.cmp(&(divisor - remainder)) {
            std::cmp::Ordering::Less => Self::BelowHalf,
            std::cmp::Ordering::Equal => Self::Half,
            std::cmp::Ordering::Greater => Self::AboveHalf,
        }
    }
}

impl Rounding {
    /// `magnitude`, or the next one away from zero where this mode asks for it; `None` where that
    /// does not fit.
    pub(super) fn apply(self, negative: bool, magnitude: u128, tail: Tail) -> Option<u128> {
        let away = match (self, tail) {
            (_, Tail::Zero) | (Self::Down, _) => false,
            (Self::Up, _) => true,
            (Self::Floor, _) => negative,
            (Self::Ceiling, _) => !negative,
            (Self::HalfEven, Tail::BelowHalf) => false,
            (Self::HalfEven, Tail::Half) => magnitude % 2 == 1,
            (Self::HalfEven, Tail::AboveHalf) => true,
        };
        if away { magnitude.checked_add(1) } else { Some(magnitude) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_takes_the_neighbour_it_promises() {
        // The story: somebody swaps Floor and Down because they agree on everything that is not
        // negative. Rows are the value, its tail behind 2 or 3, and the neighbour each mode takes.
        use Tail::{AboveHalf, BelowHalf, Half, Zero};
        let modes =
            [Rounding::Down, Rounding::Up, Rounding::HalfEven, Rounding::Floor, Rounding::Ceiling];
        for (negative, magnitude, tail, expected) in [
            (false, 2, Zero, [2, 2, 2, 2, 2]),
            (false, 2, BelowHalf, [2, 3, 2, 2, 3]),
            (false, 2, Half, [2, 3, 2, 2, 3]),
            (false, 3, Half, [3, 4, 4, 3, 4]),
            (false, 2, AboveHalf, [2, 3, 3, 2, 3]),
            (true, 2, Zero, [2, 2, 2, 2, 2]),
            (true, 2, BelowHalf, [2, 3, 2, 3, 2]),
            (true, 2, Half, [2, 3, 2, 3, 2]),
            (true, 3, Half, [3, 4, 4, 4, 3]),
            (true, 2, AboveHalf, [2, 3, 3, 3, 2]),
        ] {
            for (mode, expected) in modes.into_iter().zip(expected) {
                assert_eq!(
                    mode.apply(negative, magnitude, tail),
                    Some(expected),
                    "{mode:?} of {magnitude} and {tail:?}, negative: {negative}"
                );
            }
        }
    }

    #[test]
    fn rounding_up_past_the_end_is_told() {
        assert_eq!(Rounding::Up.apply(false, u128::MAX, Tail::BelowHalf), None);
        assert_eq!(Rounding::Down.apply(false, u128::MAX, Tail::AboveHalf), Some(u128::MAX));
    }

    #[test]
    fn a_tail_is_measured_without_doubling_the_remainder() {
        // Twice the remainder would not fit into the type of these.
        assert_eq!(Tail::of_division(200u8, 201), Tail::AboveHalf);
        assert_eq!(Tail::of_division(127u8, 254), Tail::Half);
        assert_eq!(Tail::of_division(1u8, 3), Tail::BelowHalf);
        assert_eq!(Tail::of_division(0u8, 1), Tail::Zero);
    }
}
