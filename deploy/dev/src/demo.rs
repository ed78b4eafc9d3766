//! The demonstration: a story played on both sides, chapter by chapter, with the latency of every hop.
//!
//! People in PagerDuty are played through the simulator's control API, the platform through `im`; what happens is seen
//! from outside, in the simulator's journal and in the public feed on NATS. It ends well only if both sides tell the
//! same story and then keep silent.

mod scene;
mod sides;
mod story;
mod witness;

pub(crate) use scene::Scene;
pub(crate) use story::play;
