//! The two drawings of the results: throughput by threads, and cost by size. Medians over the rounds.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::prelude::*;

use crate::Outcome;
use crate::engines::Name;
use crate::run::{Run, read_results};
use crate::spread::Spread;

/// Each engine's points.
type Lines = BTreeMap<Name, BTreeMap<u64, f64>>;

struct Drawing {
    file: &'static str,
    title: &'static str,
    across: &'static str,
    up: &'static str,
    /// What the name of a case has before and behind the number that goes across.
    case: (&'static str, &'static str),
    figure: &'static str,
}

const DRAWINGS: [Drawing; 2] = [
    Drawing {
        file: "performance-threads.svg",
        title: "Durable upserts per second",
        across: "threads",
        up: "upserts/s",
        case: ("upsert durable threads=", " batch=1"),
        figure: "per_s",
    },
    Drawing {
        file: "performance-growth.svg",
        title: "Processor time per upsert, 1,000 to a durable commit",
        across: "tokens in the store",
        up: "us",
        case: ("growth tokens=", ""),
        figure: "cpu_us",
    },
];

pub fn draw(results: &Path, dir: &Path) -> Outcome<()> {
    let runs = read_results(results)?;
    for drawing in &DRAWINGS {
        let lines = drawing.lines(&runs);
        if lines.is_empty() {
            println!("no results for {}", drawing.file);
            continue;
        }
        let path = dir.join(drawing.file);
        drawing.draw(&path, &lines).map_err(|error| error.to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

impl Drawing {
    fn lines(&self, runs: &[Run]) -> Lines {
        let mut all: BTreeMap<(Name, u64), Vec<f64>> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.engine != Name::Nothing) {
            let number = run.case.strip_prefix(self.case.0);
            let number = number.and_then(|number| number.strip_suffix(self.case.1)?.parse().ok());
            if let (Some(number), Some(figure)) = (number, run.figures.get(self.figure)) {
                all.entry((run.engine, number)).or_default().push(*figure);
            }
        }
        let mut lines = Lines::new();
        for ((engine, number), figures) in all {
            let Some(spread) = Spread::of(figures) else { continue };
            lines.entry(engine).or_default().insert(number, spread.median);
        }
        lines.retain(|_, points| points.len() > 1);
        lines
    }

    fn draw(&self, path: &Path, lines: &Lines) -> Result<(), Box<dyn std::error::Error>> {
        let points = || lines.values().flatten();
        let numbers = points().map(|(number, _)| *number as f64);
        let (left, right) = numbers.fold((f64::MAX, 0.0), |(a, b), n| (n.min(a), n.max(b)));
        let figures = points().map(|(_, figure)| *figure);
        let (low, high) = figures.fold((f64::MAX, 0.0), |(a, b), n| (n.min(a), n.max(b)));

        let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 22))
            .margin(16)
            .margin_right(190) // for the names
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d((left..right).log_scale(), (low * 0.8..high * 1.25).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .light_line_style(WHITE)
            .draw()?;
        let mut ends = Vec::new();
        for (engine, points) in lines {
            let style = color(*engine).stroke_width(if engine.is_ours() { 4 } else { 2 });
            let points = points.iter().map(|(number, figure)| (*number as f64, *figure));
            let points: Vec<_> = points.collect();
            ends.extend(points.last().map(|end| (chart.backend_coord(end).1, *engine)));
            chart.draw_series(LineSeries::new(points, style).point_size(4))?;
        }
        // Each name stands at the end of its line, or below the one above it.
        ends.sort_unstable_by_key(|end| end.0);
        let mut free = 0;
        for (y, engine) in ends {
            let y = y.max(free);
            let font = ("sans-serif", 15).into_font().color(&color(engine));
            root.draw(&Text::new(engine.to_string(), (722, y - 8), font))?;
            free = y + 18;
        }
        root.present()?;
        Ok(())
    }
}

/// The same in every drawing; who is led is paler.
fn color(engine: Name) -> RGBColor {
    match engine {
        Name::Highwater => RGBColor(0, 90, 200),
        Name::HighwaterHistory => RGBColor(90, 160, 235),
        Name::HighwaterLarge => RGBColor(0, 50, 120),
        Name::SqliteFull | Name::SqliteNormal => RGBColor(140, 100, 60),
        Name::Redb => RGBColor(200, 30, 30),
        Name::RedbLed => RGBColor(230, 130, 130),
        Name::Lmdb => RGBColor(30, 140, 60),
        Name::LmdbLed => RGBColor(130, 200, 140),
        Name::Fjall => RGBColor(130, 50, 170),
        Name::FjallLed => RGBColor(190, 140, 215),
        Name::Rocksdb => RGBColor(220, 120, 0),
        Name::Nothing | Name::Floor | Name::Memory => RGBColor(110, 110, 110),
    }
}

/// 5,000,000 is 5M.
fn short(number: &f64) -> String {
    match *number {
        n if n >= 1e6 => format!("{}M", n / 1e6),
        n if n >= 1e3 => format!("{}k", n / 1e3),
        n => format!("{n}"),
    }
}
