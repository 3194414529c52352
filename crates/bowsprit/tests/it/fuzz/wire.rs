//! A transport in memory that gives little, waits, breaks or ends wherever its whims say.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    room: usize,
    /// Nothing more is written.
    is_ended: bool,
    /// Nothing more is read.
    is_deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// One end.
#[derive(Debug)]
pub(super) struct Wire {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    /// What the next calls meet with; all is well behind the last.
    whims: Arc<Mutex<VecDeque<u8>>>,
    is_broken: bool,
}

/// What a call meets with.
enum Whim {
    AtMost(usize),
    /// Another poll, soon, will find the same.
    Wait,
    Break,
}

/// Two ends, with so much room each way. Their whims are set later: handshakes are not the matter here.
pub(super) fn wires(room: usize) -> [Wire; 2] {
    let pipes = [(); 2].map(|()| {
        Arc::new(Mutex::new(Pipe {
            room,
            ..Pipe::default()
        }))
    });
    let end = |incoming: usize, outgoing: usize| Wire {
        incoming: pipes[incoming].clone(),
        outgoing: pipes[outgoing].clone(),
        whims: Arc::default(),
        is_broken: false,
    };
    [end(0, 1), end(1, 0)]
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no panic before")
}

impl Wire {
    /// Where the whims go.
    pub(super) fn whims(&self) -> Arc<Mutex<VecDeque<u8>>> {
        self.whims.clone()
    }

    fn whim(&mut self, cx: &Context<'_>) -> Result<usize, Poll<io::Error>> {
        let whim = match lock(&self.whims).pop_front() {
            _ if self.is_broken => Whim::Break,
            None | Some(0..0x60) => Whim::AtMost(usize::MAX),
            Some(few @ 0x60..0xC0) => Whim::AtMost(usize::from(few - 0x5F)),
            Some(0xC0..0xFE) => Whim::Wait,
            Some(_) => Whim::Break,
        };
        match whim {
            Whim::AtMost(len) => Ok(len),
            Whim::Wait => {
                cx.waker().wake_by_ref();
                Err(Poll::Pending)
            }
            Whim::Break => {
                self.is_broken = true;
                self.hang_up();
                Err(Poll::Ready(io::ErrorKind::ConnectionReset.into()))
            }
        }
    }

    /// The other end learns that nobody is here.
    fn hang_up(&self) {
        let mut outgoing = lock(&self.outgoing);
        outgoing.is_ended = true;
        outgoing.wake();
        drop(outgoing);
        let mut incoming = lock(&self.incoming);
        incoming.is_deaf = true;
        incoming.wake();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = match self.whim(cx) {
            Ok(most) => most,
            Err(met) => return met.map(Err),
        };
        let mut pipe = lock(&self.incoming);
        if pipe.bytes.is_empty() && !pipe.is_ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = most.min(buf.remaining()).min(pipe.bytes.len());
        let bytes: Vec<u8> = pipe.bytes.drain(..len).collect();
        buf.put_slice(&bytes);
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = match self.whim(cx) {
            Ok(most) => most,
            Err(met) => return met.map(Err),
        };
        let mut pipe = lock(&self.outgoing);
        if pipe.is_deaf {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = most.min(buf.len()).min(pipe.room - pipe.bytes.len());
        if len == 0 && !buf.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&buf[..len]);
        pipe.wake();
        Poll::Ready(Ok(len))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.whim(cx) {
            Ok(_) => Poll::Ready(Ok(())),
            Err(met) => met.map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Err(met) = self.whim(cx) {
            return met.map(Err);
        }
        let mut outgoing = lock(&self.outgoing);
        outgoing.is_ended = true;
        outgoing.wake();
        Poll::Ready(Ok(()))
    }
}
