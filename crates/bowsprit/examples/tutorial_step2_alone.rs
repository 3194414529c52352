//! docs/tutorial/client/2-endpoint.md, what goes wrong: a connection with no runtime to run on. It panics.

use std::error::Error;

use bowsprit::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder().build();
    client.request("ws://localhost:9002")?.start();
    Ok(())
}
