//! Stores that are filled once and copied for every run that begins with a full one.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engines::{BATCH_ROWS, Engine, Name, Purpose};
use crate::run::{Figures, Job, Work};
use crate::syncs::Length;
use crate::world::{Feed, WARM_UP_THREAD, WARM_UPS, World, transfer};
use crate::{Outcome, list};

const ROWS_PER_COMMIT: usize = 5_000;

/// What a store has before a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contents {
    Nothing,
    /// So many tokens, each with its texts and one price.
    Tokens(usize),
    Accounts,
    /// A list of tokens, by its first session.
    List(PathBuf),
}

impl Contents {
    fn name(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Tokens(count) => format!("{count}-tokens"),
            Self::Accounts => "accounts".to_owned(),
            Self::List(_) => "list".to_owned(),
        }
    }
}

/// Fills the store, closes it and says nothing.
pub fn run(job: &Job, contents: &Contents) -> Outcome<Figures> {
    let engine = job.engine.open(&job.dir, job.purpose)?;
    fill(&*engine, contents)?;
    engine.close()?;
    Ok(Figures::new())
}

pub fn fill(engine: &dyn Engine, contents: &Contents) -> Outcome<()> {
    match contents {
        Contents::Nothing => Ok(()),
        Contents::Tokens(count) => fill_tokens(engine, World::new(*count)?),
        Contents::Accounts => engine.session()?.open_accounts(),
        Contents::List(list) => engine.sync(0, &mut list::rows(list, 0)?).map(drop),
    }
}

pub fn fill_tokens(engine: &dyn Engine, world: &'static World) -> Outcome<()> {
    let mut session = engine.session()?;
    let all: Vec<usize> = (0..world.tokens.len()).collect();
    all.chunks(ROWS_PER_COMMIT).try_for_each(|some| {
        let changes: Vec<_> = some.iter().map(|token| world.preloaded(*token)).collect();
        session.upsert(&changes)
    })
}

/// Commits that are not measured: the first ones make files and memory ready, the others the hot tokens.
pub fn warm_up(engine: &dyn Engine, feed: Feed) -> Outcome<()> {
    let mut session = engine.session()?;
    (0..WARM_UPS).try_for_each(|number| session.upsert(&[feed.warm_up(number)]))?;
    let hot: Vec<_> = (WARM_UPS..feed.warm_ups()).map(|number| feed.warm_up(number)).collect();
    hot.chunks(BATCH_ROWS).try_for_each(|some| session.upsert(some))
}

/// The same by transfers.
pub fn warm_up_accounts(engine: &dyn Engine) -> Outcome<()> {
    let mut session = engine.session()?;
    (0..WARM_UPS).try_for_each(|number| session.transfer(&[transfer(WARM_UP_THREAD, number)]))
}

/// Makes `dir` a fresh copy of a store with these contents, which is made the first time it is asked for.
pub fn copy(all: &Path, engine: Name, contents: &Contents, dir: &Path) -> Outcome<()> {
    remove(dir)?;
    if *contents == Contents::Nothing || engine == Name::Memory {
        return Ok(fs::create_dir_all(dir)?);
    }
    copy_tree(&prepared(all, engine, contents)?, dir)?;
    // What is not written yet is not to be written while something is measured.
    // SAFETY: it has no arguments and touches nothing of this process.
    unsafe { libc::sync() };
    Ok(())
}

/// The store with these contents, made now if it is not there.
pub fn prepared(all: &Path, engine: Name, contents: &Contents) -> Outcome<PathBuf> {
    let (engine, whole) = (engine.stored_by(), place(all, engine, contents));
    if !whole.exists() {
        let dir = whole.with_extension("part");
        remove(&dir)?;
        let purpose = Purpose { durable: true, transfers: *contents == Contents::Accounts };
        let (sync, work) = (Length::Micros(0), Work::Prepare(contents.clone()));
        let job = Job { engine, purpose, dir: dir.clone(), sync, tokens: 0, work };
        if let Err(error) = job.run_apart() {
            remove(&dir)?;
            return Err(error);
        }
        fs::rename(dir, &whole)?;
    }
    Ok(whole)
}

fn place(all: &Path, engine: Name, contents: &Contents) -> PathBuf {
    all.join("prepared").join(format!("{}-{}", engine.stored_by(), contents.name()))
}

/// Removes the store with these contents: it is not copied any more.
pub fn forget(all: &Path, engine: Name, contents: &Contents) -> Outcome<()> {
    remove(&place(all, engine, contents))
}

pub fn remove(dir: &Path) -> Outcome<()> {
    if dir.exists() { Ok(fs::remove_dir_all(dir)?) } else { Ok(()) }
}

fn copy_tree(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
