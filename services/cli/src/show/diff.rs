//! What would change, line by line; coloured on a terminal only.

use similar::TextDiff;

use super::{Show, print, printable};
use crate::{args::Output, failure::Failure};

const REMOVED: &str = "\u{1b}[31m";
const ADDED: &str = "\u{1b}[32m";
const PLACE: &str = "\u{1b}[36m";
const PLAIN: &str = "\u{1b}[0m";

impl Show {
    /// Shows people how two texts differ; programs are told otherwise.
    pub(crate) fn difference(
        self,
        (from, before): (&str, &str),
        (to, after): (&str, &str),
    ) -> Result<(), Failure> {
        if self.output != Output::Table {
            return Ok(());
        }
        print(unified((from, before), (to, after), self.is_terminal).as_bytes())
    }

    /// Tells people something besides; programs are told otherwise.
    pub(crate) fn remark(self, what: &str) -> Result<(), Failure> {
        match self.output {
            Output::Table => print(format!("{}\n", printable(what)).as_bytes()),
            Output::Json | Output::Yaml => Ok(()),
        }
    }
}

/// The difference as a unified diff.
fn unified((from, before): (&str, &str), (to, after): (&str, &str), coloured: bool) -> String {
    let difference = TextDiff::from_lines(before, after);
    let text = difference.unified_diff().context_radius(3).header(from, to).to_string();
    let colour = |line: &str| match line.as_bytes().first() {
        Some(b'-') => REMOVED,
        Some(b'+') => ADDED,
        Some(b'@') => PLACE,
        _ => "",
    };
    let shown = text.lines().map(|line| match colour(line) {
        colour if coloured && !colour.is_empty() => format!("{colour}{}{PLAIN}\n", printable(line)),
        _ => format!("{}\n", printable(line)),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_and_coloured_only_where_somebody_looks() {
        let (before, after) = ("a: 1\nb: 2\n", "a: 1\nb: 3\n");
        let plain = unified(("now", before), ("then", after), false);
        assert_eq!(plain, "--- now\n+++ then\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n");
        assert!(
            unified(("now", before), ("then", after), true).contains("\u{1b}[32m+b: 3\u{1b}[0m")
        );
        assert_eq!(unified(("now", before), ("then", before), false), "");
    }
}
