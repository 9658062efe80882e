//! From a text to one parsed `SELECT`, with limits on size and depth before anything recurses over it.

use datafusion::sql::sqlparser::ast::{Expr, Query, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use weal_domain::{Refusal, RefusalKind};

use super::options::Options;

/// The longest question.
pub const SQL_BYTES_MAX: usize = 64 << 10;
/// The longest row filter of an offer.
pub const FILTER_BYTES_MAX: usize = 8 << 10;
/// How deep parentheses, calls and subqueries may nest.
const NESTING_MAX: usize = 40;
/// How deep CASE may nest: what a planner does with it doubles with each level.
const CASE_NESTING_MAX: usize = 6;
/// How many tokens may follow each other, with everything around them, before a comma ends the run. It
/// bounds the depth of the tree that `1+1+1+...` becomes: parsers build it in a loop, but everything after
/// them recurses over it.
const RUN_TOKENS_MAX: usize = 256;
/// Joins and set operations of one question, which nest in the same way.
const JOINS_MAX: usize = 32;

const EXAMPLE: &str = "SELECT region, COUNT(*) FROM revenue.payroll GROUP BY region";

/// The one `SELECT` that `sql` is.
pub(crate) fn parse_question(sql: &str) -> Result<Box<Query>, Refusal> {
    parse_with_options(sql).map(|(query, _)| query)
}

/// The question that `EXPLAIN PRIVACY ...` is about.
pub fn explained(sql: &str) -> Option<&str> {
    let after = |text: &'_ str, word: &str| -> Option<usize> {
        let start = text.len() - text.trim_start().len();
        let head = text.get(start..start + word.len())?;
        let ends = text[start + word.len()..].starts_with(char::is_whitespace);
        (head.eq_ignore_ascii_case(word) && ends).then_some(start + word.len())
    };
    let rest = &sql[after(sql, "EXPLAIN")?..];
    Some(rest[after(rest, "PRIVACY")?..].trim_start())
}

/// The same, with what it asks of its own protection.
pub(crate) fn parse_with_options(sql: &str) -> Result<(Box<Query>, Options), Refusal> {
    let mut tokens = tokens(sql, SQL_BYTES_MAX, "question")?;
    refuse_other_verbs(&tokens)?;
    let options = Options::cut_from(&mut tokens)?;
    let mut parser = parser(tokens);
    let statement = parser.parse_statement().map_err(syntax)?;
    expect_end(&parser)?;
    match statement {
        Statement::Query(query) => Ok((query, options)),
        _ => Err(not_a_question("that")),
    }
}

/// The tokens of a question, within its limits.
pub(crate) fn question_tokens(sql: &str) -> Result<Vec<TokenWithSpan>, Refusal> {
    tokens(sql, SQL_BYTES_MAX, "question")
}

/// The condition that the text of a row filter is.
pub(crate) fn parse_condition(filter: &str) -> Result<Expr, Refusal> {
    let mut parser = parser(tokens(filter, FILTER_BYTES_MAX, "row filter")?);
    let expr = parser.parse_expr().map_err(syntax)?;
    expect_end(&parser)?;
    Ok(expr)
}

fn parser(tokens: Vec<TokenWithSpan>) -> Parser<'static> {
    Parser::new(&GenericDialect {}).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens)
}

fn tokens(text: &str, bytes_max: usize, what: &str) -> Result<Vec<TokenWithSpan>, Refusal> {
    if text.len() > bytes_max {
        let reason = format!("The {what} is longer than {} KiB.", bytes_max >> 10);
        return Err(
            Refusal::new(RefusalKind::TooLarge, "question-too-long", reason).remedy("Ask for less at once.")
        );
    }
    let mut tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| syntax(ParserError::TokenizerError(error.to_string())))?;
    let nothing =
        |token: &TokenWithSpan| matches!(token.token, Token::SemiColon | Token::Whitespace(_) | Token::EOF);
    while tokens.last().is_some_and(nothing) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(Refusal::invalid("empty-question", format!("The {what} is empty."))
            .remedy(format!("Write for example `{EXAMPLE}`.")));
    }
    if tokens.iter().any(|token| token.token == Token::SemiColon) {
        return Err(Refusal::invalid(
            "one-question-at-a-time",
            format!("The {what} holds more than one statement."),
        )
        .remedy("Ask one question at a time, without a semicolon inside."));
    }
    refuse_depth(&tokens)?;
    Ok(tokens)
}

fn refuse_other_verbs(tokens: &[TokenWithSpan]) -> Result<(), Refusal> {
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::LParen));
    match first.map(|token| &token.token) {
        Some(Token::Word(word)) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH) => Ok(()),
        Some(Token::Word(word)) if word.keyword == Keyword::EXPLAIN => {
            let instead = "Ask for a preview, which costs nothing: `EXPLAIN PRIVACY SELECT ...`.";
            Err(not_a_question("EXPLAIN").remedy(instead))
        }
        Some(Token::Word(word)) if word.keyword != Keyword::NoKeyword => {
            Err(not_a_question(&word.value.to_uppercase()))
        }
        _ => Err(not_a_question("that")),
    }
}

fn not_a_question(verb: &str) -> Refusal {
    Refusal::invalid("not-a-question", format!("Only a SELECT can be asked here, and {verb} is none."))
        .remedy(format!("Write a SELECT, for example `{EXAMPLE}`."))
}

fn expect_end(parser: &Parser<'_>) -> Result<(), Refusal> {
    match parser.peek_token().token {
        Token::EOF => Ok(()),
        _ => Err(syntax(ParserError::ParserError(format!("Expected: end, found: {}", parser.peek_token())))),
    }
}

fn syntax(error: ParserError) -> Refusal {
    match error {
        ParserError::RecursionLimitExceeded => too_deep(),
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            Refusal::invalid("sql-syntax", format!("The SQL cannot be read: {}", text.trim_end_matches('.')))
                .remedy("Correct it at the place named.")
        }
    }
}

fn too_deep() -> Refusal {
    Refusal::new(RefusalKind::TooLarge, "question-too-deep", "The question nests or chains too deeply.")
        .remedy("Write it flatter: fewer parentheses, `IN (...)` instead of many ORs, fewer joins.")
}

/// One open parenthesis, bracket or CASE, and the tokens since its last comma.
struct Level {
    case: bool,
    run: usize,
}

fn refuse_depth(tokens: &[TokenWithSpan]) -> Result<(), Refusal> {
    let mut levels = vec![Level { case: false, run: 0 }];
    let mut joins = 0;
    let mut after_operand = false;
    for token in tokens.iter().map(|token| &token.token) {
        let in_case = levels.last().is_some_and(|level| level.case);
        match token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => levels.push(Level { case: false, run: 0 }),
            Token::Word(word) if word.keyword == Keyword::CASE => levels.push(Level { case: true, run: 0 }),
            Token::RParen | Token::RBracket | Token::RBrace => {
                while levels.len() > 1 && levels.pop().is_some_and(|level| level.case) {}
            }
            Token::Word(word) if word.keyword == Keyword::END && in_case => drop(levels.pop()),
            Token::Comma => reset(&mut levels),
            Token::Word(word) if in_case && after_operand && is_branch(word.keyword) => reset(&mut levels),
            Token::Word(word) if is_join(word.keyword) => joins += 1,
            _ => {}
        }
        after_operand = ends_operand(token);
        if let Some(level) = levels.last_mut() {
            level.run += 1;
        }
        let total: usize = levels.iter().map(|level| level.run).sum();
        let cases = levels.iter().filter(|level| level.case).count();
        let deep = levels.len() > NESTING_MAX || cases > CASE_NESTING_MAX;
        if total > RUN_TOKENS_MAX || joins > JOINS_MAX || deep {
            return Err(too_deep());
        }
    }
    Ok(())
}

fn reset(levels: &mut [Level]) {
    if let Some(level) = levels.last_mut() {
        level.run = 0;
    }
}

fn is_branch(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::WHEN | Keyword::THEN | Keyword::ELSE)
}

fn is_join(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::JOIN | Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS)
}

/// Whether an operand is complete with this token: a WHEN after `+` is a column's name and no new branch.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            matches!(word.keyword, Keyword::NoKeyword | Keyword::END | Keyword::NULL)
                || matches!(word.keyword, Keyword::TRUE | Keyword::FALSE)
        }
        Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => true,
        Token::RParen | Token::RBracket => true,
        _ => false,
    }
}
