//! Outsiders of the broker on this machine: other services, each with the account that `deploy/guests.conf` shows.

/// What is shipped: a comment that ends with an account to copy.
const SHIPPED: &str = include_str!("../../../guests.conf");
/// How a line of that account begins.
const COMMENT: &str = "#     ";

/// Another service that reads the public feed of an organisation and edits incidents in it.
///
/// Its password is its name: whoever is on this machine may do everything anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    /// Its account and its user.
    pub name: &'static str,
    /// Its organisation.
    pub org: &'static str,
}

impl Guest {
    /// The one there is to try things with.
    pub const LOCAL: Self = Self { name: "guest", org: "demo" };

    fn account(self) -> String {
        let lines = SHIPPED.lines().filter_map(|line| line.strip_prefix(COMMENT));
        let account: String = lines.flat_map(|line| [line, "\n"]).collect();
        account
            .replace("$ACME_CHAT_PASSWORD", self.name)
            .replace("acme-chat", self.name)
            .replace("acme-corp", self.org)
    }
}

/// The file that the settings include.
pub(super) fn accounts(guests: &[Guest]) -> String {
    guests.iter().map(|guest| guest.account()).collect()
}

/// What the reconciler is told of those who read from where they stopped.
pub fn readers(guests: &[Guest]) -> String {
    let each: Vec<String> = guests.iter().map(|it| format!("{}={}", it.name, it.org)).collect();
    each.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_the_account_that_is_shipped_under_its_own_name() {
        let accounts = accounts(&[Guest::LOCAL, Guest { name: "other", org: "elsewhere" }]);
        assert!(!accounts.contains("acme") && !accounts.contains("PASSWORD"), "{accounts}");
        assert!(accounts.contains("tandem.in.outside.guest.demo.*"), "{accounts}");
        assert!(accounts.contains("incidents.v1.elsewhere.>"), "{accounts}");
        assert_eq!(readers(&[Guest::LOCAL]), "guest=demo");
    }
}
