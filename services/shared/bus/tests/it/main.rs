//! The bus against a real nats-server.

#[cfg(test)]
mod batch;
#[cfg(test)]
mod streams;
