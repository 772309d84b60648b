//! Scripts and what they print. Where this machine has `/bin/sh`, the same scripts are given to it, and it must agree.

use std::process::Command;

use super::*;
use crate::call::tests::{Outcome, run};

fn sh(script: &str) -> Outcome {
    run(main, &["-c", script, "sh", "one", "two words", ""], "line 1\nline 2\n")
}

/// Scripts that every POSIX shell reads the same way.
const SCRIPTS: &[(&str, u8, &str)] = &[
    ("echo a; echo b", 0, "a\nb\n"),
    ("echo a && false || echo c", 0, "a\nc\n"),
    ("false && echo never", 1, ""),
    ("! false", 0, ""),
    ("true | false", 1, ""),
    ("false | true", 0, ""),
    ("echo LIVE | grep -q LIVE", 0, ""),
    ("echo 'a  b' \"c  d\" e\\ \\ f", 0, "a  b c  d e  f\n"),
    ("x='a  b'; echo $x; echo \"$x\"", 0, "a b\na  b\n"),
    ("x=1; y=$x$x; echo \"${y}2\"", 0, "112\n"),
    ("echo \"$1|$2|$3|$#\"", 0, "one|two words||3\n"),
    ("for x in \"$@\"; do printf '[%s]' \"$x\"; done", 0, "[one][two words][]"),
    ("for x in $*; do printf '[%s]' \"$x\"; done", 0, "[one][two][words]"),
    ("for x; do printf '[%s]' \"$x\"; done", 0, "[one][two words][]"),
    ("set --; for x in \"$@\"; do echo never; done; echo $#", 0, "0\n"),
    ("for x in 'a b' c; do echo \"$x\"; done", 0, "a b\nc\n"),
    ("echo ${unset-default} ${unset:-d2} ${1:+set} ${#1} \"${unset+never}\"", 0, "default d2 set 3 \n"),
    ("echo ${x:=assigned} $x", 0, "assigned assigned\n"),
    (
        "p=/a/b/c.tar.gz; echo ${p##*/} ${p%/*} ${p%.*} ${p%%.*} ${p#/}",
        0,
        "c.tar.gz /a/b /a/b/c.tar /a/b/c a/b/c.tar.gz\n",
    ),
    ("x='*'; echo \"$x\" '*' \\*", 0, "* * *\n"),
    ("echo $(echo a; echo b) \"$(echo 'c  d')\"", 0, "a b c  d\n"),
    ("echo `echo a \\`echo b\\``", 0, "a b\n"),
    ("x=$(exit 3); echo $?", 0, "3\n"),
    ("x=1; echo $?", 0, "0\n"),
    ("(exit 5); echo $?", 0, "5\n"),
    ("x=1; (x=2; echo $x); echo $x", 0, "2\n1\n"),
    ("x=1; { x=2; }; echo $x", 0, "2\n"),
    ("x=1; echo a | { read y; x=$y; }; echo $x", 0, "1\n"),
    ("read a b; echo \"$b-$a\"; read c; echo $c", 0, "1-line\nline 2\n"),
    ("while read l; do echo \"<$l>\"; done", 0, "<line 1>\n<line 2>\n"),
    ("until [ \"$x\" = aaa ]; do x=a$x; done; echo $x", 0, "aaa\n"),
    ("for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done", 0, "1\n3\n"),
    ("for i in 1 2; do for j in 1 2; do echo $i$j; continue 2; done; done", 0, "11\n21\n"),
    ("if false; then echo 1; elif true; then echo 2; else echo 3; fi", 0, "2\n"),
    ("if false; then echo 1; fi; echo $?", 0, "0\n"),
    ("case abc in x) echo x;; a*|b) echo ab;; *) echo other;; esac", 0, "ab\n"),
    ("case '*' in \\*) echo star;; esac", 0, "star\n"),
    ("case a in (b) echo b;; esac; echo $?", 0, "0\n"),
    ("echo out; echo err >&2", 0, "out\n"),
    ("{ echo err >&2; } 2>&1", 0, "err\n"),
    ("echo never >/dev/null 2>&1", 0, ""),
    ("cat < /nonexistent || echo no", 0, "no\n"),
    ("A=1 env | grep ^A=; echo \"[$A]\"", 0, "A=1\n[]\n"),
    ("export A=2; env | grep ^A=", 0, "A=2\n"),
    ("A=3; env | grep ^A= || echo no", 0, "no\n"),
    ("set -e; false || true; ! true; if false; then :; fi; echo still; false; echo never", 1, "still\n"),
    ("set -e; (false; echo never); echo never", 1, ""),
    ("set -e; false | true; echo still", 0, "still\n"),
    ("set -u; echo ${x-unset}; echo $x", 2, "unset\n"),
    ("set -- a b; shift; echo $1 $#", 0, "b 1\n"),
    ("eval 'x=1; echo $x'", 0, "1\n"),
    ("exec echo done; echo never", 0, "done\n"),
    ("exit 300", 44, ""),
    ("false; exit", 1, ""),
    ("cd /tmp && pwd && cd / && pwd", 0, "/tmp\n/\n"),
    ("command -v nonexistent-program || echo none", 0, "none\n"),
    ("IFS=:; x=a:b::c; for y in $x; do printf '[%s]' \"$y\"; done", 0, "[a][b][][c]"),
    ("echo a#b # a comment\necho c", 0, "a#b\nc\n"),
    ("echo a \\\n b", 0, "a b\n"),
    ("echo a |\n cat &&\n echo b", 0, "a\nb\n"),
    ("echo ~root | grep -q . ; HOME=/h; echo ~ ~/x", 0, "/h /h/x\n"),
    ("printf '%s\\n' \"a\"'b'c$(echo d)", 0, "abcd\n"),
    ("echo \"$(echo \"in\"\"ner\")\"", 0, "inner\n"),
    ("echo \"a\\$b\\\"c\\d\"", 0, "a$b\"c\\d\n"),
    ("[ -n \"$1\" ] && [ 2 -gt 1 ] && echo yes", 0, "yes\n"),
    ("echo 1 2 3 | cut -d' ' -f2 | tr 2 x", 0, "x\n"),
    ("true; echo $?; false; echo $?", 0, "0\n1\n"),
    ("echo /et[c]/host[n]ame* | grep -c hostname", 0, "1\n"),
    ("unset HOME; echo \"[$HOME]\"", 0, "[]\n"),
    ("sleep 0; echo ok", 0, "ok\n"),
    ("", 0, ""),
];

#[test]
fn scripts_do_what_posix_says() {
    for (script, status, output) in SCRIPTS {
        let outcome = sh(script);
        assert_eq!((outcome.status, outcome.output.as_str()), (*status, *output), "{script}: {}", outcome.error);
    }
}

#[test]
fn the_system_shell_agrees() {
    for (script, status, output) in SCRIPTS {
        let command = "printf 'line 1\\nline 2\\n' | /bin/sh -c \"$0\" sh one 'two words' ''";
        let theirs = Command::new("/bin/sh").args(["-c", command, script]).output().unwrap();
        let theirs_output = String::from_utf8_lossy(&theirs.stdout);
        assert_eq!((theirs.status.code(), &*theirs_output), (Some(i32::from(*status)), *output), "{script}");
    }
}

#[test]
fn what_fails_says_so_with_the_usual_status() {
    for (script, status, said) in [
        ("nonexistent-program", 127, "nonexistent-program: not found"),
        ("/etc", 126, "Permission denied"),
        ("echo (", 2, "syntax error"),
        ("echo 'a", 2, "single quote without an end"),
        ("sleep 1 &", 2, "background"),
        ("trap 'x' EXIT", 2, "trap: not supported"),
        ("echo ${x?is missing}; echo never", 2, "x: is missing"),
        ("echo a > /nonexistent/file", 1, "/nonexistent/file: No such file"),
        ("cd /nonexistent", 1, "cd: /nonexistent: No such file"),
        ("curl --tlsv1.3 http://localhost/", 2, "--tlsv1.3"),
        ("/bin/sh -c 'kill -9 $$'", 137, ""),
        ("set -o vi", 2, "vi"),
    ] {
        let outcome = sh(script);
        assert_eq!(outcome.status, status, "{script}: {}", outcome.error);
        assert!(outcome.error.contains(said), "{script}: {}", outcome.error);
        assert!(!outcome.output.contains("never"), "{script}");
    }
}

#[test]
fn every_part_of_a_pipeline_runs_at_once_and_ends_with_its_reader() {
    assert_eq!(sh("while :; do echo y; done | head -n 2").output, "y\ny\n");
    assert_eq!(sh("cat /dev/zero | head -c 3 | wc -c").output, "3\n");
    assert_eq!(sh("yes=$(cat /dev/zero | head -c 100000 | tr '\\0' x); echo ${#yes}").output, "100000\n");
    assert_eq!(sh("set -o pipefail; false | true").status, 1);
}

#[test]
fn scripts_come_from_files_and_from_input_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script");
    std::fs::write(&file, "#!/bin/sh\necho $0 $1\nexit 4\n").unwrap();
    let path = file.to_str().unwrap();
    let outcome = run(main, &[path, "x"], "");
    assert_eq!((outcome.status, outcome.output), (4, format!("{path} x\n")));
    assert_eq!(run(main, &[], "echo from input\n").output, "from input\n");
    assert_eq!(run(main, &["-ec", "false; echo never"], "").status, 1);
    assert_eq!(run(main, &["-lc", "echo login"], "").output, "login\n");
    assert_eq!(run(main, &["/nonexistent"], "").status, 127);
    assert_eq!(run(main, &["-Z"], "").status, 2);
    let traced = run(main, &["-xc", "A=1 echo a"], "");
    assert_eq!(traced.error, "+ A=1 echo a\n");
}
