//! # Citizens
//!
//! **What this room is for:** the people whose data it is. **Words:** consent, case.
