//! Tests of prices: parsing, printing, rounding, products.

use proptest::prelude::*;

use super::*;

fn price(text: &str) -> Price {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn prices_of_real_feeds_are_read_exactly() {
    // The story: tokens trade at 5.0e-12 and Bitcoin at 61837.63, and one feed writes 1e-7 for what
    // another writes as 0.0000001.
    for (text, units) in [
        ("0", 0),
        ("0e999999999999999999999", 0),
        ("1", 10u128.pow(24)),
        ("0.00000512", 5_120_000_000_000_000_000),
        ("5.12E-6", 5_120_000_000_000_000_000),
        ("1e-7", 10u128.pow(17)),
        ("1e+2", 10u128.pow(26)),
        ("1.5e1", 15 * 10u128.pow(24)),
        ("007.50", 7_500_000_000_000_000_000_000_000),
        ("0.000000000000000000000001", 1),
        ("0.0000000000000000000000010000", 1),
        ("10e-25", 1),
        ("61837.63", 61_837_630_000_000_000_000_000_000_000),
        ("340282366920938.463463374607431768211455", u128::MAX),
    ] {
        assert_eq!(price(text).units(), units, "{text}");
    }
}

#[test]
fn what_is_no_price_is_refused_with_its_place() {
    for (text, character, at) in [
        ("+1", '+', 0),
        ("-1", '-', 0),
        ("1.2.3", '.', 3),
        ("1_000", '_', 1),
        ("1,5", ',', 1),
        (" 1", ' ', 0),
        ("1 ", ' ', 1),
        (".5", '.', 0),
        ("1.e5", 'e', 2),
        ("0x10", 'x', 1),
        ("NaN", 'N', 0),
        ("1e5e5", 'e', 3),
        ("1٣", '٣', 1),
        ("１", '１', 0),
    ] {
        assert_eq!(
            text.parse::<Price>(),
            Err(Error::UnexpectedCharacter { character, at }),
            "{text}"
        );
    }
    assert_eq!("".parse::<Price>(), Err(Error::Empty));
    for text in ["5.", "1e", "1e-"] {
        assert_eq!(text.parse::<Price>(), Err(Error::Incomplete { at: text.len() }), "{text}");
    }
}

#[test]
fn a_price_that_does_not_fit_is_refused_and_takes_no_time() {
    // The story: an exponent of nineteen digits must not be walked one place at a time.
    let too_large = Error::TooLarge { kind: "a price" };
    for text in ["340282366920938.463463374607431768211456", "1e15", "1e9223372036854775807"] {
        assert_eq!(text.parse::<Price>(), Err(too_large.clone()), "{text}");
    }
    let inexact = |at| Error::Inexact { at, decimals: 24 };
    assert_eq!("0.0000000000000000000000001".parse::<Price>(), Err(inexact(26)));
    assert_eq!("25e-25".parse::<Price>(), Err(inexact(1)));
    assert_eq!("1e-9223372036854775808".parse::<Price>(), Err(inexact(0)));
    assert_eq!("1e-99999999999999999999999".parse::<Price>(), Err(inexact(0)));
    let long = format!("{}e-1000", "9".repeat(1000));
    let rounded = Price::parse_rounded(&long, Rounding::HalfEven);
    assert_eq!(rounded, Ok(Rounded { value: price("1"), rounded: true }));
}

#[test]
fn rounding_a_text_is_asked_for_and_told() {
    let round = |text, mode| {
        let Rounded { value, rounded } = Price::parse_rounded(text, mode).expect("a price");
        (value.units(), rounded)
    };
    assert_eq!(round("25e-25", Rounding::HalfEven), (2, true));
    assert_eq!(round("35e-25", Rounding::HalfEven), (4, true));
    assert_eq!(round("2500000001e-33", Rounding::HalfEven), (3, true));
    assert_eq!(round("25000000010e-34", Rounding::HalfEven), (3, true));
    assert_eq!(round("25e-25", Rounding::Up), (3, true));
    assert_eq!(round("29e-25", Rounding::Down), (2, true));
    assert_eq!(round("1e-400", Rounding::Up), (1, true));
    assert_eq!(round("1e-400", Rounding::HalfEven), (0, true));
    assert_eq!(round("5e-25", Rounding::HalfEven), (0, true));
    assert_eq!(round("20e-25", Rounding::Up), (2, false));
    let above = "340282366920938.4634633746074317682114559";
    assert_eq!(
        Price::parse_rounded(above, Rounding::Down),
        Ok(Rounded { value: Price::MAX, rounded: true })
    );
    assert_eq!(Price::parse_rounded(above, Rounding::Up), Err(Error::TooLarge { kind: "a price" }));
}

#[test]
fn a_float_is_taken_at_its_exact_binary_value() {
    let convert = |number| {
        let Rounded { value, rounded } = Price::from_f64(number).expect("a price");
        (value.to_string(), rounded)
    };
    assert_eq!(convert(0.0), ("0".into(), false));
    assert_eq!(convert(-0.0), ("0".into(), false));
    assert_eq!(convert(0.5), ("0.5".into(), false));
    assert_eq!(convert(61837.0), ("61837".into(), false));
    assert_eq!(convert(0.1), ("0.100000000000000005551115".into(), true));
    assert_eq!(convert(2f64.powi(-24)), ("0.000000059604644775390625".into(), false));
    // 2^-25 is 0.0000000298023223876953125: the 25th decimal is a lone 5, and the even side is down.
    assert_eq!(convert(2f64.powi(-25)), ("0.000000029802322387695312".into(), true));
    // Three of it are 0.0000000894069671630859375: here the even side is up.
    assert_eq!(convert(3.0 * 2f64.powi(-25)), ("0.000000089406967163085938".into(), true));
    assert_eq!(convert(1e-24), ("0.000000000000000000000001".into(), true));
    assert_eq!(convert(f64::MIN_POSITIVE), ("0".into(), true));
    assert_eq!(convert(f64::from_bits(1)), ("0".into(), true));
    assert_eq!(convert(340282366920938.0), ("340282366920938".into(), false));
    for (number, kind) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "infinity"),
        (f64::NEG_INFINITY, "a negative number"),
        (-1e-300, "a negative number"),
    ] {
        assert_eq!(Price::from_f64(number), Err(Error::NotAPrice { kind }));
    }
    for number in [340282366920939.0, 1e300, f64::MAX] {
        assert_eq!(Price::from_f64(number), Err(Error::TooLarge { kind: "a price" }), "{number}");
    }
}

#[test]
fn products_are_exact_to_their_last_unit() {
    // Worked with exact integers elsewhere.
    let times = |price: Price, units, from, to, rounding| {
        price.times(Amount::from_units(units), from, to, rounding).map(Amount::units)
    };
    let bitcoin = price("61837.63");
    assert_eq!(times(bitcoin, 2_000_000, 8, 2, Rounding::Down), Ok(123_675));
    assert_eq!(times(bitcoin, 2_000_000, 8, 2, Rounding::Up), Ok(123_676));
    assert_eq!(times(bitcoin, -2_000_000, 8, 2, Rounding::Floor), Ok(-123_676));
    assert_eq!(times(bitcoin, -2_000_000, 8, 2, Rounding::Ceiling), Ok(-123_675));
    assert_eq!(times(price("0.5"), 5, 0, 0, Rounding::HalfEven), Ok(2));
    assert_eq!(times(price("0.5"), 7, 0, 0, Rounding::HalfEven), Ok(4));
    // The widest product there is: 2^128 - 1 times 2^127 - 1, divided by 10^48.
    assert_eq!(
        times(Price::MAX, i128::MAX, 24, 0, Rounding::Down),
        Ok(57_896_044_618_658_097_711_785_492_504)
    );
    assert_eq!(
        times(Price::MAX, i128::MIN, 24, 0, Rounding::Up),
        Ok(-57_896_044_618_658_097_711_785_492_505)
    );
    let overflow = Error::Overflow { operation: "multiplying a price by an amount" };
    assert_eq!(times(Price::MAX, i128::MAX, 0, 24, Rounding::Down), Err(overflow.clone()));
    assert_eq!(times(price("1.1"), i128::MAX, 8, 8, Rounding::Down), Err(overflow.clone()));
    assert_eq!(times(price("1"), i128::MAX, 8, 8, Rounding::Down), Ok(i128::MAX));
    assert_eq!(times(price("1"), i128::MIN, 8, 8, Rounding::Down), Ok(i128::MIN));
    let just_above_one = price("1.000000000000000000000001");
    assert_eq!(times(just_above_one, i128::MIN, 8, 8, Rounding::Down), Err(overflow));
    for (from, to) in [(25, 0), (0, 25)] {
        assert_eq!(
            times(bitcoin, 1, from, to, Rounding::Down),
            Err(Error::ScaleOutOfRange { scale: 25 })
        );
    }
}

/// A slow second opinion: moves the point by hand, then reads the digits before and behind it.
fn expected_units(digits: &str, point: i64) -> (String, bool) {
    // The digits with the point behind the first `point` of them, in units.
    let point = point + i64::from(Price::DECIMALS);
    let padded = match point {
        ..=0 => format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        _ => format!("{digits}{}", "0".repeat((point as usize).saturating_sub(digits.len()))),
    };
    let (kept, lost) = padded.split_at(point.max(0) as usize);
    let kept = kept.trim_start_matches('0');
    (if kept.is_empty() { "0".into() } else { kept.into() }, lost.bytes().any(|b| b != b'0'))
}

proptest! {
    #[test]
    fn every_price_reads_back_as_it_prints(units: u128) {
        let price = Price::from_units(units);
        prop_assert_eq!(price.to_string().parse(), Ok(price));
        prop_assert_eq!(Price::from_be_bytes(price.to_be_bytes()), price);
    }

    #[test]
    fn bytes_order_as_prices_do(left: u128, right: u128) {
        let (left, right) = (Price::from_units(left), Price::from_units(right));
        prop_assert_eq!(left.cmp(&right), left.to_be_bytes().cmp(&right.to_be_bytes()));
    }

    #[test]
    fn reading_agrees_with_moving_the_point_by_hand(
        whole in "[0-9]{1,20}", fraction in "[0-9]{0,40}", exponent in -60..30i64,
    ) {
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{whole}{point}{fraction}e{exponent}");
        let (units, lossy) =
            expected_units(&format!("{whole}{fraction}"), whole.len() as i64 + exponent);
        match (Price::parse_rounded(&text, Rounding::Down), units.parse::<u128>()) {
            (Ok(read), Ok(units)) => {
                prop_assert_eq!(read.value.units(), units);
                prop_assert_eq!(read.rounded, lossy);
                prop_assert_eq!(text.parse::<Price>().is_ok(), !lossy);
            }
            (read, units) => {
                prop_assert_eq!(read, Err(Error::TooLarge { kind: "a price" }));
                prop_assert!(units.is_err());
            }
        }
    }

    #[test]
    fn any_text_is_a_price_or_refused_at_a_place_inside_it(text in "[0-9.eE+-]{0,12}|\\PC{0,8}") {
        match text.parse::<Price>() {
            Ok(price) => prop_assert_eq!(price.to_string().parse(), Ok(price)),
            Err(Error::UnexpectedCharacter { character, at }) => {
                prop_assert_eq!(text[at..].chars().next(), Some(character));
            }
            Err(Error::Inexact { at, .. }) => {
                prop_assert!((b'1'..=b'9').contains(&text.as_bytes()[at]));
            }
            Err(Error::Incomplete { at }) => prop_assert_eq!(at, text.len()),
            Err(Error::Empty) => prop_assert!(text.is_empty()),
            Err(error) => prop_assert_eq!(error, Error::TooLarge { kind: "a price" }),
        }
    }

    #[test]
    fn a_float_rounds_to_the_nearest_price(number in 0f64..3e14) {
        // Rust prints a float's exact binary value when asked for enough decimals.
        let exact = format!("{number:.1074}");
        let parsed = Price::parse_rounded(&exact, Rounding::HalfEven);
        prop_assert_eq!(Price::from_f64(number), parsed);
    }

    #[test]
    fn any_bits_are_a_float_that_is_converted_or_refused(bits: u64) {
        let number = f64::from_bits(bits);
        let representable = (0.0..3.402e14).contains(&number);
        prop_assert!(Price::from_f64(number).is_ok() || !representable);
    }

    #[test]
    fn products_agree_with_plain_integers_where_these_suffice(
        price in 0..u64::MAX, units in -i64::MAX..i64::MAX, from in 0..=10u8, to in 0..=24u8,
    ) {
        // A product below 2^127, and the division by 10^(24 - to + from) done by plain integers.
        let product = i128::from(units) * i128::from(price);
        let divisor = 10i128.pow(u32::from(24 - to + from));
        let times = |mode| {
            let amount = Amount::from_units(i128::from(units));
            Price::from_units(u128::from(price)).times(amount, from, to, mode).map(Amount::units)
        };
        let floor = product.div_euclid(divisor);
        let ceiling = if product.rem_euclid(divisor) == 0 { floor } else { floor + 1 };
        prop_assert_eq!(times(Rounding::Floor), Ok(floor));
        prop_assert_eq!(times(Rounding::Ceiling), Ok(ceiling));
        prop_assert_eq!(times(Rounding::Down), Ok(product / divisor));
        prop_assert_eq!(times(Rounding::Up), Ok(if product < 0 { floor } else { ceiling }));
        let twice = 2 * product.rem_euclid(divisor) as u128;
        let nearest = match twice.cmp(&(divisor as u128)) {
            std::cmp::Ordering::Less => floor,
            std::cmp::Ordering::Greater => ceiling,
            std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
        };
        prop_assert_eq!(times(Rounding::HalfEven), Ok(nearest));
    }
}
