//! Standard output without a buffer of the program's: as much as it takes at once, or until it has taken all.

#[cfg(unix)]
pub(super) use unix::Stdout;

#[cfg(not(unix))]
pub(super) use elsewhere::Stdout;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::sync::Arc;

    use rustix::event::PollFlags;
    use rustix::pipe::PIPE_BUF;

    use crate::descriptors;

    /// The descriptor is shared with other programs: whether it blocks is not ours to change.
    #[derive(Clone, Debug)]
    pub(in super::super) struct Stdout {
        file: Arc<File>,
        /// A terminal can be stopped at any byte.
        is_terminal: bool,
        is_file: bool,
    }

    impl Stdout {
        /// # Errors
        ///
        /// When the system has no descriptor more.
        pub(in super::super) fn new() -> io::Result<Self> {
            let stdout = io::stdout();
            // The standard library would say nothing of a descriptor that takes nothing.
            let file = File::from(stdout.as_fd().try_clone_to_owned()?);
            Ok(Self {
                is_terminal: stdout.is_terminal(),
                is_file: file.metadata()?.is_file(),
                file: Arc::new(file),
            })
        }

        /// Whether so many bytes can be written without waiting for a reader.
        pub(in super::super) fn takes(&self, len: usize) -> bool {
            // A pipe that is ready has room for so much, and other streams have more.
            len <= PIPE_BUF
                && !self.is_terminal
                && (self.is_file || descriptors::is_ready(&self.file, PollFlags::OUT))
        }

        /// Writes all of it, and waits for a reader where it must.
        ///
        /// # Errors
        ///
        /// When it cannot be written.
        pub(in super::super) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
            while !bytes.is_empty() {
                match (&*self.file).write(bytes) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Somebody who shares it made it so.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        descriptors::wait(&self.file, PollFlags::OUT);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io::{self, Write as _};

    #[derive(Clone, Debug)]
    pub(in super::super) struct Stdout;

    impl Stdout {
        pub(in super::super) const fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) const fn takes(&self, _: usize) -> bool {
            false
        }

        pub(in super::super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        }
    }
}
