//! The bus against a real nats-server.

#[cfg(test)]
mod batch;
