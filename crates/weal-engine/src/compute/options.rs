//! `SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (...)`, in the form of ZetaSQL, for those who know it from elsewhere.
//! Options can only ask for less than the owner allows; whatever they say, the owner's limits hold.

use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use weal_domain::Refusal;
use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::Loss;
use weal_privacy::accounting::rho_nano_for;

/// What a question asks of its own protection.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    epsilon: Option<f64>,
    delta: Option<f64>,
    groups_max: Option<u32>,
    rows_max: Option<u32>,
    subject: Option<String>,
    report_suppressed: Option<bool>,
    /// The numbers as they are drawn, to be put together with those of other owners.
    pub as_drawn: bool,
}

const FORM: &str = "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5, max_groups_contributed = 2) ...";
/// Units of delta in 1.
const FEMTO: f64 = 1e15;

impl Options {
    /// Cuts the clause out of a question's tokens, if it stands there.
    pub(crate) fn cut_from(tokens: &mut Vec<TokenWithSpan>) -> Result<Options, Refusal> {
        let solid: Vec<usize> =
            (0..tokens.len()).filter(|&place| !matches!(tokens[place].token, Token::Whitespace(_))).collect();
        let is = |place: usize, word: &str| {
            let token = solid.get(place).map(|&place| &tokens[place].token);
            matches!(token, Some(Token::Word(found)) if found.value.eq_ignore_ascii_case(word))
        };
        if !(is(0, "SELECT") && is(1, "WITH") && is(2, "DIFFERENTIAL_PRIVACY")) {
            return Ok(Options::default());
        }
        let mut end = 3;
        let mut options = Options::default();
        if is(3, "OPTIONS") {
            let tail: Vec<&Token> = solid[4..].iter().map(|&place| &tokens[place].token).collect();
            let close = tail.iter().position(|token| **token == Token::RParen).ok_or_else(malformed)?;
            if tail.first() != Some(&&Token::LParen) {
                return Err(malformed());
            }
            for option in tail[1..close].split(|token| **token == Token::Comma).filter(|one| !one.is_empty())
            {
                options.take(option)?;
            }
            end = 4 + close + 1;
        }
        let last = solid[end - 1];
        tokens.drain(solid[1]..=last);
        Ok(options)
    }

    fn take(&mut self, option: &[&Token]) -> Result<(), Refusal> {
        let [Token::Word(name), Token::Eq, value] = option else { return Err(malformed()) };
        let number = || match value {
            Token::Number(text, _) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        let whole = || {
            let whole = number().filter(|number| *number >= 1.0 && number.fract() == 0.0);
            whole.map(|number| number.min(f64::from(u32::MAX)) as u32)
        };
        match name.value.to_lowercase().as_str() {
            "epsilon" => {
                self.epsilon = Some(number().filter(|epsilon| *epsilon > 0.0).ok_or_else(malformed)?)
            }
            "delta" => {
                self.delta = Some(number().filter(|delta| (0.0..1.0).contains(delta)).ok_or_else(malformed)?)
            }
            "max_groups_contributed" => self.groups_max = Some(whole().ok_or_else(malformed)?),
            "max_rows_contributed" => self.rows_max = Some(whole().ok_or_else(malformed)?),
            "report_suppressed" => match value {
                Token::Word(word) if word.value.eq_ignore_ascii_case("true") => {
                    self.report_suppressed = Some(true)
                }
                Token::Word(word) if word.value.eq_ignore_ascii_case("false") => {
                    self.report_suppressed = Some(false)
                }
                _ => return Err(malformed()),
            },
            "privacy_unit_column" => match value {
                Token::Word(column) => self.subject = Some(column.value.clone()),
                _ => return Err(malformed()),
            },
            "as_drawn" => match value {
                Token::Word(word) if word.value.eq_ignore_ascii_case("true") => self.as_drawn = true,
                Token::Word(word) if word.value.eq_ignore_ascii_case("false") => self.as_drawn = false,
                _ => return Err(malformed()),
            },
            other => {
                let reason = format!("`{other}` is no option of a private question here.");
                return Err(Refusal::invalid("unknown-option", reason).remedy(
                    "Use epsilon, delta, max_groups_contributed, max_rows_contributed, privacy_unit_column, \
                     report_suppressed and as_drawn; the owner decides the rest.",
                ));
            }
        }
        Ok(())
    }

    /// Whether to tell how much is withheld.
    pub(crate) fn reports_withheld(&self) -> bool {
        self.report_suppressed.unwrap_or(!self.as_drawn)
    }

    /// Numbers that are added to those of other owners come without what each of them withholds, which would be paid for.
    pub(crate) fn refuse_withheld(&self) -> Result<(), Refusal> {
        if self.report_suppressed == Some(true) {
            let reason =
                "How much is withheld is not told of numbers that are added to those of other owners.";
            return Err(Refusal::invalid("withheld-as-drawn", reason)
                .remedy("Leave report_suppressed out, or ask each owner alone."));
        }
        Ok(())
    }

    /// The same, with the numbers as they are drawn.
    pub(crate) fn drawn(self) -> Self {
        Self { as_drawn: true, ..self }
    }

    /// The clause as it is written after SELECT; nothing where nothing is asked for.
    pub(crate) fn printed(&self) -> String {
        let options = [
            self.epsilon.map(|epsilon| format!("epsilon = {epsilon}")),
            self.delta.map(|delta| format!("delta = {delta}")),
            self.groups_max.map(|groups| format!("max_groups_contributed = {groups}")),
            self.rows_max.map(|rows| format!("max_rows_contributed = {rows}")),
            self.subject
                .as_ref()
                .map(|subject| format!("privacy_unit_column = {}", Ident::with_quote('"', subject))),
            self.as_drawn.then(|| "as_drawn = TRUE".to_owned()),
        ];
        let options: Vec<String> = options.into_iter().flatten().collect();
        if options.is_empty() {
            return String::new();
        }
        format!("WITH DIFFERENTIAL_PRIVACY OPTIONS ({})", options.join(", "))
    }

    /// What the question may cost as far as who asks is concerned: `given` with it or `epsilon` in it, the less of the
    /// two; where there is neither the owner's default.
    pub(crate) fn loss(&self, given: Option<Loss>, default: Loss, quoted_delta: f64) -> Loss {
        let mut loss = given.unwrap_or(default);
        if let Some(epsilon) = self.epsilon {
            let rho_nano = rho_nano_for(epsilon, quoted_delta);
            loss.rho_nano = given.map_or(rho_nano, |given| given.rho_nano.min(rho_nano));
        }
        if let Some(delta) = self.delta {
            // Rounded down: never more than was asked for.
            loss.delta_femto = loss.delta_femto.min((delta * FEMTO).floor() as u64);
        }
        loss
    }

    /// The owner's policy, made tighter where an option says so.
    pub(crate) fn tighten(&self, policy: &PrivacyPolicy) -> Result<PrivacyPolicy, Refusal> {
        let mut policy = policy.clone();
        if let Some(subject) =
            self.subject.as_deref().filter(|name| !name.eq_ignore_ascii_case(&policy.subject))
        {
            let reason = format!("The owner protects `{}`, not `{subject}`.", policy.subject);
            return Err(Refusal::invalid("other-subject", reason).remedy("Leave privacy_unit_column out."));
        }
        if let Some(groups) = self.groups_max {
            policy.groups_per_subject_max = policy.groups_per_subject_max.min(groups);
        }
        if let Some(rows) = self.rows_max {
            policy.rows_per_subject_max =
                Some(policy.rows_per_subject_max.map_or(rows, |most| most.min(rows)));
        }
        Ok(policy)
    }
}

fn malformed() -> Refusal {
    Refusal::invalid("bad-options", "The options of this private question cannot be read.")
        .remedy(format!("Write for example `{FORM}`."))
}
