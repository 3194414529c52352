//! Buffers that the connections of a thread share, so that an idle connection owns none.

use std::cell::Cell;

/// What is read at once between large frames. Small ones are handled in one go, or kept until they are
/// asked for: more of them would keep other connections waiting, or take more memory.
const READ_SIZE: usize = 64 * 1024;

/// What is read at once of a large frame. Half of it makes messages of 1 MiB a fifth dearer, twice it gains
/// nothing.
const LARGE_READ_SIZE: usize = 256 * 1024;

/// A write buffer that has grown beyond this is not kept for others.
const KEEP_UP_TO: usize = 256 * 1024;

thread_local! {
    static READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the thread's read buffer to `f`, as much as suits a frame of which so many bytes are `missing`.
/// What is in it is left over from earlier reads.
#[inline]
pub(crate) fn with_read_buffer<T>(missing: u64, f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = READ.take().unwrap_or_else(new_read_buffer);
    let size = usize::try_from(missing).unwrap_or(usize::MAX);
    let result = f(&mut buffer[..size.clamp(READ_SIZE, LARGE_READ_SIZE)]);
    READ.set(Some(buffer));
    result
}

/// Cleared once in the life of a thread, never before a read.
#[cold]
fn new_read_buffer() -> Box<[u8]> {
    vec![0; LARGE_READ_SIZE].into_boxed_slice()
}

/// The thread's spare write buffer, empty; no memory if it is out.
pub(crate) fn take_write_buffer() -> Vec<u8> {
    WRITE.take()
}

/// Gives a write buffer back once all of it is written.
pub(crate) fn give_write_buffer(buffer: Vec<u8>) {
    if buffer.capacity() <= KEEP_UP_TO {
        WRITE.set(buffer);
    }
}
