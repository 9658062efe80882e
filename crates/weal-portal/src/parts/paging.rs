//! From one page of a long list to the next.

use maud::{Markup, html};

use crate::messages::{Messages, fill};
use crate::view::Paging;

pub(crate) fn paging(m: &Messages, paging: Paging, href: impl Fn(u64) -> String) -> Markup {
    let Paging { page, pages, .. } = paging;
    html! {
        @if pages > 1 {
            nav.paging aria-label=(m.paging.label) {
                @if page > 1 { a rel="prev" href=(href(page - 1)) { (m.paging.previous) } }
                p { (fill(m.paging.position, &[("page", &m.number(page)), ("pages", &m.number(pages))])) }
                @if page < pages { a rel="next" href=(href(page + 1)) { (m.paging.next) } }
            }
        }
    }
}
