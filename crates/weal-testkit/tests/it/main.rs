//! Whole federations at their main job.

mod guides;
mod main_job;
