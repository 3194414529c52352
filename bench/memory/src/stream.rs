//! The transport of all: always ready to read and to write, and counting what is written.

use std::{
    cell::{Cell as Counter, RefCell},
    hint::black_box,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::io::ReadBuf;

/// What was written to a [`Mock`], for whoever made it.
#[derive(Debug, Default)]
pub struct Written {
    pub bytes: Counter<usize>,
    /// The bytes themselves, in tests only.
    pub copy: RefCell<Vec<u8>>,
}

/// A read copies from the prepared frames, over and over, and ends where they end.
#[derive(Debug)]
pub struct Mock {
    frames: Rc<[u8]>,
    at: usize,
    written: Rc<Written>,
}

impl Mock {
    pub fn new(frames: Vec<u8>) -> (Self, Rc<Written>) {
        let written = Rc::new(Written::default());
        let stream = Self {
            frames: frames.into(),
            at: 0,
            written: Rc::clone(&written),
        };
        (stream, written)
    }

    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.frames[self.at..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        if self.at == self.frames.len() {
            self.at = 0;
        }
        len
    }

    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        black_box(bytes);
        self.written
            .bytes
            .set(self.written.bytes.get() + bytes.len());
        if cfg!(test) {
            self.written.copy.borrow_mut().extend(bytes);
        }
        bytes.len()
    }

    #[inline]
    fn write_all(&mut self, pieces: &[IoSlice<'_>]) -> usize {
        pieces.iter().map(|piece| self.write(piece)).sum()
    }
}

impl io::Read for Mock {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(Self::read(self, buffer))
    }
}

impl io::Write for Mock {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(Self::write(self, bytes))
    }

    #[inline]
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.write_all(pieces))
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Mock {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.frames[self.at..];
        let len = rest.len().min(buffer.remaining());
        // Into memory that need not be initialised, which `read` could not do.
        buffer.put_slice(&rest[..len]);
        self.at = (self.at + len) % self.frames.len();
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Mock {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write(bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write_all(pieces)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_util::AsyncRead for Mock {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.read(buffer)))
    }
}

impl futures_util::AsyncWrite for Mock {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write(bytes)))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.write_all(pieces)))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl wtx::stream::StreamReader for Mock {
    #[inline]
    async fn read(&mut self, buffer: &mut [u8]) -> wtx::Result<usize> {
        Ok(Self::read(self, buffer))
    }
}

impl wtx::stream::StreamWriter for Mock {
    #[inline]
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        self.write(bytes);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, pieces: &[&[u8]]) -> wtx::Result<()> {
        for piece in pieces {
            self.write(piece);
        }
        Ok(())
    }
}
