//! Virtual environments for what is checked or measured in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `python3` calls itself.
fn version() -> Result<String, String> {
    let said = Command::new("python3").arg("--version").stdin(Stdio::null()).output();
    let said = said.map_err(|cause| format!("python3: {cause}; install Python 3.11 or newer"))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// An environment in `place` with exactly what `requirements` names, made where it was not made before. The list is
/// whole: what its packages ask for beyond it is not installed.
pub(crate) fn environment(requirements: &Path, place: &Path) -> Result<PathBuf, String> {
    // Another Python does not find what was installed for the one before.
    let asked = format!("# {}\n{}", version()?, crate::read(requirements)?);
    let (folder, made_of) = (place.join("python"), place.join("made-of"));
    let python = folder.join("bin/python");
    if std::fs::read_to_string(&made_of).is_ok_and(|before| before == asked) && python.exists() {
        return Ok(python);
    }
    std::fs::create_dir_all(place).map_err(|cause| format!("{}: {cause}", place.display()))?;
    let _ = std::fs::remove_dir_all(&folder);
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).stdin(Stdio::null()).status();
    match made {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("python3 -m venv: {status}; install python3-venv")),
        Err(cause) => return Err(format!("python3: {cause}; install Python 3.11 or newer")),
    }
    crate::download::until_done("it was there a moment ago", |_| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--retries", "5", "--timeout", "60", "--requirement"]).arg(requirements);
        pip
    })?;
    std::fs::write(&made_of, &asked).map_err(|cause| format!("{}: {cause}", made_of.display()))?;
    Ok(python)
}
