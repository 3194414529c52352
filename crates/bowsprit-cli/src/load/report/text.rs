//! The figures as people read them.

use std::fmt::Write as _;

use super::{amount, bars, bytes, count, digits, time};
use crate::load::outcome::{Summary, Times};

/// How many bars the histogram has at most, and how wide a terminal it is to fit.
const BARS: usize = 12;
const COLUMNS: usize = 80;

/// The tail that begins the second line of percentiles: two lines of four fit a narrow terminal.
const WRAP: usize = 3;

pub(super) fn write(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = figures(&mut text, summary);
    text
}

fn figures(text: &mut String, summary: &Summary) -> std::fmt::Result {
    let connections = &summary.connections;
    writeln!(text, "{}: {}", summary.uri, summary.load)?;
    if summary.is_interrupted {
        writeln!(text, "  ended early, by a signal")?;
    }
    let opened = match connections.opened_per_second {
        0.0 => String::new(),
        rate => format!(" ({}/s)", count(rate)),
    };
    writeln!(
        text,
        "  connections  {} opened{opened}, {} failed, {} lost",
        count(connections.opened as f64),
        connections.failed,
        connections.lost
    )?;
    if let Some(compressed) = connections.compressed {
        let compressed = count(compressed as f64);
        writeln!(text, "  compression  agreed on by {compressed} of them")?;
    }
    if let Some(connect) = &summary.connect {
        writeln!(text, "  opening      {}", percentiles(connect, false))?;
    }
    for (name, flow) in [("sent", &summary.sent), ("received", &summary.received)] {
        if flow.messages > 0 {
            writeln!(text, "  {name:<12} {}", amount(flow))?;
        }
    }
    if let Some(latency) = &summary.latency {
        writeln!(text, "  latency      {}", percentiles(latency, true))?;
        for row in bars(&latency.histogram, BARS, COLUMNS) {
            writeln!(text, "{row}")?;
        }
    }
    match summary.error_kinds.as_slice() {
        [] => writeln!(text, "  errors       none")?,
        kinds => {
            let rate = digits(summary.error_rate * 100.0);
            writeln!(text, "  errors       {} ({rate}%)", summary.errors)?;
            for kind in kinds {
                writeln!(text, "    {:>8}  {}", kind.count, kind.name)?;
            }
        }
    }
    own(text, summary)?;
    for judged in &summary.thresholds {
        let word = if judged.is_missed { "FAILED" } else { "passed" };
        writeln!(text, "  {word}       {}", judged.verdict)?;
    }
    Ok(())
}

fn percentiles(times: &Times, has_all: bool) -> String {
    let (greatest, mean) = (Some(times.max_ms), Some(times.mean_ms));
    let tails: &[(&str, Option<f64>)] = if has_all {
        &[
            ("p75", times.p75_ms),
            ("p90", times.p90_ms),
            ("p99", times.p99_ms),
            ("p99.9", times.p999_ms),
            ("p99.99", times.p9999_ms),
            ("max", greatest),
            ("mean", mean),
        ]
    } else {
        &[
            ("p90", times.p90_ms),
            ("p99", times.p99_ms),
            ("max", greatest),
        ]
    };
    let mut text = format!("p50 {}", time(times.p50_ms));
    let told = tails
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    for (place, (name, value)) in told.enumerate() {
        let separator = if place == WRAP {
            "\n               "
        } else {
            ", "
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{name} {}", time(value));
    }
    text
}

fn own(text: &mut String, summary: &Summary) -> std::fmt::Result {
    let own = &summary.own;
    let mut parts = Vec::new();
    if let Some(cost) = own.cpu_us_per_message {
        parts.push(format!(
            "{} µs of processor time a {}",
            digits(cost),
            summary.unit
        ));
    }
    if let Some(busy) = own.cpu_seconds.filter(|_| summary.seconds > 0.0) {
        parts.push(format!("{} of a core", digits(busy / summary.seconds)));
    }
    if let Some(memory) = own.peak_memory_bytes {
        parts.push(format!("{} of memory", bytes(memory as f64)));
    }
    writeln!(text, "  this side    {}", parts.join(", "))?;
    if let Some(max) = own.late_max_ms {
        let p99 = own.late_p99_ms.map(|p99| format!("p99 {}, ", time(p99)));
        writeln!(
            text,
            "  sent late by {}max {}, which the latencies have in them",
            p99.unwrap_or_default(),
            time(max)
        )?;
    }
    Ok(())
}
