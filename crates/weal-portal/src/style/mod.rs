//! The one style sheet and the icon, and the addresses they are served under.

use std::sync::LazyLock;

/// Tokens first, then the page, then its parts. No address in it leaves this node.
pub const CSS: &str = concat!(
    include_str!("tokens.css"),
    include_str!("page.css"),
    include_str!("parts.css"),
    include_str!("paper.css"),
);

/// The mark, for the browser's tab.
pub const ICON: &str = include_str!("icon.svg");

static CSS_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/weal.{}.css", digest(CSS)));
static ICON_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/weal.{}.svg", digest(ICON)));

/// One file that pages refer to. Its address holds a digest of its content, so it may be kept for ever.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    pub path: &'static str,
    pub content_type: &'static str,
    pub body: &'static str,
}

/// `/assets/weal.<digest>.css`
#[must_use]
pub fn css_path() -> &'static str {
    &CSS_PATH
}

/// `/assets/weal.<digest>.svg`
#[must_use]
pub fn icon_path() -> &'static str {
    &ICON_PATH
}

/// Everything that pages refer to.
#[must_use]
pub fn assets() -> [Asset; 2] {
    [
        Asset { path: css_path(), content_type: "text/css; charset=utf-8", body: CSS },
        Asset { path: icon_path(), content_type: "image/svg+xml", body: ICON },
    ]
}

/// FNV-1a: it names a version of our own file and guards nothing.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
