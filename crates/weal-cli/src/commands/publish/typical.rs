//! What typical questions would cost, before anybody can ask one.

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::Budget;
use weal_node::api::TypicalQuestion;

use crate::print::Table;
use crate::print::number::{decimal, decimals_for, loss, thousands};

/// One line for each question.
pub(super) fn table(questions: &[TypicalQuestion]) -> String {
    let mut table = Table::new(&[
        "a typical question",
        "costs",
        ">exact to ±",
        ">of a middling group",
        ">shown from about",
    ]);
    for question in questions {
        let costs = match &question.refusal {
            Some(refusal) => refusal.reason.clone(),
            None => loss(question.loss),
        };
        table.row([
            question.about.clone(),
            costs,
            question.half_width.map_or_else(String::new, half),
            question.half_width_percent.map_or_else(String::new, |percent| format!("{} %", half(percent))),
            question.shown_from.map_or_else(String::new, thousands),
        ]);
    }
    format!(
        "What typical questions would cost, and how exact their answers would be in 95 of 100 cases:\n{table}\n\
         A sharper answer costs more, or needs fewer groups or rows per subject, or narrower bounds.\n"
    )
}

/// The first of them in one line, with how many the budget answers.
pub(super) fn in_a_line(questions: &[TypicalQuestion], privacy: &PrivacyPolicy) -> Option<String> {
    let priced = questions.iter().filter(|question| question.refusal.is_none());
    let (question, half_width) = priced.filter_map(|one| Some((one, one.half_width?))).next()?;
    let budget = Budget::granted(privacy.budget).questions_left(privacy.question_loss_default);
    let many =
        budget.map_or_else(String::new, |many| format!("; the budget answers {} such", thousands(many)));
    let share =
        question.half_width_percent.map_or_else(String::new, |percent| format!(" ({} %)", half(percent)));
    Some(format!(
        "A typical question ({}) costs {} and is exact to ± {}{share}{many}.",
        question.about,
        loss(question.loss),
        half(half_width)
    ))
}

/// Half an interval's width, in as many places as say something.
pub(in crate::commands) fn half(width: f64) -> String {
    decimal(width, decimals_for(width))
}
