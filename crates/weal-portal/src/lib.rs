//! The portal: server-rendered pages, room by room.
//!
//! A page is a pure function of a [`Chrome`] (who reads, where they are) and a *view* (what the page
//! shows): no clock, no store, no network. `weal-node` fills the views and answers with the text.
//!
//! - [`view`]: what each page needs to know, one module per room;
//! - [`pages`]: one function per page, `pages::<room>::<page>(&Chrome, &View) -> String`;
//! - [`paths`]: every address the pages link or post to;
//! - [`style`]: the style sheet and the icon, with the addresses they are served under.
//!
//! Every word a reader sees stands in `messages`, one catalogue per language; `parts` are what pages
//! are made of.
//!
//! Invariant `PO-1`: what came from outside reaches a page only as escaped text, and only as an address
//! that is harmless to follow.

mod messages;
pub mod pages;
mod parts;
pub mod paths;
pub mod style;
pub mod view;

pub use view::Chrome;
