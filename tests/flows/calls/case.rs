//! One call, and the ways to make it.

use prost::Message;
use tonic::Code;

/// What it takes to make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leave {
    Viewer,
    Operator,
    Admin,
    Everywhere,
}

/// A way to make a call, or why there is none.
#[derive(Debug)]
pub(super) enum Way<T> {
    /// With this request.
    Made(T),
    /// By repeating the good one, which then ends so.
    Again(Code),
    /// There is no such way.
    None(#[expect(dead_code, reason = "for whoever reads the table")] &'static str),
}

/// A call, and the ways to make it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) call: &'static str,
    pub(super) least: Leave,
    /// Done.
    pub(super) good: Vec<u8>,
    /// Refused, and this field is named.
    pub(super) bad: (Vec<u8>, &'static str),
    /// Of something that is not there.
    pub(super) unknown: Way<Vec<u8>>,
    /// By somebody who saw an older state.
    pub(super) late: Way<(Vec<u8>, Code)>,
}

/// Begins a case; what it comes to is said by [`Good::bad`], and nothing can be left out.
pub(super) fn case(call: &'static str, least: Leave, good: &impl Message) -> Good {
    Good { call, least, request: good.encode_to_vec() }
}

/// A case of which is known how it is made well.
#[derive(Debug)]
pub(super) struct Good {
    call: &'static str,
    least: Leave,
    request: Vec<u8>,
}

impl Good {
    /// How it is made badly, and which field is named then.
    pub(super) fn bad(self, field: &'static str, request: &impl Message) -> Bad {
        Bad { good: self, bad: (request.encode_to_vec(), field) }
    }
}

/// A case of which is known how it is made badly, too.
#[derive(Debug)]
pub(super) struct Bad {
    good: Good,
    bad: (Vec<u8>, &'static str),
}

impl Bad {
    /// How it is asked of something that is not there.
    pub(super) fn unknown(self, request: &impl Message) -> Unknown {
        Unknown { bad: self, unknown: Way::Made(request.encode_to_vec()) }
    }

    /// Why it is asked of nothing in particular.
    pub(super) fn no_unknown(self, why: &'static str) -> Unknown {
        Unknown { bad: self, unknown: Way::None(why) }
    }
}

/// A case of which only lateness is not known.
#[derive(Debug)]
pub(super) struct Unknown {
    bad: Bad,
    unknown: Way<Vec<u8>>,
}

impl Unknown {
    /// A request by somebody who saw an older state.
    pub(super) fn stale(self, request: &impl Message) -> Case {
        self.late(Way::Made((request.encode_to_vec(), Code::Aborted)))
    }

    /// The good request ends so when it is repeated: what it asked for was done.
    pub(super) fn once(self, again: Code) -> Case {
        self.late(Way::Again(again))
    }

    /// Why it cannot come too late.
    pub(super) fn never_late(self, why: &'static str) -> Case {
        self.late(Way::None(why))
    }

    fn late(self, late: Way<(Vec<u8>, Code)>) -> Case {
        let Bad { good: Good { call, least, request: good }, bad } = self.bad;
        Case { call, least, good, bad, unknown: self.unknown, late }
    }
}
