//! Handles in the hands of 64 threads, on connections that open and close at random: nobody waits for
//! ever, every message that was taken arrives or its loss is told, and nothing is left.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bowsprit::{
    CloseCode, Closed, ConnectionId, Context, Handle, Handler, Hub, Membership, SendError, Server,
    SlowReader, State,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

use super::support::within;

const THREADS: u64 = 64;
/// What each thread does.
const STEPS: usize = 400;
/// Connections at a time.
const CONNECTIONS: usize = 16;

/// What became of one connection, as its two ends have seen it.
#[derive(Debug, Default)]
struct Account {
    /// Messages of threads that a handle has taken; broadcasts are counted apart.
    taken: AtomicUsize,
    received: AtomicUsize,
    /// The numbers that came, each of which may come once.
    seen: Mutex<HashMap<u64, usize>>,
    opens: AtomicUsize,
    closes: AtomicUsize,
    is_clean: AtomicUsize,
}

#[derive(Debug, Default)]
struct Ledger {
    accounts: RwLock<HashMap<ConnectionId, Arc<Account>>>,
    /// Of open connections, and of some that are no more.
    handles: RwLock<Vec<Handle>>,
    next: AtomicU64,
}

impl Ledger {
    fn account(&self, id: ConnectionId) -> Arc<Account> {
        let mut accounts = self.accounts.write().expect("no panic");
        accounts.entry(id).or_default().clone()
    }

    /// The account of the connection that has said so.
    fn account_named(&self, text: &str) -> Arc<Account> {
        let accounts = self.accounts.read().expect("no panic");
        let mut all = accounts.iter();
        let named = all.find(|(id, _)| text == format!("id {id}"));
        named.expect("an id").1.clone()
    }
}

/// The server's end, whose handles the threads have.
struct Guest {
    ledger: Arc<Ledger>,
    room: Hub,
    membership: Option<Membership>,
}

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let handle = cx.handle();
        self.membership = Some(self.room.join(&handle));
        let account = self.ledger.account(cx.id());
        account.opens.fetch_add(1, Ordering::Relaxed);
        // The other end learns first whose messages it gets.
        cx.send(format!("id {}", cx.id()).as_str()).expect("room");
        let mut handles = self.ledger.handles.write().expect("no panic");
        handles.push(handle);
        if handles.len() > 2 * CONNECTIONS {
            handles.remove(0);
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {
        let account = self.ledger.account(cx.id());
        account.closes.fetch_add(1, Ordering::Relaxed);
        account.is_clean.store(
            usize::from(closed.is_clean() && closed.cause.is_none()),
            Ordering::Relaxed,
        );
    }
}

/// One of the 64.
fn make_trouble(seed: u64, ledger: &Ledger, room: &Hub) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..STEPS {
        let handles = ledger.handles.read().expect("no panic");
        let handle =
            (!handles.is_empty()).then(|| handles[random.random_range(0..handles.len())].clone());
        drop(handles);
        let Some(handle) = handle else {
            thread::yield_now();
            continue;
        };
        match random.random_range(0..1000) {
            0..10 => drop(handle.close(CloseCode::NORMAL, "")),
            10..15 => handle.terminate(),
            15..40 => drop(handle.ping(b"?")),
            40..60 => handle.pause_reading(),
            60..100 => handle.resume_reading(),
            100..150 => {
                let delivery = room.broadcast("all", SlowReader::Close(CloseCode::TRY_AGAIN_LATER));
                assert!(delivery.slow.is_empty());
            }
            150..200 => drop(room.join(&handle)),
            200..250 => drop((handle.buffered_bytes(), handle.round_trips(), handle.info())),
            _ => send(&mut random, ledger, &handle),
        }
    }
}

fn send(random: &mut StdRng, ledger: &Ledger, handle: &Handle) {
    let number = ledger.next.fetch_add(1, Ordering::Relaxed);
    let len = if random.random_range(0..50) == 0 {
        40_000
    } else {
        10
    };
    match handle.send(format!("{number} {}", "x".repeat(len))) {
        Ok(()) => {
            let account = ledger.account(handle.id());
            account.taken.fetch_add(1, Ordering::Relaxed);
        }
        Err(SendError::Full | SendError::Closing | SendError::Closed) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Opens connections, one after the other, until the threads are done.
async fn keep_coming(uri: String, ledger: Arc<Ledger>, are_done: Arc<AtomicU64>) {
    let are_done = || are_done.load(Ordering::Acquire) == THREADS;
    while !are_done() {
        let mut ws = match within(bowsprit::connect(&uri)).await {
            Ok(ws) => ws,
            // The server says that it is shutting down.
            Err(_) if are_done() => return,
            Err(error) => panic!("{error}"),
        };
        let mut account: Option<Arc<Account>> = None;
        // Some end without a close frame: the account says whether that was told.
        while let Ok(Some(message)) = within(ws.recv()).await {
            let text = message.as_text().expect("a text");
            let Some(account) = &account else {
                account = Some(ledger.account_named(text));
                continue;
            };
            if let Some((number, _)) = text.split_once(' ') {
                let mut seen = account.seen.lock().expect("no panic");
                *seen.entry(number.parse().expect("a number")).or_default() += 1;
                account.received.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn handles_in_64_threads_lose_nothing_in_silence_and_leave_nothing_behind() {
    let runtime = runtime();
    let (ledger, room) = (Arc::new(Ledger::default()), Hub::new());
    let server = runtime.block_on(Server::builder().bind("127.0.0.1:0"));
    let server = server.expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let (running, books, members) = (server.clone(), ledger.clone(), room.clone());
    let serving = runtime.spawn(async move {
        let guest = move |_: &_| Guest {
            ledger: books.clone(),
            room: members.clone(),
            membership: None,
        };
        running.serve_handlers(guest).await
    });
    let are_done = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| runtime.spawn(keep_coming(uri.clone(), ledger.clone(), are_done.clone())))
        .collect();
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (ledger, room, are_done) = (&ledger, &room, &are_done);
            scope.spawn(move || {
                make_trouble(seed, ledger, room);
                are_done.fetch_add(1, Ordering::Release);
            });
        }
    });
    // What was paused is to read the answers to its close.
    let handles = ledger.handles.read().expect("no panic").clone();
    handles.iter().for_each(Handle::resume_reading);
    let cut = runtime.block_on(within(
        server.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(50)),
    ));
    assert_eq!(cut, 0);
    runtime.block_on(within(async {
        serving.await.expect("no panic").expect("an end");
        for client in clients {
            client.await.expect("no panic");
        }
    }));
    for handle in handles {
        assert_eq!(handle.state(), State::Closed);
        assert_eq!(handle.send("too late"), Err(SendError::Closed));
        assert!(handle.close_info().is_some());
    }
    all_is_accounted_for(&ledger);
    // A task counts until a moment after its end was told.
    runtime.block_on(within(async {
        while runtime.metrics().num_alive_tasks() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }));
    // Each guest has left with its task.
    assert!(room.is_empty());
}

fn all_is_accounted_for(ledger: &Ledger) {
    let accounts = ledger.accounts.read().expect("no panic");
    let mut taken = 0;
    for (id, account) in &*accounts {
        let [opens, closes] =
            [&account.opens, &account.closes].map(|count| count.load(Ordering::Relaxed));
        assert_eq!((opens, closes), (1, 1), "{id}");
        let doubled = account
            .seen
            .lock()
            .expect("no panic")
            .values()
            .any(|&times| times > 1);
        assert!(!doubled, "{id}: a message came twice");
        let sent = account.taken.load(Ordering::Relaxed);
        let received = account.received.load(Ordering::Relaxed);
        assert!(received <= sent, "{id}: {received} of {sent}");
        // Else its end was told as an error.
        if account.is_clean.load(Ordering::Relaxed) == 1 {
            assert_eq!(received, sent, "{id} ended as it should");
        }
        taken += sent;
    }
    assert!(taken > 0, "nothing was sent");
}
