//! Pebble as a process, and a name server for it that knows one address.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::{LIFE_S, last_lines, run, until};
use crate::ports::free_address;

/// What is asked of Go's module proxy where no Pebble is installed. Debian has a package of that name too.
const MODULE: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1";
/// The account that an authority of the kind [`Kind::Binding`] gave beforehand: its name, and its key in base64url.
pub(super) const BINDING_NAME: &str = "weal-1";
pub(super) const BINDING_KEY: &str = "d2VhbC1jb25mb3JtYW5jZS1leHRlcm5hbC1hY2NvdW50LWtleS0x";

/// Pebble, from where it is named, from the path, or built by Go.
pub(super) fn program(root: &Path, named: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(named) = named {
        return Ok(named);
    }
    // However it answers: not every release knows its version.
    if Command::new("pebble").arg("-version").output().is_ok() {
        return Ok("pebble".into());
    }
    let folder = crate::target(root).join("conformance/acme");
    let (built, unfinished) = (folder.join("pebble"), folder.join("unfinished"));
    if !built.exists() {
        eprintln!("go install {MODULE}");
        crate::download::until_done("neither pebble nor go is here: install one of them", |_| {
            let mut go = Command::new("go");
            go.args(["install", MODULE]).env("GOBIN", &unfinished);
            go
        })?;
        // Whole or not at all: who is broken off leaves no half of a program here.
        let done = std::fs::rename(unfinished.join("pebble"), &built);
        done.map_err(|cause| format!("{}: {cause}", built.display()))?;
    }
    Ok(built)
}

pub(super) fn version(program: &Path) -> String {
    let said = Command::new(program).arg("-version").output().ok().filter(|output| output.status.success());
    let said = said.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).trim().replace('\n', " ");
    if said.is_empty() || said.ends_with("dev") { format!("Pebble at {}", program.display()) } else { said }
}

/// What is peculiar about an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// It serves only those whom it gave an account beforehand.
    Binding,
    /// It looks where nobody is.
    LooksElsewhere,
}

/// One Pebble: settings, and a process once it has started.
pub(super) struct Authority {
    program: PathBuf,
    folder: PathBuf,
    address: String,
    management: String,
    names: String,
    process: Option<Child>,
}

impl Authority {
    pub(super) fn made(
        program: &Path,
        place: &Path,
        tls_port: u16,
        http_port: u16,
        kind: Kind,
    ) -> Result<Self, String> {
        let folder = place.join(format!("authority-{tls_port}"));
        let failed = |cause: std::io::Error| format!("{}: {cause}", folder.display());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let names = name_server()?;
        let [address, management] = [free_address()?, free_address()?];
        own_certificate(&folder)?;
        let nobody = 1;
        let settings = json!({"pebble": {
            "listenAddress": address,
            "managementListenAddress": management,
            "certificate": folder.join("own.crt"),
            "privateKey": folder.join("own.key"),
            "httpPort": http_port,
            "tlsPort": if kind == Kind::LooksElsewhere { nobody } else { tls_port },
            "ocspResponderURL": "",
            "externalAccountBindingRequired": kind == Kind::Binding,
            "externalAccountMACKeys": {BINDING_NAME: BINDING_KEY},
            // Until 2.7, and since.
            "certificateValidityPeriod": LIFE_S,
            "profiles": {"default": {"description": "short", "validityPeriod": LIFE_S}},
        }});
        std::fs::write(folder.join("settings.json"), settings.to_string()).map_err(failed)?;
        Ok(Self { program: program.to_owned(), folder, address, management, names, process: None })
    }

    pub(super) fn starts(&mut self, environment: &[(&str, &str)]) -> Result<(), String> {
        let failed = |cause: std::io::Error| format!("{}: {cause}", self.program.display());
        let log = std::fs::File::create(self.log()).map_err(failed)?;
        let process = Command::new(&self.program)
            .args(["-strict", "-dnsserver", &self.names, "-config"])
            .arg(self.folder.join("settings.json"))
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            // By itself it rejects one in twenty, which only a pass that is about it can stand.
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        self.process = Some(process);
        until("Pebble answers", || TcpStream::connect(&self.management).is_ok())?;
        // What it signs with is made anew at every start.
        let own = self.own_certificate();
        let address = format!("https://{}/roots/0", self.management);
        let patiently = ["--silent", "--fail", "--noproxy", "*", "--retry", "5", "--retry-connrefused"];
        let root = run("curl", &[&patiently[..], &["--cacert", &own, &address]].concat())?;
        std::fs::write(self.root_file(), root).map_err(failed)
    }

    pub(super) fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// Who vouches for its directory.
    pub(super) fn own_certificate(&self) -> String {
        self.folder.join("own.crt").display().to_string()
    }

    /// What it signs with.
    pub(super) fn root_file(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("pebble.log")
    }

    fn logged(&self, words: &str) -> usize {
        std::fs::read_to_string(self.log()).unwrap_or_default().matches(words).count()
    }

    pub(super) fn orders(&self) -> usize {
        self.logged("Added order ")
    }

    pub(super) fn accounts(&self) -> usize {
        self.logged(" accounts in memory")
    }

    pub(super) fn last_words(&self) -> String {
        last_lines(&self.log())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// For the directory itself: valid for two days, by nobody else's word.
fn own_certificate(folder: &Path) -> Result<(), String> {
    let settings = "[req]\ndistinguished_name = name\nx509_extensions = more\nprompt = no\n[name]\nCN = Pebble\n\
                    [more]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\n";
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("own.cnf"), settings).map_err(|cause| cause.to_string())?;
    let (settings, key, certificate) = (path("own.cnf"), path("own.key"), path("own.crt"));
    let kind =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let files = ["-config", &settings, "-keyout", &key, "-out", &certificate];
    run("openssl", &[&kind[..], &files].concat()).map(|_| ())
}

/// Answers 127.0.0.1 to whoever asks for an address of any name, by TCP as Pebble asks now and by UDP as it did
/// (RFC 1035, section 4). It ends with the process.
fn name_server() -> Result<String, String> {
    let failed = |cause: std::io::Error| format!("a name server: {cause}");
    let (listener, socket) = both_at_one_port().map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    std::thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked) {
            if let Some(answer) = answer(&asked[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One question is all that is asked; who breaks off is not answered.
            let _ = answer_once(&mut stream);
        }
    });
    Ok(address.to_string())
}

/// What is free for TCP may be taken for UDP.
fn both_at_one_port() -> std::io::Result<(TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(socket) => return Ok((listener, socket)),
            Err(_) if tries < 100 => tries += 1,
            Err(cause) => return Err(cause),
        }
    }
}

fn answer_once(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut asked = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut asked)?;
    let answer = answer(&asked).unwrap_or_default();
    let length = u16::try_from(answer.len()).unwrap_or(0);
    stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())
}

fn answer(asked: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = asked.split_at_checked(12)?;
    // Labels until an empty one, then two bytes of type and two of class.
    let mut end = 0;
    while *rest.get(end)? != 0 {
        end += usize::from(rest[end]) + 1;
    }
    let question = rest.get(..end + 5)?;
    let is_address = question.get(end + 1..end + 3)? == [0, 1];
    let mut answer = head[..2].to_vec();
    answer.extend([0x85, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(question);
    if is_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
