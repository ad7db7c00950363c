//! The Python tools that judge our output (cfn-lint, checkov, botocore), in a virtual environment of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A set of tools that install side by side: `tests/tools/<name>.txt` pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// cfn-lint, boto3 and botocore, the newest.
    Lint,
    /// checkov, which wants an older boto3.
    Checkov,
    /// The schema of SARIF.
    Sarif,
    /// What judges workflows of GitHub and GitLab.
    Ci,
    /// What runs the workloads of `init` that learn from tables.
    Init,
    /// What runs those that need PyTorch.
    Torch,
}

impl Set {
    /// The set's `bin` directory; made on first use from pinned requirements, below `target/`.
    fn bin(self) -> &'static Path {
        static LINT: OnceLock<PathBuf> = OnceLock::new();
        static CHECKOV: OnceLock<PathBuf> = OnceLock::new();
        static SARIF: OnceLock<PathBuf> = OnceLock::new();
        static CI: OnceLock<PathBuf> = OnceLock::new();
        static INIT: OnceLock<PathBuf> = OnceLock::new();
        static TORCH: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Set::Sarif => SARIF.get_or_init(|| install("sarif")),
            Set::Ci => CI.get_or_init(|| install("ci")),
            Set::Init => INIT.get_or_init(|| install("init")),
            Set::Torch => TORCH.get_or_init(|| install("torch")),
            Set::Lint => LINT.get_or_init(|| install("lint")),
            Set::Checkov => CHECKOV.get_or_init(|| install("checkov")),
        }
    }

    /// One of the set's programs.
    pub(crate) fn program(self, name: &str) -> Command {
        Command::new(self.bin().join(name))
    }
}

fn install(set: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let requirements = root.join(format!("tests/tools/{set}.txt"));
    let venv = root.join(format!("target/test-tools/{set}"));
    let stamp = venv.join("installed.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    if fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
        let python = std::env::var("SMSTACK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        succeed(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        succeed(Command::new(venv.join("bin/python")).args(pip).arg(&requirements));
        fs::write(&stamp, wanted).unwrap();
    }
    venv.join("bin")
}

/// A script of ours under Python with the lint set's packages.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Set::Lint.program("python");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
    command
}

/// Runs a command that has to succeed, and gives its output.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
