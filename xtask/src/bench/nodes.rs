//! Nodes to measure: made in a temporary folder, run as processes of their own, ended with their value.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a node may take to answer before it is given up. It takes well under a second where the machine has time.
const READY_MAX: Duration = Duration::from_secs(180);
/// How long one look at a node that is starting may take.
const LOOK_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Node {
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    weal: String,
    process: Option<Child>,
}

impl Node {
    /// `weal init`.
    pub(crate) fn make(weal: &str, place: &Path, name: &str, options: &[&str]) -> Result<Self, String> {
        let address = crate::ports::free_address()?;
        let node = Self { folder: place.join(name), address, weal: weal.to_owned(), process: None };
        let folder = node.folder.display().to_string();
        let mut arguments = vec!["init", &folder, "--listen", &node.address];
        arguments.extend(options);
        run(weal, &arguments)?;
        Ok(node)
    }

    /// Its local API, as the operator.
    pub(crate) fn api(&self) -> Result<crate::api::Api, String> {
        crate::api::Api::open(&self.address, &self.folder.join("operator.token"))
    }

    /// The identity that its address gives it.
    pub(crate) fn did(&self) -> String {
        format!("did:web:{}", self.address.replace(':', "%3A"))
    }

    /// Runs `weal serve`; answers how long it took from the start of the process to its first answer.
    pub(crate) fn start(&mut self) -> Result<Duration, String> {
        let began = Instant::now();
        let log = std::fs::File::create(self.folder.join("node.log")).map_err(|cause| cause.to_string())?;
        let process = Command::new(&self.weal)
            .args(["serve", "--exit-with-parent", "--node"])
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|cause| format!("{}: {cause}", self.weal))?;
        self.process = Some(process);
        while began.elapsed() < READY_MAX {
            if self.is_ready() {
                return Ok(began.elapsed());
            }
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Child::try_wait) {
                return Err(format!("{} ended ({status}):\n{}", self.folder.display(), self.log()));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        let seconds = READY_MAX.as_secs();
        Err(format!("{} did not answer within {seconds} s:\n{}", self.folder.display(), self.log()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("node.log")).unwrap_or_default()
    }

    fn is_ready(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return false };
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        let mut answer = String::new();
        stream.set_read_timeout(Some(LOOK_MAX)).is_ok()
            && stream.write_all(request.as_bytes()).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Tells the process to stop and waits for it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Its standard input ends, and with it the node, in order.
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }

    /// `SIGKILL`: no destructor runs, nothing is flushed.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that is gone already is as dead.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The memory it holds now, in MiB.
    pub(crate) fn resident_mib(&self) -> Option<f64> {
        crate::processes::resident_mib(self.process.as_ref()?.id())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a program to its end and answers with what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .env("WEAL_PASSWORD", "a password for a benchmark")
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| format!("{program}: {cause}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}\n{said}", arguments.join(" "), output.status))
}
