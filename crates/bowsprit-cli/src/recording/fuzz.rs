//! What the fuzz target `records` does with its input: any bytes as a record or as a browser's HAR file.

use bowsprit::Message;

use super::har;
use super::reader::Record;
use super::tapes::Tapes;
use crate::events::{Direction, Event, What};
use crate::printer::text::is_hidden;

/// What can be read says the same when it is written and read again, as a record and as HAR.
pub(crate) fn run(data: &[u8]) {
    if har::is_har(data) {
        match har::events_of(data) {
            Ok(events) => check(&events.iter().map(Event::to_json).collect::<String>()),
            Err(why) => assert!(!why.contains(is_hidden), "{why:?}"),
        }
    } else {
        check(&String::from_utf8_lossy(data));
    }
}

fn check(lines: &str) {
    let record = Record::of_bytes(lines.as_bytes());
    let mut all = record.lines().expect("lines in memory");
    while let Some(line) = all.next().expect("lines in memory") {
        let Ok(event) = line.event else { continue };
        let written = event.to_json();
        assert!(
            !written.trim_end_matches('\n').contains(is_hidden),
            "{written:?}"
        );
        let again = Event::from_json(&written);
        let again = again.unwrap_or_else(|why| panic!("{why}: {written}"));
        assert_eq!(again.to_json(), written);
    }
    match Tapes::read(record) {
        Ok(tapes) => check_har(&tapes),
        Err(why) => assert!(!why.contains(is_hidden), "{why:?}"),
    }
}

/// The messages of a record are those of the HAR file that it is exported to.
fn check_har(tapes: &Tapes) {
    let mut file = Vec::new();
    har::write_har(tapes, &mut file).expect("a sound record can be exported");
    let events = har::events_of(&file[..]).expect("our own file can be read");
    let read = Record::of_bytes(
        events
            .iter()
            .map(Event::to_json)
            .collect::<String>()
            .as_bytes(),
    );
    let read = Tapes::read(read).expect("an import is a sound record");
    assert_eq!(read.all.len(), tapes.all.len());
    let open = |tapes: &Tapes| {
        tapes
            .all
            .iter()
            .filter(|tape| tape.opened.is_some())
            .count()
    };
    assert_eq!(open(&read), open(tapes));
    let (mut ours, mut others) = (messages(tapes), messages(&read));
    // The import goes by time, whatever the order of the record was.
    ours.sort();
    others.sort();
    assert_eq!(ours, others);
}

/// Of open connections: whether each message was sent, whether it was text, and what it said.
fn messages(tapes: &Tapes) -> Vec<(bool, bool, Vec<u8>)> {
    let mut messages = Vec::new();
    for tape in tapes.all.iter().filter(|tape| tape.opened.is_some()) {
        let mut lines = tapes.lines_of(tape).expect("lines in memory");
        while let Some(line) = lines.next().expect("lines in memory") {
            if line.number > tape.last {
                break;
            }
            let Ok(event) = line.event else { continue };
            if let What::Message {
                direction, payload, ..
            } = event.what
                && event.id == Some(tape.id)
            {
                let message = payload.message();
                let is_text = matches!(message, Message::Text(_));
                messages.push((
                    direction == Direction::Sent,
                    is_text,
                    message.as_bytes().to_vec(),
                ));
            }
        }
    }
    messages
}
