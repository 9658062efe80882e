//! What comes from the network, with patience: a registry that hiccups is asked again, ever later. What is not there at
//! the end is an error all the same.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long is waited before each further try.
const PAUSES_S: [u64; 4] = [3, 10, 30, 60];

/// Runs a command that downloads until it ends well. `command` is told whether it is asked again; `remedy` is for whom
/// the program is missing.
pub(crate) fn until_done(remedy: &str, command: impl Fn(bool) -> Command) -> Result<(), String> {
    until_done_with(&PAUSES_S.map(Duration::from_secs), remedy, command)
}

fn until_done_with(
    pauses: &[Duration],
    remedy: &str,
    command: impl Fn(bool) -> Command,
) -> Result<(), String> {
    let mut pauses = pauses.iter();
    let mut again = false;
    loop {
        let mut command = command(again);
        let program = command.get_program().to_string_lossy().into_owned();
        let why = match command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => format!("{command:?}: {status}"),
            Err(cause) => return Err(format!("{program}: {cause}; {remedy}")),
        };
        let Some(pause) = pauses.next() else { return Err(why) };
        eprintln!("{why}; again in {} s", pause.as_secs());
        std::thread::sleep(*pause);
        again = true;
    }
}

/// Copies what `pom` names into one folder, which Maven makes.
pub(crate) fn by_maven(pom: &Path, folder: &Path, more: Option<String>) -> Result<(), String> {
    until_done("install Maven and a JDK 17", |again| {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "--file"]).arg(pom);
        maven.arg(format!("-DoutputDirectory={}", folder.display())).args(&more);
        // What says nothing for so long has hung up: Maven's own patience is half an hour.
        maven.args(["-Dmaven.wagon.rto=60000", "-Daether.connector.requestTimeout=60000"]);
        // What was not found before it remembers for a day.
        maven.args(again.then_some("--update-snapshots"));
        maven
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails until it was run so many times.
    fn counted(file: &Path, times: usize) -> Command {
        let mut command = Command::new("sh");
        let script = format!("echo once >> \"$0\"; test \"$(grep -c once \"$0\")\" -ge {times}");
        command.args(["-c", &script]).arg(file);
        command
    }

    #[test]
    fn it_is_tried_again_and_not_for_ever() {
        let place = crate::bench::Place::make().expect("a folder");
        let pauses = [Duration::ZERO; 2];
        let tried = |name: &str, times: usize| {
            let file = place.0.join(name);
            let done = until_done_with(&pauses, "", |_| counted(&file, times));
            let runs = std::fs::read_to_string(&file).expect("it was run").lines().count();
            (done.is_ok(), runs)
        };
        assert_eq!(tried("at once", 1), (true, 1));
        assert_eq!(tried("at last", 3), (true, 3));
        assert_eq!(tried("never", 9), (false, 3));
    }

    #[test]
    fn who_has_no_such_program_does_not_wait() {
        let missing = || Command::new("weal-has-no-such-program");
        let done = until_done("install it", |_| missing());
        assert!(done.is_err_and(|why| why.ends_with("install it")));
    }
}
