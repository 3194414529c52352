//! A transport that fails at one step, and TLS over it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bowsprit::Role;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, rustls::version::TLS13};

use super::super::tls_support::{Ca, other_client, other_config};

/// What happens at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Only one byte moves.
    Short,
    /// Nothing moves for once.
    Pending,
    /// Every step fails from now on.
    Error,
    /// Reads are at their end, and writes take nothing, from now on.
    End,
    /// Nothing moves from now on.
    Silence,
}

impl Fault {
    pub(super) const ALL: [Self; 5] = [
        Self::Short,
        Self::Pending,
        Self::Error,
        Self::End,
        Self::Silence,
    ];

    /// Whether the conversation is to go on as if nothing had happened.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Short | Self::Pending)
    }
}

/// Counts every call, and fails at one of them.
#[derive(Debug)]
pub(super) struct Faulty {
    io: DuplexStream,
    fault: Fault,
    at: usize,
    /// The most that one call moves.
    chunk: usize,
    steps: Arc<AtomicUsize>,
}

impl Faulty {
    pub(super) fn new(
        io: DuplexStream,
        fault: Fault,
        at: usize,
        chunk: usize,
        steps: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            io,
            fault,
            at,
            chunk,
            steps,
        }
    }

    /// The next step: how many bytes it may move, `None` at the end.
    fn step(&mut self, cx: &Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = if self.fault.passes() {
            step == self.at
        } else {
            step >= self.at
        };
        if !fails {
            return Poll::Ready(Ok(Some(self.chunk)));
        }
        match self.fault {
            Fault::Short => Poll::Ready(Ok(Some(1))),
            Fault::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Fault::Error => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Fault::End => Poll::Ready(Ok(None)),
            Fault::Silence => Poll::Pending,
        }
    }
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(most) = ready!(self.step(cx))? else {
            return Poll::Ready(Ok(()));
        };
        let mut some = vec![0; most.min(buf.remaining())];
        let mut some = ReadBuf::new(&mut some);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut some))?;
        buf.put_slice(some.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(most) = ready!(self.step(cx))? else {
            return Poll::Ready(Ok(0));
        };
        let most = most.min(buf.len());
        Pin::new(&mut self.io).poll_write(cx, &buf[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.step(cx))?.is_none() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if ready!(self.step(cx))?.is_none() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Bytes, plain or encrypted.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// What both ends do before they are peers.
pub(super) struct Ends {
    tls: Option<(TlsConnector, TlsAcceptor)>,
}

impl Ends {
    pub(super) const fn plain() -> Self {
        Self { tls: None }
    }

    pub(super) fn with_tls() -> Self {
        let ca = Ca::new("Faults");
        let acceptor = other_config(&ca, &[&TLS13], &[]);
        let connector = other_client(&ca, &TLS13, None);
        Self {
            tls: Some((connector, acceptor)),
        }
    }

    /// This end of the transport, as the protocol sees it; `None` if TLS fails.
    pub(super) async fn end(&self, role: Role, io: impl Io + 'static) -> Option<Box<dyn Io>> {
        let Some((connector, acceptor)) = &self.tls else {
            return Some(Box::new(io));
        };
        let shaking = async {
            match role {
                Role::Client => {
                    let name = "localhost".try_into().expect("a name");
                    let stream = connector.connect(name, io).await.ok()?;
                    Some(Box::new(stream) as Box<dyn Io>)
                }
                Role::Server => Some(Box::new(acceptor.accept(io).await.ok()?) as Box<dyn Io>),
            }
        };
        // A server of ours does it within `timeouts.open`; here it is the test's.
        timeout(Duration::from_secs(10), shaking).await.ok()?
    }
}
