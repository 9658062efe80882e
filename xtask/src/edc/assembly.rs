//! What Maven gathers of the reference connector's family into one runtime, and what is compiled beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "tests/conformance/edc";
/// The runtime that loads whatever extensions it finds.
pub(super) const MAIN: &str = "org.eclipse.edc.boot.system.runtime.BaseRuntime";

/// Which runtime: a folder of tests/conformance/edc, and the extension of our own that lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connector with its mock identity.
    Mock,
    /// The connector that proves who it is by the Decentralized Claims Protocol.
    Claims,
    /// The wallet and token service for the latter.
    Wallet,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Mock => "",
            Self::Claims => "dcp",
            Self::Wallet => "wallet",
        }
    }

    fn extension(self) -> Option<&'static str> {
        match self {
            Self::Mock => None,
            Self::Claims => Some("Identity"),
            Self::Wallet => Some("Owner"),
        }
    }
}

/// A runtime's artifacts in one folder.
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    pub(crate) version: String,
    jars: PathBuf,
    /// Settings that are the same for every connector.
    pub(super) settings: PathBuf,
}

impl Assembly {
    /// Copies the artifacts, where this has not been done for the same sources before.
    pub(crate) fn make(root: &Path, kind: Kind) -> Result<Self, String> {
        let folder = root.join(FOLDER).join(kind.folder());
        let pom = folder.join("pom.xml");
        let mut asked = crate::read(&pom)?;
        let version = between(&asked, "<edc.version>", "</edc.version>")
            .ok_or_else(|| format!("{} names no edc.version", pom.display()))?
            .to_owned();
        let source = kind.extension().map(|name| folder.join(format!("{name}.java")));
        if let Some(source) = &source {
            asked.push_str(&crate::read(source)?);
        }
        let name = ["edc", &version, kind.folder()].join("-").trim_end_matches('-').to_owned();
        let jars = crate::target(root).join("conformance").join(name);
        let settings = root.join(FOLDER).join("peer.properties");
        let assembly = Self { version, jars: jars.clone(), settings };
        let made_of = jars.join("made-of");
        if std::fs::read_to_string(&made_of).is_ok_and(|before| before == asked) {
            return Ok(assembly);
        }
        // What other sources have left there would be on the class path too.
        let _ = std::fs::remove_dir_all(&jars);
        crate::download::by_maven(&pom, &jars, None)?;
        if let (Some(source), Some(name)) = (source, kind.extension()) {
            assembly.compile(&source, name)?;
        }
        std::fs::write(&made_of, asked).map_err(|cause| format!("{}: {cause}", made_of.display()))?;
        Ok(assembly)
    }

    /// Compiles an extension and says its name where the runtime looks for names.
    fn compile(&self, source: &Path, name: &str) -> Result<(), String> {
        let own = self.own();
        let mut javac = Command::new("javac");
        javac.args(["-nowarn", "-cp"]).arg(self.jars.join("*")).arg("-d").arg(&own).arg(source);
        finish(&mut javac, "install a JDK 17")?;
        let names = own.join("META-INF/services");
        let written = std::fs::create_dir_all(&names).and_then(|()| {
            let file = names.join("org.eclipse.edc.spi.system.ServiceExtension");
            std::fs::write(file, format!("weal.conformance.{name}\n"))
        });
        written.map_err(|cause| format!("{}: {cause}", names.display()))
    }

    fn own(&self) -> PathBuf {
        self.jars.join("own")
    }

    pub(super) fn class_path(&self) -> String {
        format!("{}:{}", self.own().display(), self.jars.join("*").display())
    }
}

fn finish(command: &mut Command, remedy: &str) -> Result<(), String> {
    eprintln!("{command:?}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(cause) => Err(format!("{command:?}: {cause}; {remedy}")),
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found.trim())
}
