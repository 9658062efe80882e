//! `date_trunc` for private questions. DataFusion's own goes through nanoseconds, which end in 2262, and
//! raises an error beyond: that would tell of a row with such a date.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::convert::{MICROS_PER_DAY, MOMENT};
use super::functions::over_arrays;
use crate::calendar::{DAYS, days_from_civil, month_of};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The parts that a date can be cut off at.
pub(crate) const TRUNCATED_AT: [&str; 8] =
    ["year", "quarter", "month", "week", "day", "hour", "minute", "second"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DateTrunc;

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        "date_trunc"
    }
    fn aliases(&self) -> &[String] {
        static ALIASES: LazyLock<Vec<String>> = LazyLock::new(|| vec!["datetrunc".to_owned()]);
        &ALIASES
    }
    fn signature(&self) -> &Signature {
        static SIGNATURE: LazyLock<Signature> = LazyLock::new(|| {
            let exact = |moment| TypeSignature::Exact(vec![DataType::Utf8, moment]);
            Signature::one_of(vec![exact(MOMENT), exact(DataType::Date32)], Volatility::Immutable)
        });
        &SIGNATURE
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(MOMENT)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| {
            let parts = arrays[0].as_string::<i32>();
            if parts.is_empty() {
                return Ok(arrow::array::new_empty_array(&MOMENT));
            }
            // Checked before: one constant part, of those known.
            let part = parts.value(0).to_lowercase();
            truncated(&part, &arrays[1])
        })
    }
}

fn truncated(part: &str, array: &ArrayRef) -> Result<ArrayRef> {
    let moments = match array.as_primitive_opt::<Date32Type>() {
        Some(days) => {
            days.unary::<_, TimestampMicrosecondType>(|day| i64::from(day).saturating_mul(MICROS_PER_DAY))
        }
        None => array.as_primitive::<TimestampMicrosecondType>().clone(),
    };
    let floor =
        |unit: i64| moments.unary::<_, Int64Type>(|moment| moment.saturating_sub(moment.rem_euclid(unit)));
    let months = |first: fn(i32) -> i32| {
        moments.unary::<_, Int64Type>(|moment| {
            let day = moment.div_euclid(MICROS_PER_DAY).clamp((*DAYS.start()).into(), (*DAYS.end()).into());
            let (year, month) = month_of(day as i32);
            i64::from(days_from_civil(year, first(month), 1)) * MICROS_PER_DAY
        })
    };
    let cut = match part {
        "second" => floor(MICROS_PER_SECOND),
        "minute" => floor(60 * MICROS_PER_SECOND),
        "hour" => floor(3600 * MICROS_PER_SECOND),
        "day" => floor(MICROS_PER_DAY),
        // The epoch was a Thursday; weeks begin on Monday.
        "week" => moments.unary(|moment| {
            let days = moment.div_euclid(MICROS_PER_DAY);
            (days - (days + 3).rem_euclid(7)).saturating_mul(MICROS_PER_DAY)
        }),
        "month" => months(|month| month),
        "quarter" => months(|month| (month - 1) / 3 * 3 + 1),
        "year" => months(|_| 1),
        other => return exec_err!("date_trunc does not know {other}"),
    };
    Ok(Arc::new(cut.reinterpret_cast::<TimestampMicrosecondType>()))
}
