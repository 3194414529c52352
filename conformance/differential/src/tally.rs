//! How often two judges agree, and of which kinds their differences are.

use std::{collections::BTreeMap, fmt};

use crate::{
    case::Case,
    classes::{Difference, Explain, Judge},
    judges::bowsprit,
    verdict::{Verdict, hex},
};

/// So many differences without a name are printed.
const PRINTED: u64 = 5;

pub struct Tally {
    pub judge: String,
    pub streams: u64,
    alike: u64,
    failed_alike: u64,
    /// How often, and the shortest stream that is an example.
    classes: BTreeMap<&'static str, (u64, Case)>,
    unexplained: u64,
    /// Prints every stream and its verdicts.
    shows: bool,
}

impl Tally {
    pub fn new(judge: String, shows: bool) -> Self {
        Self {
            shows,
            judge,
            streams: 0,
            alike: 0,
            failed_alike: 0,
            classes: BTreeMap::new(),
            unexplained: 0,
        }
    }

    pub fn compare(&mut self, case: &Case, theirs: &Verdict, explain: Explain, judge: Judge<'_>) {
        let (ours, fault) = bowsprit::judge(case);
        self.streams += 1;
        if self.shows {
            self.print(case, &ours, theirs);
        }
        if ours == *theirs {
            self.alike += 1;
            self.failed_alike += u64::from(ours.is_failure());
            return;
        }
        let difference = Difference {
            case,
            ours: &ours,
            fault,
            theirs,
        };
        if let Some(class) = explain(&difference, judge) {
            let entry = self
                .classes
                .entry(class)
                .or_insert_with(|| (0, case.clone()));
            entry.0 += 1;
            if case.bytes.len() < entry.1.bytes.len() {
                entry.1 = case.clone();
            }
            return;
        }
        self.unexplained += 1;
        if self.unexplained <= PRINTED {
            println!("A difference that fits no class:");
            self.print(case, &ours, theirs);
        }
    }

    fn print(&self, case: &Case, ours: &Verdict, theirs: &Verdict) {
        println!(
            "seed {}, {:?} with {:?}, message {}, frame {}, closes before read {:?}, reads end at {:?}",
            case.seed,
            case.role,
            case.deflate,
            case.max_message,
            case.max_frame,
            case.closes_before,
            case.cuts,
        );
        println!("  {}", hex(&case.bytes));
        println!("  bowsprit: {ours}\n  {}: {theirs}", self.judge);
    }

    pub fn is_explained(&self) -> bool {
        self.unexplained == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} streams, {} alike ({} of them refused by both), {} without a class",
            self.judge, self.streams, self.alike, self.failed_alike, self.unexplained
        )?;
        for (class, (count, example)) in &self.classes {
            let bytes = hex(&example.bytes);
            let bytes = bytes
                .get(..80)
                .map_or_else(|| bytes.clone(), |begin| format!("{begin}…"));
            writeln!(
                f,
                "  {count:>9}  {class:<28} seed {} ({:?}) {bytes}",
                example.seed, example.role
            )?;
        }
        Ok(())
    }
}
