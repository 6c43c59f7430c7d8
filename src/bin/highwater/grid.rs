//! A table that fits the terminal: one line to a row, the least important columns left out first.
//!
//! Without a terminal nothing is left out. What is left out stands in JSON.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Table};

use crate::print::{table, visible};

/// What a narrow terminal shows of a long cell.
const HEAD_CHARS: usize = 8;
const TAIL_CHARS: usize = 6;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    alignment: CellAlignment,
    /// Columns with a higher rank are left out sooner; 0 always stays.
    rank: u8,
}

impl Column {
    /// A column of words.
    pub(crate) const fn text(name: &'static str, rank: u8) -> Self {
        Self { name, alignment: CellAlignment::Left, rank }
    }

    /// A column of numbers.
    pub(crate) const fn number(name: &'static str, rank: u8) -> Self {
        Self { name, alignment: CellAlignment::Right, rank }
    }
}

/// The rows of a table so far.
pub(crate) struct Grid {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row with a cell for each column. Nothing in it steers the terminal.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell)).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints the table, or nothing where it has no rows.
    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", self.arranged(Table::new().width()))
    }

    /// The fullest layout that fits a terminal of this width.
    fn arranged(&self, terminal_width: Option<u16>) -> String {
        let full = self.laid_out(u8::MAX, whole);
        let Some(terminal_width) = terminal_width else {
            return full;
        };
        // The line below the header is as wide as the table and has one character to a column.
        let fits = |text: &String| {
            let line = text.lines().nth(1).unwrap_or_default();
            line.chars().count() <= usize::from(terminal_width)
        };
        let highest = self.columns.iter().map(|column| column.rank).max().unwrap_or(0);
        let mut layouts = std::iter::once(full)
            .chain((0..highest).rev().map(|rank| self.laid_out(rank, whole)))
            .chain(std::iter::once_with(|| self.laid_out(0, cut)));
        layouts.find(fits).unwrap_or_else(|| self.laid_out(0, cut))
    }

    /// The columns up to `rank`, each cell as `shown` has it.
    fn laid_out(&self, rank: u8, shown: fn(&str) -> String) -> String {
        let kept = |cells: Vec<Cell>| -> Vec<Cell> {
            let cells = cells.into_iter().zip(self.columns);
            cells.filter(|(_, column)| column.rank <= rank).map(|(cell, _)| cell).collect()
        };
        let header = self.columns.iter().map(|column| Cell::new(column.name)).collect();
        let mut table = table(kept(header));
        for row in &self.rows {
            let cells = row.iter().zip(self.columns);
            let cells =
                cells.map(|(text, column)| Cell::new(shown(text)).set_alignment(column.alignment));
            table.add_row(kept(cells.collect()));
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        table.trim_fmt()
    }
}

fn whole(text: &str) -> String {
    text.to_owned()
}

/// The two ends of a long text.
fn cut(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= HEAD_CHARS + TAIL_CHARS + 2 {
        return text.to_owned();
    }
    let head: String = letters[..HEAD_CHARS].iter().collect();
    let tail: String = letters[letters.len() - TAIL_CHARS..].iter().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column::number("id", 0), Column::text("key", 0), Column::text("begun at", 2)];

    fn grid() -> Grid {
        let mut grid = Grid::new(COLUMNS);
        grid.row(["7".to_owned(), "k".repeat(30), "2024-01-01T00:00:00Z".to_owned()]);
        grid.row(["12".to_owned(), "狗\u{1b}[2J".to_owned(), "-".to_owned()]);
        grid
    }

    /// On a narrow terminal a row stays one line: columns go by their rank, then long cells are cut.
    #[test]
    fn a_narrow_table_leaves_columns_out_and_never_breaks_a_row() {
        let grid = grid();
        let width = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
        let full = grid.arranged(None);
        assert!(full.contains("2024-01-01") && full.contains(&"k".repeat(30)), "{full}");
        let narrower = grid.arranged(u16::try_from(width(&full) - 3).ok());
        assert!(!narrower.contains("2024") && narrower.contains(&"k".repeat(30)), "{narrower}");
        let narrow = grid.arranged(Some(24));
        assert!(narrow.contains("kkkkkkkk…kkkkkk") && width(&narrow) <= 24, "{narrow}");
        for text in [full, narrower, narrow] {
            assert_eq!(text.lines().count(), 4, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }
}
