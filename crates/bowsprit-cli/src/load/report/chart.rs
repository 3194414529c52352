//! Lines in a picture of SVG that needs nothing else.

use std::fmt::Write as _;

use super::super::outcome::Summary;
use super::{count, digits, time};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 88.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 34.0;

/// How far apart the names of lines are: they have room in the large letters of a phone, too.
const LEGEND: f64 = 150.0;

/// How many labels an axis has, about.
const TICKS: f64 = 5.0;

/// One line: its name, its class in the page's style, its points.
struct Line {
    name: &'static str,
    class: &'static str,
    points: Vec<(f64, f64)>,
}

/// What the numbers of an axis are.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Seconds,
    Count,
    /// Milliseconds, in decades.
    Time,
    /// Percentiles: each step is half as far from all as the one before.
    Percentile,
}

/// p50, p99 and the longest, over time.
pub(super) fn latency(summary: &Summary) -> Option<String> {
    let points = summary.series.iter().filter(|point| point.samples > 0);
    let line = |name, class, value: fn(&_) -> f64| Line {
        name,
        class,
        points: points
            .clone()
            .map(|point| (point.second, value(point)))
            .collect(),
    };
    draw(
        &[
            line("max", "c", |point| point.max_ms),
            line("p99", "b", |point| point.p99_ms),
            line("p50", "a", |point| point.p50_ms),
        ],
        Axis::Seconds,
        Axis::Time,
    )
}

/// Messages each way, connections and errors, each second.
pub(super) fn throughput(summary: &Summary) -> Option<String> {
    let points = &summary.series;
    let line = |name, class, value: fn(&crate::load::series::Point) -> u64| Line {
        name,
        class,
        points: points
            .iter()
            .filter(|point| point.seconds > 0.0)
            .map(|point| (point.second, value(point) as f64 / point.seconds))
            .collect(),
    };
    let lines = [
        // What comes back lies on what was sent where nothing is lost: the lower one is wider.
        line("sent/s", "a under", |point| point.sent),
        line("received/s", "b", |point| point.received),
        line("opened/s", "d", |point| point.opened),
        line("errors/s", "c", |point| point.errors),
    ];
    let lines: Vec<Line> = lines
        .into_iter()
        .filter(|line| line.points.iter().any(|(_, value)| *value > 0.0))
        .collect();
    draw(&lines, Axis::Seconds, Axis::Count)
}

/// How long so many of all took at most.
pub(super) fn distribution(summary: &Summary) -> Option<String> {
    let line = |name, class, times: &Option<crate::load::outcome::Times>| {
        let points = times.iter().flat_map(|times| &times.distribution);
        Line {
            name,
            class,
            points: points
                .filter(|(percentile, _)| *percentile < 100.0)
                .map(|(percentile, millis)| (-(1.0 - percentile / 100.0).log10(), *millis))
                .collect(),
        }
    };
    let lines = [
        line("messages", "a", &summary.latency),
        line("connections", "d", &summary.connect),
    ];
    draw(&lines, Axis::Percentile, Axis::Time)
}

/// The picture, if there is anything in it.
fn draw(lines: &[Line], across: Axis, up: Axis) -> Option<String> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let most = |value: fn(&(f64, f64)) -> f64| all().map(value).fold(0.0_f64, f64::max);
    all().next()?;
    let right = most(|point| point.0).max(1.0);
    let top = most(|point| point.1).max(1e-3);
    let low = all().map(|point| point.1).fold(top, f64::min).max(1e-4);
    // Decades for times, from zero for the rest.
    let (floor, ceiling) = match up {
        Axis::Time => (
            low.log10().floor(),
            top.log10().ceil().max(low.log10().floor() + 1.0),
        ),
        _ => (0.0, top * 1.05),
    };
    let x = |value: f64| LEFT + value / right * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| {
        let value = match up {
            Axis::Time => value.max(1e-4).log10(),
            _ => value,
        };
        HEIGHT - BOTTOM - (value - floor) / (ceiling - floor) * (HEIGHT - TOP - BOTTOM)
    };
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
    for (value, label) in ticks(up, floor, ceiling) {
        let at = y(value);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for (value, label) in ticks(across, 0.0, right) {
        let at = x(value);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
             <text class=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{label}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - 7.0
        );
    }
    let mut legend = LEFT;
    for line in lines.iter().filter(|line| !line.points.is_empty()) {
        let mut path = String::new();
        for (across, up) in &line.points {
            let _ = write!(path, "{:.1},{:.1} ", x(*across), y(*up));
        }
        let Line { name, class, .. } = line;
        // A single point is no line.
        let shape = if let [(across, up)] = line.points.as_slice() {
            format!(
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                x(*across),
                y(*up)
            )
        } else {
            format!(
                "<polyline class=\"{class}\" points=\"{}\"/>",
                path.trim_end()
            )
        };
        let _ = writeln!(
            svg,
            "{shape}<line class=\"{class}\" x1=\"{legend}\" x2=\"{}\" y1=\"12\" y2=\"12\"/>\
             <text x=\"{}\" y=\"16\">{name}</text>",
            legend + 18.0,
            legend + 24.0
        );
        legend += LEGEND;
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Where an axis is labelled, and how.
fn ticks(axis: Axis, from: f64, to: f64) -> Vec<(f64, String)> {
    match axis {
        Axis::Time => steps(from, to, 1.0)
            .map(|decade| {
                let millis = 10_f64.powf(decade);
                (
                    millis,
                    time(millis).replace(".00 ", " ").replace(".0 ", " "),
                )
            })
            .collect(),
        Axis::Percentile => steps(0.0, to, 1.0)
            .map(|nines| {
                let percentile = 100.0 - 10_f64.powf(2.0 - nines);
                (nines, format!("{}%", trimmed(percentile)))
            })
            .collect(),
        Axis::Seconds | Axis::Count => {
            let rough = (to - from) / TICKS;
            let decade = 10_f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0]
                .map(|factor| factor * decade)
                .into_iter()
                .find(|step| *step >= rough)
                .unwrap_or(rough);
            steps(from, to, step)
                .map(|value| match axis {
                    Axis::Seconds => (value, format!("{} s", trimmed(value))),
                    _ if step < 1.0 => (value, digits(value)),
                    _ => (value, count(value)),
                })
                .collect()
        }
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn steps(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..100_u32)
        .map(move |number| from + f64::from(number) * step)
        .take_while(move |value| *value <= to + step * 1e-6)
}
