//! What went wrong, for the exit status: once on each connection, and once besides.

use std::collections::BTreeMap;

use crate::status::Status;

/// What went wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// By connection: which one in the order of time it was, and what.
    by_id: BTreeMap<Option<u32>, (u64, Status)>,
    /// How many there were, those that were forgiven too.
    count: u64,
}

impl Faults {
    /// Remembers what went wrong first on this connection, or besides.
    pub(super) fn add(&mut self, id: Option<u32>, status: Status) {
        self.count += 1;
        self.by_id.entry(id).or_insert((self.count, status));
    }

    /// What happened to this connection was wanted.
    pub(super) fn forgive(&mut self, id: u32) {
        self.by_id.remove(&Some(id));
    }

    /// What went wrong first of all.
    pub(super) fn first(&self) -> Option<Status> {
        let first = self.by_id.values().min_by_key(|(number, _)| *number);
        first.map(|(_, status)| *status)
    }

    /// The connections that something went wrong on.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.by_id.keys().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_went_wrong_first_and_was_not_wanted() {
        let mut faults = Faults::default();
        faults.add(Some(7), Status::Dropped);
        faults.add(None, Status::Refused);
        faults.add(Some(7), Status::Tls);
        assert_eq!(faults.first(), Some(Status::Dropped));
        assert_eq!(faults.ids().collect::<Vec<_>>(), [7]);
        faults.forgive(7);
        assert_eq!(faults.first(), Some(Status::Refused));
        faults.add(Some(7), Status::Tls);
        assert_eq!(faults.first(), Some(Status::Refused));
    }
}
