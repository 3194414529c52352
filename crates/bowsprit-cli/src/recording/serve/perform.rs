//! The server's side of one recorded connection, with a client that is there now.

use std::time::{Duration, Instant};

use bowsprit::{CloseCode, Message, WebSocket};
use tokio::net::TcpStream;

use super::House;
use crate::events::{Direction, Ended, Party, What};
use crate::recording::compare::{Difference, Matcher};
use crate::recording::play::clock::Clock;
use crate::recording::tapes::Tape;

/// What is played to one client.
#[derive(Debug)]
pub(super) struct Performance<'a> {
    house: &'a House,
    tape: Option<&'a Tape>,
    matcher: Matcher,
    clock: Clock,
    sent: u64,
    told: u64,
}

impl<'a> Performance<'a> {
    pub(super) fn new(house: &'a House, index: usize) -> Self {
        Self {
            house,
            tape: house.tapes.all.get(index),
            matcher: Matcher::default(),
            clock: house.clock(),
            sent: 0,
            told: 0,
        }
    }

    /// Sends what the server sent, each message so long after the one before it, or after the client's
    /// message before it, as in the record.
    ///
    /// # Errors
    ///
    /// When the record cannot be read any more.
    pub(super) async fn play(&mut self, socket: &mut WebSocket<TcpStream>) -> Result<(), String> {
        let Some(tape) = self.tape else {
            return Ok(());
        };
        let mut lines = self.house.tapes.lines_of(tape)?;
        while let Some(line) = lines.next()?.filter(|line| line.number <= tape.last) {
            let Ok(event) = line.event else { continue };
            if event.id != Some(tape.id) {
                continue;
            }
            let pause = self.clock.pause(event.time);
            let goes_on = match event.what {
                What::Message {
                    direction: Direction::Sent,
                    payload,
                    ..
                } => {
                    let number = self.house.tapes.record.has_lines().then_some(line.number);
                    self.matcher.expect(number, payload.message().clone());
                    self.hear_expected(socket).await
                }
                What::Message { payload, .. } => {
                    self.hear_for(socket, pause).await
                        && self.send(socket, payload.message().clone()).await
                }
                What::Close(ended) => self.close(socket, &ended, pause).await,
                _ => true,
            };
            self.compare(false);
            if !goes_on {
                return Ok(());
            }
        }
        // Where the record stops, or the client was the one that closed, it is the client's to close.
        while self.hear(socket).await {}
        Ok(())
    }

    async fn send(&mut self, socket: &mut WebSocket<TcpStream>, message: Message) -> bool {
        let is_sent = socket.send(message).await.is_ok();
        self.sent += u64::from(is_sent);
        is_sent
    }

    /// Ends the connection as the server did; false where it has ended.
    async fn close(
        &mut self,
        socket: &mut WebSocket<TcpStream>,
        ended: &Ended,
        pause: Duration,
    ) -> bool {
        let is_servers = match ended.initiator {
            Some(party) => party == Party::Remote,
            // Without a close frame it was the server that went, unless the client gave it up.
            None => ended.exit_status.is_some(),
        };
        if !is_servers {
            return true;
        }
        if self.hear_for(socket, pause).await && ended.code != 1006 {
            let code = Some(CloseCode(ended.code)).filter(|code| code.can_be_sent());
            // It may have ended meanwhile.
            let _ = socket
                .close(code.unwrap_or(CloseCode::NO_STATUS), &ended.reason)
                .await;
        }
        false
    }

    /// Hears as many messages as the record has so far; false at the end of the connection.
    async fn hear_expected(&mut self, socket: &mut WebSocket<TcpStream>) -> bool {
        while self.matcher.arrived_count < self.matcher.expected_count {
            if !self.hear(socket).await {
                return false;
            }
        }
        true
    }

    /// Hears what comes within this time; false at the end of the connection.
    async fn hear_for(&mut self, socket: &mut WebSocket<TcpStream>, time: Duration) -> bool {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match tokio::time::timeout_at(end.into(), self.hear(socket)).await {
                Ok(false) => return false,
                Ok(true) => {}
                Err(_) => return true,
            }
        }
        true
    }

    /// Hears one message; false at the end of the connection.
    async fn hear(&mut self, socket: &mut WebSocket<TcpStream>) -> bool {
        match socket.recv().await {
            Ok(Some(message)) => {
                self.matcher.arrive(message);
                self.compare(false);
                true
            }
            _ => false,
        }
    }

    /// Tells how the client's messages compare, as far as that is certain.
    fn compare(&mut self, is_final: bool) {
        let Some(tape) = self.tape else {
            return;
        };
        for difference in self.matcher.pair(&self.house.rules, is_final) {
            self.house
                .report()
                .difference(tape, &difference, &mut self.told);
        }
    }

    /// Tells what is left to tell.
    pub(super) fn conclude(mut self, socket: &WebSocket<TcpStream>) {
        let Some(tape) = self.tape else {
            return;
        };
        if self.matcher.expected_count < tape.sent {
            // What the client was to send later is missing as a whole.
            let difference = Difference::Fact {
                what: "sent",
                recorded: tape.sent.to_string(),
                now: self.matcher.arrived_count.to_string(),
            };
            self.house
                .report()
                .difference(tape, &difference, &mut self.told);
        }
        self.compare(true);
        self.compare_end(tape, socket);
        let mut report = self.house.report();
        report.totals.connections += 1;
        report.totals.sent += self.sent;
        report.totals.received += self.matcher.arrived_count;
        report.totals.equal += self.matcher.equal;
    }

    /// Tells where the client has closed otherwise than in the record.
    fn compare_end(&mut self, tape: &Tape, socket: &WebSocket<TcpStream>) {
        let Some((_, ended)) = &tape.closed else {
            return;
        };
        let Some(sent) = ended
            .sent
            .as_ref()
            .filter(|_| ended.initiator == Some(Party::Local))
        else {
            return;
        };
        let now = socket
            .close_info()
            .and_then(|closed| closed.remote.as_ref());
        let now = now.map(|frame| (frame.code.0, frame.reason.to_string()));
        if now.as_ref() != Some(&(sent.code, sent.reason.clone())) {
            let text = |code: u16, reason: &str| format!("close code {code} \"{reason}\"");
            let difference = Difference::Fact {
                what: "end",
                recorded: text(sent.code, &sent.reason),
                now: now.map_or_else(|| "none".to_owned(), |(code, reason)| text(code, &reason)),
            };
            self.house
                .report()
                .difference(tape, &difference, &mut self.told);
        }
    }
}
