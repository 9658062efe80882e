//! When two texts are the same question.

use std::fmt::Write as _;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};
use weal_domain::Refusal;

use super::sql::question_tokens;

/// Words that nobody can call a column without quoting them, so that their case never matters.
const RESERVED: [Keyword; 36] = [
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::BY,
    Keyword::HAVING,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::ASC,
    Keyword::DESC,
    Keyword::AS,
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IN,
    Keyword::IS,
    Keyword::NULL,
    Keyword::LIKE,
    Keyword::BETWEEN,
    Keyword::CASE,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::END,
    Keyword::DISTINCT,
    Keyword::JOIN,
    Keyword::INNER,
    Keyword::LEFT,
    Keyword::ON,
    Keyword::USING,
    Keyword::UNION,
    Keyword::ALL,
    Keyword::WITH,
    Keyword::TRUE,
    Keyword::FALSE,
];

/// A question's text without what never changes its answer: comments, how it is broken into lines, a semicolon at
/// its end, the case of reserved words and of functions. Two questions whose texts are the same in this form are
/// the same question; two that differ may still be, and are answered each.
pub fn same_question(sql: &str) -> Result<String, Refusal> {
    let tokens: Vec<Token> = question_tokens(sql)?
        .into_iter()
        .map(|token| token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF))
        .collect();
    let mut text = String::with_capacity(sql.len());
    for (i, token) in tokens.iter().enumerate() {
        let called = matches!(tokens.get(i + 1), Some(Token::LParen));
        // A length before each token: no text is made of two tokens in one place and of one in another.
        let token = match token {
            Token::Word(word) => of_word(word, called),
            other => format!("{other:?}"),
        };
        let _ = write!(text, "{}:{token} ", token.len());
    }
    Ok(text)
}

fn of_word(word: &Word, is_called: bool) -> String {
    let fixed = word.quote_style.is_none() && (is_called || RESERVED.contains(&word.keyword));
    if fixed {
        format!("w {}", word.value.to_lowercase())
    } else {
        format!("{:?} {}", word.quote_style, word.value)
    }
}
