//! Reversals, corrected fills, totals, attributes, and books that are opened once.

use super::super::{AttributeBefore, FillId, Mismatch, Restored};
use super::*;
use crate::Error;

/// A fill was wrong. Its entry is reversed, and the right one takes the venue's id over.
#[test]
fn a_reversed_fill_gives_its_id_to_the_one_that_corrects_it() {
    for new in [new_position(), new_position().fifo()] {
        let book = Book::new();
        book.deposit(&dollars("100"));
        let position = book.open(&new);
        book.post(1, &Effect::new().buy(position, fill("A", 5, "10"))).unwrap();
        let wrong = book.post(1, &Effect::new().buy(position, fill("B", 5, "90"))).unwrap().entries;
        let first = book.store.snapshot().ledger().entries().next_back().unwrap().unwrap();
        assert_eq!(first.id, wrong[0]);
        let refused = book.write(|ledger| ledger.reverse(None, EntryIdOf::second(), "typo"));
        let Err(Error::Ledger(super::super::Error::NotLast { last, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(last, wrong[0]);
        let right = fill("B", 5, "9");
        let twice = Effect::new().buy(position, right.clone().corrects(wrong[0]));
        let refused = book.post(2, &twice);
        assert!(matches!(refused, Err(Error::EffectMismatch { reason: Mismatch::Correction(_) })));
        book.write(|ledger| ledger.reverse(None, wrong[0], "typo")).unwrap();
        assert_eq!(book.position(position).cost, dollars("10"));
        let other = book.post(2, &Effect::new().buy(position, right));
        assert!(matches!(other, Err(Error::DuplicateFill { .. })));
        book.post(2, &twice).unwrap();
        // Told again, as after a crash, it is left out.
        assert_eq!(book.post(2, &twice).unwrap().skipped.len(), 1);
        assert_eq!(book.position(position).cost, dollars("19"));
        let again = book.write(|ledger| ledger.reverse(None, wrong[0], "again"));
        assert!(matches!(again, Err(Error::Ledger(super::super::Error::AlreadyReversed { .. }))));
    }
}

struct EntryIdOf;

impl EntryIdOf {
    /// The first fill: the entry before it is the deposit.
    fn second() -> super::super::EntryId {
        super::super::EntryId::new(2)
    }
}

/// The sale that closed a position is taken back: the position is open again, and its units are
/// there.
#[test]
fn a_reversal_of_the_last_sale_opens_the_position_again() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("B", 5, "10"))).unwrap();
    let sold = book.post(1, &Effect::new().sell(position, fill("S", 5, "15"))).unwrap().entries[0];
    book.write(|ledger| ledger.close_if_empty(position)).unwrap();
    let summary = book.store.snapshot().ledger().summary(MAIN, None).unwrap();
    assert_eq!((summary.wins, summary.positions_open), (1, 0));
    // Another position took the place: the old one cannot come back.
    let other = book.open(&new_position());
    let refused = book.write(|ledger| ledger.reverse(None, sold, "bust"));
    assert!(matches!(refused, Err(Error::DuplicatePosition { position }) if position == other));
    book.write(|ledger| ledger.close_if_empty(other)).unwrap();
    book.write(|ledger| ledger.reverse(None, sold, "bust")).unwrap();
    let now = book.position(position);
    assert!(now.is_open());
    assert_eq!((now.quantity, now.cost, now.realized), (tokens(5), dollars("10"), dollars("0")));
    let summary = book.store.snapshot().ledger().summary(MAIN, None).unwrap();
    assert_eq!((summary.wins, summary.flat, summary.positions_open), (0, 0, 1));
}

/// Money that is spent cannot be taken back.
#[test]
fn a_reversal_beyond_what_is_there_is_refused() {
    let book = Book::new();
    let deposit = book.write(|ledger| ledger.deposit(MAIN, &dollars("10"))).unwrap();
    let left = book.write(|ledger| ledger.withdraw(MAIN, &dollars("4"))).unwrap();
    let refused = book.write(|ledger| ledger.reverse(None, deposit, "bounced"));
    assert!(matches!(refused, Err(Error::Insufficient { .. })));
    let reversal = book.write(|ledger| ledger.reverse(None, left, "returned")).unwrap();
    book.write(|ledger| ledger.reverse(None, deposit, "bounced")).unwrap();
    assert_eq!(book.cash(&usd()), (0, 0));
    let refused = book.write(|ledger| ledger.reverse(None, reversal, "no"));
    assert!(matches!(refused, Err(Error::EffectMismatch { reason: Mismatch::Reversal(_) })));
}

/// A venue that reports the totals of an order, three times: what is new is posted, nothing twice.
#[test]
fn totals_post_the_difference_to_what_is_recorded() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    let total = |quantity, gross: &str, fee: &str| {
        let fill = Fill::cumulative("venue", tokens(quantity), dollars(gross)).fee(dollars(fee));
        Effect::new().buy(position, fill)
    };
    book.post(1, &total(4, "40", "0.40")).unwrap();
    let same = book.post(1, &total(4, "40", "0.40")).unwrap();
    assert_eq!((same.entries.len(), &same.skipped[0].fill), (0, &FillId::Cumulative));
    book.post(1, &total(10, "99.50", "0.50")).unwrap();
    let now = book.position(position);
    assert_eq!(
        (now.quantity, now.cost, now.quote_fees),
        (tokens(10), dollars("99.5"), dollars("0.5"))
    );
    let fell = book.post(1, &total(9, "99.50", "0.50"));
    assert!(matches!(
        fell,
        Err(Error::Ledger(super::super::Error::TotalFell { what: "quantity", .. }))
    ));
    // Of another operation, everything is new.
    let refused = book.post(2, &total(1, "9", "0"));
    assert!(matches!(refused, Err(Error::Insufficient { .. })));
}

/// A fill of one operation is not posted by another, and one with other numbers is pointed out.
#[test]
fn a_fill_belongs_to_one_operation_for_ever() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("A", 5, "10"))).unwrap();
    book.post(1, &Effect::new().sell(position, fill("B", 5, "10"))).unwrap();
    book.write(|ledger| ledger.close_if_empty(position)).unwrap();
    let again = book.open(&new_position());
    let refused = book.post(2, &Effect::new().buy(again, fill("A", 5, "10")));
    let Err(Error::DuplicateFill { operation: first, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(first, operation(1));
    let differs = book.post(1, &Effect::new().buy(position, fill("A", 5, "11"))).unwrap();
    assert!(differs.skipped[0].differs);
}

/// Stop losses are restored by a roll back only where nobody moved them since.
#[test]
fn an_attribute_is_restored_only_to_what_it_replaced() {
    let book = Book::new();
    let position = book.open(&new_position());
    let set = |value: &[u8], expected| {
        book.write(|ledger| ledger.write_attribute(position, "stop", Some(value), expected))
    };
    assert_eq!(set(b"90", Some(0)).unwrap().written, 1);
    assert!(matches!(
        set(b"91", Some(0)),
        Err(Error::Ledger(super::super::Error::AttributeMoved { found: 1, .. }))
    ));
    let before = set(b"95", Some(1)).unwrap();
    assert_eq!(before.value.as_deref(), Some(&b"90"[..]));
    let restore =
        |before: &AttributeBefore| book.write(|ledger| ledger.restore_attribute(before)).unwrap();
    assert_eq!(restore(&before), Restored::Restored);
    let attributes = || book.store.snapshot().ledger().attributes(position).unwrap();
    assert_eq!(&*attributes()[0].value, b"90");
    let before = set(b"80", None).unwrap();
    set(b"70", None).unwrap();
    assert_eq!(restore(&before), Restored::Superseded);
    assert_eq!(&*attributes()[0].value, b"70");
    book.write(|ledger| ledger.write_attribute(position, "stop", None, None)).unwrap();
    assert!(attributes().is_empty());
    // Cleared is not forgotten: an old version does not fit any more.
    assert!(set(b"1", Some(0)).is_err());
}

/// A bot that starts with a wallet opens its book once; a second start does not double it.
#[test]
fn a_book_is_opened_once() {
    let book = Book::new();
    let balance = || book.write(|ledger| ledger.opening_balance(MAIN, &dollars("10")));
    let opened = balance().unwrap();
    assert!(matches!(
        balance(),
        Err(Error::Ledger(super::super::Error::AlreadyOpened { entry })) if entry == opened
    ));
    let at = Timestamp::from_micros(5);
    let import = || {
        book.write(|ledger| ledger.import_position(&new_position(), &tokens(3), &dollars("9"), at))
    };
    let position = import().unwrap();
    let now = book.position(position);
    assert_eq!((now.quantity, now.cost, now.opened_at), (tokens(3), dollars("9"), at));
    assert_eq!(book.cash(&usd()), (1_000, 0));
    assert!(import().is_err());
    book.post(1, &Effect::new().sell(position, fill("S", 3, "12"))).unwrap();
    assert_eq!(book.position(position).realized, dollars("3"));
}

/// The same asset with another scale is another amount of money.
#[test]
fn an_asset_has_one_scale_for_ever() {
    let book = Book::new();
    book.deposit(&dollars("1"));
    let other = Asset::new("fiat", "USD", 6).unwrap();
    let refused =
        book.write(|ledger| ledger.deposit(MAIN, &Money::new(other, Amount::from_units(1))));
    assert!(matches!(
        refused,
        Err(Error::Money(crate::money::Error::ScaleConflict { left: 2, right: 6, .. }))
    ));
    let update = crate::Update::new(token().key().clone()).decimals(5);
    book.store.tokens().upsert(&update).unwrap();
    let refused = book.write(|ledger| ledger.deposit(MAIN, &tokens(1)));
    assert!(matches!(refused, Err(Error::Money(crate::money::Error::ScaleConflict { .. }))));
}

/// A closure that ignores a refusal and goes on must not commit the half of what was refused.
#[test]
fn a_refused_call_leaves_nothing_in_a_commit_that_goes_on() {
    let book = Book::new();
    book.deposit(&dollars("1"));
    let gas_units = |units| Money::new(gas(), Amount::from_units(units));
    let dust = gas_units(1);
    let committed: Result<(), Error> = book.store.write(|tx| {
        let mut ledger = tx.ledger();
        ledger.deposit(MAIN, &dollars("2"))?;
        assert!(ledger.withdraw(MAIN, &dust).is_err());
        let new = NewPosition::new(MAIN, gas(), usd());
        let at = Timestamp::from_micros(5);
        assert!(ledger.import_position(&new, &tokens(1), &dollars("1"), at).is_err());
        assert!(ledger.adjust(MAIN, &[dollars("9"), dollars("8")], "twice").is_err());
        assert!(ledger.adjust(MAIN, &[dollars("9"), gas_units(-1)], "no").is_err());
        Ok(())
    });
    committed.unwrap();
    let snapshot = book.store.snapshot();
    assert_eq!(snapshot.ledger().assets().unwrap(), [usd()]);
    assert_eq!((book.cash(&usd()), snapshot.ledger().positions().count()), ((300, 0), 0));
    assert_eq!(snapshot.ledger().verify().unwrap(), []);
}

/// Cash moves between two accounts of one bot, never more than is available, never to itself.
#[test]
fn a_transfer_moves_available_cash() {
    let book = Book::new();
    book.deposit(&dollars("5"));
    book.write(|ledger| ledger.reserve_cash(operation(1), MAIN, &dollars("2"))).unwrap();
    let transfer = |to: &str, text| book.write(|ledger| ledger.transfer(MAIN, to, &dollars(text)));
    transfer("vault", "3").unwrap();
    assert!(matches!(transfer("vault", "0.01"), Err(Error::Insufficient { .. })));
    assert!(transfer(MAIN, "0.01").is_err());
    assert!(transfer("vault", "0").is_err());
    let vault = book.store.snapshot().ledger().balance("vault", &usd()).unwrap();
    assert_eq!(vault.available, dollars("3"));
}
