//! How a program that refuses root is run by root.
//!
//! Postgres will not run as uid 0, nor as a uid without a name (common in containers). As an ordinary user it runs
//! plainly. Otherwise the first choice is a user namespace in which we appear as `nobody`: data stays our own and
//! programs may lie anywhere. Where root is refused a namespace the process really becomes `nobody`, and then must be
//! able to reach its data and programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The user and group called nobody, by number.
const NOBODY: u32 = 65_534;

/// The way to run a program that refuses root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// We are an ordinary user: run it as we are.
    Plain,
    /// We are root, or nobody knows us, and may hide that in a user namespace.
    Hidden,
    /// We are root and have to become somebody else.
    Dropped,
}

impl Privilege {
    /// Finds out which way works here.
    pub fn detect() -> Self {
        let is_root = rustix::process::geteuid().is_root();
        if !is_root && has_name() {
            return Self::Plain;
        }
        let (program, args) = Self::Hidden.wrap(Path::new("true"), Vec::new());
        let tried = Command::new(program).args(args).stderr(Stdio::null()).status();
        match tried {
            Ok(status) if status.success() => Self::Hidden,
            _ if is_root => Self::Dropped,
            _ => Self::Plain,
        }
    }

    /// The command line that runs `program` this way.
    pub fn wrap(self, program: &Path, args: Vec<OsString>) -> (PathBuf, Vec<OsString>) {
        if self != Self::Hidden {
            return (program.to_path_buf(), args);
        }
        let map = ["--user", "--map-user=65534", "--map-group=65534", "--"];
        let mut wrapped: Vec<OsString> = map.iter().map(OsString::from).collect();
        wrapped.push(program.into());
        wrapped.extend(args);
        (PathBuf::from("unshare"), wrapped)
    }

    /// The user and group the process has to become, if any.
    pub fn run_as(self) -> Option<u32> {
        (self == Self::Dropped).then_some(NOBODY)
    }
}

/// Says whether our user id has an entry among the users; where that cannot be told, it counts as having one.
fn has_name() -> bool {
    let mut command = Command::new("id");
    command.arg("-un").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map_or(true, |status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_program_keeps_its_arguments_in_order() {
        let args = vec![OsString::from("-D"), OsString::from("data")];
        let (program, wrapped) = Privilege::Hidden.wrap(Path::new("/x/initdb"), args.clone());
        assert_eq!(program, Path::new("unshare"));
        assert!(wrapped.ends_with(&["/x/initdb".into(), "-D".into(), "data".into()]));
        assert_eq!(Privilege::Plain.wrap(Path::new("p"), args.clone()), ("p".into(), args));
    }

    #[test]
    fn root_is_never_left_plain() {
        let is_root = rustix::process::geteuid().is_root();
        assert!(!is_root || Privilege::detect() != Privilege::Plain);
    }
}
