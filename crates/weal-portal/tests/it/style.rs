//! The style sheet keeps its promises: contrast, six sizes, nothing from elsewhere.

use std::collections::BTreeMap;

use weal_portal::style;

type Tokens = BTreeMap<String, [f64; 3]>;

/// The colour tokens of the light scheme, and of the dark one over them.
fn schemes() -> [(&'static str, Tokens); 2] {
    let dark_at = style::CSS.find("@media (prefers-color-scheme: dark)").unwrap();
    let dark_end = dark_at + style::CSS[dark_at..].find("\n}\n").unwrap();
    let light = tokens(&style::CSS[..dark_at]);
    let mut dark = light.clone();
    dark.extend(tokens(&style::CSS[dark_at..dark_end]));
    [("light", light), ("dark", dark)]
}

fn tokens(css: &str) -> Tokens {
    let declarations = css.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    declarations
        .map(|(name, value)| {
            let hex = u32::from_str_radix(value.trim_end_matches(';'), 16).unwrap();
            (name.to_owned(), [16, 8, 0].map(|shift| f64::from((hex >> shift) & 255) / 255.0))
        })
        .collect()
}

/// WCAG 2.2, relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_has_a_contrast_of_seven_and_shapes_of_three() {
    let mut text = vec![("on-accent", "accent")];
    for ground in ["paper", "raised"] {
        for ink in ["ink", "ink-soft", "accent", "allowed", "waiting", "refused", "attention"] {
            text.push((ink, ground));
        }
    }
    for state in ["allowed", "waiting", "refused", "attention"] {
        let soft: &'static str = match state {
            "allowed" => "allowed-soft",
            "waiting" => "waiting-soft",
            "refused" => "refused-soft",
            _ => "attention-soft",
        };
        text.extend([(state, soft), ("ink", soft)]);
    }
    text.extend([("ink", "sunken"), ("ink", "accent-soft"), ("accent", "accent-soft")]);
    let shapes =
        ["edge", "bar", "ember", "accent"].map(|shape| [(shape, "paper"), (shape, "raised")]).concat();
    for (scheme, tokens) in schemes() {
        for (pairs, least) in [(&text, 7.0), (&shapes, 3.0)] {
            for (ink, ground) in pairs {
                let found = contrast(tokens[*ink], tokens[*ground]);
                assert!(found >= least, "{scheme}: {ink} on {ground} has {found:.2}, not {least}");
            }
        }
    }
}

#[test]
fn there_are_six_sizes_of_type() {
    let sizes: Vec<&str> = style::CSS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--size-")?.split_once(':'))
        .map(|(_, size)| size)
        .collect();
    assert_eq!(sizes.len(), 6);
    for (at, _) in style::CSS.match_indices("font-size:") {
        let value = style::CSS[at + 10..].split([';', '}']).next().unwrap().trim();
        let allowed = value.starts_with("var(--size-")
            || value.ends_with("em") && !value.ends_with("rem")
            || value.ends_with("pt");
        assert!(allowed, "font-size: {value}");
    }
}

#[test]
fn nothing_comes_from_elsewhere() {
    for forbidden in ["url(", "@import", "http:", "https:", "//"] {
        assert!(!style::CSS.contains(forbidden), "{forbidden}");
    }
    assert!(style::CSS.len() < 40_000);
    assert!(!style::ICON.contains("<script") && !style::ICON.contains("<style"));
}

#[test]
fn an_address_names_its_content() {
    let [css, icon] = style::assets();
    assert_eq!((css.path, icon.path), (style::css_path(), style::icon_path()));
    assert_ne!(css.path, icon.path);
    let digest = css.path.strip_prefix("/assets/weal.").unwrap().strip_suffix(".css").unwrap();
    assert!(digest.len() == 16 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
}
