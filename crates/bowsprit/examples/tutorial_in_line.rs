//! docs/tutorial/client/handlers-in-line.md: how long a connection waits while the handler of another one works.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    error::Error,
    sync::mpsc::{self, Sender},
    thread,
    time::{Duration, Instant},
};

use bowsprit::{Client, CloseCode, Context, Handler, Handlers, MessageRef};

const URI: &str = "ws://localhost:9002";

/// How long it takes to work on a message.
const WORK: Duration = Duration::from_secs(1);

/// Works on each message, and closes the connection when that is done.
struct Worker {
    in_line: bool,
    tell: Sender<()>,
}

impl Handler for Worker {
    fn on_open(&mut self, _: &mut Context<'_>) {
        self.tell.send(()).unwrap_or_default();
    }

    fn on_message(&mut self, cx: &mut Context<'_>, _: MessageRef<'_>) {
        self.tell.send(()).unwrap_or_default();
        let handle = cx.handle();
        let work = move || {
            thread::sleep(WORK);
            let _ = handle.close(CloseCode::NORMAL, "done");
        };
        if self.in_line {
            work();
        } else {
            thread::spawn(work);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder().background()?;
    let in_line = wait_of_another(&client, true)?;
    println!("work in the handler: another connection waits {in_line:.1?}");
    let elsewhere = wait_of_another(&client, false)?;
    println!("work on a thread: another connection waits {elsewhere:.1?}");
    client.blocking_shutdown(CloseCode::GOING_AWAY, 2 * WORK);
    Ok(())
}

/// Two connections: while the first one works, how long does the echo of the second one take?
fn wait_of_another(client: &Client, in_line: bool) -> Result<Duration, Box<dyn Error>> {
    let (tell, told) = mpsc::channel();
    let (opened, echoed) = (tell.clone(), tell.clone());
    let worker = client.request(URI)?.handler(Worker { in_line, tell });
    let other = Handlers::new()
        .on_open(move |_| opened.send(()).unwrap_or_default())
        .on_message(move |_, _| echoed.send(()).unwrap_or_default());

    let worker = worker.start();
    let other = client.request(URI)?.handler(other).start();
    told.recv()?;
    told.recv()?;

    worker.send("work")?;
    told.recv()?;
    let begun = Instant::now();
    other.send("hello")?;
    told.recv()?;
    Ok(begun.elapsed())
}
