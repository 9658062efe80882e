//! A node that gets its certificate by ACME, as a process.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::authority::{Authority, BINDING_KEY, BINDING_NAME};
use super::last_lines;
use crate::ports::free_address;

pub(super) const HOST: &str = "node.weal.test";
/// How long a node may take to listen; it takes well under a second where the machine has time.
const LISTENS_MAX: Duration = Duration::from_secs(180);

/// How it is configured.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settings {
    /// http-01 instead of tls-alpn-01.
    pub http: bool,
    /// With an account given beforehand.
    pub binding: bool,
}

pub(super) struct Node {
    weal: PathBuf,
    folder: PathBuf,
    pub(super) listen: SocketAddr,
    plain: SocketAddr,
    process: Option<Child>,
}

impl Node {
    pub(super) fn made(weal: &Path, place: &Path, name: &str) -> Result<Self, String> {
        let address = || free_address()?.parse::<SocketAddr>().map_err(|cause| cause.to_string());
        let (folder, listen, plain) = (place.join(name), address()?, address()?);
        let origin = format!("https://{HOST}:{}", listen.port());
        let made = Command::new(weal)
            .arg("init")
            .arg(&folder)
            .args(["--governs", "--listen", &listen.to_string(), "--origin", &origin])
            .env("WEAL_PASSWORD", "correct horse battery")
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("{}: {cause}", weal.display()))?;
        if !made.status.success() {
            return Err(format!("weal init: {}", String::from_utf8_lossy(&made.stderr)));
        }
        Ok(Self { weal: weal.to_owned(), folder, listen, plain, process: None })
    }

    pub(super) fn tls_port(&self) -> u16 {
        self.listen.port()
    }

    pub(super) fn plain_port(&self) -> u16 {
        self.plain.port()
    }

    pub(super) fn serves(&mut self, authority: &Authority, settings: Settings) -> Result<(), String> {
        let failed = |cause: std::io::Error| format!("{}: {cause}", self.weal.display());
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.log()).map_err(failed)?;
        let mut command = Command::new(&self.weal);
        command.args(["serve", "--exit-with-parent", "--node"]).arg(&self.folder);
        command
            .env("WEAL_TLS_ACME_DIRECTORY", authority.directory())
            .env("WEAL_TLS_ACME_TERMS_AGREED", "true");
        command.env("WEAL_TLS_ACME_CONTACT", "operators@weal.test");
        command.env("WEAL_NETWORK_ADDITIONAL_CA_FILE", authority.own_certificate());
        command.env("WEAL_TLS_REDIRECT_LISTEN", self.plain.to_string());
        if settings.http {
            command.env("WEAL_TLS_ACME_CHALLENGE", "http-01");
        }
        if settings.binding {
            let file = self.folder.join("binding.key");
            std::fs::write(&file, BINDING_KEY).map_err(failed)?;
            let for_its_owner = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&file, for_its_owner).map_err(failed)?;
            command.env("WEAL_TLS_ACME_EAB_KEY_ID", BINDING_NAME).env("WEAL_TLS_ACME_EAB_KEY_FILE", file);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let process = self.process.insert(command.spawn().map_err(failed)?);
        let (listen, began) = (self.listen, Instant::now());
        while std::net::TcpStream::connect(listen).is_err() {
            let ended = process.try_wait().is_ok_and(|ended| ended.is_some());
            if ended || began.elapsed() > LISTENS_MAX {
                return Err(format!("the node does not listen:\n{}", self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// In order, as an operator does it.
    pub(super) fn stops(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
    }

    pub(super) fn is_killed(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The certificate that is served now, where a client that believes this authority alone takes it.
    pub(super) fn certificate(&self, authority: &Authority) -> Option<String> {
        let port = self.listen.port();
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "5", "--noproxy", "*", "--write-out", "%{certs}"])
            .args(["--resolve", &format!("{HOST}:{port}:127.0.0.1"), "--cacert"])
            .arg(authority.root_file())
            .arg(format!("https://{HOST}:{port}/readyz"))
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let serial = output.status.success().then(|| self.serial_by_openssl())??;
        text.starts_with("ready").then_some(serial)
    }

    /// What tells one certificate from another.
    fn serial_by_openssl(&self) -> Option<String> {
        let mut client = Command::new("openssl")
            .args(["s_client", "-connect", &self.listen.to_string(), "-servername", HOST])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        drop(client.stdin.take());
        let mut text = String::new();
        client.stdout.take()?.read_to_string(&mut text).ok()?;
        let _ = client.wait();
        let (from, to) = (text.find("-----BEGIN CERTIFICATE")?, text.find("-----END CERTIFICATE")?);
        Some(text.get(from..to)?.to_owned())
    }

    /// Whether an authority that looks now (RFC 8737) finds an answer.
    pub(super) fn shows_its_answer(&self) -> bool {
        let looked = Command::new("openssl")
            .args(["s_client", "-connect", &self.listen.to_string(), "-servername", HOST])
            .args(["-alpn", "acme-tls/1"])
            .stdin(Stdio::null())
            .output();
        looked.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("ALPN protocol: acme-tls/1"))
    }

    /// A connection that stays open.
    pub(super) fn lasting_connection(&self) -> Result<Lasting, String> {
        let log = self.folder.join("lasting.txt");
        let failed = |cause: std::io::Error| format!("openssl s_client: {cause}");
        let output = std::fs::File::create(&log).map_err(failed)?;
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &self.listen.to_string(), "-servername", HOST])
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let input = client.stdin.take().ok_or("openssl without input")?;
        let mut lasting = Lasting { client, input, log, asked_at: Instant::now() };
        lasting.asks()?;
        Ok(lasting)
    }

    /// `weal status`, which knows the node by the certificate in its folder.
    pub(super) fn status(&self) -> Result<(), String> {
        let said = Command::new(&self.weal)
            .args(["status", "--node"])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| cause.to_string())?;
        if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).into_owned()) }
    }

    /// Nothing in its folder for TLS is readable by anybody else.
    pub(super) fn keeps_its_secrets(&self) -> Result<(), String> {
        let mut folders = vec![self.folder.join("tls")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(|cause| cause.to_string())?.flatten() {
                let metadata = entry.metadata().map_err(|cause| cause.to_string())?;
                if metadata.permissions().mode() & 0o077 != 0 {
                    return Err(format!("{} is open to others", entry.path().display()));
                }
                files += 1;
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        if files >= 4 { Ok(()) } else { Err(format!("{files} files of an account")) }
    }

    /// Whether an order under way is written down.
    pub(super) fn has_order(&self) -> bool {
        let folders = std::fs::read_dir(self.folder.join("tls")).into_iter().flatten().flatten();
        folders.into_iter().any(|entry| entry.path().join("order.json").exists())
    }

    pub(super) fn has_said(&self, words: &str) -> bool {
        std::fs::read_to_string(self.log()).unwrap_or_default().contains(words)
    }

    pub(super) fn last_words(&self) -> String {
        last_lines(&self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.is_killed();
    }
}

/// A connection with requests on it now and then.
pub(super) struct Lasting {
    client: Child,
    input: ChildStdin,
    log: PathBuf,
    asked_at: Instant,
}

impl Lasting {
    fn asks(&mut self) -> Result<(), String> {
        let answers =
            || std::fs::read_to_string(&self.log).unwrap_or_default().matches("HTTP/1.1 200").count();
        let before = answers();
        let asked = self.input.write_all(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n");
        asked
            .and_then(|()| self.input.flush())
            .map_err(|cause| format!("the connection is gone: {cause}"))?;
        self.asked_at = Instant::now();
        super::until("an answer on the open connection", || answers() > before)
    }

    /// Asks, where that was not done for so long.
    pub(super) fn asks_every(&mut self, pause: Duration) -> Result<(), String> {
        if self.asked_at.elapsed() < pause { Ok(()) } else { self.asks() }
    }

    pub(super) fn still_lives(mut self) -> Result<(), String> {
        self.asks()
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
