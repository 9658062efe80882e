//! One Java process of the reference connector's family: started with its settings, ended with its value.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::assembly::{Assembly, MAIN};

/// How long it may take to say that it is ready.
const READY_MAX: Duration = Duration::from_secs(300);
/// Runs it until it ends or our end of the pipe does, so that it never outlives us; says its id first.
const KEEPER: &str = "exec 3<&0; \"$@\" </dev/null >\"$WEAL_EDC_LOG\" 2>&1 & child=$!; echo $child; exec >/dev/null; \
     (cat <&3; kill $child 2>/dev/null; sleep 5; kill -9 $child 2>/dev/null) & wait $child";

#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) process_id: u32,
    keeper: Child,
    log: PathBuf,
}

impl Runtime {
    /// Starts one and waits until it says that it is ready and `answers` too.
    pub(super) fn start(
        assembly: &Assembly,
        settings: &[String],
        log: PathBuf,
        answers: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let began = Instant::now();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", "java"])
            .args(settings)
            .args(["-cp", &assembly.class_path(), MAIN])
            .env("WEAL_EDC_LOG", &log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("sh: {cause}"))?;
        let mut said = String::new();
        let output = keeper.stdout.take().ok_or("sh has no output")?;
        BufReader::new(output).read_line(&mut said).map_err(|cause| format!("sh: {cause}"))?;
        let process_id = said.trim().parse().map_err(|_| format!("sh said `{said}`, not a process id"))?;
        let mut runtime = Self { process_id, keeper, log };
        while began.elapsed() < READY_MAX {
            if answers() && runtime.says_ready() {
                return Ok(runtime);
            }
            if let Ok(Some(status)) = runtime.keeper.try_wait() {
                return Err(format!("it ended ({status}):\n{}", runtime.last_words()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("it was not ready in {} s:\n{}", READY_MAX.as_secs(), runtime.last_words()))
    }

    /// Its addresses answer before all of its parts have started.
    fn says_ready(&self) -> bool {
        let started = |line: &str| line.contains("Runtime ") && line.contains(" ready");
        self.log_text().lines().any(started)
    }

    fn log_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of its log, for whoever looks for the cause of a failure.
    pub(super) fn last_words(&self) -> String {
        const LINES: usize = 40;
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The keeper's input ends, and with it the process.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
