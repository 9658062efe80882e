//! Putting texts together without letting them grow: a short question must not fill the memory.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::functions::over_arrays;

/// The longest text that a question may put together; NULL stands for what is longer.
pub(crate) const CONCAT_BYTES_MAX: usize = 1 << 10;
/// The most texts that one call puts together.
const CONCAT_ARGS_MAX: usize = 16;

/// `concat`, which passes over NULLs, and `||`, which is NULL where one side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Concat {
    Function,
    Operator,
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        match self {
            Concat::Function => "concat",
            Concat::Operator => "joined",
        }
    }
    fn signature(&self) -> &Signature {
        static TEXTS: LazyLock<Signature> = LazyLock::new(|| Signature::user_defined(Volatility::Immutable));
        &TEXTS
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if types.is_empty() || types.len() > CONCAT_ARGS_MAX {
            return plan_err!("concat puts 1 to {CONCAT_ARGS_MAX} texts together");
        }
        Ok(vec![DataType::Utf8; types.len()])
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_arrays(&args, |arrays| {
            let texts: Vec<_> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
            let rows = texts.first().map_or(0, |texts| texts.len());
            let mut joined = StringBuilder::new();
            for row in 0..rows {
                let missing = texts.iter().any(|texts| texts.is_null(row));
                let there = || texts.iter().filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row));
                let bytes: usize = there().map(str::len).sum();
                if bytes > CONCAT_BYTES_MAX || (missing && *self == Concat::Operator) {
                    joined.append_null();
                } else {
                    joined.append_value(there().collect::<String>());
                }
            }
            Ok(Arc::new(joined.finish()))
        })
    }
}
