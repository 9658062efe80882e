//! CAST for private questions: every pair of kinds that may be converted, and how, so that no value makes it
//! fail. What cannot be converted is NULL; dates stay within the calendar, since kernels fail beyond it.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::functions::over_arrays;
use crate::calendar::DAYS;

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Timestamps are kept in microseconds, whatever a literal was planned as: nanoseconds end in 2262.
pub(crate) const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The one type that stands for all of a kind; `None` where there is no such kind in private questions.
pub(crate) fn canonical(kind: &DataType) -> Option<DataType> {
    Some(match kind {
        DataType::Timestamp(..) => MOMENT,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Null | DataType::Boolean | DataType::Date32 => kind.clone(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => kind.clone(),
        DataType::Float32 | DataType::Float64 => kind.clone(),
        _ => return None,
    })
}

/// Whether values of one canonical type may be cast to another. Numbers are no dates, nor dates numbers.
pub(crate) fn convertible(from: &DataType, to: &DataType) -> bool {
    let number = |kind: &DataType| kind.is_numeric() || *kind == DataType::Boolean;
    let time = |kind: &DataType| matches!(kind, DataType::Date32 | DataType::Timestamp(..));
    match (from, to) {
        (_, DataType::Null) => false,
        (DataType::Null, _) | (_, DataType::Utf8) | (DataType::Utf8, _) => true,
        _ => (number(from) && number(to)) || (time(from) && time(to)),
    }
}

/// Whether a moment or day lies within the years 1 to 9999.
pub(crate) fn in_calendar(day: i64) -> bool {
    i32::try_from(day).is_ok_and(|day| DAYS.contains(&day))
}

/// A cast between [`convertible`] types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Convert {
    pub to: DataType,
}

impl ScalarUDFImpl for Convert {
    fn name(&self) -> &str {
        "convert"
    }
    fn signature(&self) -> &Signature {
        static ONE: LazyLock<Signature> = LazyLock::new(|| Signature::any(1, Volatility::Immutable));
        &ONE
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }
    fn schema_name(&self, args: &[datafusion::logical_expr::Expr]) -> Result<String> {
        Ok(format!("convert({}, {})", args[0].schema_name(), self.to))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| converted(&arrays[0], &self.to))
    }
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match (array.data_type(), to) {
        (from, to) if from == to => return Ok(array.clone()),
        (DataType::Date32, DataType::Timestamp(..)) => {
            let days = array.as_primitive::<Date32Type>().iter();
            let moments = days.map(|day| Some(i64::from(day?)).filter(|day| in_calendar(*day)));
            let moments = moments.map(|day| Some(day? * MICROS_PER_DAY));
            return Ok(Arc::new(moments.collect::<TimestampMicrosecondArray>()));
        }
        (DataType::Timestamp(..), DataType::Date32) => {
            let moments = array.as_primitive::<TimestampMicrosecondType>().iter();
            let days = moments.map(|moment| Some(moment?.div_euclid(MICROS_PER_DAY)));
            let days = days.map(|day| day.filter(|day| in_calendar(*day)).map(|day| day as i32));
            return Ok(Arc::new(days.collect::<Date32Array>()));
        }
        _ => {}
    }
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(array, to, &safe)?;
    Ok(match to {
        DataType::Date32 => {
            let days = cast.as_primitive::<Date32Type>().iter();
            let kept = days.map(|day| day.filter(|day| DAYS.contains(day)));
            Arc::new(kept.collect::<Date32Array>())
        }
        DataType::Timestamp(..) => {
            let moments = cast.as_primitive::<TimestampMicrosecondType>().iter();
            let inside = |moment: &i64| in_calendar(moment.div_euclid(MICROS_PER_DAY));
            Arc::new(moments.map(|moment| moment.filter(inside)).collect::<TimestampMicrosecondArray>())
        }
        _ => cast,
    })
}
