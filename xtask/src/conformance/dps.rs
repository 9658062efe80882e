//! `cargo xtask conformance dps`: why the public test kit of Data Plane Signaling is not run. It tests what passes
//! between a control plane and a data plane that are two programs; a node is one. Every test of the kit is named with
//! the reason, and nothing of this counts as a test that was passed.

use std::process::{Command, Stdio};

const KIT: &str = "org.eclipse.dataspacetck.dps:dps-tck";
/// Where Maven is asked for the kit, newest first: all of its releases so far.
const RELEASES: [&str; 5] = ["1.2.0", "1.1.2", "1.1.1", "1.1.0", "1.0.0"];

/// Which side of the signals a test takes for the one under test, and why that is not in a node.
const CONTROL_PLANE: &str = "waits for the node to signal to a data plane beside it; a node serves its data itself and signals to none";
const DATA_PLANE: &str = "signals to the node as to a data plane; a node takes orders from no control plane but its own, in its own process";

/// The tests of release 1.2.0, group by group, by their numbers.
const TESTS: [(&str, &str, &[&str]); 8] = [
    ("CP_C", CONTROL_PLANE, &["01-01", "01-02", "02-01", "02-02", "03-01"]),
    ("CP_P", CONTROL_PLANE, &["01-01", "01-02", "02-01", "02-02", "03-01"]),
    ("DP_C_PULL", DATA_PLANE, &["01-01", "01-02", "02-01", "02-02", "03-01", "04-01"]),
    ("DP_P_PULL", DATA_PLANE, &["01-01", "01-02", "02-01", "02-02", "04-01"]),
    ("DP_C_PUSH", DATA_PLANE, &["01-01", "01-02", "02-01", "02-02", "03-01", "04-01"]),
    ("DP_P_PUSH", DATA_PLANE, &["01-01", "01-02", "02-01", "02-02", "03-01", "04-01"]),
    ("DP_C_HTTP_PULL", DATA_PLANE, &["01-01", "02-01"]),
    ("DP_P_HTTP_PULL", DATA_PLANE, &["01-01", "02-01", "02-02"]),
];
const TESTS_COUNT: usize = 38;

pub(crate) fn dps() -> Result<String, String> {
    let lines = lines();
    if lines.len() != TESTS_COUNT {
        return Err(format!("{} tests are written down, the kit has {TESTS_COUNT}", lines.len()));
    }
    println!("{}", lines.join("\n"));
    let found = match RELEASES.iter().find(|release| maven_has(release)) {
        Some(release) => format!("Maven has the kit ({KIT}:{release})"),
        None => format!("Maven does not have the kit ({KIT}, asked for {})", RELEASES.join(", ")),
    };
    Ok(format!(
        "NOTHING WAS TESTED: 0 of {TESTS_COUNT} tests of Data Plane Signaling apply to a node. {found}."
    ))
}

fn lines() -> Vec<String> {
    let of = |(group, why, numbers): &(&str, &str, &[&str])| -> Vec<String> {
        numbers
            .iter()
            .map(|number| format!("{:20} does not apply: {why}", format!("{group}:{number}")))
            .collect()
    };
    TESTS.iter().flat_map(of).collect()
}

fn maven_has(release: &str) -> bool {
    let artifact = format!("-Dartifact={KIT}:{release}");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "dependency:get", "-Dtransitive=false", &artifact]);
    let asked = maven.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_named_with_a_reason() {
        let lines = lines();
        assert_eq!(lines.len(), TESTS_COUNT);
        assert!(lines.iter().all(|line| line.contains(" does not apply: ")));
    }
}
