//! A paper venue: takes orders, fills them in parts, loses messages, and forgets nothing.
//!
//! It stands for another machine, so it lives in a file of its own that survives the bot: one line for
//! each thing that happened, synced before anybody is told. What it has acknowledged, no death of the
//! bot can take back; and what a death interrupts between two lines, it goes on with.
//!
//! Its luck depends on the seed and on the copied trade alone. So a run that was killed a hundred times
//! must come to the same executions as a run that never was, to the last unit.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::Path;
use std::str::FromStr;

use fastrand::Rng;
use highwater::{Amount, Asset, Money, Price, Rounding};

use crate::kills::point;
use crate::market::{Side, UNIT_SCALE};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The currency that everything is quoted in.
pub(crate) fn dollars() -> Asset {
    Asset::new("fiat", "USD", 6).expect("a good name and scale")
}

/// An order as the bot sends it. As text it fits into an operation's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) side: Side,
    pub(crate) quantity: Money,
    pub(crate) price: Price,
    /// The id of the trade it copies; the venue keeps it as a label.
    pub(crate) trade: String,
}

/// The venue's first answer to an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// Refused for good: nothing was and nothing will be executed.
    Rejected(String),
    /// Not taken now. The same order may be taken in a moment.
    Busy,
    /// No answer came. The venue may have the order, or not.
    TimedOut,
}

/// What became of an order.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) order: Order,
    pub(crate) state: State,
    pub(crate) executions: Vec<Execution>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Working,
    /// Nothing more will be executed. There is at least one execution.
    Done,
    Rejected(String),
}

/// One part of an order that was filled, in the venue's own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) quantity: Money,
    pub(crate) gross: Money,
    /// In dollars, or taken out of what was bought.
    pub(crate) fee: Money,
}

pub(crate) struct Venue {
    /// `None` for a venue in memory.
    file: Option<File>,
    seed: u64,
    cash: Money,
    orders: BTreeMap<String, Report>,
    /// The trades whose order met with a short disturbance, which it does only once.
    disturbed: BTreeSet<String>,
    executions: u64,
}

impl Venue {
    /// A venue in memory, with this much cash of ours.
    pub(crate) fn in_memory(seed: u64, cash: Money) -> Self {
        let (orders, disturbed) = Default::default();
        Self { file: None, seed, cash, orders, disturbed, executions: 0 }
    }

    /// The venue of this file, which is made where it is missing. `name` says for whose trades.
    pub(crate) fn open(path: &Path, name: &str, seed: u64, cash: Money) -> Outcome<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // A line is there once its end is: half of one is what the death of the bot interrupted.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        let mut venue = Self::in_memory(seed, cash);
        let first = format!("paper venue for {name}, seed {seed}, cash {}", venue.cash);
        match text[..whole].split_once('\n') {
            None => {
                file.write_all(format!("{first}\n").as_bytes())?;
                file.sync_all()?;
            }
            Some((found, lines)) if found == first => {
                for line in lines.lines() {
                    venue
                        .take(line)
                        .map_err(|error| format!("{}: {line}: {error}", path.display()))?;
                }
            }
            Some((found, _)) => {
                return Err(format!("{} is of a {found}, not of a {first}", path.display()).into());
            }
        }
        venue.file = Some(file);
        Ok(venue)
    }

    /// Sends an order under the sender's id for it. The same id again is the same order.
    pub(crate) fn place(&mut self, id: &str, order: &Order) -> Outcome<Answer> {
        point("with an order on its way to the venue");
        if let Some(known) = self.orders.get(id) {
            return Ok(match &known.state {
                State::Rejected(why) => Answer::Rejected(why.clone()),
                State::Working | State::Done => Answer::Accepted,
            });
        }
        let is_first = !self.disturbed.contains(&order.trade);
        let (line, answer) = match self.luck(&order.trade, 0).u8(..100) {
            0..5 if is_first => (format!("lost\t{}", order.trade), Answer::TimedOut),
            5..10 if is_first => (format!("busy\t{}", order.trade), Answer::Busy),
            10..14 => {
                let why = "the price has moved away";
                (format!("rejected\t{id}\t{order}\t{why}"), Answer::Rejected(why.to_owned()))
            }
            14..20 => (format!("order\t{id}\t{order}"), Answer::TimedOut),
            _ => (format!("order\t{id}\t{order}"), Answer::Accepted),
        };
        self.log(&line)?;
        point("with the venue's answer on its way back");
        Ok(answer)
    }

    /// What became of the order with this id. An order at work gets on by one execution meanwhile.
    pub(crate) fn look(&mut self, id: &str) -> Outcome<Option<Report>> {
        point("before a question to the venue");
        if let Some(report) = self.orders.get(id)
            && report.state == State::Working
        {
            let line = self.work(id, report)?;
            self.log(&line)?;
            point("inside the venue, between an execution and the news of it");
        }
        Ok(self.orders.get(id).cloned())
    }

    /// All orders that were filled at least in part.
    pub(crate) fn filled(&self) -> impl Iterator<Item = &Report> {
        self.orders.values().filter(|report| !report.executions.is_empty())
    }

    /// Every order that it ever took or rejected, under the sender's id for it.
    pub(crate) fn orders(&self) -> impl ExactSizeIterator<Item = (&String, &Report)> {
        self.orders.iter()
    }

    /// The cash it has for us.
    pub(crate) fn cash(&self) -> &Money {
        &self.cash
    }

    /// What happens next to a working order: an execution, or its end without one.
    fn work(&self, id: &str, report: &Report) -> Outcome<String> {
        let Report { order, executions, .. } = report;
        let mut luck = self.luck(&order.trade, 1);
        let (parts, is_cut_short) = (luck.usize(1..=4), luck.u8(..10) == 0);
        let number = executions.len();
        let mut luck = self.luck(&order.trade, 2 + number as u64);
        let filled: i128 = executions.iter().map(|one| one.quantity.amount().units()).sum();
        let left = order.quantity.amount().units() - filled;
        let is_last = number + 1 >= parts || left == 1;
        let units = if is_last { left } else { luck.i128(1..left) };
        let quantity = Money::new(order.quantity.asset().clone(), Amount::from_units(units));
        let (gross, fee) = self.terms(order, &quantity, &mut luck)?;

        let mut cost = gross.clone();
        if fee.asset() == gross.asset() {
            cost = cost.checked_add(&fee)?;
        }
        let is_short = order.side == Side::Buy && cost.amount() > self.cash.amount();
        let is_cut = is_short || (is_last && is_cut_short);
        match (is_cut, number) {
            (true, 0) => Ok(format!("rejected\t{id}\t{order}\tnobody took the other side")),
            (true, _) => Ok(format!("cut short\t{id}")),
            (false, _) => {
                let state = if is_last { "done" } else { "working" };
                let fee_in = if fee.asset() == gross.asset() { "dollars" } else { "units" };
                let execution = self.executions + 1;
                Ok(format!(
                    "fill\t{id}\t{state}\tX{execution}\t{quantity}\t{gross}\t{fee}\t{fee_in}"
                ))
            }
        }
    }

    /// The gross amount, at a price that slipped, and the fee.
    fn terms(&self, order: &Order, quantity: &Money, luck: &mut Rng) -> Outcome<(Money, Money)> {
        // By a third of a percent for or against us, and now and then by much more against us.
        let slipped = match luck.u8(..50) {
            0 => luck.i128(100..300),
            _ => luck.i128(-30..30),
        };
        let slipped = if order.side == Side::Buy { slipped } else { -slipped };
        let factor = 10_000_u128.saturating_add_signed(slipped);
        let price = Price::from_units(order.price.units() / 10_000 * factor);
        let dollars = dollars();
        let units = quantity.amount();
        let gross = price.times(units, UNIT_SCALE, dollars.scale(), Rounding::HalfEven)?;
        // A fiftieth of a percent, sometimes in kind.
        let in_kind = order.side == Side::Buy && luck.u8(..4) == 0;
        let (asset, of) =
            if in_kind { (quantity.asset().clone(), units) } else { (dollars.clone(), gross) };
        let fee = Amount::from_units(of.units() / 5_000);
        Ok((Money::new(dollars, gross), Money::new(asset, fee)))
    }

    fn luck(&self, trade: &str, step: u64) -> Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, trade, step).hash(&mut hasher);
        Rng::with_seed(hasher.finish())
    }

    /// Writes down what happened, and only then lets it have happened.
    fn log(&mut self, line: &str) -> Outcome<()> {
        if let Some(file) = &mut self.file {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_data()?;
        }
        self.take(line)
    }

    /// Takes in a line, when it is written and when it is read again.
    fn take(&mut self, line: &str) -> Outcome<()> {
        let broken = || format!("no line of a venue: {line:?}");
        let (what, rest) = line.split_once('\t').ok_or_else(broken)?;
        if matches!(what, "lost" | "busy") {
            self.disturbed.insert(rest.to_owned());
            return Ok(());
        }
        let (id, rest) = rest.split_once('\t').unwrap_or((rest, ""));
        if what == "order" {
            let (state, executions) = (State::Working, Vec::new());
            let report = Report { order: rest.parse()?, state, executions };
            self.orders.insert(id.to_owned(), report);
            return Ok(());
        }
        if what == "rejected" {
            let (order, why) = rest.rsplit_once('\t').ok_or_else(broken)?;
            let (state, executions) = (State::Rejected(why.to_owned()), Vec::new());
            let report = Report { order: order.parse()?, state, executions };
            self.orders.insert(id.to_owned(), report);
            return Ok(());
        }
        let report = self.orders.get_mut(id).ok_or_else(broken)?;
        if what == "cut short" {
            report.state = State::Done;
            return Ok(());
        }
        let fields: Vec<_> = rest.split('\t').collect();
        let ["working" | "done", execution, quantity, gross, fee, fee_in] = fields[..] else {
            return Err(broken().into());
        };
        let (asset, dollars) = (report.order.quantity.asset(), dollars());
        let gross = Money::parse(&dollars, gross)?;
        let quantity = Money::parse(asset, quantity)?;
        let fee = Money::parse(if fee_in == "units" { asset } else { &dollars }, fee)?;
        let cash = match report.order.side {
            Side::Buy => self.cash.checked_sub(&gross)?,
            Side::Sell => self.cash.checked_add(&gross)?,
        };
        self.cash = if fee.asset() == &dollars { cash.checked_sub(&fee)? } else { cash };
        if fields[0] == "done" {
            report.state = State::Done;
        }
        report.executions.push(Execution { id: execution.to_owned(), quantity, gross, fee });
        self.executions += 1;
        Ok(())
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, quantity, price, trade } = self;
        let asset = quantity.asset();
        write!(f, "{side}\t{}\t{}\t{quantity}\t{price}\t{trade}", asset.chain(), asset.id())
    }
}

impl FromStr for Order {
    type Err = Box<dyn Error>;

    fn from_str(text: &str) -> Outcome<Self> {
        let fields: Vec<_> = text.split('\t').collect();
        let [side, chain, id, quantity, price, trade] = fields[..] else {
            return Err(format!("{text:?} is no order").into());
        };
        let asset = Asset::new(chain, id, UNIT_SCALE)?;
        let quantity = Money::parse(&asset, quantity)?;
        Ok(Self { side: side.parse()?, quantity, price: price.parse()?, trade: trade.to_owned() })
    }
}
