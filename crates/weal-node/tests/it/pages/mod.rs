//! The portal as its readers meet it: over HTTP, with cookies and forms.

mod asking;
mod browser;
mod rooms;
mod signing_in;
