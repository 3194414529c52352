//! Attacks on a real server over real sockets: what it answers, what memory it lends the attacker at
//! most, and that those who behave are served meanwhile and afterwards. `docs/explanation/security/catalogue.md`
//! says which number is which.

mod clients;
mod compression;
mod frames;
mod ground;
mod handshakes;
mod injection;
mod life;
mod masks;
mod requests;
mod tls;
