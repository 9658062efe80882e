//! Tests of the mathematics of privacy.

mod conversions;
