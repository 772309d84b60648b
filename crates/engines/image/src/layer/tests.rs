//! Layers as hostile, broken or merely unusual as they come, and whiteouts read by a real overlay mount.

use std::{
    fs,
    io::Write,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    sync::Barrier,
    thread,
};

use flate2::{Compression, write::GzEncoder};
use names::Ids;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::*;

/// One member for a test's archive: path, kind, content or link target.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

const FILE: EntryType = EntryType::Regular;
const DIRECTORY: EntryType = EntryType::Directory;
const SYMLINK: EntryType = EntryType::Symlink;
const HARD_LINK: EntryType = EntryType::Link;

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_mtime(1_600_000_000);
        let linked = matches!(*kind, SYMLINK | HARD_LINK);
        if linked {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_size(if linked { 0 } else { content.len() as u64 });
        header.set_cksum();
        builder.append(&header, if linked { &b""[..] } else { content }).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Fixture {
    directory: TempDir,
    content: Content,
    layers: Layers,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let content = Content::open(directory.path(), Ids::counting()).unwrap();
        let layers = Layers::open(directory.path(), &content, limits).unwrap();
        Self { directory, content, layers }
    }

    fn unpack(&self, archive: &[u8]) -> Result<PathBuf, LayerError> {
        let blob = self.content.put(archive).unwrap();
        self.layers.ensure(&Digest::of(archive), &blob, &self.content)
    }

    /// Nothing of a failed layer is left, neither in its place nor half-made.
    fn is_clean(&self) -> bool {
        let empty = |path: &str| fs::read_dir(self.directory.path().join(path)).unwrap().count() == 0;
        empty("layers") && empty("tmp")
    }
}

/// The reason at the end of a chain of causes.
fn reason(error: LayerError) -> LayerError {
    match error {
        LayerError::File { source, .. } => reason(*source),
        other => other,
    }
}

#[test]
fn files_keep_what_they_are() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("SCHILY.xattr.user.note", &b"hi\n"[..]), ("mtime", b"1600000000.25")]).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("bin/tool").unwrap();
    header.set_mode(0o4750);
    header.set_uid(1337);
    header.set_gid(42);
    header.set_size(4);
    header.set_cksum();
    builder.append(&header, &b"tool"[..]).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(archive(&[
        ("bin/again", HARD_LINK, b"./bin/tool"),
        ("lib", SYMLINK, b"/usr/lib"),
        ("pipe", EntryType::Fifo, b""),
        ("dev/sda", EntryType::Block, b""),
        ("bin/", DIRECTORY, b""),
    ]));

    let fixture = Fixture::new();
    let root = fixture.unpack(&bytes).unwrap();
    let tool = fs::metadata(root.join("bin/tool")).unwrap();
    assert_eq!((tool.mode() & 0o7777, tool.uid(), tool.gid(), tool.nlink()), (0o4750, 1337, 42, 2));
    assert_eq!((tool.mtime(), tool.mtime_nsec()), (1_600_000_000, 250_000_000));
    let mut note = [0; 8];
    let length = rustix::fs::getxattr(root.join("bin/tool"), "user.note", &mut note).unwrap();
    assert_eq!(&note[..length], b"hi\n");
    assert_eq!(fs::read_link(root.join("lib")).unwrap(), Path::new("/usr/lib"));
    assert!(fs::symlink_metadata(root.join("pipe")).unwrap().file_type().is_fifo());
    assert!(!root.join("dev/sda").exists(), "device nodes are left out");
    assert_eq!(fs::metadata(root.join("bin")).unwrap().mtime(), 1_600_000_000, "set after the files were put in");
}

#[test]
fn paths_and_links_that_lead_outside_are_refused_or_kept_inside() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let target = victim.to_str().unwrap();
    let directory = outside.path().to_str().unwrap();
    let through = |first: Entry<'static>| first;
    let refused: Vec<Vec<u8>> = vec![
        archive(&[("../evil", FILE, b"x")]),
        archive(&[("a/../../evil", FILE, b"x")]),
        archive(&[("/../evil", FILE, b"x")]),
        archive(&[("x", HARD_LINK, target.as_bytes())]),
        archive(&[("x", HARD_LINK, b"../../../../../../etc/passwd")]),
        archive(&[(".wh..", FILE, b"")]),
        archive(&[(".wh...", FILE, b"")]),
        archive(&[("d/.wh...", FILE, b"")]),
        archive(&[("out", SYMLINK, directory.as_bytes()), ("out/victim", FILE, b"x")]),
        archive(&[("out", SYMLINK, directory.as_bytes()), ("x", HARD_LINK, b"out/victim")]),
        archive(&[through(("up", SYMLINK, b"../../../../../../..")), ("x", HARD_LINK, b"up/etc/passwd")]),
        archive(&[("s", EntryType::GNUSparse, b"")]),
    ];
    for bytes in refused {
        let fixture = Fixture::new();
        assert!(fixture.unpack(&bytes).is_err());
        assert!(fixture.is_clean());
    }
    let kept_inside: Vec<Vec<u8>> = vec![
        archive(&[("/abs", FILE, b"x")]),
        archive(&[("up", SYMLINK, b"../../../../../.."), ("up/file", FILE, b"x")]),
        // A link in the place of a file about to be written, or of a directory about to be changed.
        archive(&[("f", SYMLINK, target.as_bytes()), ("f", FILE, b"x")]),
        archive(&[("f", SYMLINK, directory.as_bytes()), ("f", DIRECTORY, b""), ("f/victim", FILE, b"x")]),
        archive(&[("f", SYMLINK, directory.as_bytes()), ("f", SYMLINK, b"elsewhere")]),
        // A directory that was used, swapped for a link.
        archive(&[("d/one", FILE, b"x"), ("d", SYMLINK, b"/"), ("d/two", FILE, b"x")]),
        archive(&[("out", SYMLINK, directory.as_bytes()), (".wh.out", FILE, b"")]),
        archive(&[("out", SYMLINK, directory.as_bytes()), ("h", HARD_LINK, b"out")]),
    ];
    for bytes in kept_inside {
        Fixture::new().unpack(&bytes).unwrap();
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn later_members_take_the_place_of_earlier_ones() {
    let fixture = Fixture::new();
    let root = fixture
        .unpack(&archive(&[
            ("a/b/c", FILE, b"1"),
            ("a", FILE, b"2"),
            ("x", FILE, b"3"),
            ("x/y", FILE, b"4"),
            ("z", FILE, b"5"),
            ("z", FILE, b"6"),
        ]))
        .unwrap();
    assert_eq!(fs::read(root.join("a")).unwrap(), b"2");
    assert_eq!(fs::read(root.join("x/y")).unwrap(), b"4");
    assert_eq!(fs::read(root.join("z")).unwrap(), b"6");
}

#[test]
fn bombs_are_stopped() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = archive(&[("zeros", FILE, &vec![0; 8 << 20])]);
    packed.write_all(&zeros).unwrap();
    let packed = packed.finish().unwrap();
    let unpack = |limits: Limits| {
        let fixture = Fixture::with(limits);
        let blob = fixture.content.put(&packed).unwrap();
        let result = fixture.layers.ensure(&Digest::of(&zeros), &blob, &fixture.content);
        assert_eq!(result.is_err(), fixture.is_clean());
        result.map_err(reason)
    };
    assert!(unpack(Limits::default()).is_ok());
    let by_ratio = Limits { unpacked_free: 1 << 20, ..Limits::default() };
    assert!(matches!(unpack(by_ratio), Err(LayerError::TooLarge(_))));
    let by_size = Limits { unpacked_bytes: 4 << 20, ..Limits::default() };
    assert!(matches!(unpack(by_size), Err(LayerError::TooLarge(_))));

    let many: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
    let many: Vec<Entry<'_>> = many.iter().map(|name| (name.as_str(), FILE, &b""[..])).collect();
    let fixture = Fixture::with(Limits { files: 10, ..Limits::default() });
    assert!(matches!(fixture.unpack(&archive(&many)).map_err(reason), Err(LayerError::TooMany(10))));
    assert!(fixture.is_clean());
}

#[test]
fn content_that_is_not_what_the_image_names_is_refused() {
    let fixture = Fixture::new();
    let blob = fixture.content.put(&archive(&[("f", FILE, b"x")])).unwrap();
    let named = Digest::of(b"something else");
    let result = fixture.layers.ensure(&named, &blob, &fixture.content);
    assert!(matches!(result, Err(LayerError::Content { .. })));
    let missing = Digest::of(b"never pushed");
    assert!(matches!(fixture.layers.ensure(&named, &missing, &fixture.content), Err(LayerError::Missing)));
    assert!(fixture.is_clean());
}

#[test]
fn many_at_once_unpack_one_layer_once() {
    let fixture = Fixture::new();
    let bytes = archive(&[("f", FILE, &vec![7; 1 << 20])]);
    let blob = fixture.content.put(&bytes).unwrap();
    let barrier = Barrier::new(8);
    let inodes: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let root = fixture.layers.ensure(&Digest::of(&bytes), &blob, &fixture.content).unwrap();
                    fs::metadata(root.join("f")).unwrap().ino()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(inodes.iter().all(|inode| *inode == inodes[0]));
    assert!(locked(&fixture.layers.unpacking).is_empty());
}

#[test]
fn layers_count_for_one_boot() {
    let fixture = Fixture::new();
    let root = fixture.unpack(&archive(&[("f", FILE, b"x")])).unwrap();
    let again = || Layers::open(fixture.directory.path(), &fixture.content, Limits::default()).unwrap();
    assert_eq!(again().list().unwrap().len(), 1);
    fs::write(fixture.directory.path().join("layers.boot"), "another boot").unwrap();
    assert!(again().list().unwrap().is_empty());
    assert!(!root.exists());
}

/// Mounts `lower` (lowest first) as an overlay in a mount namespace of this thread's own, and looks at it.
fn through_overlay<T: Send>(lower: &[PathBuf], look: impl FnOnce(&Path) -> T + Send) -> T {
    let at = tempfile::tempdir().unwrap();
    let names: Vec<_> = lower.iter().rev().map(|path| path.to_str().unwrap()).collect();
    let options = format!("lowerdir={}", names.join(":"));
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).expect("this test makes a mount namespace and needs root");
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).unwrap();
            mount(Some("overlay"), at.path(), Some("overlay"), MsFlags::MS_RDONLY, Some(options.as_str())).unwrap();
            look(at.path())
        });
        thread.join().unwrap()
    })
}

#[test]
fn an_overlay_reads_the_whiteouts() {
    let fixture = Fixture::new();
    let lower = fixture
        .unpack(&archive(&[
            ("gone", FILE, b"1"),
            ("stays", FILE, b"1"),
            ("opaque/old", FILE, b"1"),
            ("late/old", FILE, b"1"),
            ("early/old", FILE, b"1"),
            ("implied/old", FILE, b"1"),
            ("deep/er/gone", FILE, b"1"),
            ("directory/f", FILE, b"1"),
        ]))
        .unwrap();
    let upper = fixture
        .unpack(&archive(&[
            (".wh.gone", FILE, b""),
            ("opaque/", DIRECTORY, b""),
            ("opaque/.wh..wh..opq", FILE, b""),
            ("opaque/new", FILE, b"2"),
            // A name hidden and given again, in either order.
            (".wh.early", FILE, b""),
            ("early/", DIRECTORY, b""),
            ("early/new", FILE, b"2"),
            ("late/new", FILE, b"2"),
            (".wh.late", FILE, b""),
            (".wh.implied", FILE, b""),
            ("implied/new", FILE, b"2"),
            ("deep/er/.wh.gone", FILE, b""),
            (".wh.directory", FILE, b""),
            (".wh..wh.plnk", FILE, b""),
        ]))
        .unwrap();
    let seen = through_overlay(&[lower, upper], |root| {
        ["gone", "directory", "deep/er/gone", "opaque/old", "early/old", "late/old", "implied/old"]
            .into_iter()
            .filter(|path| root.join(path).exists())
            .chain(
                ["stays", "deep/er", "opaque/new", "early/new", "late/new", "implied/new"]
                    .into_iter()
                    .filter(|path| !root.join(path).exists()),
            )
            .collect::<Vec<_>>()
    });
    assert!(seen.is_empty(), "wrong in the overlay: {seen:?}");
}
