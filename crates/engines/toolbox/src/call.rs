//! What a program is given: its arguments, its streams, and where it is. Handed over and not taken from the process,
//! so that a shell can run several of them inside itself.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

/// The exit status of who writes to a pipe that nobody reads any more: that of SIGPIPE, which other programs die of.
pub(crate) const BROKEN_PIPE: u8 = 141;

/// A program: it answers its exit status.
pub(crate) type Applet = fn(&Call<'_>) -> u8;

/// Standard input, output and error, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Streams(pub(crate) [Arc<File>; 3]);

impl Streams {
    /// Those of the process.
    pub(crate) fn inherited() -> io::Result<Self> {
        let duplicate = |fd: &dyn AsFdDyn| fd.duplicate().map(|fd| Arc::new(File::from(fd)));
        Ok(Self([duplicate(&io::stdin())?, duplicate(&io::stdout())?, duplicate(&io::stderr())?]))
    }

    /// The stream of this number, for a child process.
    pub(crate) fn stdio(&self, number: usize) -> io::Result<Stdio> {
        Ok(self.0[number].try_clone()?.into())
    }
}

trait AsFdDyn {
    fn duplicate(&self) -> io::Result<OwnedFd>;
}

impl<T: AsFd> AsFdDyn for T {
    fn duplicate(&self) -> io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }
}

/// One run of a program.
pub(crate) struct Call<'a> {
    /// What it was called by.
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [String],
    pub(crate) streams: &'a Streams,
    /// What relative paths are relative to.
    pub(crate) directory: &'a Path,
    pub(crate) environment: &'a BTreeMap<String, String>,
}

impl Call<'_> {
    pub(crate) fn input(&self) -> impl Read + '_ {
        &*self.streams.0[0]
    }

    pub(crate) fn output(&self) -> impl Write + '_ {
        &*self.streams.0[1]
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Opens a file to read; `-` is standard input.
    pub(crate) fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
        if path == "-" { Ok(Box::new(self.input())) } else { Ok(Box::new(File::open(self.path(path))?)) }
    }

    /// Says what went wrong and answers `status`. That nobody hears it changes nothing.
    pub(crate) fn fail(&self, message: impl std::fmt::Display, status: u8) -> u8 {
        let _ = writeln!(&*self.streams.0[2], "{}: {message}", self.name);
        status
    }

    /// Writes all of the output; answers 0, or [`BROKEN_PIPE`] where a pipe's reader has had enough.
    pub(crate) fn print(&self, text: impl AsRef<[u8]>) -> u8 {
        match self.output().write_all(text.as_ref()) {
            Ok(()) => 0,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => BROKEN_PIPE,
            Err(error) => self.fail(format_args!("write error: {error}"), 1),
        }
    }
}

/// Splits `-abc value` style options off the arguments.
pub(crate) struct Options<'a> {
    arguments: std::slice::Iter<'a, String>,
    /// Letters left of a group such as `-sSf`.
    letters: &'a str,
    /// What is no option.
    pub(crate) operands: Vec<&'a str>,
    only_operands: bool,
    leading: bool,
}

/// One option as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opt<'a> {
    Short(char),
    Long(&'a str),
}

impl<'a> Options<'a> {
    pub(crate) fn new(arguments: &'a [String]) -> Self {
        Self { arguments: arguments.iter(), letters: "", operands: Vec::new(), only_operands: false, leading: false }
    }

    /// Options of a program that runs another: they end at the first operand.
    pub(crate) fn leading(arguments: &'a [String]) -> Self {
        Self { leading: true, ..Self::new(arguments) }
    }

    /// The next option; operands in between are put aside, as GNU programs do.
    pub(crate) fn next(&mut self) -> Option<Opt<'a>> {
        if let Some(letter) = self.letters.chars().next() {
            self.letters = &self.letters[letter.len_utf8()..];
            return Some(Opt::Short(letter));
        }
        loop {
            let argument = self.arguments.next()?;
            if self.only_operands || argument == "-" || !argument.starts_with('-') {
                self.operands.push(argument);
                if self.leading {
                    return None;
                }
            } else if argument == "--" {
                self.only_operands = true;
            } else if let Some(name) = argument.strip_prefix("--") {
                return Some(Opt::Long(name));
            } else {
                self.letters = &argument[1..];
                return self.next();
            }
        }
    }

    /// The value of the option just seen: the rest of its group, or the next argument.
    pub(crate) fn value(&mut self) -> Option<&'a str> {
        if self.letters.is_empty() {
            return self.arguments.next().map(String::as_str);
        }
        Some(std::mem::take(&mut self.letters))
    }

    /// The first operand and all that follows it, once the options have ended.
    pub(crate) fn rest(self) -> Vec<String> {
        let operands = self.operands.into_iter().map(ToOwned::to_owned);
        operands.chain(self.arguments.cloned()).collect()
    }
}

impl std::fmt::Display for Opt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short(letter) => write!(f, "-{letter}"),
            Self::Long(name) => write!(f, "--{name}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Seek;

    use super::*;

    /// What a program wrote and answered.
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Outcome {
        pub(crate) status: u8,
        pub(crate) output: String,
        pub(crate) error: String,
    }

    /// Runs `applet` with streams that are files.
    pub(crate) fn run(applet: Applet, arguments: &[&str], input: &str) -> Outcome {
        let mut streams: [File; 3] = std::array::from_fn(|_| tempfile::tempfile().unwrap());
        streams[0].write_all(input.as_bytes()).unwrap();
        streams[0].rewind().unwrap();
        let streams = Streams(streams.map(Arc::new));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let call = Call {
            name: "test",
            arguments: &arguments,
            streams: &streams,
            directory: Path::new("/"),
            environment: &environment,
        };
        let status = applet(&call);
        let read = |number: usize| {
            let mut file: &File = &streams.0[number];
            file.rewind().unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        };
        Outcome { status, output: read(1), error: read(2) }
    }

    #[test]
    fn options_come_alone_in_groups_and_with_values() {
        let arguments = ["-sf", "one", "-ofile", "-m", "5", "--fail", "--", "-x"].map(ToOwned::to_owned);
        let mut options = Options::new(&arguments);
        assert_eq!((options.next(), options.next()), (Some(Opt::Short('s')), Some(Opt::Short('f'))));
        assert_eq!((options.next(), options.value()), (Some(Opt::Short('o')), Some("file")));
        assert_eq!((options.next(), options.value()), (Some(Opt::Short('m')), Some("5")));
        assert_eq!((options.next(), options.next()), (Some(Opt::Long("fail")), None));
        assert_eq!(options.operands, ["one", "-x"]);

        let arguments = ["-k", "1", "5", "sh", "-c"].map(ToOwned::to_owned);
        let mut options = Options::leading(&arguments);
        assert_eq!((options.next(), options.value()), (Some(Opt::Short('k')), Some("1")));
        assert_eq!(options.next(), None);
        assert_eq!(options.rest(), ["5", "sh", "-c"]);
    }
}
