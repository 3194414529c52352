//! The figures of a run for people, for programs, and as a page.

mod bars;
mod chart;
mod csv;
mod html;
mod text;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

pub(super) use self::bars::bars;
use super::args::ResultOptions;
use super::outcome::{Flow, Summary};
use crate::printer::text::{escape, fault};

/// Writes all that was asked for, and returns what of it could not be written, each a sentence that names it.
pub(super) fn write(summary: &Summary, options: &ResultOptions) -> Vec<String> {
    let json = || {
        let json = serde_json::to_string_pretty(summary);
        json.map_or_else(|_| String::new(), |json| json + "\n")
    };
    let is_stdout = |path: &Path| path == Path::new("-");
    let takes_stdout = [&options.json, &options.csv, &options.html]
        .into_iter()
        .flatten()
        .any(|path| is_stdout(path));
    let mut outputs: Vec<(&Path, String)> = Vec::new();
    if let Some(path) = &options.json {
        outputs.push((path, json()));
    }
    if let Some(path) = &options.csv {
        outputs.push((path, csv::write(&summary.series)));
    }
    if let Some(path) = &options.html {
        outputs.push((path, html::write(summary)));
    }
    let told = text::write(summary);
    if takes_stdout {
        // Standard output is for the program that reads it; people still want to know.
        let _ = io::stderr().write_all(told.as_bytes());
    } else {
        outputs.push((Path::new("-"), told));
    }
    let mut faults = Vec::new();
    for (path, content) in outputs {
        let (written, place) = if is_stdout(path) {
            (print(&content), "the output".into())
        } else {
            let name = path.display().to_string();
            (fs::write(path, content), escape(&name).into_owned())
        };
        // One that is lost takes none of the others along: a measurement is not made twice.
        if let Err(error) = written {
            faults.push(format!("cannot write {place}: {}", fault(&error)));
        }
    }
    faults
}

fn print(content: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(content.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        // A reader that has gone wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Three digits, or all that stand in front of the point.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.09995 => format!("{value:.4}"),
        size if size < 0.9995 => format!("{value:.3}"),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Milliseconds in the unit that fits.
pub(super) fn time(millis: f64) -> String {
    match millis {
        millis if millis < 0.9995 => format!("{} µs", digits(millis * 1e3)),
        millis if millis < 999.5 => format!("{} ms", digits(millis)),
        millis => format!("{} s", digits(millis / 1e3)),
    }
}

/// A number with its thousands apart.
pub(super) fn count(value: f64) -> String {
    if value < 100.0 && value.fract() > 1e-9 {
        return digits(value);
    }
    let plain = format!("{value:.0}");
    let mut grouped = String::with_capacity(plain.len() + plain.len() / 3);
    for (place, digit) in plain.chars().enumerate() {
        if place > 0 && (plain.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in the unit that fits.
pub(super) fn bytes(value: f64) -> String {
    match value {
        value if value < 1e3 => format!("{value:.0} B"),
        value if value < 1e6 => format!("{} kB", digits(value / 1e3)),
        value if value < 1e9 => format!("{} MB", digits(value / 1e6)),
        value => format!("{} GB", digits(value / 1e9)),
    }
}

/// How much went one way, and how fast.
fn amount(flow: &Flow) -> String {
    format!(
        "{} messages ({}/s), {} ({}/s)",
        count(flow.messages as f64),
        count(flow.messages_per_second),
        bytes(flow.bytes as f64),
        bytes(flow.bytes_per_second)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        for (millis, shown) in [
            (0.0, "0 µs"),
            (0.0521, "52.1 µs"),
            (0.9999, "1.00 ms"),
            (12.34, "12.3 ms"),
            (999.6, "1.00 s"),
            (61_000.0, "61.0 s"),
        ] {
            assert_eq!(time(millis), shown);
        }
        for (value, shown) in [
            (0.0, "0"),
            (0.5, "0.500"),
            (100.0, "100"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(count(value), shown);
        }
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(bytes(12_345_678.0), "12.3 MB");
    }
}
