//! File descriptors: each connection needs one, and the system gives a process so many.

use std::error::Error;
use std::io;

/// Asks for as many as the system allows this process: the usual limit is meant for other programs.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, the limit is told when it is met.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

#[cfg(not(unix))]
pub(crate) const fn raise() {}

/// Whether standard output may be written to: what is lost otherwise, the standard library does not tell.
///
/// # Errors
///
/// When it may not; the text says so.
#[cfg(unix)]
pub(crate) fn check_output() -> Result<(), String> {
    use rustix::fs::{OFlags, fcntl_getfl};
    let is_for_reading = |flags: OFlags| flags & OFlags::RWMODE == OFlags::RDONLY;
    match fcntl_getfl(io::stdout()) {
        Ok(flags) if is_for_reading(flags) => Err(
            "standard output is open for reading only: nothing could be printed there".to_owned(),
        ),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) const fn check_output() -> Result<(), String> {
    Ok(())
}

/// How many this process may have, where the system counts them.
#[cfg(unix)]
pub(crate) fn limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current
}

/// Elsewhere sockets are not counted so.
#[cfg(not(unix))]
pub(crate) const fn limit() -> Option<u64> {
    None
}

/// Whether a read or a write would not block now.
#[cfg(unix)]
pub(crate) fn is_ready(end: impl std::os::fd::AsFd, flags: rustix::event::PollFlags) -> bool {
    use rustix::event::{PollFd, Timespec, poll};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(&end, flags)], Some(&now)).is_ok_and(|count| count > 0)
}

/// Waits until a read or a write would not block, where it is not the descriptor's way to wait.
#[cfg(unix)]
pub(crate) fn wait(end: impl std::os::fd::AsFd, flags: rustix::event::PollFlags) {
    use rustix::event::{PollFd, poll};
    // Who is interrupted tries again, and learns of any other fault there.
    let _ = poll(&mut [PollFd::new(&end, flags)], None);
}

/// What to add to an error that there were too few of them, if that is what it says.
pub(crate) fn remedy(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = error;
    let number = loop {
        let system = cause.downcast_ref::<io::Error>();
        if let Some(number) = system.and_then(io::Error::raw_os_error) {
            break number;
        }
        cause = cause.source()?;
    };
    remedy_of(number)
}

#[cfg(unix)]
fn remedy_of(number: i32) -> Option<String> {
    use rustix::io::Errno;
    if number == Errno::NFILE.raw_os_error() {
        return Some("the whole system has no more: sysctl fs.file-max".to_owned());
    }
    if number != Errno::MFILE.raw_os_error() {
        return None;
    }
    let limit = limit().map_or_else(String::new, |limit| {
        format!("the limit of this process is {limit}; ")
    });
    Some(format!("{limit}raise it with ulimit -n before the start"))
}

#[cfg(not(unix))]
const fn remedy_of(_: i32) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn knows_the_limit_of_the_process_wherever_the_system_names_it() {
        let error = io::Error::from_raw_os_error(24);
        assert!(remedy(&error).is_some_and(|text| text.contains("ulimit -n")));
        let dial = bowsprit::DialError::Tcp {
            attempts: vec![(([127, 0, 0, 1], 1).into(), error)],
        };
        assert!(remedy(&dial).is_some());
        assert_eq!(remedy(&io::Error::from_raw_os_error(111)), None);
    }
}
