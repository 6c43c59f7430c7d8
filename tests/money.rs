//! Numbers as a bot meets them: through the public interface only.

use highwater::{Amount, Asset, Money, Price, Rounding};

#[test]
fn a_bot_values_what_it_holds_without_ever_touching_a_float() {
    // The story: 0.1 + 0.2 in binary floating point, a million times, was off by a cent.
    let dollar = Asset::new("fiat", "USD", 2).expect("a good asset");
    let mut sum = Money::parse(&dollar, "0").expect("nothing");
    for _ in 0..1_000 {
        sum = sum.checked_add(&Money::parse(&dollar, "0.1").expect("a dime")).expect("fits");
    }
    assert_eq!(sum.to_string(), "100");

    let price: Price = "0.00000512".parse().expect("a price");
    let quantity = Amount::from_units(1_000_000 * 10i128.pow(18));
    let value = price.times(quantity, 18, dollar.scale(), Rounding::Down).expect("fits");
    assert_eq!(Money::new(dollar, value).to_string(), "5.12");
}

#[test]
fn every_refusal_reads_as_a_sentence_that_says_where() {
    let message = |text: &str| text.parse::<Price>().expect_err(text).to_string();
    assert_eq!(message(""), "an empty text is not a number");
    assert_eq!(message("-1"), "'-' at byte 0 does not belong into this number");
    assert_eq!(message("5."), "the number ends at byte 2, where a digit has to stand");
    assert_eq!(message("1e15"), "the number is too large for a price");
    assert_eq!(
        message("0.0000000000000000000000001"),
        "the digit at byte 26 lies behind the 24 decimals that can be kept"
    );
    let nan = Price::from_f64(f64::NAN).expect_err("NaN").to_string();
    assert_eq!(nan, "NaN is not a price");
    let overflow = Amount::MAX.checked_add(Amount::MAX).expect_err("overflow");
    assert_eq!(overflow.to_string(), "adding two amounts gives more than an amount can hold");
}
