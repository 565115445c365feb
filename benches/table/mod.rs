//! Rows of a table in `docs/performance.md`, written between two marks.

mod marks;

use std::path::Path;

use crate::bed::load::Figures;
use crate::bed::{Failed, say};

/// What was measured, against what, and what is to be reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
}

impl Row {
    /// A server under load.
    pub(crate) fn server(what: &str, shape: &str, figures: &Figures) -> Self {
        let cells = vec![
            what.to_owned(),
            shape.to_owned(),
            figures.connections.to_string(),
            format!("{:.0}", figures.cpu_us),
            format!("{:.0}", figures.per_second()),
            format!("{:.1} / {:.1}", figures.p50_us as f64 / 1e3, figures.p99_us as f64 / 1e3),
            format!("{:.1}", figures.anonymous_peak_kib as f64 / 1024.0),
            String::new(),
            String::new(),
        ];
        Self { cells }
    }

    /// Its ratio to a limit or peer, and the ratio to reach.
    pub(crate) fn ratio(mut self, to: &str, ratio: f64, reach: &str) -> Self {
        let at = self.cells.len().saturating_sub(2);
        self.cells.truncate(at);
        self.cells.push(format!("**{ratio:.2}** {to}"));
        self.cells.push(reach.to_owned());
        self
    }
}

/// All rows of a bench.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    missing: Vec<String>,
}

impl Table {
    pub(crate) fn push(&mut self, row: Row) {
        say(&row.cells.join(" | "));
        self.rows.push(row);
    }

    /// What could not be measured here.
    pub(crate) fn missing(&mut self, what: &str) {
        say(&format!("not measured, because it is not there: {what}"));
        self.missing.push(what.to_owned());
    }

    /// Puts the rows between the marks of that name, after the head that stands there.
    pub(crate) fn write(&self, path: &Path, name: &str) -> Result<(), Failed> {
        marks::write(path, name, |inside| {
            let lines = inside.lines();
            let head: Vec<&str> = lines.filter(|line| line.starts_with('|')).take(2).collect();
            let mut table = format!("{}\n", head.join("\n"));
            for row in &self.rows {
                table.push_str(&format!("| {} |\n", row.cells.join(" | ")));
            }
            if !self.missing.is_empty() {
                table.push_str(&format!("\nNot there in this run: {}.\n", self.missing.join(", ")));
            }
            table
        })
    }
}
