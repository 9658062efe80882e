//! The tests of `weal-trust`: published vectors, properties, hostile input, and other people's code.

mod keys;
