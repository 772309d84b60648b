//! `curl` against servers that answer well, badly, late and not at all.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use super::*;
use crate::call::tests::{Outcome, run};

/// A server that reads each request's head and lets `answer` write to the connection.
fn server(answer: impl Fn(&str, &mut std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            answer(&String::from_utf8_lossy(&request), &mut stream);
        }
    });
    address
}

fn fixed(answer: &'static str) -> SocketAddr {
    server(move |_, stream| stream.write_all(answer.as_bytes()).unwrap())
}

fn curl(arguments: &[&str], address: SocketAddr, path: &str) -> Outcome {
    let url = format!("http://localhost:{}{path}", address.port());
    run(main, &[arguments, &[&url]].concat(), "")
}

#[test]
fn the_body_is_printed_however_it_is_framed() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
    ] {
        assert_eq!(
            curl(&["-s"], fixed(answer), "/"),
            Outcome { status: 0, output: "hello".into(), error: String::new() }
        );
    }
}

#[test]
fn failures_have_the_statuses_of_curl() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(curl(&["-s"], nobody, "/"), Outcome { status: 7, output: String::new(), error: String::new() });
    assert!(curl(&["-sS"], nobody, "/").error.contains("(7) Failed to connect to localhost port"));
    let missing = fixed("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone");
    assert_eq!(curl(&["-s"], missing, "/").status, 0);
    let failed = curl(&["-fsS"], missing, "/");
    assert_eq!((failed.status, failed.output.as_str()), (22, ""));
    assert!(failed.error.contains("returned error: 404"), "{}", failed.error);
    assert_eq!(curl(&["-s"], fixed(""), "/").status, 52);
    assert_eq!(curl(&["-s"], fixed("no http at all\r\n\r\n"), "/").status, 8);
    let short = curl(&["-s"], fixed("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello"), "/");
    assert_eq!((short.status, short.output.as_str()), (18, "hello"));
    let silent = server(|_, _| thread::sleep(std::time::Duration::from_mins(1)));
    assert_eq!(curl(&["-s", "-m", "0.1"], silent, "/").status, 28);
    for (url, status) in [("https://localhost/", 1), ("ftp://x/", 1), ("http://", 3), ("http://name.invalid/", 6)] {
        assert_eq!(run(main, &["-s", "--max-time", "5", url], "").status, status, "{url}");
    }
    for wrong in [&[][..], &["--tlsv1.2", "x"], &["-Z", "x"], &["-m", "x", "y"], &["-w", "%{nonsense}", "x"], &["-o"]] {
        assert_eq!(run(main, wrong, "").status, 2, "{wrong:?}");
    }
}

#[test]
fn requests_carry_what_is_asked() {
    let echo = || {
        server(|request, stream| {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len());
            stream.write_all(answer.as_bytes()).unwrap();
        })
    };
    let sent =
        curl(&["-s", "-X", "PUT", "-H", "X-One: 1", "-H", "Accept:", "-A", "me", "-u", "a:b"], echo(), "/p?q=1#f");
    let request = sent.output.to_lowercase();
    assert!(request.starts_with("put /p?q=1 http/1.1\r\n"), "{request}");
    for line in ["x-one: 1", "user-agent: me", "authorization: basic ytpi"] {
        assert!(request.contains(&format!("{line}\r\n")), "{line} in {request}");
    }
    assert!(!request.contains("accept:"), "{request}");
    let posted = curl(&["-s", "-d", "a=1", "-d", "b=2"], echo(), "/").output.to_lowercase();
    assert!(posted.starts_with("post / ") && posted.contains("content-length: 7\r\n"), "{posted}");
    assert!(posted.contains("content-type: application/x-www-form-urlencoded\r\n"), "{posted}");
}

#[test]
fn redirects_are_followed_when_asked() {
    let chain = || {
        server(|request, stream| {
            let answer = if request.starts_with("GET /end") {
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nend"
            } else if request.starts_with("GET /loop") {
                "HTTP/1.1 302 Found\r\nlocation: /loop\r\ncontent-length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 302 Found\r\nlocation: end\r\ncontent-length: 0\r\n\r\n"
            };
            stream.write_all(answer.as_bytes()).unwrap();
        })
    };
    let write_out = ["-s", "-w", "\\n%{http_code} %{num_redirects}"];
    assert_eq!(curl(&write_out, chain(), "/a/b").output, "\n302 0");
    let followed = curl(&[&write_out[..], &["-L", "-d", "x"]].concat(), chain(), "/start");
    assert_eq!(followed.output, "end\n200 1", "a POST that is sent elsewhere becomes a GET");
    assert_eq!(curl(&["-sL", "--max-redirs", "3"], chain(), "/loop").status, 47);
}

#[test]
fn output_goes_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out");
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello";
    let path = file.to_str().unwrap();
    assert_eq!(curl(&["-s", "-o", path, "-w", "%{http_code}\\n"], fixed(ok), "/").output, "200\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");
    let included = curl(&["-si"], fixed(ok), "/").output;
    assert_eq!(included, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello");
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(curl(&["-sI"], fixed(head), "/").output, head);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(curl(&["-s", "-o", "/dev/null", "-w", "%{http_code}"], nobody, "/").output, "000");
}
