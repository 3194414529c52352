//! A line for each second, for spreadsheets.

use std::fmt::Write as _;

use crate::load::series::Point;

/// The columns; later versions add theirs behind these.
const HEADER: &str = "second,seconds,sent,received,sent_bytes,received_bytes,opened,errors,samples,\
    p50_ms,p99_ms,max_ms\n";

pub(super) fn write(points: &[Point]) -> String {
    let mut csv = HEADER.to_owned();
    for point in points {
        let Point {
            second,
            seconds,
            sent,
            received,
            sent_bytes,
            received_bytes,
            opened,
            errors,
            samples,
            p50_ms,
            p99_ms,
            max_ms,
        } = point;
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{second},{seconds},{sent},{received},{sent_bytes},{received_bytes},{opened},{errors},\
             {samples},{p50_ms:.4},{p99_ms:.4},{max_ms:.4}"
        );
    }
    csv
}
