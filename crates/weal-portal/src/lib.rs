//! The portal: server-rendered pages, room by room.
//!
//! A page is a pure function of a [`Chrome`] (who reads, where they are) and a *view* (what the page
//! shows): no clock, no store, no network. `weal-node` fills the views and answers with the text.
//!
//! - [`view`]: what each page needs to know, one module per room;
//! - [`paths`]: every address the pages link or post to.
//!
//! Invariant `PO-1`: what came from outside reaches a page only as escaped text.

pub mod paths;
pub mod view;

pub use view::Chrome;
