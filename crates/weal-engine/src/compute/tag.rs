//! The secret random order in which a subject's groups are chosen.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Decimal128Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::hash_utils::create_hashes_with_hasher;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::functions::WIDE;

/// A key of one query, fresh from the operating system.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct QueryKey([u8; 32]);

impl QueryKey {
    pub(crate) fn fresh() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }
    /// A key that is known, for tests that need the same choice twice.
    pub(crate) fn known(byte: u8) -> Self {
        Self([byte; 32])
    }

    /// `half` tells apart hashes that are to be independent.
    fn keyed(&self, half: u8) -> Keyed {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        if half > 0 {
            hasher.write_u8(half);
        }
        Keyed(hasher)
    }

    /// Subjects, by 128 bits that are theirs alone: of 2³⁰ of them, two share theirs with a probability of 2⁻⁶⁹.
    pub(crate) fn subjects(&self, subjects: &ArrayRef) -> Result<Vec<[u64; 2]>> {
        let (mut first, mut second) = (vec![0; subjects.len()], vec![0; subjects.len()]);
        create_hashes_with_hasher([subjects], &self.keyed(0), &mut first)?;
        create_hashes_with_hasher([subjects], &self.keyed(1), &mut second)?;
        Ok(first.into_iter().zip(second).map(|(first, second)| [first, second]).collect())
    }

    /// Of the values of the column at this place among those that are hashed. A null leaves the place as it is, so
    /// it differs from every value and from nulls in other places.
    pub(crate) fn column(&self, place: usize, values: &ArrayRef) -> Result<Vec<u64>> {
        let mut column = vec![place as u64; values.len()];
        create_hashes_with_hasher([values], &self.keyed(0), &mut column)?;
        Ok(column)
    }

    /// The half of a row's tag that all its values go into, from the hashes of its subject and its other columns.
    pub(crate) fn tag(&self, subject: u64, columns: impl IntoIterator<Item = u64>) -> u64 {
        let keyed = self.keyed(0);
        columns.into_iter().fold(subject, |tag, column| keyed.after(tag, column)) >> 1
    }
}

impl std::fmt::Debug for QueryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("secret")
    }
}

/// Hashes with the key: SipHash-1-3 (Aumasson and Bernstein 2012) whose state has taken in the 32 secret
/// bytes first.
struct Keyed(DefaultHasher);

impl Keyed {
    /// A tag with one more column in it: the same step wherever groups are chosen, so that they are the same groups.
    fn after(&self, tag: u64, column: u64) -> u64 {
        self.hash_one((tag, column))
    }
}

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;
    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}

/// A number for every row of its arguments: 63 bits that depend on the first ones alone, the owners, then 63
/// that depend on all. Sorted by it, the rows of an owner (a subject, or a subject in a group) stand together,
/// in an order that nobody can foresee, that does not depend on the order of the data, and that is the same
/// wherever it is computed within one query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tag {
    key: QueryKey,
    owners: usize,
    signature: Signature,
}

impl Tag {
    pub(crate) fn new(key: QueryKey, owners: usize) -> Self {
        Self { key, owners, signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

const HALF_BITS: u32 = 63;

impl ScalarUDFImpl for Tag {
    fn name(&self) -> &str {
        "tag"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(WIDE)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let keyed = self.key.keyed(0);
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = arrays.first().map_or(0, |array| array.len());
        let mut subjects = vec![0_u64; rows];
        create_hashes_with_hasher(&arrays[..1], &keyed, &mut subjects)?;
        let mut groups = subjects.clone();
        for (place, array) in arrays.iter().enumerate().skip(1) {
            if place == self.owners {
                subjects.clone_from(&groups);
            }
            let column = self.key.column(place, array)?;
            for (group, value) in groups.iter_mut().zip(column) {
                *group = keyed.after(*group, value);
            }
        }
        let tag =
            |(subject, group): (u64, u64)| i128::from(subject >> 1) << HALF_BITS | i128::from(group >> 1);
        let tags = subjects.into_iter().zip(groups).map(tag);
        let tags = Decimal128Array::from_iter_values(tags).with_data_type(WIDE);
        Ok(ColumnarValue::Array(Arc::new(tags)))
    }
}

/// The owner's half of a tag.
pub(crate) fn owner_half(tag: i128) -> u64 {
    (tag >> HALF_BITS) as u64
}
