//! Random tables and questions about them, the same for the same seed: written once in our SQL and once in
//! DuckDB's, which knows nothing of subjects. What is new in the dialect is one branch more in [`expressions`] or
//! [`questions`].

use weal_engine::exact::Held;

pub(crate) mod expressions;
pub(crate) mod questions;
pub(crate) mod tables;

/// Those of the products that a question names, which are all that it may be asked under.
pub(crate) fn of_question<'a>(sql: &str, all: &[Held<'a>]) -> Vec<Held<'a>> {
    let tables = weal_engine::read_question(sql).unwrap().tables;
    let is_named = |held: &&Held<'a>| tables.iter().any(|table| table.product == held.product.name);
    all.iter().filter(is_named).copied().collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014). What is drawn for a seed never changes.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `below - 1`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).unsigned_abs()) as i64
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}
