//! What a connection costs in memory when it does nothing.

use std::{thread::sleep, time::Duration};

use crate::{
    Outcome,
    client::Client,
    process::{Memory, tcp_kernel_memory},
    report::Report,
};

/// Small, so that the kernel's memory is not what runs out.
const RECEIVE_BUFFER: Option<usize> = Some(16 * 1024);

pub(crate) fn run(client: &Client<'_>) -> Outcome<Report> {
    let options = client.options;
    let pid = options.pid.ok_or("--pid is missing")?;
    // What the first connection ever brings into memory belongs to the program.
    client.check(&mut client.open(0, RECEIVE_BUFFER)?)?;
    sleep(Duration::from_millis(300));
    let (before, kernel_before) = (Memory::of(pid), tcp_kernel_memory());

    let mut connections = Vec::with_capacity(options.conns);
    for index in 0..options.conns {
        let mut connection = client.open(index, RECEIVE_BUFFER)?;
        client.check(&mut connection)?;
        connections.push(connection);
    }
    sleep(options.settle);
    let (after, kernel_after) = (Memory::of(pid), tcp_kernel_memory());
    sleep(options.hold);

    let per_connection =
        |after: u64, before: u64| (after as f64 - before as f64) / options.conns as f64;
    let mut report = Report::new(options);
    report.number("base_rss_kib", before.rss as f64 / 1024.0, 0);
    report.number("rss_kib", after.rss as f64 / 1024.0, 0);
    report.number(
        "rss_bytes_per_conn",
        per_connection(after.rss, before.rss),
        0,
    );
    report.number(
        "pss_bytes_per_conn",
        per_connection(after.pss, before.pss),
        0,
    );
    report.number(
        "anon_bytes_per_conn",
        per_connection(after.anonymous, before.anonymous),
        0,
    );
    report.number(
        "kernel_tcp_bytes_both_ends",
        per_connection(kernel_after, kernel_before),
        0,
    );
    Ok(report)
}
