//! What typical questions about an own product cost, and how exact their answers are.

use maud::{Markup, html};

use super::table::Table;
use crate::messages::{Messages, fill, plain};
use crate::view::Typical;

pub(crate) fn typical(m: &Messages, questions: &[Typical]) -> Markup {
    let words = &m.product;
    let mut table = Table::new(words.typical)
        .caption_hidden()
        .text(words.typical_question)
        .number(words.typical_costs)
        .number(words.typical_exact)
        .number(words.typical_share)
        .number(words.typical_shown_from);
    for question in questions {
        let about = html! { (question.about) br; code { (question.sql) } };
        table.row(match &question.refused {
            Some(why) => {
                let dash = || plain(m.common.dash);
                vec![html! { (about) br; (why) }, dash(), dash(), dash(), dash()]
            }
            None => vec![
                about,
                plain(&m.loss(question.loss)),
                told(m, question.half_width, |width| format!("\u{b1}\u{a0}{}", in_figures(m, width))),
                told(m, question.percent, |percent| {
                    let percent = in_figures(m, percent);
                    fill(words.typical_percent, &[("percent", &percent)])
                }),
                told(m, question.shown_from, |from| m.number(from)),
            ],
        });
    }
    table.render()
}

fn told<T: Copy>(m: &Messages, value: Option<T>, in_words: impl Fn(T) -> String) -> Markup {
    plain(&value.map_or_else(|| m.common.dash.to_owned(), in_words))
}

/// Two or three figures: more would pretend to know more.
fn in_figures(m: &Messages, value: f64) -> String {
    let places = match value {
        value if value >= 100.0 => 0,
        value if value >= 1.0 => 1,
        _ => 3,
    };
    m.decimal(value, places)
}
