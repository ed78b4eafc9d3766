//! The built service against a real nats-server: every answer, and what is published for it.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod client;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod stage;
