//! Reads `runtimes.lock`, which is in pip's requirements format.
//!
//! Each package is one exact version and the hashes of its files; a line may go on after a backslash, and `#` begins a
//! comment. Whatever is not of that form is not read as something else but refused.

/// A pinned package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    /// The exact version.
    pub(super) version: String,
    /// The requirement as pip wants it, hashes included, on one line.
    pub(super) requirement: String,
}

/// Finds a package in the text of the lock file; `None` when it is missing or not fully pinned.
pub(super) fn find(text: &str, package: &str) -> Option<Pin> {
    joined(text).iter().find_map(|line| parse(line, package))
}

/// Strips comments and joins what a backslash continues.
fn joined(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        if let Some(last) = lines.last_mut() {
            last.push_str(part);
            last.push(' ');
        }
        if !goes_on {
            lines.push(String::new());
        }
    }
    lines
}

fn parse(line: &str, package: &str) -> Option<Pin> {
    let mut words = line.split_whitespace();
    let version = words.next()?.strip_prefix(package)?.strip_prefix("==")?;
    let hashes: Vec<&str> = words.collect();
    let is_hash = |word: &&str| {
        word.strip_prefix("--hash=sha256:")
            .is_some_and(|hash| hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()))
    };
    (!version.is_empty() && !hashes.is_empty() && hashes.iter().all(is_hash)).then(|| Pin {
        version: version.to_owned(),
        requirement: format!("{package}=={version} {}\n", hashes.join(" ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79";

    #[test]
    fn a_continued_line_with_comments_is_one_requirement() {
        let text = format!(
            "# head\n\nalpha==1.2 \\\n  --hash=sha256:{HASH} \\\n  --hash=sha256:{HASH}\nbeta==3\n"
        );
        let pin = find(&text, "alpha").unwrap();
        assert_eq!(pin.version, "1.2");
        assert_eq!(
            pin.requirement,
            format!("alpha==1.2 --hash=sha256:{HASH} --hash=sha256:{HASH}\n")
        );
    }

    #[test]
    fn a_package_without_a_whole_hash_is_not_pinned() {
        assert_eq!(find("alpha==1.2\n", "alpha"), None);
        assert_eq!(find("alpha==1.2 --hash=sha256:12ab\n", "alpha"), None);
        assert_eq!(find(&format!("alpha>=1.2 --hash=sha256:{HASH}\n"), "alpha"), None);
    }

    #[test]
    fn a_name_that_begins_alike_is_another_package() {
        let text = format!("alpha-two==2 --hash=sha256:{HASH}\n");
        assert_eq!(find(&text, "alpha"), None);
    }

    #[test]
    fn the_lock_file_of_this_checkout_pins_everything_for_four_platforms() {
        let text = include_str!("../../runtimes.lock");
        for package in [
            &super::super::NATS,
            &super::super::POSTGRES,
            &super::super::NEXTEST,
            &super::super::DENY,
        ] {
            let pin = find(text, package.name).unwrap();
            assert_eq!(pin.requirement.matches("sha256:").count(), 4, "{}", package.name);
        }
    }

    #[test]
    fn whatever_the_client_of_the_rest_api_needs_is_fully_pinned() {
        let text = include_str!("../../schemathesis.lock");
        assert!(find(text, super::super::SCHEMATHESIS.name).is_some());
        let lines = joined(text);
        let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        let pinned = lines.iter().filter(|line| !line.is_empty()).inspect(|line| {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
        });
        assert!(pinned.count() > 20);
    }
}
