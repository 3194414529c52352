//! Every asynchronous method of the public API, dropped at every place where it waits: afterwards the
//! connection is used on, and nothing is lost but what the "Cancel safety" of the method says.

mod endpoints;
mod halves;
mod source;
mod websocket;

use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    task::Poll,
};

use futures_util::FutureExt as _;

use super::support::within;

/// More waits than any method here needs.
const MOST_WAITS: usize = 2000;

/// Whether the future was done before it was to be dropped.
type Trial = Pin<Box<dyn Future<Output = bool>>>;

/// One method. `run` drops its future when it waits for the nth time, and sees that all is as documented.
pub(crate) struct Case {
    /// Below `src/`.
    file: &'static str,
    name: &'static str,
    run: Box<dyn Fn(usize) -> Trial>,
}

fn case<F>(file: &'static str, name: &'static str, run: impl Fn(usize) -> F + 'static) -> Case
where
    F: Future<Output = bool> + 'static,
{
    let run = Box::new(move |waits| -> Trial { Box::pin(run(waits)) });
    Case { file, name, run }
}

/// Polls `future` whenever it is woken, and drops it when it waits for the nth time; with 0 it is dropped
/// before it was polled.
async fn dropped_at<F: Future>(waits: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = waits;
    let polling = poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        let output = future.as_mut().poll(cx);
        left -= usize::from(output.is_pending());
        match output {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    within(polling).await
}

async fn run(cases: Vec<Case>) {
    for Case { file, name, run } in cases {
        let mut waits = 0;
        loop {
            let outcome = AssertUnwindSafe(run(waits)).catch_unwind().await;
            match outcome {
                Ok(true) => break,
                Ok(false) => waits += 1,
                Err(_) => panic!("{file}: {name}, dropped at wait {waits}"),
            }
            assert!(waits < MOST_WAITS, "{file}: {name} has no end");
        }
        assert!(waits > 0, "{file}: {name} was never dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_where_a_future_of_a_websocket_is_dropped() {
    run(websocket::cases()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_where_a_future_of_a_half_or_a_handle_is_dropped() {
    run(halves::cases()).await;
}

#[tokio::test]
async fn nothing_is_left_where_a_future_of_an_endpoint_is_dropped() {
    run(endpoints::cases()).await;
}
