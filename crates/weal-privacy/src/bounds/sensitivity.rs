use super::{BoundsError, FixedPoint};

/// The most that one subject may move one group: it keeps L0 * Linf² within 128 bits.
pub const PER_GROUP_MAX: u64 = 1 << 47;

/// How far one subject, added or removed, can move a vector of cells: at most `groups` of them (L0), each
/// by at most `per_group` (Linf). The L2 norm is kept as its exact square: `sqrt(groups) * per_group`, unless the
/// subject's rows are limited in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sensitivity {
    groups: u32,
    per_group: u64,
    l2_squared: u128,
}

impl Sensitivity {
    pub fn new(groups: u32, per_group: u64) -> Result<Sensitivity, BoundsError> {
        if groups == 0 || per_group == 0 {
            return Err(BoundsError::NothingAllowed);
        }
        if per_group > PER_GROUP_MAX {
            return Err(BoundsError::TooMuchPerGroup { per_group: per_group.into() });
        }
        let l2_squared = u128::from(groups) * u128::from(per_group) * u128::from(per_group);
        Ok(Sensitivity { groups, per_group, l2_squared })
    }

    /// With at most `rows_max` rows of the subject in all, where `per_group` is what `rows_per_group_max` of them
    /// bring and fewer bring in proportion. The largest sum of squares has as many groups full as can be, and what
    /// is left in one more: moving a row from a group to one that has no fewer never lowers it.
    #[must_use]
    pub fn with_rows(self, rows_per_group_max: u32, rows_max: u32) -> Sensitivity {
        let (each, all) = (rows_per_group_max.max(1), rows_max.max(1));
        let full = (all / each).min(self.groups);
        let left = if full < self.groups { all % each } else { 0 };
        let square = |number: u32| u128::from(number) * u128::from(number);
        let rows = u128::from(full) * square(each) + square(left);
        // Rounded up, where the parts of a group are no whole numbers.
        let per_row = u128::from(self.per_group).div_ceil(each.into());
        let l2_squared = self.l2_squared.min(rows * per_row * per_row);
        // One row is enough to be in a group.
        Sensitivity { groups: self.groups.min(all), l2_squared, ..self }
    }

    /// Of counts of distinct subjects.
    pub fn of_subjects(groups_per_subject_max: u32) -> Result<Sensitivity, BoundsError> {
        Sensitivity::new(groups_per_subject_max, 1)
    }

    /// Of counts of rows, at most `rows_per_group_max` of a subject kept in a group.
    pub fn of_rows(groups_per_subject_max: u32, rows_per_group_max: u32) -> Result<Sensitivity, BoundsError> {
        Sensitivity::new(groups_per_subject_max, rows_per_group_max.into())
    }

    /// Of sums of clamped values, at most `rows_per_group_max` of a subject kept in a group. Where each
    /// subject's own sum is clamped instead, say one row.
    pub fn of_sum(
        groups_per_subject_max: u32,
        rows_per_group_max: u32,
        values: &FixedPoint,
    ) -> Result<Sensitivity, BoundsError> {
        // Values that can only be 0 would need no noise; noise is never off here, so they count as 1.
        let widest = values.low().unsigned_abs().max(values.high().unsigned_abs()).max(1);
        let per_group = u128::from(widest) * u128::from(rows_per_group_max);
        match u64::try_from(per_group) {
            Ok(per_group) => Sensitivity::new(groups_per_subject_max, per_group),
            Err(_) => Err(BoundsError::TooMuchPerGroup { per_group }),
        }
    }

    /// L0: the most cells that one subject can move.
    pub fn groups(self) -> u32 {
        self.groups
    }

    /// Linf: the most that one subject can move one cell.
    pub fn per_group(self) -> u64 {
        self.per_group
    }

    /// L2², exactly.
    pub fn l2_squared(self) -> u128 {
        self.l2_squared
    }
}
