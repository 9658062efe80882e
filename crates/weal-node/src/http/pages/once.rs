//! Forms that do something once, however often they are sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use weal_domain::identity::AccountName;

use crate::fault::{Error, Fault};

/// Forms whose outcome is remembered; the oldest is forgotten first.
const FORMS_MAX: usize = 256;
/// The longest form number that is one of ours.
const ONCE_BYTES_MAX: usize = 64;

/// What a form came to, for everybody who waits for it.
pub(super) type Came<T> = Result<T, Arc<Error>>;
type Coming<T> = Shared<BoxFuture<'static, Came<T>>>;

/// The forms that were sent in this run of the node, each with what it came to.
pub struct Forms<T>(Mutex<VecDeque<Form<T>>>);

struct Form<T> {
    account: AccountName,
    /// The form's own number and what it asks for: the same number with other words is another form.
    key: String,
    coming: Coming<T>,
}

impl<T> std::fmt::Debug for Forms<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forms").finish_non_exhaustive()
    }
}

impl<T> Default for Forms<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Whether this is a number that a form of ours could carry.
pub(super) fn is_number(once: &str) -> bool {
    (1..=ONCE_BYTES_MAX).contains(&once.len())
}

impl<T: Clone + Send + Sync + 'static> Forms<T> {
    /// What this form comes to. The first time it is sent it is done, to its end whether anybody still waits
    /// or not; every other time its outcome is awaited.
    pub(super) fn once(
        &self,
        account: &AccountName,
        key: String,
        act: impl Future<Output = Came<T>> + Send + 'static,
    ) -> Coming<T> {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = forms.iter().find(|form| form.account == *account && form.key == key) {
            return sent.coming.clone();
        }
        let acting = tokio::spawn(act);
        let coming: BoxFuture<'static, Came<T>> = Box::pin(async move {
            acting
                .await
                .unwrap_or_else(|cause| Err(Arc::new(Fault::new("doing what a form asks", cause).into())))
        });
        let coming = coming.shared();
        forms.push_back(Form { account: account.clone(), key, coming: coming.clone() });
        if forms.len() > FORMS_MAX {
            forms.pop_front();
        }
        coming
    }
}
