//! Permission as a value. Nothing releases a byte without one, and only the gate makes one.

use std::marker::PhantomData;

use crate::Timestamp;
use crate::agreements::{AgreementId, LegalBasis, Purpose};
use crate::catalogue::{Mode, ProductName};
use crate::compute::Loss;
use crate::identity::Did;
use crate::names::{check_id, text_type};

text_type!(
    /// One exercise of an agreement; an IRI, the same in both ledgers.
    UseId, "use id", check_id
);

/// The rung a permit is for, as a type.
pub trait Rung: sealed::Sealed {
    const MODE: Mode;
}

macro_rules! rungs {
    ($($name:ident),*) => {
        $(
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl sealed::Sealed for $name {}
            impl Rung for $name {
                const MODE: Mode = Mode::$name;
            }
        )*
    };
}
rungs!(Metadata, Synthetic, Statistics, Matching, Training, Lookup, Extract);

mod sealed {
    pub trait Sealed {}
}

/// What a permit allows, in full. Readable by everyone, made by the gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub use_id: UseId,
    pub agreement: AgreementId,
    pub provider: Did,
    pub consumer: Did,
    pub product: ProductName,
    pub mode: Mode,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    /// A pseudonym of the person who asks, made by their own node.
    pub person: String,
    /// The only columns this use may touch; `None` is all of the product.
    pub columns: Option<Vec<String>>,
    /// The SQL condition every row must satisfy.
    pub row_filter: Option<String>,
    /// What this use may cost at most.
    pub loss_max: Loss,
    pub decided_at: Timestamp,
    /// When the agreement ends; a stream still open then is cut.
    pub ends_at: Option<Timestamp>,
}

/// Proof that a use of rung `M` was allowed (`GT-1 no byte without a permit`).
///
/// It cannot be built, cloned or changed outside the gate: whoever holds one has been let through once.
#[derive(Debug)]
pub struct Permit<M: Rung> {
    grant: Grant,
    rung: PhantomData<M>,
}

impl<M: Rung> Permit<M> {
    pub(crate) fn new(grant: Grant) -> Self {
        Self { grant, rung: PhantomData }
    }
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}
