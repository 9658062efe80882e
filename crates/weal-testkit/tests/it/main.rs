//! Whole federations: at their main job, under bad input, in bad company and after a kill.

mod asking;
mod callbacks;
mod deliveries;
mod doors;
mod encrypted;
mod floods;
mod guides;
mod harvests;
mod identity;
mod leaving;
mod main_job;
mod persons;
mod protocol;
mod publishing;
mod questions;
mod registers;
mod releases;
mod repeats;
mod restarts;
mod restores;
mod revocations;
mod simulation;
mod strangers;
mod streams;
mod unanswered;
