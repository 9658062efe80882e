//! What people and programs read: tables, intervals, CSV, JSON, progress.

pub mod csv;
pub mod number;
pub mod table;
pub mod terminal;

/// Columns of running text.
pub const WIDTH: usize = 100;

pub use table::Table;
pub use terminal::{Progress, Terminal};

/// Breaks a text into lines of at most `width` characters, at spaces.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
