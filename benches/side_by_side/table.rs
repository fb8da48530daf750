//! Values of several rounds, printed as Markdown tables.

use std::iter::once;

/// The value of each column, by row and round; NaN if there is none.
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Vec<f64>>)>,
}

impl Table {
    /// Creates an empty table. The first heading is that of the row names.
    pub fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds one round's values to the row `name`.
    pub fn add(&mut self, name: &str, values: Vec<f64>) {
        match self.rows.iter_mut().find(|(row, _)| row == name) {
            Some((_, rounds)) => rounds.push(values),
            None => self.rows.push((name.to_owned(), vec![values])),
        }
    }

    /// Prints the median of each value over the rounds.
    pub fn print(&self, title: &str) {
        let rows = self.rows.iter();
        self.print_rows(
            title,
            rows.map(|(name, rounds)| (name.as_str(), rounds.clone())),
        );
    }

    /// Prints the median over the rounds of each value's ratio to that of the first row.
    pub fn print_ratios(&self, title: &str) {
        let Some(((_, base), others)) = self.rows.split_first() else {
            return;
        };
        let ratio = |(value, base): (&f64, &f64)| value / base;
        let ratios = others.iter().map(|(name, rounds)| {
            let rounds = rounds.iter().zip(base);
            let rounds = rounds.map(|(row, base)| row.iter().zip(base).map(ratio).collect());
            (name.as_str(), rounds.collect())
        });
        self.print_rows(title, ratios);
    }

    fn print_rows<'a>(&self, title: &str, rows: impl Iterator<Item = (&'a str, Vec<Vec<f64>>)>) {
        let heading = self.columns.iter().map(ToString::to_string).collect();
        let rule = vec!["---".to_owned(); self.columns.len()];
        let rows = rows.map(|(name, rounds)| {
            let medians = (0..self.columns.len() - 1)
                .map(|index| shown(median(rounds.iter().map(|values| values[index]).collect())));
            once(name.to_owned()).chain(medians).collect::<Vec<_>>()
        });
        let lines: Vec<Vec<String>> = [heading, rule].into_iter().chain(rows).collect();
        let width = |index: usize| lines.iter().map(|line| line[index].chars().count()).max();
        println!("\n{title}\n");
        for line in &lines {
            for (index, cell) in line.iter().enumerate() {
                print!("| {cell:>0$} ", width(index).unwrap_or(0));
            }
            println!("|");
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}

/// Formats to three significant digits; large numbers are rounded to an integer.
fn shown(value: f64) -> String {
    match value {
        value if value.is_nan() || value.is_infinite() => "–".to_owned(),
        // An empty sum is -0.
        0.0 => "0".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
