//! Images made at run time of the running executable: the stand-ins for the two images that every App Mesh task names
//! and that nobody can pull any more, or without a network.
//!
//! Their root file system is one directory: the static executable as `/bin/serin`, links to it by the names of the
//! programs it can be (`sh`, `curl`, `grep`, …), and the few files a C library looks for. The executable is linked into
//! it where the file system allows, so the image costs nothing, and copied where not; never mounted, so that it stays
//! while tasks run, whatever happens to the original. Whoever wants a real Envoy as the sidecar has it put beside it.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD};

use crate::{
    Digest, Image, ImageConfig, Reference,
    content::{Content, private_directory},
};

/// Which stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// An App Mesh Envoy.
    Proxy,
    /// The X-Ray daemon.
    XrayDaemon,
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Users as the files spell them; Envoy runs as 1337 in App Mesh tasks.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n\
                      envoy:x:1337:1337:envoy:/tmp:/bin/sh\n";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\nenvoy:x:1337:\n";
/// A runtime that mounts its own over this one loses nothing; one that does not still has `localhost`.
const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost\n";

impl Builtin {
    /// The stand-in for an image of this name. The last component decides: the same image was published in a dozen
    /// registries, one in each region.
    pub(crate) fn of(reference: &Reference) -> Option<Self> {
        match reference.last_component() {
            "aws-appmesh-envoy" => Some(Self::Proxy),
            "aws-xray-daemon" => Some(Self::XrayDaemon),
            _ => None,
        }
    }

    fn command(self, executable: &Executable) -> &'static str {
        match self {
            Self::Proxy if executable.envoy.is_empty() => "proxy",
            Self::Proxy => "envoy",
            Self::XrayDaemon => "xray-daemon",
        }
    }

    fn ports(self) -> &'static [&'static str] {
        match self {
            Self::Proxy => &["9901/tcp", "15000/tcp", "15001/tcp"],
            Self::XrayDaemon => &["2000/udp", "2000/tcp"],
        }
    }
}

/// The executable and the names it answers to.
#[derive(Clone, Debug)]
pub struct Executable {
    /// The static executable.
    pub path: PathBuf,
    /// The programs it is when called by their names.
    pub applets: &'static [&'static str],
    /// A real Envoy that is to stand in for App Mesh's, with the libraries it needs: where each file is, and where it
    /// is to be in the image. None, and the executable does so itself.
    pub envoy: Vec<(PathBuf, PathBuf)>,
}

/// The root file systems of `<data>/images/builtin`.
pub(crate) struct Builtins {
    directory: PathBuf,
    executable: Executable,
}

impl Builtins {
    pub(crate) fn open(directory: &Path, executable: Executable) -> io::Result<Self> {
        let directory = directory.join("builtin");
        private_directory(&directory)?;
        Ok(Self { directory, executable })
    }

    /// The image, its directory made if it is not there yet. Blocks.
    pub(crate) fn image(&self, builtin: Builtin, reference: &str, content: &Content) -> io::Result<Image> {
        let identity = self.identity()?;
        let root = self.directory.join(identity.hex());
        if !root.is_dir() {
            let scratch = content.scratch();
            self.make(&scratch)?;
            match fs::rename(&scratch, &root) {
                // Another task was quicker.
                Err(_) if root.is_dir() => fs::remove_dir_all(&scratch)?,
                renamed => renamed?,
            }
        }
        let command = builtin.command(&self.executable);
        let config = ImageConfig {
            entrypoint: vec!["/bin/serin".to_owned(), command.to_owned()],
            environment: vec![PATH.to_owned()],
            exposed_ports: builtin.ports().iter().map(ToString::to_string).collect(),
            ..ImageConfig::default()
        };
        let digest = Digest::of(format!("{}/{command}", identity.hex()).as_bytes());
        Ok(Image { reference: reference.to_owned(), digest, config, layers: vec![root] })
    }

    /// The directories of executables that are not the running one, by the name of their directory.
    pub(crate) fn outdated(&self) -> io::Result<Vec<Digest>> {
        let current = self.identity()?;
        let mut outdated = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let digest = entry?.file_name().to_str().and_then(Digest::from_hex);
            outdated.extend(digest.filter(|digest| *digest != current));
        }
        Ok(outdated)
    }

    /// Takes a directory away from its name at once; what is answered can be removed at leisure.
    pub(crate) fn retire(&self, identity: &Digest, content: &Content) -> io::Result<PathBuf> {
        let scratch = content.scratch();
        fs::rename(self.directory.join(identity.hex()), &scratch)?;
        Ok(scratch)
    }

    /// What tells this build of the executable, and this list of names, from another. Reading a hundred megabytes to
    /// hash them would cost more than all the rest of a start.
    fn identity(&self) -> io::Result<Digest> {
        let stamp = |path: &Path| -> io::Result<String> {
            let file = fs::metadata(path)?;
            let (device, inode, size) = (file.dev(), file.ino(), file.size());
            Ok(format!("{device} {inode} {size} {:?}", (file.mtime(), file.mtime_nsec())))
        };
        let Executable { path, applets, envoy } = &self.executable;
        let own = stamp(path)?;
        let envoy = envoy.iter().map(|(from, to)| Ok(format!("{} {}", stamp(from)?, to.display())));
        let envoy = envoy.collect::<io::Result<Vec<String>>>()?;
        Ok(Digest::of(format!("3 {own} {applets:?} {envoy:?} {PASSWD}{GROUP}{HOSTS}").as_bytes()))
    }

    fn make(&self, root: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o755).create(root)?;
        for name in ["bin", "dev", "etc", "etc/ssl", "etc/ssl/certs", "proc", "run", "sys", "usr", "usr/local", "var"] {
            directory(&root.join(name), 0o755)?;
        }
        directory(&root.join("root"), 0o700)?;
        for name in ["tmp", "var/tmp"] {
            directory(&root.join(name), 0o1777)?;
        }
        for (link, target) in
            [("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin"), ("usr/local/bin", "../../bin")]
        {
            symlink(target, root.join(link))?;
        }
        for (name, text) in [("passwd", PASSWD), ("group", GROUP), ("hosts", HOSTS)] {
            let path = root.join("etc").join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
        place(&self.executable.path, &root.join("bin/serin"))?;
        for (from, to) in &self.executable.envoy {
            let to = root.join(to.strip_prefix("/").unwrap_or(to));
            to.parent().map_or(Ok(()), directories)?;
            place(from, &to)?;
        }
        self.executable.applets.iter().try_for_each(|applet| symlink("serin", root.join("bin").join(applet)))
    }
}

/// Puts the program at `from` to `to`.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    // A link shares the mode, and a container's user must be able to run it.
    let runnable = fs::metadata(from)?.permissions().mode() & 0o005 == 0o005;
    if runnable && rustix::fs::linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW).is_ok() {
        return Ok(());
    }
    io::copy(&mut File::open(from)?, &mut File::create(to)?)?;
    fs::set_permissions(to, Permissions::from_mode(0o755))
}

/// Makes a directory with exactly this mode, whatever the process's mask.
fn directory(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes the directories on the way to `path` and itself where they are not there yet.
fn directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), directories)?;
    directory(path, 0o755)
}

#[cfg(test)]
mod tests {
    use names::Ids;

    use super::*;

    fn executable(directory: &Path, mode: u32) -> Executable {
        let path = directory.join("program");
        fs::write(&path, "program").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Executable { path, applets: &["sh", "curl"], envoy: Vec::new() }
    }

    #[test]
    fn the_stand_ins_are_known_by_their_last_component() {
        for (name, expected) in [
            ("111345817488.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.9.1.0-prod", Some(Builtin::Proxy)),
            ("public.ecr.aws/appmesh/aws-appmesh-envoy:v1.29.12.1-prod", Some(Builtin::Proxy)),
            ("amazon/aws-xray-daemon", Some(Builtin::XrayDaemon)),
            ("public.ecr.aws/xray/aws-xray-daemon:3.x", Some(Builtin::XrayDaemon)),
            ("envoyproxy/envoy:v1.30", None),
            ("aws-appmesh-envoy-old", None),
        ] {
            assert_eq!(Builtin::of(&name.parse().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_real_envoy_lies_in_the_image_with_what_it_needs() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let files = ["envoy", "libc"].map(|name| directory.path().join(name));
        for file in &files {
            fs::write(file, file.to_str().unwrap()).unwrap();
        }
        let [envoy, library] = files;
        let mut program = executable(directory.path(), 0o755);
        let without = Builtins::open(directory.path(), program.clone()).unwrap();
        program.envoy = vec![(envoy, "/usr/bin/envoy".into()), (library, "/lib/x/libc".into())];
        let builtins = Builtins::open(directory.path(), program).unwrap();
        let image = builtins.image(Builtin::Proxy, "envoy", &content).unwrap();
        assert_eq!(image.config.entrypoint, ["/bin/serin", "envoy"]);
        let root = &image.layers[0];
        for name in ["bin/envoy", "lib/x/libc"] {
            assert_eq!(fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o777, 0o755, "{name}");
        }
        let without = without.image(Builtin::Proxy, "envoy", &content).unwrap();
        assert_ne!((without.digest, &without.layers[0]), (image.digest, root));
        assert_eq!(builtins.image(Builtin::XrayDaemon, "x", &content).unwrap().config.entrypoint[1], "xray-daemon");
    }

    #[test]
    fn the_root_directory_is_made_once_for_each_build() {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let program = executable(directory.path(), 0o755);
        let builtins = Builtins::open(directory.path(), program.clone()).unwrap();
        let image = builtins.image(Builtin::Proxy, "envoy", &content).unwrap();
        let root = image.layers[0].clone();
        assert_eq!(image.config.entrypoint, ["/bin/serin", "proxy"]);
        assert_eq!(fs::read(root.join("usr/bin/curl")).unwrap(), b"program");
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&root.join("bin/serin")), inode(&program.path), "linked, not copied");
        assert_eq!(fs::metadata(root.join("tmp")).unwrap().permissions().mode() & 0o7777, 0o1777);
        let other = builtins.image(Builtin::XrayDaemon, "xray", &content).unwrap();
        assert_eq!(other.layers, image.layers);
        assert_ne!(other.digest, image.digest);
        assert!(builtins.outdated().unwrap().is_empty());

        fs::remove_file(&program.path).unwrap();
        let rebuilt = Builtins::open(directory.path(), executable(directory.path(), 0o700)).unwrap();
        let image = rebuilt.image(Builtin::Proxy, "envoy", &content).unwrap();
        assert_ne!(image.layers[0], root);
        let mode = fs::metadata(image.layers[0].join("bin/serin")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "copied, since nobody else could run the original");
        let outdated = rebuilt.outdated().unwrap();
        assert_eq!(outdated.len(), 1);
        let retired = rebuilt.retire(&outdated[0], &content).unwrap();
        assert!(retired.exists() && !root.exists());
    }
}
