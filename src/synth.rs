//! A stack becomes an assembly.

pub mod manifest;

pub use manifest::{AssetEntry, FileEntry, Manifest, ParameterSource, TemplateEntry, TemplateKind};

/// Everything `synth` writes for one stack and environment, in memory.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// What goes where; also one of `files`.
    pub manifest: Manifest,
    /// Paths relative to the assembly's directory, sorted.
    pub files: Vec<AssemblyFile>,
}

/// One file of an assembly.
#[derive(Debug, Clone)]
pub struct AssemblyFile {
    /// Path relative to the assembly's directory, with `/`.
    pub path: String,
    /// The whole content.
    pub bytes: Vec<u8>,
}

impl Assembly {
    /// The content of a file, by its path in the assembly.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.iter().find(|file| file.path == path).map(|file| file.bytes.as_slice())
    }
}
