//! What the operating system says of a process.

/// The memory that a process holds now, in MiB.
pub(crate) fn resident_mib(process_id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
