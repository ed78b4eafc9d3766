//! Who may call what: one table of calls and roles, one gate in front of gRPC and REST alike.
//!
//! [`gate`] finds out who calls, by the token they present, and whether [`rights`] lets them; what
//! passes carries a [`crate::caller::Caller`], without which no call can be made. [`door`] puts the
//! gate in front of both ports. Whose things a caller sees is asked of the caller, where the things
//! are found.

pub(crate) mod door;
pub(crate) mod gate;
pub(crate) mod rights;
pub mod token;

pub use self::gate::Access;
