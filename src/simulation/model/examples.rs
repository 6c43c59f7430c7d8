//! Every example that was worked by hand, held against the model.

use super::Model;
use super::book::{Held, pairs};
use super::hand::Deed;
use super::life::{Move, Standing};
use super::recovery::Verdict;
use super::run::{Call, Caller};
use super::words::*;
use crate::simulation::cast::{Coin, Kind, Owner, Venue};

const OWNER: Owner = Owner::Main;

fn bought(quantity: Amount, gross: Amount) -> Move {
    Move::In { quantity, gross, fee: 0, unit_fee: 0, missing: 0 }
}

fn sold(quantity: Amount, proceeds: Amount, unit_fee: Amount) -> Move {
    Move::Out { quantity, proceeds, fee: 0, unit_fee, missing: 0 }
}

fn held(standing: &Standing) -> (Amount, Amount, Amount) {
    (standing.quantity(), standing.cost(), standing.realized)
}

fn model(cash: Amount) -> Model {
    let mut model = Model::new(1_000_000);
    model.open();
    done(model.by_hand(&Deed::Deposit(OWNER, (Coin::Usd, cash))));
    model
}

fn done(outcome: Outcome) -> Reply {
    assert!(outcome.changed, "{outcome:?}");
    *outcome.replies.first().expect("an answer")
}

fn refused(outcome: Outcome, reply: Reply) {
    assert_eq!(outcome, Outcome::unchanged(reply));
}

fn new_position() -> NewPosition {
    let (coin, quote, method) = (Coin::Yes, Coin::Usd, Method::Average);
    NewPosition { owner: OWNER, coin, quote, tag: 0, method }
}

fn fill(id: u8, quantity: Amount, gross: Amount, fee: Amount) -> Fill {
    Fill {
        venue: Venue::Binance,
        id: Some(id),
        quantity: (Coin::Yes, quantity),
        gross: (Coin::Usd, gross),
        fees: vec![(Coin::Usd, fee)],
        corrects: None,
    }
}

fn buys(fills: impl IntoIterator<Item = Fill>) -> Effect {
    let parts = fills.into_iter().map(|fill| Part::Buy(1, fill)).collect();
    Effect { parts, cover: false }
}

fn open(key: u8, hold: Amount) -> Intent {
    Intent { holds: vec![(Coin::Usd, hold)], ..Intent::new(key, Task::Open(new_position())) }
}

fn balances(model: &Model) -> [Amount; 4] {
    let balance = |kind| model.book.balance(OWNER, Coin::Usd, kind);
    [
        balance(Kind::Cash),
        balance(Kind::Cost),
        balance(Kind::Fees),
        model.book.held(Held::Cash(OWNER, Coin::Usd)),
    ]
}

fn hand_out(model: &mut Model, number: OperationNumber) {
    model.line = number as usize;
    model.hand_out(number);
}

fn is_sound(model: &Model) {
    assert_eq!(model.book.faults(), Vec::<String>::new());
}

/// Q 10, C 100, sell 4 for 60 with token fee 1: PnL 20, left Q 5, C 60; sell 5 for 50: PnL -10.
#[test]
fn the_fee_in_units_leaves_its_cost_with_the_rest() {
    let moves = [bought(10, 100), sold(4, 60, 1), sold(5, 50, 0)];
    for method in [Method::Average, Method::Fifo] {
        let after = |count: usize| held(&Standing::after(method, moves[..count].iter()));
        assert_eq!(after(1), (10, 100, 0));
        assert_eq!(after(2), (5, 60, 20));
        assert_eq!(after(3), (0, 0, 110 - 100));
    }
}

/// FIFO: the oldest lot goes first; one that a fee empties passes its cost on.
#[test]
fn a_lot_emptied_by_a_fee_passes_its_cost_to_the_next() {
    let moves = [bought(3, 30), bought(4, 80), sold(2, 50, 1), sold(4, 100, 0)];
    let after = |count: usize| Standing::after(Method::Fifo, moves[..count].iter());
    // Two of three at ten each went; the third was the fee, and its ten went to the next lot.
    assert_eq!(held(&after(3)), (4, 90, 30));
    assert_eq!(after(3).lots, vec![(4, 90)]);
    assert_eq!(held(&after(4)), (0, 0, 150 - 110));
}

/// Whatever a position lived through, it made what came in less what went out, to the last unit.
#[test]
fn the_profits_of_a_life_telescope() {
    let mut rng = fastrand::Rng::with_seed(11);
    for life in 0..2_000 {
        let method = if life % 2 == 0 { Method::Average } else { Method::Fifo };
        let mut moves = Vec::new();
        for _ in 0..rng.usize(1..12) {
            let has = Standing::after(method, moves.iter()).quantity();
            if has == 0 || rng.bool() {
                let quantity = rng.i128(1..20);
                let unit_fee = if rng.u8(..4) == 0 { rng.i128(0..=quantity) } else { 0 };
                let gross = rng.i128(0..99);
                moves.push(Move::In { quantity, gross, fee: 1, unit_fee, missing: 0 });
            } else {
                let quantity = rng.i128(1..=has);
                let unit_fee = rng.i128(0..=(has - quantity).min(3));
                moves.push(sold(quantity, rng.i128(0..99), unit_fee));
            }
        }
        let rest = Standing::after(method, moves.iter()).quantity();
        if rest > 0 {
            moves.push(sold(rest, 7, 0));
        }
        let end = Standing::after(method, moves.iter());
        assert_eq!(end.realized, end.proceeds - end.bought, "{moves:?}");
        assert_eq!(held(&end), (0, 0, end.realized));
    }
}

/// Cash 100, hold 50, the buy costs 52 + 1: 50 captured, 3 from available.
#[test]
fn what_the_venue_did_beyond_the_hold_is_taken_from_what_is_available() {
    let mut model = model(100);
    assert_eq!(done(model.begin(&open(1, 50), false, true)), Reply::New(1));
    assert_eq!(balances(&model), [100, 0, 0, 50]);
    done(model.call(Caller::Anybody(1), &Call::Complete(buys([fill(1, 10, 52, 1)]))));
    assert_eq!(balances(&model), [47, 52, 1, 0]);
    is_sound(&model);
}

/// Hold 100, F1 (4 for 40 + 0.40) recorded, then ambiguous, then a crash, and the venue says F1 and
/// F2 (6 for 59.50 + 0.60): F1 is skipped, 0.50 come from available; no hold is left.
#[test]
fn a_fill_recorded_before_the_crash_counts_once() {
    let mut model = model(20_000);
    done(model.begin(&open(1, 10_000), false, true));
    let (first, second) = (fill(1, 400, 4_000, 40), fill(2, 600, 5_950, 60));
    done(model.call(Caller::Anybody(1), &Call::Record(buys([first.clone()]))));
    done(model.call(Caller::Anybody(1), &Call::Fail(Class::Ambiguous)));
    model.open();
    refused(model.begin(&open(2, 1), false, false), Reply::RecoveryNeeded);
    model.begin_recovery();
    assert_eq!(model.next_case().0, Some(1));
    done(model.decide(1, &Verdict::Complete(buys([first, second]))));
    assert_eq!(model.next_case().0, None);
    let report = model.finish_recovery();
    assert_eq!((report.failed_found, report.completed), (1, 1));
    assert_eq!(report.found(), report.outcomes());
    assert_eq!(balances(&model), [20_000 - 10_050, 9_950, 100, 0]);
    assert_eq!(model.book.standing(1).quantity(), 1_000);
    is_sound(&model);
}

/// A request beyond what is available is refused, a fact beyond it is covered on request.
#[test]
fn a_shortfall_is_refused_or_covered() {
    let mut model = model(100);
    refused(model.by_hand(&Deed::Withdraw(OWNER, (Coin::Usd, 101))), Reply::Insufficient);
    refused(model.begin(&open(1, 101), false, false), Reply::Insufficient);
    done(model.begin(&open(1, 60), false, true));
    refused(model.by_hand(&Deed::Withdraw(OWNER, (Coin::Usd, 41))), Reply::Insufficient);
    let too_dear = buys([fill(1, 10, 130, 0)]);
    let call = |effect: &Effect| Call::Complete(effect.clone());
    refused(model.call(Caller::Anybody(1), &call(&too_dear)), Reply::Insufficient);
    let covered = Effect { cover: true, ..too_dear };
    done(model.call(Caller::Anybody(1), &call(&covered)));
    assert_eq!(balances(&model), [0, 130, 0, 0]);
    assert_eq!(model.book.balance(OWNER, Coin::Usd, Kind::Adjustment), -30);
    // The identical repeat is done already; another is no longer legal.
    refused(model.call(Caller::Anybody(1), &call(&covered)), Reply::AlreadyDone);
    refused(model.call(Caller::Anybody(1), &call(&Effect::default())), Reply::IllegalTransition);
    is_sound(&model);
}

/// Two reductions run side by side beside one increase; a second increase has to wait.
#[test]
fn the_durable_lock_lets_reductions_pass() {
    let mut model = model(100);
    done(model.begin(&open(1, 50), false, true));
    done(model.call(Caller::Anybody(1), &Call::Complete(buys([fill(1, 10, 50, 0)]))));
    let increase = |key| Intent { increases: vec![1], ..Intent::new(key, Task::Trade(OWNER)) };
    done(model.begin(&increase(2), false, false));
    hand_out(&mut model, 2);
    done(model.begin(&Intent::new(3, Task::Close(1, Some(4))), false, false));
    hand_out(&mut model, 3);
    done(model.begin(&Intent::new(4, Task::Close(1, Some(6))), false, false));
    hand_out(&mut model, 4);
    refused(model.begin(&increase(5), false, false), Reply::PositionBusy);
    refused(model.begin(&Intent::new(6, Task::Update(1)), false, false), Reply::PositionBusy);
    refused(
        model.begin(&Intent::new(7, Task::Close(1, Some(1))), false, false),
        Reply::Insufficient,
    );
    refused(model.begin(&open(8, 1), false, false), Reply::DuplicatePosition);
    // The first increase's handle is dropped: a begin that is in need of its place takes it back.
    model.drop_handle(2);
    assert_eq!(done(model.begin(&increase(5), false, false)), Reply::New(5));
    assert_eq!(model.operation(2).map(|one| one.status), Some(Status::RolledBack));
}

/// Split 100 over three outcomes: 34, 33, 33; merged again, the proceeds follow the costs.
#[test]
fn outcomes_split_and_merge_to_the_last_unit() {
    let mut model = model(100);
    let outcome = |coin| NewPosition { coin, ..new_position() };
    let opens = vec![outcome(Coin::Yes), outcome(Coin::No), outcome(Coin::Bnb)];
    let holds = vec![(Coin::Usd, 100)];
    done(model.begin(&Intent { opens, holds, ..Intent::new(1, Task::Trade(OWNER)) }, false, true));
    let split = Part::Split((Coin::Usd, 100), vec![(1, None), (2, None), (3, None)]);
    let effect = Effect { parts: vec![split], cover: false };
    done(model.call(Caller::Anybody(1), &Call::Complete(effect)));
    let costs = [1, 2, 3].map(|number| model.book.standing(number).cost());
    assert_eq!(costs, [34, 33, 33]);
    let reduces = vec![(1, 100), (2, 100), (3, 100)];
    done(model.begin(&Intent { reduces, ..Intent::new(2, Task::Trade(OWNER)) }, false, true));
    let merge = Part::Merge((Coin::Usd, 100), vec![1, 2, 3]);
    let effect = Effect { parts: vec![merge], cover: false };
    done(model.call(Caller::Anybody(2), &Call::Complete(effect)));
    assert_eq!(balances(&model), [100, 0, 0, 0]);
    assert_eq!([1, 2, 3].map(|number| model.book.standing(number).realized), [0; 3]);
    assert!(model.book.positions.iter().all(|position| position.is_closed));
    is_sound(&model);
}

/// An undo adds back what was taken; it never sets a balance to what it was.
#[test]
fn an_undo_is_an_inverse_entry() {
    let mut model = model(100);
    done(model.begin(&Intent::new(1, Task::Add(OWNER, (Coin::Usd, 30))), false, true));
    assert_eq!(model.book.held(Held::Expected(OWNER, Coin::Usd)), 30);
    let came = Part::Deposit(OWNER, (Coin::Usd, 30));
    let effect = Effect { parts: vec![came], cover: false };
    done(model.call(Caller::Anybody(1), &Call::Apply(effect)));
    done(model.by_hand(&Deed::Withdraw(OWNER, (Coin::Usd, 110))));
    done(model.call(Caller::Anybody(1), &Call::Fail(Class::Definite)));
    let back = Call::RollBack { evidence: false };
    let blocked = model.call(Caller::Anybody(1), &back);
    assert_eq!(blocked, Outcome::done(Reply::UndoBlocked));
    assert!(model.operations[0].needs_attention);
    done(model.by_hand(&Deed::Deposit(OWNER, (Coin::Usd, 10))));
    done(model.call(Caller::Anybody(1), &back));
    assert_eq!(balances(&model), [0, 0, 0, 0]);
    refused(model.call(Caller::Anybody(1), &back), Reply::AlreadyDone);
}

/// A fill is there once for its account and venue, and a corrected one names what it corrects.
#[test]
fn a_fill_is_posted_once() {
    let mut model = model(1_000);
    done(model.begin(&open(1, 100), false, true));
    let record = |fills: &[Fill]| Call::Record(buys(fills.to_vec()));
    done(model.call(Caller::Anybody(1), &record(&[fill(1, 5, 50, 0), fill(1, 5, 50, 0)])));
    assert_eq!(model.book.standing(1).quantity(), 5);
    refused(
        model.call(Caller::Anybody(1), &Call::RollBack { evidence: true }),
        Reply::IllegalTransition,
    );
    assert_eq!(done(model.by_hand(&Deed::Reverse(2))), Reply::Posted(3));
    refused(model.by_hand(&Deed::Reverse(2)), Reply::AlreadyReversed);
    done(model.call(Caller::Anybody(1), &record(&[fill(1, 5, 50, 0)])));
    assert_eq!(model.book.standing(1).quantity(), 0);
    let corrected = Fill { corrects: Some(2), ..fill(1, 4, 44, 0) };
    done(model.call(Caller::Anybody(1), &record(std::slice::from_ref(&corrected))));
    assert_eq!((model.book.standing(1).quantity(), model.book.standing(1).cost()), (4, 44));
    // What was corrected is there once, too, however often it is told.
    done(model.call(Caller::Anybody(1), &record(std::slice::from_ref(&corrected))));
    assert_eq!((model.book.standing(1).quantity(), model.book.standing(1).cost()), (4, 44));
    // Totals post what is new, and never less than there is.
    let total = Fill { id: None, ..fill(0, 6, 60, 3) };
    done(model.call(Caller::Anybody(1), &record(&[total.clone(), total.clone()])));
    assert_eq!((model.book.standing(1).quantity(), model.book.standing(1).cost()), (6, 60));
    let less = Fill { quantity: (Coin::Yes, 5), ..total };
    refused(model.call(Caller::Anybody(1), &record(&[less])), Reply::TotalFell);
    is_sound(&model);
}

/// A definite failure may be tried again so often and no more; then a human has to look.
#[test]
fn attempts_are_used_up() {
    let mut model = model(100);
    done(model.begin(&Intent { max_attempts: 2, ..open(1, 50) }, false, true));
    for _ in 0..2 {
        done(model.call(Caller::Anybody(1), &Call::Fail(Class::Definite)));
        if model.operations[0].tries < 2 {
            done(model.call(Caller::Anybody(1), &Call::Retry));
        }
    }
    let told = model.call(Caller::Anybody(1), &Call::Retry);
    assert_eq!(told, Outcome::done(Reply::AttemptsUsedUp));
    assert_eq!(model.operations[0].class, Some(Class::Ambiguous));
    assert_eq!(balances(&model)[3], 50);
}

/// A case that is presented three times and never answered is put aside with its hold.
#[test]
fn a_case_that_kills_its_handler_is_put_aside() {
    let mut model = model(100);
    done(model.begin(&open(1, 50), false, true));
    for presentation in 1..=4 {
        model.open();
        model.begin_recovery();
        let case = model.next_case().0;
        assert_eq!(case, (presentation <= 3).then_some(1));
    }
    let report = model.finish_recovery();
    assert_eq!((report.in_progress_found, report.quarantined), (1, 1));
    assert!(model.operations[0].needs_attention);
    assert_eq!(balances(&model)[3], 50);
}

/// A deadline that passed before the start ends the operation, and the hold goes back.
#[test]
fn an_expired_operation_never_starts() {
    let mut model = model(100);
    done(model.begin(&Intent { deadline: Some(1_000_010), ..open(1, 50) }, false, false));
    model.hand_out(1);
    model.now = 1_000_011;
    let told = model.call(Caller::Handle(0), &Call::Start);
    assert_eq!(told, Outcome::done(Reply::Expired));
    assert_eq!(balances(&model), [100, 0, 0, 0]);
    assert!(pairs().all(|(owner, coin)| model.book.available_cash(owner, coin) >= 0));
    // The position that was being opened is none.
    assert!(model.book.positions[0].is_closed);
}
