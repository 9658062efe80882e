//! What was measured on, for the table's head.

use std::process::Command;

/// Cores, processor, memory, system, versions and commit, as lines of a list.
pub(super) fn lines(weal: &str) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        format!("machine: {cores} cores, {}, {} memory, {}", processor(), memory(), said("uname", &["-sr"])),
        format!(
            "versions: {}, {}, commit {}",
            said(weal, &["--version"]),
            said("rustc", &["--version"]),
            commit()
        ),
    ]
}

/// Which Java runs what runs on Java.
pub(super) fn java() -> String {
    format!("java: {}, JVM's own defaults", said("java", &["--version"]))
}

fn line_of(file: &str, start: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(start))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn processor() -> String {
    line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned())
}

fn memory() -> String {
    let kib = line_of("/proc/meminfo", "MemTotal");
    let kib = kib.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0))
}

fn commit() -> String {
    let dirty = !said("git", &["status", "--porcelain"]).is_empty();
    format!("{}{}", said("git", &["rev-parse", "--short", "HEAD"]), if dirty { " with changes" } else { "" })
}

/// The first line that a program prints, or nothing.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}
