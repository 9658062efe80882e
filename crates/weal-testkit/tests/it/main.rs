//! Whole federations: at their main job, under bad input, in bad company and after a kill.

mod asking;
mod callbacks;
mod doors;
mod guides;
mod identity;
mod leaving;
mod main_job;
mod publishing;
mod questions;
mod registers;
mod repeats;
mod restarts;
mod strangers;
mod streams;
