//! RFC 6455 §10.4: what a peer only announces takes no memory.
//!
//! A process of its own, for it looks at the address space of all of it. That shows an allocation
//! whose pages were never touched, and needs no allocator of our own, which could not be safe code.

#![cfg(target_os = "linux")]

use std::{fs, sync::Arc};

use bowsprit_proto::{Config, Connection, Event};

const MIB: usize = 1 << 20;

/// The address space of this process in bytes.
fn address_space() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux has a proc file system");
    let pages = pages.split(' ').next().and_then(|pages| pages.parse().ok());
    pages
        .map(|pages: usize| pages * 4096)
        .expect("a number of pages first")
}

/// Clients that have received the header of a frame of `len` bytes, and ten of them.
fn announced(first: u8, len: u64, adjust: impl Fn(&mut Config)) -> Vec<Connection> {
    let mut config = Config::client();
    adjust(&mut config);
    let config = Arc::new(config);
    let receive = |_| {
        let mut client = Connection::client(Arc::clone(&config), || [0; 4]);
        let mut bytes = [&[first, 127][..], &len.to_be_bytes(), b"ten bytes."].concat();
        let event = client.receive(&mut &mut bytes[..]);
        assert!(matches!(
            event,
            None | Some(Event::Failed(_) | Event::Fragment(_, false))
        ));
        client
    };
    (0..100).map(receive).collect()
}

#[test]
fn takes_no_memory_for_what_is_only_announced() {
    let unlimited = |config: &mut Config| {
        config.limits.message = usize::MAX;
        config.limits.frame = usize::MAX;
    };
    let streaming = |config: &mut Config| {
        unlimited(config);
        config.streaming = true;
    };
    for first in [0x81, 0x82, 0x01, 0x02] {
        let before = address_space();
        let held = [
            announced(first, 15 << 20, |_| {}),
            announced(first, 1 << 40, |_| {}),
            announced(first, 1 << 40, unlimited),
            announced(first, 1 << 40, streaming),
        ];
        let grown = address_space().saturating_sub(before);
        assert!(grown < 64 * MIB, "{grown} bytes for 400 connections");
        drop(held);
    }
}
