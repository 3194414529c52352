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
