//! `highwater tokens`: what a store knows of its tokens, read without writing a byte.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use highwater::ReadOnly;
use highwater::tokens::{Error, Token, TokenKey, Tokens};
use serde::Serialize;

use crate::discovery;
use crate::failure::Failure;
use crate::listing::{TokenLine, TokenPrinter, all_facts};
use crate::missing;
use crate::print::{Form, facts, json_line, note, visible};
use crate::store_argument::StateArgument;
use crate::time::rfc3339;

/// How many tokens a table lists where no limit is given; JSON lines have none.
pub(crate) const TABLE_LIMIT: u64 = 1_000;

/// How many candidates an ambiguous name lists.
const CANDIDATES_SHOWN: usize = 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List tokens by chain and address
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Show all that is known of one token
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// List the greatest rises that the history has
    #[command(after_help = discovery::PUMPS_EXAMPLES)]
    Pumps(discovery::Pumps),
    /// List the greatest falls that the history has
    #[command(after_help = discovery::DRAWDOWNS_EXAMPLES)]
    Drawdowns(discovery::Drawdowns),
    /// Check that no token's latest price is above its highest one
    Integrity(discovery::Integrity),
    /// List tokens that a source named once and names no more, as its imports found
    #[command(after_help = STALE_EXAMPLES)]
    Stale(Stale),
    /// List tokens and claimed events whose price a bot could not find yet
    #[command(after_help = missing::EXAMPLES)]
    Missing(missing::Arguments),
}

const LIST_EXAMPLES: &str = "\
Examples:
  highwater tokens list --store /tmp/demo
  highwater tokens list --store /tmp/demo --chain ethereum --prefix 0xab --limit 20
  highwater tokens list --store /tmp/demo --json | jq -r '.symbol + \" \" + .max'

On a terminal too narrow for all of it, the table leaves out the times and then the middles of \
long addresses; piped, it is always whole.";

const SHOW_EXAMPLES: &str = "\
Examples:
  highwater tokens show ethereum 0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2 --store /tmp/demo
  highwater tokens show binance-spot/BTCUSDT --store /tmp/demo
  highwater tokens show BTCUSDT --store /tmp/demo --json
  highwater tokens show BTCUSDT --store /tmp/demo --at 4711";

const STALE_EXAMPLES: &str = "\
Examples:
  highwater tokens stale dexscreener --store /tmp/demo
  highwater tokens stale dexscreener --store /tmp/demo --json | jq -r .address";

#[derive(Args, Debug)]
pub(crate) struct Stale {
    /// Name of the source, as `import` was told it
    #[arg(value_name = "SOURCE")]
    source: String,
    #[command(flatten)]
    state: StateArgument,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    state: StateArgument,
    /// Only tokens of this chain
    #[arg(long)]
    chain: Option<String>,
    /// Only addresses that begin so (EVM addresses in any case)
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// At most so many; 0 is all [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// CHAIN ADDRESS, CHAIN/ADDRESS, or an address or symbol that only one token has
    #[arg(value_name = "TOKEN", num_args = 1..=2, required = true)]
    token: Vec<String>,
    #[command(flatten)]
    state: StateArgument,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(arguments, out),
        Command::Show(arguments) => show(arguments, out),
        Command::Pumps(arguments) => discovery::pumps(arguments, out),
        Command::Drawdowns(arguments) => discovery::drawdowns(arguments, out),
        Command::Integrity(arguments) => discovery::integrity(arguments, out),
        Command::Stale(arguments) => stale(arguments, out),
        Command::Missing(arguments) => missing::run(arguments, out),
    }
}

fn list(arguments: &List, out: &mut impl Write) -> Result<(), Failure> {
    let form = Form::from_flag(arguments.json);
    let limit = match (arguments.limit, form) {
        (Some(0), _) | (None, Form::Json) => u64::MAX,
        (Some(limit), _) => limit,
        (None, Form::Table) => TABLE_LIMIT,
    };
    let reading = Reading::open(&arguments.state)?;
    let mut printer = TokenPrinter::new(form);
    let mut listed = 0;
    for token in reading.matching(arguments.chain.as_deref(), &arguments.prefix) {
        if listed == limit {
            note(&format!("{limit} listed, and more match: --limit 0 lists them all"));
            break;
        }
        let token = &reading.checked(token)?;
        printer.token(out, &TokenLine { token, ticks: None })?;
        listed += 1;
    }
    printer.finish(out)?;
    if listed == 0 && form == Form::Table {
        note("no tokens match");
    }
    Ok(())
}

fn show(arguments: &Show, out: &mut impl Write) -> Result<(), Failure> {
    let reading = Reading::open(&arguments.state)?;
    let token = reading.named(&arguments.token)?;
    match Form::from_flag(arguments.json) {
        Form::Json => json_line(out, &TokenLine { token: &token, ticks: None })?,
        Form::Table => facts(out, &all_facts(&token))?,
    }
    Ok(())
}

/// A line about a token that its source names no more.
#[derive(Serialize)]
struct StaleLine<'a> {
    kind: &'static str,
    chain: &'a str,
    address: &'a str,
    stale_since: String,
}

fn stale(arguments: &Stale, out: &mut impl Write) -> Result<(), Failure> {
    let reading = Reading::open(&arguments.state)?;
    let (tokens, form) = (reading.store.tokens(), Form::from_flag(arguments.json));
    if reading.checked(tokens.source(&arguments.source))?.is_none() {
        return Err(Failure::NoSource { asked: arguments.source.clone() });
    }
    for token in tokens.stale(&arguments.source) {
        let token = reading.checked(token)?;
        let (chain, address) = (token.key.chain(), token.key.address());
        let stale_since = rfc3339(token.since);
        match form {
            Form::Json => {
                json_line(out, &StaleLine { kind: "stale", chain, address, stale_since })?
            }
            Form::Table => {
                writeln!(out, "{stale_since}  {}  {}", visible(chain), visible(address))?;
            }
        }
    }
    Ok(())
}

/// A store opened for reading, and one consistent state of it.
pub(crate) struct Reading<'a> {
    directory: &'a Path,
    store: ReadOnly,
}

impl<'a> Reading<'a> {
    pub(crate) fn open(state: &'a StateArgument) -> Result<Self, Failure> {
        let (directory, store) = state.open()?;
        Ok(Self { directory, store })
    }

    pub(crate) fn tokens(&self) -> Tokens<'_> {
        self.store.tokens()
    }

    /// The token that the words of an argument name.
    pub(crate) fn named(&self, words: &[String]) -> Result<Token, Failure> {
        match words {
            [chain, address] => self
                .get(chain, address)?
                .ok_or_else(|| Failure::NoToken { asked: format!("{chain} {address}") }),
            named => self.find(&named.concat()),
        }
    }

    pub(crate) fn store(&self) -> &ReadOnly {
        &self.store
    }

    pub(crate) fn checked<T>(&self, read: Result<T, Error>) -> Result<T, Failure> {
        self.checked_by_store(read.map_err(highwater::Error::from))
    }

    /// As `checked`, of what the store itself answers.
    pub(crate) fn checked_by_store<T>(
        &self,
        read: Result<T, highwater::Error>,
    ) -> Result<T, Failure> {
        read.map_err(Failure::of_store(self.directory))
    }

    /// The token of this key; a key that no token could have has none.
    fn get(&self, chain: &str, address: &str) -> Result<Option<Token>, Failure> {
        match TokenKey::new(chain, address) {
            Ok(key) => self.checked(self.store.tokens().get(&key)),
            Err(_) => Ok(None),
        }
    }

    /// The tokens of a chain, or of all, whose address begins with `prefix`.
    fn matching<'s>(
        &'s self,
        chain: Option<&'s str>,
        prefix: &'s str,
    ) -> Box<dyn Iterator<Item = Result<Token, Error>> + 's> {
        let tokens = self.store.tokens();
        if let Some(chain) = chain {
            return Box::new(tokens.prefix(chain, prefix));
        }
        // EVM addresses are kept in lower case; any other is kept as it was given.
        let folded = prefix.to_ascii_lowercase();
        Box::new(tokens.iter().filter(move |token| match token {
            Ok(Token { key, .. }) => {
                let address = key.address();
                address.starts_with(prefix) || (key.is_evm() && address.starts_with(&folded))
            }
            Err(_) => true,
        }))
    }

    /// The one token that `asked` names: as CHAIN/ADDRESS, or by an address or symbol of its own.
    fn find(&self, asked: &str) -> Result<Token, Failure> {
        if let Some((chain, address)) = asked.split_once('/')
            && let Some(token) = self.get(chain, address)?
        {
            return Ok(token);
        }
        // The chain does not matter: this is for the canonical form of the address.
        let canonical = TokenKey::new("any", asked).ok();
        let address = canonical.as_ref().map_or(asked, TokenKey::address);
        let mut found: Option<Token> = None;
        let (mut count, mut candidates) = (0, Vec::new());
        for token in self.store.tokens().iter() {
            let token = self.checked(token)?;
            let symbol = token.symbol.as_ref().map(|symbol| &*symbol.value);
            if token.key.address() == address || symbol == Some(asked) {
                count += 1;
                if candidates.len() < CANDIDATES_SHOWN {
                    let key = &token.key;
                    candidates.push(visible(&format!("{} {}", key.chain(), key.address())));
                }
                found.get_or_insert(token);
            }
        }
        match found {
            Some(token) if count == 1 => Ok(token),
            Some(_) => {
                if count > candidates.len() as u64 {
                    candidates.push("...".to_owned());
                }
                let candidates = candidates.join(", ");
                Err(Failure::Ambiguous { asked: asked.to_owned(), count, candidates })
            }
            None => Err(Failure::NoToken { asked: asked.to_owned() }),
        }
    }
}
