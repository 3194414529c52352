//! Joins the lines of all libraries and passes to one Markdown table.

use std::{collections::HashMap, io::BufRead};

pub fn print(lines: impl BufRead) {
    let (mut rows, mut columns) = (Vec::new(), Vec::new());
    let mut cells: HashMap<(String, String), (f64, String)> = HashMap::new();
    for line in lines.lines() {
        let line = line.expect("the lines are text");
        let [row, column, time, bytes] = line
            .split('\t')
            .collect::<Vec<_>>()
            .try_into()
            .expect("a line has four fields");
        let time = time.parse().unwrap_or(f64::NAN);
        for (list, name) in [(&mut rows, row), (&mut columns, column)] {
            if !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        }
        let cell = cells
            .entry((row.into(), column.into()))
            .or_insert((f64::NAN, bytes.into()));
        cell.0 = cell.0.min(time);
    }

    println!(
        "| payload | work | mode | level | bits | {} |",
        columns.join(" | ")
    );
    println!("|---|---|---|---|---|{}", "---:|".repeat(columns.len()));
    for row in &rows {
        print!("| {row} |");
        for column in &columns {
            let cell = cells.get(&(row.clone(), column.clone()));
            print!(
                " {} |",
                cell.map_or_else(|| "–".into(), |(time, bytes)| text(*time, bytes))
            );
        }
        println!();
    }
}

fn text(nanoseconds: f64, bytes: &str) -> String {
    let time = match nanoseconds / 1e3 {
        time if time.is_nan() => return format!("{bytes} B"),
        time if time < 10.0 => format!("{time:.2} µs"),
        time if time < 100.0 => format!("{time:.1} µs"),
        time if time < 1e3 => format!("{time:.0} µs"),
        time => format!("{:.2} ms", time / 1e3),
    };
    if bytes.is_empty() {
        time
    } else {
        format!("{time}, {bytes} B")
    }
}
