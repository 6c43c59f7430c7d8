use clap::ValueEnum;

use super::{DISK, DURABLE, GROWTH_1M, GROWTH_10K, OURS, ROWS, Reach, Results, WRITTEN_HOT, table};
use crate::engines::Name;
use crate::run::Run;
use crate::settings::Settings;
use crate::syncs::Length;
use crate::table::Better;

const SYNC: Length = Length::Micros(150);

fn run(case: &str, engine: Name, round: usize, figures: &[(&str, f64)]) -> Run {
    let figures = figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect();
    Run { case: case.to_owned(), engine, round, sync: SYNC, figures, error: None }
}

/// The line of the table with this text in its first column.
fn line(runs: Vec<Run>, work: &str) -> String {
    let table = table(&Results::of(runs));
    let found = table.lines().find(|line| line.starts_with(&format!("| {work}")));
    found.unwrap_or_else(|| panic!("no row {work}")).to_owned()
}

#[test]
fn a_goal_is_reached_at_the_very_figure_and_not_beyond_it() {
    let cases = [
        (Reach::AtMost(2.5), 2.5, "yes"),
        (Reach::AtMost(2.5), 2.501, "no: 1.000 times the goal"),
        (Reach::AtMost(2.5), 5.0, "no: 2.000 times the goal"),
        (Reach::AtLeast(0.98), 0.98, "yes"),
        (Reach::AtLeast(0.98), 0.9799, "no: 1.000 times the goal"),
        (Reach::AtLeast(0.98), 0.49, "no: 0.500 times the goal"),
        (Reach::AtMostBeyondSync(10_000.0), 10_150.0, "yes"),
        (Reach::AtMostBeyondSync(10_000.0), 20_300.0, "no: 2.000 times the goal"),
        (Reach::Shown(Better::Less), 7.0, "-"),
    ];
    for (reach, figure, verdict) in cases {
        assert_eq!(reach.verdict(figure, SYNC), verdict, "{reach:?} at {figure}");
    }
    let real = Reach::AtMostBeyondSync(10_000.0).verdict(1.0, Length::Real);
    assert_eq!(real, "not measured: a sync has no length");
}

/// A figure and its spread, history beside it, peers best first, and one that failed.
#[test]
fn a_row_has_the_median_the_spread_and_the_peers_in_their_order() {
    let cpu = |engine, round, figure| run(WRITTEN_HOT, engine, round, &[("cpu_us", figure)]);
    let mut lost = cpu(Name::Lmdb, 0, 0.0);
    (lost.figures, lost.error) = (Default::default(), Some("exit status: 1".to_owned()));
    let runs = vec![
        cpu(Name::Highwater, 0, 3.0),
        cpu(Name::Highwater, 1, 9.0),
        cpu(Name::Highwater, 2, 5.0),
        cpu(Name::HighwaterHistory, 0, 60.0),
        cpu(Name::Redb, 0, 10.0),
        cpu(Name::Fjall, 0, 6.0),
        cpu(Name::Floor, 0, 1.5),
        cpu(Name::Memory, 0, 0.1),
        lost,
    ];
    assert_eq!(
        line(runs, "`Written` upsert"),
        "| `Written` upsert, 1 thread, 10,000 hot tokens, CPU us | <= 2.5 us | 5.00 (3.00..9.00) | \
         60.00 (60.00..60.00) | - | fjall 6.00, redb 10.00, lmdb failed | 1.50 (1.50..1.50) | \
         no: 2.000 times the goal |"
    );
}

/// Where the machine is slow in one round, both are: the median of the ratios is not the ratio of the medians.
#[test]
fn ratios_are_taken_within_a_round() {
    let per_s = |engine, round, figure| run(DURABLE, engine, round, &[("per_s", figure)]);
    let runs = vec![
        per_s(Name::Highwater, 0, 1_000.0),
        per_s(Name::Highwater, 1, 500.0),
        per_s(Name::Highwater, 2, 10.0),
        per_s(Name::Floor, 0, 1_000.0),
        per_s(Name::Floor, 1, 500.0),
        per_s(Name::Floor, 2, 1_000.0),
        // Without a floor in its round, no ratio.
        per_s(Name::Highwater, 3, 700.0),
    ];
    let row = line(runs, "durable upsert, 1 thread, upserts/s, share of the floor");
    assert!(row.contains("| 1.00 (0.01..1.00) = 600.0 (10.00..1000) |"), "{row}");
    assert!(row.ends_with("| yes |"), "{row}");
}

#[test]
fn the_best_b_tree_counts_and_all_of_them_have_to_be_there() {
    let cpu = |engine, figure| run(GROWTH_1M, engine, 0, &[("cpu_us", figure)]);
    let mut runs = vec![
        cpu(Name::Highwater, 8.0),
        cpu(Name::Redb, 14.0),
        cpu(Name::SqliteFull, 12.0),
        run(GROWTH_10K, Name::Highwater, 0, &[("cpu_us", 4.0)]),
    ];
    let row = "the same, 1,000,000 tokens";
    assert!(line(runs.clone(), row).ends_with("| not measured: no lmdb |"));
    runs.push(cpu(Name::Lmdb, 4.0));
    assert!(line(runs.clone(), row).ends_with("| no: 2.000 times the goal |"));
    let factor = line(runs, "the same, factor from 10,000 tokens to 1,000,000");
    assert!(factor.contains("| 2.00 (2.00..2.00) = 8.00 (8.00..8.00) |"), "{factor}");
}

#[test]
fn the_later_of_two_runs_counts() {
    let bytes = |figure| run(DISK, Name::Highwater, 0, &[("disk_bytes", figure)]);
    let row = line(vec![bytes(9_000.0), bytes(4_100.0)], "durable upsert, 1 thread, on a disk");
    assert!(row.contains("| 4100 (4100..4100) |") && row.ends_with("| yes |"), "{row}");
}

#[test]
fn without_results_every_row_says_so() {
    let table = table(&Results::of(Vec::new()));
    assert_eq!(table.matches("| not measured |").count(), ROWS.len());
}

/// A row of which the case is spelt otherwise would say "not measured" for ever.
#[test]
fn all_measures_everything_that_a_goal_needs() {
    let settings = Settings::of("--large --disk on-a-disk");
    let cases = crate::all(&settings).unwrap();
    for row in ROWS {
        let case = cases.iter().find(|case| case.name == row.case);
        let case = case.unwrap_or_else(|| panic!("nothing measures {}", row.case));
        assert!(case.columns.contains(&row.figure), "{}: {}", row.case, row.figure);
        assert!(case.jobs.iter().any(|job| job.engine == Name::Highwater), "{}", row.case);
    }
    let all: Vec<Name> = cases.iter().flat_map(|case| &case.jobs).map(|job| job.engine).collect();
    assert!(Name::value_variants().iter().all(|engine| all.contains(engine)));
    // History stands beside it, but where there are no prices and where it would not fit.
    let without: Vec<&str> = cases
        .iter()
        .filter(|case| !case.jobs.iter().any(|job| job.engine == OURS[1]))
        .map(|case| &*case.name)
        .collect();
    assert!(
        without.iter().all(|case| case.starts_with("transfer")
            || case.contains("5,000,000")
            || case.ends_with("5000000")),
        "{without:?}"
    );
}
