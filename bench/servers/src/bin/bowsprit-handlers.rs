//! Bowsprit's handler face.

use std::process::ExitCode;

use bowsprit::{CloseCode, Context, Handler, Hub, Membership, Message, MessageRef, SlowReader};
use bowsprit_bench_servers::{
    Failure,
    options::Options,
    serve::{ready, run},
    settings,
};

fn main() -> ExitCode {
    let options = Options::parse(&["deflate", "tls", "workers", "broadcast"]);
    run(&options.clone(), serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let server = settings::bowsprit(&options)?.bind(options.address).await?;
    ready()?;
    if options.broadcast {
        let room = Hub::new();
        server.serve_handlers(move |_| Guest::of(&room)).await?;
    } else {
        server.serve_handlers(|_| Echo).await?;
    }
    Ok(())
}

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Err(error) = cx.send(message) {
            let _ = cx.close(CloseCode::POLICY_VIOLATION, &error.to_string());
        }
    }
}

struct Guest {
    room: Hub,
    membership: Option<Membership>,
}

impl Guest {
    fn of(room: &Hub) -> Self {
        Self {
            room: room.clone(),
            membership: None,
        }
    }
}

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.membership = Some(self.room.join(&cx.handle()));
    }

    fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
        self.room
            .broadcast(Message::from(message), SlowReader::Skip);
    }
}
