//! Upserts in batches of a thousand, uniform over more and more tokens.

use std::collections::BTreeMap;

use crate::Settings;
use crate::engines::Name;
use crate::prepare::Contents;
use crate::run::{Run, Work};
use crate::scenarios::upsert::Size;
use crate::spread::Spread;
use crate::table::{Better, Case};
use crate::world::LARGE;

const ENGINES: &[Name] = &[
    Name::Nothing,
    Name::Highwater,
    Name::HighwaterHistory,
    Name::HighwaterLarge,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

/// A history of more takes several times the room.
const MOST_WITH_HISTORY: usize = 1_000_000;

pub fn cases(settings: &Settings) -> Vec<Case> {
    let sizes: &[usize] = if settings.large {
        &[10_000, 100_000, 1_000_000, LARGE]
    } else {
        &[10_000, 100_000, 1_000_000]
    };
    let fits =
        |engine: Name, tokens| tokens <= MOST_WITH_HISTORY || engine != Name::HighwaterHistory;
    let case = |tokens: &usize| {
        let size = Size { threads: 1, commits: settings.scaled(200), batch: 1_000, hot: None };
        let job = |engine: &Name| settings.job(*engine, true, *tokens, Work::Upsert(size));
        Case {
            name: format!("growth tokens={tokens}"),
            primary: "cpu_us",
            better: Better::Less,
            columns: &[
                "cpu_us", "net", "per_s", "bytes", "p50_us", "p99_us", "peak_mib", "disk_mib",
            ],
            contents: Contents::Tokens(*tokens),
            large: *tokens == LARGE,
            jobs: ENGINES.iter().filter(|engine| fits(**engine, *tokens)).map(job).collect(),
        }
    };
    sizes.iter().map(case).collect()
}

/// How much more an upsert takes than with the fewest tokens.
pub fn print_factors(runs: &[Run]) {
    let mut by_engine: BTreeMap<Name, BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.engine != Name::Nothing) {
        let tokens = run.case.strip_prefix("growth tokens=").and_then(|count| count.parse().ok());
        if let (Some(tokens), Some(figure)) = (tokens, run.figures.get("cpu_us")) {
            let sizes = by_engine.entry(run.engine).or_default();
            sizes.entry(tokens).or_default().push(*figure);
        }
    }
    if by_engine.is_empty() {
        return;
    }
    println!("\ngrowth: CPU us per upsert by tokens, and the factor from the fewest");
    for (engine, sizes) in by_engine {
        print!("{engine:<18}");
        let mut fewest = None;
        for (tokens, figures) in sizes {
            let Some(Spread { median: figure, .. }) = Spread::of(figures) else { continue };
            let fewest = *fewest.get_or_insert(figure);
            print!("  {tokens}: {figure:.2} ({:.2})", figure / fewest);
        }
        println!();
    }
}
