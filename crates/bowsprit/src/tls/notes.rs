//! What a handshake leaves behind for its error message, since rustls' errors do not say it.

use std::cell::RefCell;

use super::certificate::Signer;

/// What is known of a handshake that failed.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Who signed the certificate that was rejected.
    pub(super) rejected: Option<Signer>,
    /// Whether the server asked for a certificate, and there was none to show.
    pub(super) empty_handed: bool,
}

impl Notes {
    /// Runs a handshake, and returns with its result what was noted meanwhile.
    ///
    /// Verifiers and resolvers are shared between connections and have no other way to speak to one
    /// of them; what a verifier returned instead would change the alert that the server receives.
    pub(super) async fn during<F: Future>(handshake: F) -> (F::Output, Self) {
        let noted = async {
            let output = handshake.await;
            (output, NOTES.with(RefCell::take))
        };
        NOTES.scope(RefCell::default(), noted).await
    }

    /// Writes into the notes of the handshake that runs. Outside of [`during`](Self::during) nobody asks.
    pub(super) fn write(note: impl FnOnce(&mut Self)) {
        let _ = NOTES.try_with(|notes| note(&mut notes.borrow_mut()));
    }
}

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}
