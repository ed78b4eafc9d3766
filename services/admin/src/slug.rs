//! From the name people gave an integration to its handle on command lines.

/// The longest handle that leaves room for `-2`, `-3` … within the 63 characters of a handle.
const ROOM: usize = 59;

/// Lower-case words joined by hyphens, `production` being `prod` and `pagerduty` being `pd`.
///
/// A name without any ASCII letter or digit gives `integration`.
pub(crate) fn of(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words
        .map(|word| match word {
            "production" => "prod",
            "pagerduty" => "pd",
            other => other,
        })
        .collect();
    let joined: String = words.join("-").chars().take(ROOM).collect();
    match joined.trim_end_matches('-') {
        "" => "integration".to_owned(),
        slug => slug.to_owned(),
    }
}

/// The `n`th handle to try: the slug itself, then with -2, -3 ….
pub(crate) fn candidate(slug: &str, n: u32) -> String {
    if n <= 1 { slug.to_owned() } else { format!("{slug}-{n}") }
}

#[cfg(test)]
mod tests {
    use tandem_domain::id::Handle;

    use super::*;

    #[test]
    fn names_become_short_handles() {
        assert_eq!(of("Production PagerDuty"), "prod-pd");
        assert_eq!(of("  EU / Staging (PagerDuty) #2 "), "eu-staging-pd-2");
        assert_eq!(of("Реальный"), "integration");
    }

    #[test]
    fn whatever_the_name_the_handle_is_one() {
        for name in ["-", "é", "ümlaut", &"long name ".repeat(40), "A", "日本 1"] {
            for n in [1, 2, 999] {
                let handle = candidate(&of(name), n);
                assert!(handle.parse::<Handle>().is_ok(), "{name:?} gives {handle:?}");
            }
        }
    }
}
