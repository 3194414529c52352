//! Models of what handles, connections and shutdowns share, for every order in which threads may run (with
//! at most three of them stopped in the middle). The code that runs is the real one, from a handle to the
//! bytes on the wire; only the transport is made up, and takes everything.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowsprit_proto::{CloseCode, Config, Connection, SendError};
use loom::{future::block_on, model::Builder, thread};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    ConnectionId, Handle, State,
    driver::{Core, Driver, Progress},
    link::Link,
    roster::Roster,
};

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Takes all that is written, and has nothing to be read.
#[derive(Debug, Default)]
struct Wire(Vec<u8>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An open connection whose handles wait while anything is queued.
fn connection() -> (Driver<Wire>, Handle) {
    let mut config = Config::server();
    config.limits.send_high_water = 0;
    let connection = Connection::server(Arc::new(config));
    let mut core = Core::new(connection, ConnectionId::next(), None, None);
    let handle = core.handle();
    (Driver::new(Wire::default(), core), handle)
}

/// The connection's task: writes whenever it is woken, until `done` likes what is on the wire.
fn run_until(driver: &mut Driver<Wire>, mut done: impl FnMut(&[u8]) -> bool) {
    block_on(poll_fn(|cx| {
        let progress = driver.poll_write(cx);
        if progress == Progress::Ended || done(&driver.io().0) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// Texts of one byte, one after the other.
fn texts(wire: &[u8]) -> usize {
    wire.chunks(3)
        .take_while(|frame| frame.starts_with(b"\x81\x01"))
        .count()
}

fn is_closed(wire: &[u8]) -> bool {
    wire.ends_with(b"\x88\x02\x03\xe8")
}

#[test]
fn what_two_threads_send_leaves_and_no_wake_up_is_lost() {
    check(|| {
        let (mut driver, handle) = connection();
        let other = handle.clone();
        let senders = [handle, other]
            .map(|handle| thread::spawn(move || assert_eq!(handle.send("x"), Ok(()))));
        run_until(&mut driver, |wire| texts(wire) == 2);
        for sender in senders {
            sender.join().expect("no panic");
        }
    });
}

#[test]
fn a_message_was_taken_exactly_if_it_leaves_in_front_of_the_close() {
    check(|| {
        let (mut driver, handle) = connection();
        let closer = handle.clone();
        let sending = thread::spawn(move || handle.send("x"));
        let closing = thread::spawn(move || {
            closer.close(CloseCode::NORMAL, "").expect("open");
            assert_ne!(closer.state(), State::Open);
        });
        run_until(&mut driver, is_closed);
        closing.join().expect("no panic");
        let sent = sending.join().expect("no panic");
        assert_eq!(sent.is_ok(), texts(&driver.io().0) == 1);
    });
}

#[test]
fn who_waits_for_room_is_woken_when_there_is_some() {
    check(|| {
        let (mut driver, handle) = connection();
        handle.send("x").expect("room");
        let waiting = thread::spawn(move || block_on(handle.send_wait("y")));
        run_until(&mut driver, |wire| texts(wire) == 2);
        assert_eq!(waiting.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn who_waits_for_room_learns_that_the_connection_is_gone() {
    check(|| {
        let (driver, handle) = connection();
        handle.send("x").expect("room");
        let waiting = thread::spawn(move || block_on(handle.send_wait("y")));
        drop(driver);
        assert_eq!(waiting.join().expect("no panic"), Err(SendError::Closed));
    });
}

#[test]
fn who_waits_for_room_learns_that_the_closing_has_begun() {
    check(|| {
        let (mut driver, handle) = connection();
        handle.send("x").expect("room");
        let closer = handle.clone();
        let waiting = thread::spawn(move || block_on(handle.send_wait("y")));
        closer.close(CloseCode::NORMAL, "").expect("open");
        run_until(&mut driver, is_closed);
        let sent = waiting.join().expect("no panic");
        assert_eq!(texts(&driver.io().0), 1 + usize::from(sent.is_ok()));
    });
}

#[test]
fn everyone_who_waits_for_the_end_learns_of_it() {
    check(|| {
        let (driver, handle) = connection();
        let other = handle.clone();
        let waiting = [handle, other].map(|handle| {
            thread::spawn(move || {
                block_on(handle.closed());
                assert_eq!(handle.state(), State::Closed);
                assert!(handle.close_info().is_some());
            })
        });
        drop(driver);
        for waiting in waiting {
            waiting.join().expect("no panic");
        }
    });
}

#[test]
fn a_pause_that_ends_is_seen_whatever_else_is_asked_for() {
    check(|| {
        let (mut driver, handle) = connection();
        handle.pause_reading();
        let other = handle.clone();
        let sending = thread::spawn(move || other.send("x"));
        let resuming = thread::spawn(move || handle.resume_reading());
        block_on(poll_fn(|cx| {
            driver.poll_write(cx);
            if driver.core.is_paused() || texts(&driver.io().0) == 0 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        }));
        sending.join().expect("no panic").expect("open");
        resuming.join().expect("no panic");
    });
}

#[test]
fn an_attempt_that_is_given_up_is_woken() {
    check(|| {
        let link = Link::new(ConnectionId::next(), State::Connecting);
        let (ender, other) = (link.clone(), link.clone());
        let ending = thread::spawn(move || ender.terminate());
        // Refused, and in the way of nothing.
        let closing = thread::spawn(move || other.set_paused(true));
        block_on(poll_fn(|cx| link.poll_terminated(cx)));
        ending.join().expect("no panic");
        closing.join().expect("no panic");
    });
}

#[test]
fn a_shutdown_reaches_whoever_has_joined_and_waits_for_all_of_them() {
    check(|| {
        let roster = Arc::new(Roster::default());
        let joining = roster.clone();
        let member = thread::spawn(move || {
            // `None` behind the beginning of the shutdown.
            let member = joining.join(ConnectionId::next())?;
            block_on(poll_fn(|cx| {
                member.register(cx.waker());
                match member.shutdown_code() {
                    Some(code) => Poll::Ready(code),
                    None => Poll::Pending,
                }
            }));
            Some(())
        });
        roster.begin_shutdown(CloseCode::GOING_AWAY);
        block_on(roster.empty());
        member.join().expect("no panic");
        assert_eq!(roster.len(), 0);
        assert!(roster.join(ConnectionId::next()).is_none());
    });
}

#[test]
fn a_shutdown_is_seen_by_who_waits_for_it() {
    check(|| {
        let roster = Arc::new(Roster::default());
        let waiting = roster.clone();
        let waiting = thread::spawn(move || block_on(waiting.shutdown_begun()));
        roster.begin_shutdown(CloseCode::GOING_AWAY);
        waiting.join().expect("no panic");
    });
}
