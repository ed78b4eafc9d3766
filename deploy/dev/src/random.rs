//! Passwords and keys for what runs on one's own machine.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};

/// 32 random bytes as hexadecimal digits.
pub fn hex() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    Ok(text)
}
