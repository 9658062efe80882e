//! The portal as its readers meet it: over HTTP, with cookies and forms.

mod browser;
mod rooms;
mod signing_in;
