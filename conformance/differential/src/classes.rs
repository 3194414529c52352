//! Every difference that is understood, by name; docs/explanation/security/differences.md has the reasons.

use bowsprit_proto::ProtocolError as Fault;

use crate::{
    case::Case,
    judges::bowsprit,
    verdict::{End, Said, Verdict},
};

/// Two verdicts on one stream that are not alike.
pub struct Difference<'a> {
    pub case: &'a Case,
    pub ours: &'a Verdict,
    /// Why ours refuses the stream.
    pub fault: Option<Fault>,
    pub theirs: &'a Verdict,
}

/// Names the class of a difference, if it is one that is understood.
pub type Explain = fn(&Difference<'_>, Judge<'_>) -> Option<&'static str>;

/// The other judge, to be asked about a changed stream.
pub type Judge<'a> = &'a mut dyn FnMut(&Case) -> Verdict;

pub fn tungstenite(difference: &Difference<'_>, judge: Judge<'_>) -> Option<&'static str> {
    Some(match difference {
        d if d.length_too_long(judge) => "length-too-long",
        d if d.close_code_let_pass() => "close-code-let-pass",
        d if d.close_code_1014() => "close-code-1014",
        d if d.after_close() => "after-close",
        d if d.both_refuse() => "which-fault-first",
        d if d.theirs_only_waits(judge) => "not-before-the-frame-ends",
        d => return d.without_the_price(tungstenite, judge),
    })
}

pub fn websockets(difference: &Difference<'_>, judge: Judge<'_>) -> Option<&'static str> {
    Some(match difference {
        d if d.length_too_long(judge) => "length-too-long",
        d if d.close_inside_a_message() => "close-inside-a-message",
        d if d.bad_deflate() && d.both_refuse() => "code-for-bad-deflate",
        d if d.bad_deflate() && d.ours_stops_first() => "bad-deflate-let-pass",
        d if d.both_refuse() => "which-fault-first",
        d if d.theirs_only_waits(judge) => "not-before-the-frame-ends",
        d if d.only_control_frames_before_bad_text() => "text-checked-at-its-end",
        d if d.theirs_lost_the_end() => "final-block-loses-data",
        d if d.pong_after_own_close() => "pong-after-own-close",
        d if d.ours_only_waits() => "limit-before-the-key",
        d if d.control_frame_counts(websockets, judge) => "control-frame-against-the-limit",
        d => {
            return d
                .without_rules_of_theirs(websockets, judge)
                .or_else(|| d.as_data(websockets, judge))
                .or_else(|| d.without_the_price(websockets, judge));
        }
    })
}

impl Difference<'_> {
    fn heard_the_same(&self) -> bool {
        self.ours.said == self.theirs.said
    }

    /// Whether theirs goes on where ours refuses the stream.
    fn ours_stops_first(&self) -> bool {
        self.ours.is_failure() && self.theirs.said.starts_with(&self.ours.said)
    }

    fn both_refuse(&self) -> bool {
        self.heard_the_same() && self.ours.is_failure() && self.theirs.is_failure()
    }

    /// What theirs heard where ours refused the stream.
    fn beyond<'a>(&self, theirs: &'a Verdict) -> &'a [Said] {
        theirs.said.get(self.ours.said.len()..).unwrap_or_default()
    }

    fn bad_deflate(&self) -> bool {
        self.fault == Some(Fault::InvalidDeflate)
    }

    /// Theirs takes a length that is not in its shortest form. In a control frame the long form is what ours
    /// refuses, whatever length it holds.
    fn length_too_long(&self, judge: Judge<'_>) -> bool {
        let is_short = |verdict: &Verdict| match self.beyond(verdict).first() {
            Some(Said::Ping(payload) | Said::Pong(payload)) => payload.len() <= 125,
            Some(Said::Close(_, reason)) => reason.len() <= 123,
            _ => false,
        };
        self.ours_stops_first()
            && match self.fault {
                Some(Fault::NonMinimalLength) => true,
                Some(Fault::ControlTooLong) => {
                    is_short(self.theirs)
                        || (self.theirs.end == End::Waiting
                            && is_short(&judge(&self.case.followed_by_zeros())))
                }
                _ => false,
            }
    }

    /// Theirs hands the close frame out that ours refuses for its code.
    fn close_code_let_pass(&self) -> bool {
        matches!(self.fault, Some(Fault::InvalidCloseCode(_)))
            && self.ours_stops_first()
            && matches!(self.beyond(self.theirs), [Said::Close(..)])
    }

    /// Ours takes 1014, which the registry has; theirs makes 1002 of it.
    fn close_code_1014(&self) -> bool {
        match (self.ours.said.split_last(), self.theirs.said.split_last()) {
            (Some((Said::Close(1014, _), ours)), Some((Said::Close(1002, _), theirs))) => {
                ours == theirs
            }
            _ => false,
        }
    }

    /// Theirs makes an error of what follows the peer's close frame.
    fn after_close(&self) -> bool {
        self.heard_the_same()
            && self.ours.end == End::Closed
            && self.theirs.is_failure()
            && self.ours.sent == self.theirs.sent
    }

    /// Theirs refuses a close frame because a message has begun.
    fn close_inside_a_message(&self) -> bool {
        let before = self.ours.said.split_last();
        matches!(before, Some((Said::Close(..), before)) if before == self.theirs.said)
            && self.theirs.end == End::Failed(1002)
    }

    /// Theirs refuses the stream too, once the frame is complete in which ours found the fault.
    fn theirs_only_waits(&self, judge: Judge<'_>) -> bool {
        self.ours.is_failure()
            && self.heard_the_same()
            && self.theirs.end == End::Waiting
            && judge(&self.case.followed_by_zeros()).is_failure()
    }

    /// Ours refuses the stream too, once the header is complete of whose length theirs tells.
    fn ours_only_waits(&self) -> bool {
        self.ours.end == End::Waiting
            && self.heard_the_same()
            && self.theirs.end == End::Failed(1009)
            && bowsprit::judge(&self.case.followed_by_zeros()).0.end == self.theirs.end
    }

    /// Theirs looks at a text when it has all of it, and what came meanwhile was control frames.
    fn only_control_frames_before_bad_text(&self) -> bool {
        let is_control = |said: &Said| !matches!(said, Said::Text(_) | Said::Binary(_));
        self.fault == Some(Fault::InvalidUtf8)
            && self.ours_stops_first()
            && self.beyond(self.theirs).iter().all(is_control)
    }

    /// The first message that differs holds less for theirs than for ours.
    fn theirs_lost_the_end(&self) -> bool {
        let mut pairs = self.ours.said.iter().zip(&self.theirs.said);
        let is_shorter = match pairs.find(|(ours, theirs)| ours != theirs) {
            Some(
                (Said::Text(ours), Said::Text(theirs)) | (Said::Binary(ours), Said::Binary(theirs)),
            ) => ours.starts_with(theirs),
            _ => false,
        };
        self.case.deflate.is_some() && is_shorter
    }

    /// Theirs answers a ping that came after its own close frame, and nothing else differs.
    fn pong_after_own_close(&self) -> bool {
        self.case.closes_before.is_some()
            && self.heard_the_same()
            && self.ours.end == self.theirs.end
            && self.theirs.sent.starts_with(&self.ours.sent)
    }

    /// Theirs holds what is left of the limit for a message against a control frame inside it: with more left it
    /// goes on as ours does, or to the next difference.
    fn control_frame_counts(&self, explain: Explain, judge: Judge<'_>) -> bool {
        let mut roomier = self.case.clone();
        roomier.max_message += 200;
        roomier.max_frame += 200;
        let count = self.theirs.said.len();
        let is_control = matches!(
            self.ours.said.get(count),
            Some(Said::Ping(_) | Said::Pong(_) | Said::Close(..))
        );
        if self.theirs.end != End::Failed(1009)
            || !is_control
            || !self.ours.said.starts_with(&self.theirs.said)
        {
            return false;
        }
        let theirs = judge(&roomier);
        let remaining = Difference {
            theirs: &theirs,
            ..*self
        };
        agree_beyond(&theirs, self.ours, count)
            || (theirs != *self.theirs && explain(&remaining, judge).is_some())
    }

    /// Theirs holds its limits against the compressed bytes of a message, and that for frames against what they
    /// inflate to; it is full when a limit is reached and input is left; and it refuses what reaches further back
    /// than was agreed. Without that it goes on as ours does, or to the next difference.
    fn without_rules_of_theirs(&self, explain: Explain, judge: Judge<'_>) -> Option<&'static str> {
        let mut laxer = self.case.clone();
        laxer.max_frame = laxer.max_message;
        laxer.deflate.as_mut()?.window_bits = 15;
        let (ours, fault) = bowsprit::judge(&laxer);
        if self.theirs.end == End::Failed(1009) {
            laxer.max_message += laxer.max_message / 4 + 1024;
            laxer.max_frame = laxer.max_message;
        }
        let theirs = judge(&laxer);
        if !self.theirs.is_failure() || theirs == *self.theirs {
            return None;
        }
        let remaining = Difference {
            case: &laxer,
            ours: &ours,
            fault,
            theirs: &theirs,
        };
        if ours != theirs {
            explain(&remaining, judge)?;
        }
        Some(match self.theirs.end {
            End::Failed(1009) => "limit-of-what-it-becomes",
            _ => "further-back-than-agreed",
        })
    }

    /// Text is looked at as it is inflated. Without that, ours meets another difference.
    fn as_data(&self, explain: Explain, judge: Judge<'_>) -> Option<&'static str> {
        if self.fault != Some(Fault::InvalidUtf8) || self.case.deflate.is_none() {
            return None;
        }
        let case = self.case.with_binary_for_text();
        let (ours, fault) = bowsprit::judge(&case);
        let remaining = Difference {
            case: &case,
            ours: &ours,
            fault,
            theirs: &judge(&case),
        };
        explain(&remaining, judge).filter(|_| ours != *remaining.theirs)
    }

    /// Ours would go on as theirs does if it counted nothing but bytes: then for this reason, else for what remains.
    fn without_the_price(&self, explain: Explain, judge: Judge<'_>) -> Option<&'static str> {
        /// More than what a byte can cost, or become.
        const MOST: usize = 1100;

        if !matches!(self.fault, Some(Fault::MessageTooBig { .. })) || !self.ours_stops_first() {
            return None;
        }
        let mut cheaper = self.case.clone();
        cheaper.max_message += MOST * self.case.bytes.len();
        let (ours, fault) = bowsprit::judge(&cheaper);
        if ours == *self.theirs || agree_beyond(&ours, self.theirs, self.ours.said.len()) {
            return Some("price-of-fragments");
        }
        let remaining = Difference {
            case: self.case,
            ours: &ours,
            fault,
            theirs: self.theirs,
        };
        explain(&remaining, judge).filter(|_| fault != self.fault)
    }
}

/// Whether the two heard the same for as long as both listened, which is for more than `count` things.
fn agree_beyond(one: &Verdict, other: &Verdict, count: usize) -> bool {
    let both = one.said.len().min(other.said.len());
    both > count && one.said[..both] == other.said[..both]
}
