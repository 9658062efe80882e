//! One function per page: `pages::<room>::<page>(&Chrome, &View) -> String`, a full HTML document.

pub mod agreements;
pub mod catalogue;
pub mod compute;
pub mod governance;
pub mod home;
pub mod identity;
pub mod ledger;
pub mod negotiations;
pub mod notices;
