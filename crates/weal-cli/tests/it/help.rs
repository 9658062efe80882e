//! Every command explains itself with an example, and what it says changes only on purpose.

use clap::Command;

/// The help of every command, each once, as a person in a terminal of 100 columns reads it.
fn helps(command: &mut Command, path: &str, out: &mut Vec<(String, String)>) {
    let text = command.clone().term_width(100).render_long_help().to_string();
    out.push((path.to_owned(), text));
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        helps(sub, &path, out);
    }
}

fn all() -> Vec<(String, String)> {
    let mut root = weal_cli::command();
    root.build();
    let mut out = Vec::new();
    helps(&mut root, "weal", &mut out);
    out
}

#[test]
fn every_help_stands_as_it_was_agreed() {
    for (path, text) in all() {
        insta::assert_snapshot!(path.replace(' ', "-"), text);
    }
}

#[test]
fn every_command_shows_an_example_that_parses() {
    for (path, text) in all() {
        let examples: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Example: ")).collect();
        assert!(!examples.is_empty(), "`{path} --help` shows no example");
        for example in examples {
            let words = split(example);
            let parsed = weal_cli::command().try_get_matches_from(&words);
            assert!(
                parsed.is_ok(),
                "the example of `{path}` does not parse: {example}\n{}",
                parsed.unwrap_err()
            );
            assert!(example.starts_with(&path), "the example of `{path}` is for another command: {example}");
        }
    }
}

#[test]
fn the_exit_codes_are_documented_at_the_root() {
    let (_, root) = all().swap_remove(0);
    for code in [" 0  done", " 1  ", " 2  ", " 3  refused", " 4  ", "64  weal.toml"] {
        assert!(root.contains(code), "`weal --help` does not explain exit code {code}");
    }
}

#[test]
fn the_command_line_is_well_formed() {
    weal_cli::command().debug_assert();
}

/// A command line as a shell reads it, with double quotation marks only.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for sign in line.chars() {
        match sign {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(sign),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
