//! Step 3 of docs/tutorial/server: the room of step 2 closes in order. `cargo run --example tutorial_server_3_shutdown`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{error::Error, time::Duration};

use bowsprit::{
    Accept, CloseCode, Config, HttpRequest, Hub, Response, Server, SlowReader, WebSocket,
};

/// The longest line that a guest may say, in bytes.
const MAX_MESSAGE: usize = 4 << 10;

/// How much may wait for a guest who does not read, in bytes.
const MAX_WAITING: usize = 1 << 20;

/// How long guests may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::server();
    config.limits.message = MAX_MESSAGE;
    config.limits.send_buffer = MAX_WAITING;
    let server = Server::builder()
        .config(config)
        .validate(decide)
        .bind("127.0.0.1:9002")
        .await?;
    println!("Listening on ws://{}/chat", server.local_addr()?);
    let room = Hub::new();
    let guests = room.clone();
    tokio::select! {
        ended = server.serve(move |ws| attend(ws, guests.clone())) => ended?,
        asked = tokio::signal::ctrl_c() => asked?,
    }
    announce(&room, "* the room closes".to_owned());
    let dropped = server.shutdown(CloseCode::GOING_AWAY, GOODBYE).await;
    println!("Closed; {dropped} did not say goodbye");
    Ok(())
}

/// Who is let in: whoever asks for the room.
async fn decide(request: HttpRequest) -> Result<Accept, Response> {
    match request.path() {
        "/chat" => Ok(Accept::default()),
        _ => Err(Response::plain(404)?),
    }
}

/// One guest, from coming to going.
async fn attend(mut ws: WebSocket, room: Hub) -> Result<(), bowsprit::Error> {
    let id = ws.id();
    let membership = room.join(&ws.handle());
    announce(&room, format!("* {id} comes, {} are here", room.len()));
    let ended = talk(&mut ws, &room).await;
    // First out of the room: nobody else is told by a connection that has ended.
    drop(membership);
    announce(&room, format!("* {id} goes, {} are here", room.len()));
    if let Some(closed) = ws.close_info() {
        println!("{id} {closed}");
    }
    ended
}

/// Tells the room what one guest says, until nothing comes any more.
async fn talk(ws: &mut WebSocket, room: &Hub) -> Result<(), bowsprit::Error> {
    while let Some(message) = ws.recv().await? {
        let Some(text) = message.as_text() else {
            let reason = "this is a room for text";
            ws.close(CloseCode::UNSUPPORTED_DATA, reason).await?;
            break;
        };
        announce(room, format!("{}: {text}", ws.id()));
        // Whoever talks faster than he reads is made to wait here.
        ws.flush().await?;
    }
    Ok(())
}

/// Says a line to everybody, and goodbye to whom too much waits for already.
fn announce(room: &Hub, line: String) {
    let delivery = room.broadcast(line, SlowReader::Close(CloseCode::TRY_AGAIN_LATER));
    if delivery.full > 0 {
        println!("{} did not keep up", delivery.full);
    }
}
