//! `bowsprit serve`: what browsers get beside the WebSockets, files and the page.

use std::fs;

use crate::serve_lab::{Folder, Serving, page_of};
use crate::support::run;

#[test]
fn serves_files_and_nothing_that_is_none_of_its_business() {
    let folder = Folder::new("files");
    fs::create_dir_all(folder.path("site/sub")).expect("a folder");
    fs::write(folder.path("secret.txt"), "secret").expect("a file");
    fs::write(folder.path("site/index.html"), "<p>front").expect("a file");
    fs::write(folder.path("site/a b.txt"), "text").expect("a file");
    fs::write(folder.path("site/.hidden"), "hidden").expect("a file");
    fs::write(folder.path("site/sub/index.html"), "sub").expect("a file");
    std::os::unix::fs::symlink("../secret.txt", folder.path("site/link")).expect("a link");
    std::os::unix::fs::symlink("sub/index.html", folder.path("site/inner")).expect("a link");
    let mut serving = Serving::start(&["--static", &folder.path("site")]);
    for (path, status, content) in [
        ("/", "200 OK", "<p>front"),
        ("/index.html?x", "200 OK", "<p>front"),
        ("/a%20b.txt", "200 OK", "text"),
        ("/sub/", "200 OK", "sub"),
        ("/inner", "200 OK", "sub"),
        ("/sub", "301 Moved", "Location: /sub/"),
        ("/link", "404", ""),
        ("/.hidden", "404", ""),
        ("/../secret.txt", "404", ""),
        ("/sub/%2e%2e/%2e%2e/secret.txt", "404", ""),
        ("/..%2fsecret.txt", "404", ""),
        ("//evil.example/", "404", ""),
        ("/nothing", "404", ""),
        ("/index.html/", "404", ""),
    ] {
        let answer = serving.get(path);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {answer}"
        );
        assert!(answer.contains(content), "{path}: {answer}");
        assert!(
            !answer.contains("\r\n\r\nsecret") && !answer.ends_with("hidden"),
            "{path}"
        );
    }
    let answer = serving.get("/");
    for header in [
        "Content-Type: text/html; charset=utf-8",
        "Last-Modified: ",
        "nosniff",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
    let head = serving.exchange("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(
        head.contains("Content-Length: 8") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let post = serving.exchange("POST / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    assert!(serving.line_with("http").ends_with("GET / 200"));
    let outcome = serving.talk("connect URI\nsend 0 x\nwait 0 message\n");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn a_file_that_is_too_large_or_no_file_is_refused() {
    let folder = Folder::new("large");
    let large = fs::File::create(folder.path("large")).expect("a file");
    large.set_len((16 << 20) + 1).expect("a sparse file");
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path("pipe"))
        .status();
    assert!(made.expect("mkfifo should run").success());
    let serving = Serving::start(&["--static", &folder.path(".")]);
    assert!(serving.get("/large").starts_with("HTTP/1.1 413"));
    assert!(serving.get("/pipe").starts_with("HTTP/1.1 404"));
    let outcome = run(&["serve", "0", "--static", &folder.path("large")], "");
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.stderr.contains("not a folder"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_page_has_no_foreign_parts_and_its_numbers_are_for_it_alone() {
    let mut serving = Serving::start(&["--ui", "--origin", "any"]);
    assert!(
        serving
            .line_with("Page: ")
            .starts_with("Page: http://127.0.0.1:")
    );
    for path in ["/", "/.bowsprit/page.css", "/.bowsprit/page.js"] {
        let answer = serving.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
        assert!(
            answer.contains("Content-Security-Policy: default-src 'none'"),
            "{answer}"
        );
        let (_, content) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(
            !content.contains("http://") && !content.contains("https://"),
            "{path}"
        );
        assert!(!content.contains("innerHTML"), "{path}");
    }
    let answer = serving.exchange(&page_of("http://evil.example", "/.bowsprit/live"));
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let outcome = serving.talk("connect URI/.bowsprit/live\n");
    assert_eq!(
        outcome.status,
        Some(5),
        "a program without an origin is no page"
    );
    let own = serving.uri.replace("ws:", "http:");
    let outcome = serving.talk(&format!(
            "connect URI\nsend 0 hello\nwait 0 message\nconnect --origin {own} URI/.bowsprit/live\nwait 1 message\nshow 1\n"
        ),
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    assert!(outcome.stdout.contains(r#""open":1"#), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains(r#""received":[1,5],"sent":[1,5]"#),
        "{}",
        outcome.stdout
    );
}

#[test]
fn without_a_page_there_is_none() {
    let serving = Serving::start(&[]);
    assert!(serving.get("/").starts_with("HTTP/1.1 426"));
    let outcome = serving.talk("connect URI/.bowsprit/live\nsend 0 x\nwait 0 message\n");
    assert_eq!(outcome.status, Some(0), "a path like any other");
}
