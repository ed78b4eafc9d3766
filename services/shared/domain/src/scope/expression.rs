//! An expression within bounds: reading and evaluating it goes as deep as it is nested, and loops within loops would
//! multiply.

use cel::{Context, Program, Value as Cel};

/// How deep brackets may be nested.
const NESTING_MAX: usize = 24;
/// How many loops there may be.
const LOOPS_MAX: usize = 2;
/// What loops are called.
const LOOPS: [&str; 5] = ["all", "exists", "exists_one", "filter", "map"];
/// The stack for it. Within the bounds, and as long as an expression may be, it takes less than half of this, also where
/// nothing is optimised; of an ordinary thread's stack ten brackets within each other are too much there.
const STACK: usize = 96 * 1024 * 1024;

/// The answer of an expression; `context` is what it may speak of.
pub(super) fn answer(
    expression: &str,
    context: impl FnOnce() -> Context<'static, 'static>,
) -> Result<bool, String> {
    check(expression)?;
    stacker::grow(STACK, || {
        let program = Program::compile(expression).map_err(|error| error.to_string())?;
        match program.execute(&context()).map_err(|error| error.to_string())? {
            Cel::Bool(answer) => Ok(answer),
            other => Err(format!("it gives {:?}, not true or false", other.type_of())),
        }
    })
}

fn check(expression: &str) -> Result<(), String> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in expression.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > NESTING_MAX {
        return Err(format!("it is nested {deepest} deep, and may be {NESTING_MAX}"));
    }
    let loops = loops(expression);
    if loops > LOOPS_MAX {
        let names = LOOPS.join(", ");
        return Err(format!("it has {loops} loops ({names}), and may have {LOOPS_MAX}"));
    }
    Ok(())
}

/// Counts the loops, and what looks like one.
fn loops(expression: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = expression;
    let mut count = 0;
    while let Some(start) = rest.find(is_name) {
        let (_, from) = rest.split_at(start);
        let end = from.find(|c: char| !is_name(c)).unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        // A comment may stand before the bracket.
        let called = after.trim_start().starts_with(['(', '/']);
        count += usize::from(called && LOOPS.contains(&name));
        rest = after;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(expression: &str) -> Result<bool, String> {
        answer(expression, Context::default)
    }

    #[test]
    fn loops_are_counted_however_they_are_written() {
        assert_eq!(loops("teams.exists(t, t == \"map\") && all == 1"), 1);
        assert_eq!(loops("[1] . all // x\n (x, [1].map\t(y, y) == [1])"), 2);
        let nested = "[1].all(a, [1].all(b, [1].all(c, true)))";
        assert!(said(nested).is_err_and(|problem| problem.contains("3 loops")));
        assert_eq!(said("[1].all(a, [1].exists(b, a == b))"), Ok(true));
    }

    #[test]
    fn what_is_as_deep_and_as_long_as_it_may_be_has_an_answer_or_a_reason() {
        let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(said(&nested(NESTING_MAX)), Ok(true));
        assert!(said(&nested(NESTING_MAX + 1)).is_err());
        let within = |piece: &str| {
            let inner =
                piece.repeat((super::super::EXPRESSION_MAX - 4 * NESTING_MAX) / piece.len());
            format!("{}{inner}1{}", "[".repeat(NESTING_MAX), "]".repeat(NESTING_MAX))
        };
        for piece in ["1+", "1==", "1<", "!", "-", "1&&", "1||", "1?1:", "x.", "x[1]+", "1 in "] {
            assert!(said(&within(piece)).is_err(), "a list is no answer: {piece}");
        }
        assert!(said(&format!("x{}", "[1]".repeat(600))).is_err());
        assert!(said(&format!("x{}", ".f()".repeat(500))).is_err());
    }
}
