//! The words of a text, of any language: without regard to case and marks, and with scripts that put no space
//! between words cut into pairs of letters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longer words are cut.
const WORD_CHARS_MAX: usize = 40;
/// What is read of one text.
const TEXT_CHARS_MAX: usize = 20_000;

/// The words by which a text is found.
pub(super) fn words_to_find(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in runs(text) {
        if is_unspaced(&run) {
            words.extend(run.chars().map(String::from));
            words.extend(pairs(&run));
        } else {
            words.push(run);
        }
    }
    words
}

/// The words that somebody looks for.
pub(super) fn words_wanted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in runs(text) {
        if is_unspaced(&run) && run.chars().nth(1).is_some() {
            words.extend(pairs(&run));
        } else {
            words.push(run);
        }
    }
    words
}

fn pairs(run: &str) -> impl Iterator<Item = String> + '_ {
    run.chars().zip(run.chars().skip(1)).map(|(first, second)| String::from_iter([first, second]))
}

/// Letters and digits that belong together, folded; a run changes where the script does.
fn runs(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut chars_left = 0;
    let mut last: Option<bool> = None;
    for letter in folded(text) {
        if !letter.is_alphanumeric() && !is_combining_mark(letter) {
            last = None;
            continue;
        }
        let unspaced = puts_no_spaces(letter);
        if last != Some(unspaced) {
            runs.push(String::new());
            chars_left = if unspaced { TEXT_CHARS_MAX } else { WORD_CHARS_MAX };
        }
        last = Some(unspaced);
        if let Some(run) = runs.last_mut().filter(|_| chars_left > 0) {
            run.push(letter);
            chars_left -= 1;
        }
    }
    runs
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    let bare = text.chars().take(TEXT_CHARS_MAX).nfkd().filter(|letter| !is_mark(*letter));
    bare.flat_map(char::to_lowercase).flat_map(plain).nfc()
}

/// Marks that people leave out when they look for something: accents, and the points of Hebrew and Arabic. The
/// vowel signs of other scripts are letters.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Latin letters whose mark is a part of them.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let (first, second) = match letter {
        'ß' => ('s', Some('s')),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'ø' => ('o', None),
        'ł' => ('l', None),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ı' => ('i', None),
        'ŧ' => ('t', None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn is_unspaced(run: &str) -> bool {
    run.chars().next().is_some_and(puts_no_spaces)
}

/// Whether a letter is of a script that is written without spaces: Han, kana, Thai, Lao, Burmese, Khmer.
fn puts_no_spaces(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}
