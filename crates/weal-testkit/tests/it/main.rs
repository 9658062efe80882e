//! Whole federations at their main job.

mod main_job;
