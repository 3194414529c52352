//! What the fuzz target `proxies` does with its input: any bytes in place of a proxy's answers.

use bowsprit_proto::{Config, Uri};
use tokio::{
    io::{AsyncWriteExt, duplex},
    runtime::{Builder, Runtime},
};

use super::ProxyServer;

/// A tunnel comes about only where the proxy has agreed in so many words, and has said nothing more.
pub(crate) fn run(data: &[u8]) {
    let Some((kind, answer)) = data.split_first() else {
        return;
    };
    let kind = usize::from(kind % 4);
    let proxy = [
        "http://proxy",
        "http://ann:sesame@proxy",
        "socks5://proxy",
        "socks5://ann:sesame@proxy",
    ][kind];
    match tunnel(proxy, answer) {
        Ok(()) if kind < 2 => {
            let text = String::from_utf8_lossy(answer);
            let status = text.split(' ').nth(1).unwrap_or_default();
            assert!(
                text.starts_with("HTTP/1.") && status.starts_with('2'),
                "{text:?}"
            );
            assert!(
                answer.ends_with(b"\n\r\n") || answer.ends_with(b"\n\n"),
                "{text:?}"
            );
        }
        // The byte behind the reply is to be zero (RFC 1928 §6). Like other clients we let any be: nothing depends on it,
        // and some proxies do not clear it.
        Ok(()) => {
            let method = if answer.starts_with(&[5, 2]) { 4 } else { 2 };
            assert_eq!(answer.first(), Some(&5));
            assert_eq!(
                answer.get(method..method + 2),
                Some(&[5, 0][..]),
                "{answer:?}"
            );
        }
        Err(fault) => assert!(!fault.contains("sesame"), "{fault}"),
    }
}

/// What comes of a tunnel through a proxy that says this and ends, whatever it is asked.
pub(super) fn tunnel(proxy: &str, answer: &[u8]) -> Result<(), String> {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime");
    }
    let server = ProxyServer::parse(proxy).expect("a proxy");
    let uri = Uri::parse("ws://server.example").expect("a URI");
    let limits = Config::client().limits;
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (mut near, mut far) = duplex(1 << 17);
            // More than fits is cut, which is as good as any other end.
            far.write_all(&answer[..answer.len().min(1 << 16)])
                .await
                .expect("room");
            far.shutdown().await.expect("an end");
            let tunnel = server.tunnel(&mut near, &uri, &limits).await;
            tunnel.map_err(|error| format!("{error} {error:?}"))
        })
    })
}
