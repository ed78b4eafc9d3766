//! The whole system, one story after the other. Each test runs a stack of its own.

mod crash;
mod door;
mod outage;
mod story;
mod surfaces;
