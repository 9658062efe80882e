//! The functions that a question may call, and those that plans are rewritten with.
//!
//! None of them can fail on any value: an error would tell that such a value is there. What has no result
//! is NULL, what does not fit stops at the end of its type.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::functions::{core, datetime, string, unicode};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use weal_privacy::bounds::FixedPoint;
use weal_privacy::mechanism::Leaves;

use super::dates::DateTrunc;
use super::texts::Concat;

/// The functions of private questions and of row filters, by every name they go by.
pub(crate) fn allowed_functions() -> BTreeMap<String, Arc<ScalarUDF>> {
    let of_datafusion = [
        string::lower(),
        string::upper(),
        string::btrim(),
        string::ltrim(),
        string::rtrim(),
        string::starts_with(),
        string::ends_with(),
        string::contains(),
        unicode::character_length(),
        unicode::substr(),
        unicode::left(),
        unicode::right(),
        unicode::strpos(),
        core::coalesce(),
        core::nullif(),
        core::nvl(),
        core::greatest(),
        core::least(),
        datetime::date_part(),
    ];
    let ours = [ScalarUDF::from(DateTrunc), ScalarUDF::from(Concat::Function)];
    let ours = Rounding::ALL.into_iter().map(ScalarUDF::from).chain(ours).map(Arc::new);
    let mut by_name = BTreeMap::new();
    for function in of_datafusion.into_iter().chain(ours) {
        for name in function.aliases().iter().cloned().chain([function.name().to_owned()]) {
            by_name.insert(name, function.clone());
        }
    }
    by_name
}

/// `abs`, `ceil`, `floor` and `round` to a whole number, of integers and floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rounding {
    Abs,
    Ceil,
    Floor,
    Round,
    Trunc,
}

impl Rounding {
    pub(crate) const ALL: [Rounding; 5] =
        [Rounding::Abs, Rounding::Ceil, Rounding::Floor, Rounding::Round, Rounding::Trunc];

    pub(crate) fn of(self, x: f64) -> f64 {
        match self {
            Rounding::Abs => x.abs(),
            Rounding::Ceil => x.ceil(),
            Rounding::Floor => x.floor(),
            Rounding::Round => x.round(),
            Rounding::Trunc => x.trunc(),
        }
    }
}

impl ScalarUDFImpl for Rounding {
    fn name(&self) -> &str {
        match self {
            Rounding::Abs => "abs",
            Rounding::Ceil => "ceil",
            Rounding::Floor => "floor",
            Rounding::Round => "round",
            Rounding::Trunc => "trunc",
        }
    }
    fn signature(&self) -> &Signature {
        if *self == Rounding::Round { &NUMBER_AND_PLACES } else { &ONE_NUMBER }
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| match (arrays[0].data_type(), self) {
            (DataType::Float64, Rounding::Round) if arrays.len() == 2 => {
                let (xs, places) = (floats(&arrays[0])?, arrays[1].as_primitive::<Int64Type>());
                let rounded = xs.iter().zip(places.iter()).map(|(x, places)| Some(round_to(x?, places?)));
                Ok(Arc::new(rounded.collect::<Float64Array>()))
            }
            (DataType::Int64, Rounding::Abs) => {
                Ok(Arc::new(arrays[0].as_primitive::<Int64Type>().unary::<_, Int64Type>(i64::saturating_abs)))
            }
            (DataType::Int64, _) => Ok(arrays[0].clone()),
            _ => Ok(Arc::new(floats(&arrays[0])?.unary::<_, Float64Type>(|x| self.of(x)))),
        })
    }
}

/// `x` rounded to some decimal places, at most [`ROUND_PLACES_MAX`] either side of the point.
pub(crate) fn round_to(x: f64, places: i64) -> f64 {
    let unit = 10_f64.powi(places.clamp(-ROUND_PLACES_MAX, ROUND_PLACES_MAX) as i32);
    let rounded = (x * unit).round() / unit;
    if rounded.is_finite() { rounded } else { x }
}

/// Beyond this a float has no digits left to round.
pub(crate) const ROUND_PLACES_MAX: i64 = 15;

/// Integer arithmetic that stops at the ends of `i64` and gives NULL where it divides by zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Saturating {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

impl Saturating {
    fn of(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Saturating::Plus => Some(a.saturating_add(b)),
            Saturating::Minus => Some(a.saturating_sub(b)),
            Saturating::Times => Some(a.saturating_mul(b)),
            Saturating::Divide => (b != 0).then(|| a.saturating_div(b)),
            Saturating::Modulo => (b != 0).then(|| a.wrapping_rem(b)),
        }
    }
}

impl ScalarUDFImpl for Saturating {
    fn name(&self) -> &str {
        match self {
            Saturating::Plus => "saturating_plus",
            Saturating::Minus => "saturating_minus",
            Saturating::Times => "saturating_times",
            Saturating::Divide => "try_divide",
            Saturating::Modulo => "try_modulo",
        }
    }
    fn signature(&self) -> &Signature {
        &TWO_INTEGERS
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| {
            let (a, b) = (arrays[0].as_primitive::<Int64Type>(), arrays[1].as_primitive::<Int64Type>());
            let pairs = a.iter().zip(b.iter());
            let results = pairs.map(|(a, b)| self.of(a?, b?));
            Ok(Arc::new(results.collect::<Int64Array>()))
        })
    }
}

/// A number clamped to public bounds, as a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Clamp {
    low: u64,
    high: u64,
}

impl Clamp {
    pub(crate) fn new(low: f64, high: f64) -> Self {
        Self { low: low.to_bits(), high: high.to_bits() }
    }
}

impl ScalarUDFImpl for Clamp {
    fn name(&self) -> &str {
        "clamp"
    }
    fn signature(&self) -> &Signature {
        &ONE_NUMBER
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }
    fn schema_name(&self, args: &[datafusion::logical_expr::Expr]) -> Result<String> {
        Ok(format!(
            "clamp({}, {}, {})",
            args[0].schema_name(),
            f64::from_bits(self.low),
            f64::from_bits(self.high)
        ))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (low, high) = (f64::from_bits(self.low), f64::from_bits(self.high));
        // Not a number becomes the point nearest to zero, as in `FixedPoint`.
        let clamp = |x: f64| if x.is_nan() { 0.0_f64.clamp(low, high) } else { x.clamp(low, high) };
        over_arrays(&args, |arrays| Ok(Arc::new(floats(&arrays[0])?.unary::<_, Float64Type>(clamp))))
    }
}

/// A number as an integer of public bounds and places: [`FixedPoint`] over a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ToFixed {
    decimals: u8,
    low: u64,
    high: u64,
}

impl ToFixed {
    pub(crate) fn new(decimals: u8, low: f64, high: f64) -> Self {
        Self { decimals, low: low.to_bits(), high: high.to_bits() }
    }
}

impl ScalarUDFImpl for ToFixed {
    fn name(&self) -> &str {
        "fixed"
    }
    fn signature(&self) -> &Signature {
        &ONE_NUMBER
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }
    fn schema_name(&self, args: &[datafusion::logical_expr::Expr]) -> Result<String> {
        let (low, high) = (f64::from_bits(self.low), f64::from_bits(self.high));
        Ok(format!("fixed({}, {low}, {high}, {})", args[0].schema_name(), self.decimals))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let fixed = FixedPoint::new(self.decimals, f64::from_bits(self.low), f64::from_bits(self.high))
            .map_err(|error| DataFusionError::Plan(error.to_string()))?;
        over_arrays(&args, |arrays| match arrays[0].as_primitive_opt::<Int64Type>() {
            Some(integers) => Ok(Arc::new(integers.unary::<_, Int64Type>(|x| fixed.integer_to_fixed(x)))),
            None => Ok(Arc::new(floats(&arrays[0])?.unary::<_, Int64Type>(|x| fixed.to_fixed(x)))),
        })
    }
}

/// The leaf of a tree of ranges that a number in fixed point stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LeafOf(pub Leaves);

impl ScalarUDFImpl for LeafOf {
    fn name(&self) -> &str {
        "leaf"
    }
    fn signature(&self) -> &Signature {
        &ONE_INTEGER
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| {
            let fixed = arrays[0].as_primitive::<Int64Type>();
            Ok(Arc::new(fixed.unary::<_, Int64Type>(|x| self.0.leaf(x).into())))
        })
    }
}

static ONE_NUMBER: std::sync::LazyLock<Signature> = std::sync::LazyLock::new(|| {
    Signature::uniform(1, vec![DataType::Int64, DataType::Float64], Volatility::Immutable)
});
static NUMBER_AND_PLACES: std::sync::LazyLock<Signature> = std::sync::LazyLock::new(|| {
    let exact = |types: &[DataType]| TypeSignature::Exact(types.to_vec());
    let (float, integer) = (DataType::Float64, DataType::Int64);
    let one_of = vec![
        exact(std::slice::from_ref(&integer)),
        exact(std::slice::from_ref(&float)),
        exact(&[float, integer.clone()]),
        exact(&[integer.clone(), integer]),
    ];
    Signature::one_of(one_of, Volatility::Immutable)
});
static ONE_INTEGER: std::sync::LazyLock<Signature> =
    std::sync::LazyLock::new(|| Signature::exact(vec![DataType::Int64], Volatility::Immutable));
static TWO_INTEGERS: std::sync::LazyLock<Signature> =
    std::sync::LazyLock::new(|| Signature::exact(vec![DataType::Int64; 2], Volatility::Immutable));
/// The type of totals that 64 bits might not hold. Sums of it are exact: 128 bits hold any number of rows.
pub(crate) const WIDE: DataType = DataType::Decimal128(38, 0);

/// Numbers of either type as 64-bit totals, stopped at the ends.
pub(crate) fn totals(array: &ArrayRef) -> Result<Vec<i64>> {
    match array.as_any().downcast_ref::<Decimal128Array>() {
        Some(wide) => {
            let stop =
                |total: Option<i128>| total.unwrap_or(0).clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            Ok(wide.iter().map(stop).collect())
        }
        None => match array.as_primitive_opt::<Int64Type>() {
            Some(totals) => Ok(totals.iter().map(Option::unwrap_or_default).collect()),
            None => exec_err!("totals are integers"),
        },
    }
}

fn floats(array: &ArrayRef) -> Result<Float64Array> {
    match array.data_type() {
        DataType::Float64 => Ok(array.as_primitive::<Float64Type>().clone()),
        DataType::Int64 => Ok(array.as_primitive::<Int64Type>().unary(|x| x as f64)),
        other => exec_err!("{other} is no number"),
    }
}

/// Runs a kernel over whole columns; a call with constants alone gives a constant.
pub(crate) fn over_arrays(
    args: &ScalarFunctionArgs,
    kernel: impl Fn(&[ArrayRef]) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(&args.args)?;
    let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let result = kernel(&arrays)?;
    if constant {
        let value = datafusion::common::ScalarValue::try_from_array(&result, 0)?;
        return Ok(ColumnarValue::Scalar(value));
    }
    Ok(ColumnarValue::Array(result))
}
