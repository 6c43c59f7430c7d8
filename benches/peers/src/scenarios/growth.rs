//! Upserts in batches of a thousand, uniform over more and more tokens.

use crate::engines::Name;
use crate::prepare::Contents;
use crate::run::Work;
use crate::scenarios::upsert::Size;
use crate::table::{Better, Case};
use crate::Settings;

const ENGINES: &[Name] = &[
    Name::Nothing,
    Name::Highwater,
    Name::HighwaterLarge,
    Name::SqliteFull,
    Name::Redb,
    Name::Lmdb,
    Name::Fjall,
    Name::Rocksdb,
];

pub fn cases(settings: &Settings) -> Vec<Case> {
    let sizes: &[usize] =
        if settings.large { &[10_000, 100_000, 1_000_000, 5_000_000] } else { &[10_000, 100_000, 1_000_000] };
    let case = |tokens: &usize| {
        let size = Size { threads: 1, commits: settings.scaled(200), batch: 1_000 };
        let job = |engine: &Name| settings.job(*engine, true, *tokens, Work::Upsert(size));
        Case {
            name: format!("growth tokens={tokens}"),
            primary: "cpu_us",
            better: Better::Less,
            columns: &[
                "cpu_us", "net", "per_s", "bytes", "p50_us", "p99_us", "peak_mib", "disk_mib",
            ],
            contents: Contents::Tokens(*tokens),
            jobs: ENGINES.iter().map(job).collect(),
        }
    };
    sizes.iter().map(case).collect()
}
