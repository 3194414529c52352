//! A page with charts that needs nothing but itself.

use std::fmt::Write as _;

use super::{amount, bytes, chart, count, digits, time};
use crate::load::outcome::{Summary, Times};

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1b2430;--soft:#5b6776;--grid:#dfe4ea;\
--a:#1f77b4;--b:#e08214;--c:#c62828;--d:#2e7d32}\
@media(prefers-color-scheme:dark){:root{--ground:#12161c;--ink:#e6eaf0;--soft:#9aa5b4;--grid:#2b323d;\
--a:#6cb4ee;--b:#ffb454;--c:#ff7b72;--d:#7ee787}}\
body{background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:800px;\
margin:2em auto;padding:0 1em}\
h1{font-size:1.3em;overflow-wrap:anywhere;margin-bottom:0}h2{font-size:1.05em;margin:1.6em 0 .3em}\
p{color:var(--soft);margin:.2em 0}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25em .6em .25em 0;\
border-bottom:1px solid var(--grid);vertical-align:top}\
td{overflow-wrap:anywhere}th{white-space:nowrap}\
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.few{max-width:32em}\
svg{width:100%;height:auto}svg text{fill:var(--soft);font:12px system-ui,sans-serif}\
.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:var(--grid)}\
polyline,svg line{fill:none;stroke-width:1.8}\
.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.d{stroke:var(--d)}\
polyline.under,svg line.under{stroke-width:7;opacity:.4}circle{stroke-width:6}\
@media(max-width:600px){svg text{font-size:21px}polyline{stroke-width:3}polyline.under{stroke-width:12}}\
.missed{color:var(--c);font-weight:600}.met{color:var(--d)}";

pub(super) fn write(summary: &Summary) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = fill(&mut page, summary);
    page
}

fn fill(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let uri = escape(&summary.uri);
    writeln!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Load on {uri}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Load on {uri}</h1>\n<p>{}</p>\n<p>{}, measured for {} s{}, by {}</p>",
        escape(&summary.load),
        escape(&summary.started),
        digits(summary.seconds),
        if summary.is_interrupted {
            " (ended early)"
        } else {
            ""
        },
        summary.program
    )?;
    thresholds(page, summary)?;
    totals(page, summary)?;
    for (title, svg) in [
        ("Latency over time", chart::latency(summary)),
        ("Throughput over time", chart::throughput(summary)),
        ("Times by percentile", chart::distribution(summary)),
    ] {
        if let Some(svg) = svg {
            writeln!(page, "<h2>{title}</h2>\n{svg}")?;
        }
    }
    errors(page, summary)?;
    own(page, summary)?;
    page.push_str("</body>\n</html>\n");
    Ok(())
}

fn thresholds(page: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.thresholds.is_empty() {
        return Ok(());
    }
    writeln!(page, "<h2>Thresholds</h2>\n<table>")?;
    for judged in &summary.thresholds {
        let (class, word) = if judged.is_missed {
            ("missed", "failed")
        } else {
            ("met", "passed")
        };
        writeln!(
            page,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td></tr>",
            escape(&judged.verdict)
        )?;
    }
    writeln!(page, "</table>")
}

fn totals(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let connections = &summary.connections;
    writeln!(
        page,
        "<h2>Totals</h2>\n<table>\n<tr><th>Connections</th><td>{} opened, {} failed, {} lost{}</td></tr>",
        count(connections.opened as f64),
        count(connections.failed as f64),
        count(connections.lost as f64),
        connections
            .compressed
            .map_or_else(String::new, |compressed| format!(
                ", compression agreed on by {}",
                count(compressed as f64)
            ))
    )?;
    for (name, flow) in [("Sent", &summary.sent), ("Received", &summary.received)] {
        writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", amount(flow))?;
    }
    writeln!(
        page,
        "</table>\n<h2>Times</h2>\n<table class=\"few\">\n<tr><th></th>"
    )?;
    let all = [
        ("Messages", &summary.latency),
        ("Opening", &summary.connect),
    ];
    let all: Vec<_> = all
        .into_iter()
        .filter_map(|(name, times)| Some((name, times.as_ref()?)))
        .collect();
    for (name, _) in &all {
        write!(page, "<th class=\"number\">{name}</th>")?;
    }
    writeln!(page, "</tr>")?;
    for (name, shown) in STATISTICS {
        write!(page, "<tr><th>{name}</th>")?;
        for (_, times) in &all {
            write!(page, "<td class=\"number\">{}</td>", shown(times))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</table>")
}

/// A row of the table of times: its name, and what it shows.
type Row = (&'static str, fn(&Times) -> String);

/// What the table of times has, one below the other: side by side they do not fit a phone.
const STATISTICS: [Row; 9] = [
    ("samples", |times| count(times.samples as f64)),
    ("min", |times| time(times.min_ms)),
    ("mean", |times| time(times.mean_ms)),
    ("p50", |times| time(times.p50_ms)),
    ("p90", |times| or_nothing(times.p90_ms)),
    ("p99", |times| or_nothing(times.p99_ms)),
    ("p99.9", |times| or_nothing(times.p999_ms)),
    ("p99.99", |times| or_nothing(times.p9999_ms)),
    ("max", |times| time(times.max_ms)),
];

/// The time, where there are samples enough for it.
fn or_nothing(millis: Option<f64>) -> String {
    millis.map(time).unwrap_or_default()
}

fn errors(page: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(page, "<h2>Errors</h2>")?;
    if summary.error_kinds.is_empty() {
        return writeln!(page, "<p>none</p>");
    }
    writeln!(page, "<table>")?;
    for kind in &summary.error_kinds {
        writeln!(
            page,
            "<tr><td class=\"number\">{}</td><td>{}</td></tr>",
            count(kind.count as f64),
            escape(&kind.name)
        )?;
    }
    writeln!(page, "</table>")
}

fn own(page: &mut String, summary: &Summary) -> std::fmt::Result {
    let own = &summary.own;
    writeln!(page, "<h2>The measuring side</h2>\n<table>")?;
    for (name, value) in [
        (
            format!("Processor time a {}", summary.unit).as_str(),
            own.cpu_us_per_message
                .map(|us| format!("{} µs", digits(us))),
        ),
        (
            "Processor time in all",
            own.cpu_seconds
                .map(|seconds| format!("{} s", digits(seconds))),
        ),
        ("Sent late by (p99)", own.late_p99_ms.map(time)),
        (
            "Memory",
            own.peak_memory_bytes.map(|size| bytes(size as f64)),
        ),
    ] {
        if let Some(value) = value {
            writeln!(page, "<tr><th>{name}</th><td>{value}</td></tr>")?;
        }
    }
    writeln!(page, "</table>")
}

/// Text that no server can make a tag of.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
