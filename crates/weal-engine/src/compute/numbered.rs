//! Groups by numbers, in the order in which they come.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::tag::QueryKey;

/// The groups found so far.
pub(super) struct Groups {
    /// `None` without keys: then there is one group.
    values: Option<Box<dyn GroupValues>>,
    order: SecretOrder,
}

/// The secret order of a subject's groups.
pub(super) struct SecretOrder {
    key: QueryKey,
    /// By key and group, a keyed hash of the key.
    hashes: Vec<Vec<u64>>,
}

impl SecretOrder {
    /// Where a group of a subject stands.
    pub(super) fn tags(&self) -> impl Fn([u64; 2], u32) -> u64 + Send + Sync {
        |subject, group| self.key.tag(subject[0], self.hashes.iter().map(|hashes| hashes[group as usize]))
    }
}

impl Groups {
    pub(super) fn new(key: QueryKey, keys: SchemaRef) -> Result<Self> {
        let hashes = vec![Vec::new(); keys.fields().len()];
        let values = match keys.fields().is_empty() {
            true => None,
            false => Some(new_group_values(keys, &GroupOrdering::None)?),
        };
        Ok(Self { values, order: SecretOrder { key, hashes } })
    }

    pub(super) fn count(&self) -> usize {
        self.values.as_ref().map_or(1, |values| values.len())
    }

    pub(super) fn order(&self) -> &SecretOrder {
        &self.order
    }

    /// The keys of all groups, by their numbers, and their order.
    pub(super) fn into_keys(mut self) -> Result<(Vec<ArrayRef>, SecretOrder)> {
        let keys = self.values.as_mut().map_or_else(|| Ok(Vec::new()), |values| values.emit(EmitTo::All));
        Ok((keys?, self.order))
    }

    /// Bytes of memory that are taken.
    pub(super) fn bytes(&self) -> usize {
        let hashes: usize = self.order.hashes.iter().map(|hashes| hashes.capacity() * size_of::<u64>()).sum();
        hashes + self.values.as_ref().map_or(0, |values| values.size())
    }

    /// The numbers of the groups of these keys; the hashes of groups that were not known are kept.
    pub(super) fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<Vec<usize>> {
        let Some(values) = &mut self.values else { return Ok(vec![0; rows]) };
        let (known, mut numbers) = (values.len(), Vec::with_capacity(rows));
        values.intern(keys, &mut numbers)?;
        if u32::try_from(values.len()).is_err() {
            return Err(DataFusionError::ResourcesExhausted("more than 2^32 groups".to_owned()));
        }
        if values.len() > known {
            let SecretOrder { key: secret, hashes } = &mut self.order;
            for (place, (key, hashes)) in keys.iter().zip(hashes).enumerate() {
                let of_rows = secret.column(place + 1, key)?;
                hashes.resize(values.len(), 0);
                numbers.iter().zip(of_rows).for_each(|(&number, hash)| hashes[number] = hash);
            }
        }
        Ok(numbers)
    }

    /// Takes over what another has: the numbers by which its groups go here.
    pub(super) fn take(&mut self, other: Self) -> Result<Vec<u32>> {
        let count = other.count();
        let (keys, _) = other.into_keys()?;
        Ok(self.intern(&keys, count)?.into_iter().map(|number| number as u32).collect())
    }
}
