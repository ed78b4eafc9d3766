//! The egress as built, against a real nats-server and the PagerDuty simulator.

#[cfg(test)]
mod account;
#[cfg(test)]
mod acts;
#[cfg(test)]
mod again;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod extras;
mod healing;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod states;
#[cfg(test)]
mod trials;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod upkeep;
