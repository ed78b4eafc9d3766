//! Secrets: put into every place that takes one, they are found in none that shows something; and
//! the keys that they lie under are changed while everything goes on.

mod canary;
mod rotation;
