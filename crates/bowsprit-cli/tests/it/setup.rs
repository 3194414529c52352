//! Help, completions, manual pages, and what is configured in files and the environment.

use std::fs;
use std::path::PathBuf;

use crate::support::{Peer, Program, echo, run, run_in, serve};

/// A configuration file of one test.
struct Configured {
    path: PathBuf,
}

impl Configured {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("bowsprit-it-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("the file can be written");
        Self { path }
    }

    fn option(&self) -> String {
        format!("--config={}", self.path.display())
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // A file that is left behind harms nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// A server that accepts, repeats the request's header lines with `X-` as a message, and closes.
fn repeat_headers(mut peer: Peer) {
    let request = peer.request();
    peer.answer(&request, "");
    let lines = request.lines().filter(|line| line.starts_with("X-"));
    let first = request.lines().next().unwrap_or_default().to_owned();
    peer.text(&lines.fold(first, |text, line| format!("{text}|{line}")));
    peer.echo_close();
}

#[test]
fn explains_itself_on_one_screen_and_all_of_it_when_asked() {
    let outcome = run(&["--help"], "");
    // A terminal of 80x24, with a row for the prompt that follows.
    assert!(outcome.lines().len() < 24, "{}", outcome.stdout);
    assert!(outcome.lines().iter().all(|line| line.len() <= 80));
    assert_eq!(outcome.stdout, run(&["-h"], "").stdout);
    assert!(!outcome.stdout.contains("--max-fragments"));
    let outcome = run(&["--help-all"], "");
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    for option in ["--max-fragments", "--pin", "124", "  load "] {
        assert!(outcome.stdout.contains(option), "{option}");
    }
    for form in [
        "send", "listen", "ping", "check", "run", "serve", "load", "replay",
    ] {
        let outcome = run(&[form, "--help"], "");
        assert!(outcome.stdout.contains("Examples:"), "{form}");
        assert_eq!(outcome.status, Some(0), "{form}");
    }
}

#[test]
fn tells_what_a_wrong_word_was_meant_to_be() {
    for (words, sentence) in [
        (
            &["sned", "ws://h", "x"][..],
            "sned is no form of this program (did you mean send?)",
        ),
        (
            &["--config", "", "send", "ws://h", "x"],
            "send stands in front of its options: bowsprit send [OPTIONS]",
        ),
        (
            &["example.org/chat"],
            "example.org/chat has no scheme: wss://example.org/chat, or ws://example.org/chat without TLS",
        ),
        (
            &["ping", "example.org"],
            "example.org has no scheme: wss://example.org, or ws://example.org without TLS",
        ),
        (
            &["ws://a", "ws://b"],
            "one URI at a time; further ones are for the prompt",
        ),
    ] {
        let outcome = run(words, "");
        assert_eq!(outcome.stderr, format!("bowsprit: {sentence}\n"));
        assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
    }
}

#[test]
fn prints_completions_for_four_shells_and_manual_pages() {
    for (shell, part) in [
        ("bash", "complete -F _bowsprit"),
        ("zsh", "#compdef bowsprit"),
        ("fish", "complete -c bowsprit"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let outcome = run(&["completions", shell], "");
        assert!(outcome.stdout.contains(part), "{shell}");
        assert!(outcome.stdout.contains("subprotocol"), "{shell}");
        // Every form that connects has the one; the other has an effect at the prompt and in scripts alone.
        let count = |option: &str| outcome.stdout.matches(option).count();
        let (kept, most) = (count("keep-messages"), count("max-message"));
        assert!(kept > 0 && kept * 2 < most, "{shell}: {kept} of {most}");
        // The first word may be a form, which zsh would take for this.
        assert!(!outcome.stdout.contains("words:"), "{shell}");
    }
    let outcome = run(&["man"], "");
    assert!(
        outcome.stdout.contains(".TH BOWSPRIT 1"),
        "{}",
        outcome.stdout
    );
    let outcome = run(&["man", "load"], "");
    assert!(
        outcome.stdout.contains("\\-\\-max\\-message"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("bowsprit load\\fR [OPTIONS] URI\n"),
        "{}",
        outcome.stdout
    );
    // Examples are copied: no line of them is filled up or wrapped.
    let outcome = run(&["man", "ping"], "");
    let example = "\n  bowsprit ping \\-c 5 wss://chat.example\n  bowsprit ping ";
    let (_, notes) = outcome.stdout.split_once(".nf\n").expect("lines as typed");
    assert!(notes.contains(example), "{notes}");
    let outcome = run(&["man", "sail"], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: sail is no form of this program\n"
    );
    let outcome = run(&["man", "sned"], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: sned is no form of this program (did you mean send?)\n"
    );
}

#[test]
fn each_manual_page_has_the_programs_version_and_leads_to_others() {
    let version = concat!("\"bowsprit ", env!("CARGO_PKG_VERSION"), "\" Bowsprit\n");
    for (words, title, others) in [
        (&["man"][..], "BOWSPRIT", "\\fBbowsprit\\-send\\fR(1), "),
        (&["man", "load"], "BOWSPRIT-LOAD", "\\fBbowsprit\\fR(1)\n"),
    ] {
        let page = run(words, "").stdout;
        let heading = page.lines().find(|line| line.starts_with(".TH"));
        let heading = heading.unwrap_or_default();
        assert!(heading.starts_with(&format!(".TH {title} 1 ")), "{heading}");
        assert!(heading.contains(version.trim_end()), "{heading}");
        let (_, behind) = page.split_once("SEE ALSO").expect("a section");
        assert!(behind.contains(others), "{behind}");
    }
}

#[test]
fn writes_a_manual_page_for_each_form() {
    let directory = std::env::temp_dir().join(format!("bowsprit-it-{}-man", std::process::id()));
    let named = directory.display().to_string();
    let outcome = run(&["man", "--directory", &named], "");
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    for page in ["bowsprit.1", "bowsprit-send.1", "bowsprit-load.1"] {
        assert!(directory.join(page).is_file(), "{page}");
    }
    fs::remove_dir_all(directory).expect("the pages can be removed");
}

#[test]
fn connects_where_a_profile_leads_with_what_is_configured_for_it() {
    let file = Configured::new(
        "profile",
        "header = ['X-All: 1']\n[profile.here]\nuri = 'URI/base/'\nheader = ['X-Here: 2']\n",
    );
    let address = serve(repeat_headers);
    let text = fs::read_to_string(&file.path).expect("the file is there");
    fs::write(&file.path, text.replace("URI", &format!("ws://{address}"))).expect("written");
    let script = "connect @here/room?a=b\nwait 0 message\nshow 0\nclose 0\n\
                  connect -H 'X-Typed: 3' @here\nwait 1 message\nshow 1\nclose 1\n\
                  connect @her\n";
    let outcome = run(&[&file.option()], script);
    outcome.expect_in_order(&[
        "<< GET /base/room?a=b HTTP/1.1|X-All: 1|X-Here: 2",
        "<< GET /base/ HTTP/1.1|X-All: 1|X-Here: 2|X-Typed: 3",
        "> no profile her (did you mean @here?)",
    ]);
}

#[test]
fn takes_how_much_to_tell_from_the_environment() {
    for (value, status, told) in [("2", Some(0), "frame_header sent"), ("0", Some(0), "")] {
        let address = serve(|mut peer: Peer| {
            peer.accept();
            peer.echo_close();
        });
        let environment = [("BOWSPRIT_VERBOSE", value)];
        let outcome = run_in(&environment, &[], format!("connect ws://{address}\n"));
        assert_eq!(outcome.status, status, "{outcome:?}");
        assert!(outcome.stdout.contains(told), "{outcome:?}");
        assert_eq!(
            outcome.stdout.contains("0 log"),
            value == "2",
            "{outcome:?}"
        );
    }
    let outcome = run_in(&[("BOWSPRIT_VERBOSE", "10")], &[], "");
    assert!(
        outcome.stderr.contains("no number from 0 to 9"),
        "{outcome:?}"
    );
}

#[test]
fn takes_the_command_line_over_the_environment_over_a_form_over_the_file() {
    let file = Configured::new("layers", "user-agent = 'file'\nheader = 'X-File: 1'\n");
    let agent = |environment: &[(&str, &str)], flags: &[&str]| {
        let address = serve(|mut peer: Peer| {
            let request = peer.request();
            peer.answer(&request, "");
            let agent = request
                .lines()
                .find_map(|line| line.strip_prefix("User-Agent: "));
            peer.text(agent.unwrap_or_default());
            peer.echo_close();
        });
        let option = file.option();
        let flags: Vec<&str> = [&[option.as_str()], flags].concat();
        let script = format!("connect ws://{address}\nwait 0 message\n");
        let outcome = run_in(environment, &flags, script);
        let line = outcome
            .lines()
            .into_iter()
            .find_map(|line| line.strip_prefix("0 << text "));
        line.and_then(|line| line.split_once(' '))
            .map(|(_, agent)| agent.to_owned())
    };
    assert_eq!(agent(&[], &[]).as_deref(), Some("file"));
    let environment = [("BOWSPRIT_USER_AGENT", "variable")];
    assert_eq!(agent(&environment, &[]).as_deref(), Some("variable"));
    assert_eq!(
        agent(&environment, &["-A", "typed"]).as_deref(),
        Some("typed")
    );
}

#[test]
fn names_the_file_and_the_key_that_is_wrong() {
    for (text, why) in [
        ("header = [", "line 1: "),
        (
            "open-timout = '3s'",
            "no option open-timout (did you mean open-timeout?)",
        ),
        ("[sned]\njson = true", "[sned] is no form of this program"),
        (
            "[send]\nserve = 1",
            "[send] no option serve can be configured",
        ),
        ("[profile.a]\nheader = 'X-A: 1'", "[profile.a] needs a uri"),
        (
            "[profile.'a b']\nuri = 'ws://h'",
            "[profile.a b]: a name has letters",
        ),
        (
            "[profile.a]\nuri = 'ws://h'\ncolour = 1",
            "[profile.a] no option colour",
        ),
    ] {
        let file = Configured::new("wrong", text);
        let outcome = run(&[&file.option()], "");
        let start = format!("bowsprit: {}", file.path.display());
        assert!(outcome.stderr.starts_with(&start), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
        assert_eq!(outcome.status, Some(2));
    }
    let file = Configured::new("value", "open-timeout = 3\nquiet = 'maybe'");
    let outcome = run(&[&file.option()], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: quiet is neither true nor false\n"
    );
    let file = Configured::new("value", "open-timeout = 3");
    let outcome = run(&[&file.option()], "");
    assert!(
        outcome.stderr.contains("a time needs its unit"),
        "{}",
        outcome.stderr
    );
    let outcome = run(&["--config=/no/such/file"], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: cannot read /no/such/file: no such file or directory\n"
    );
}

#[cfg(unix)]
#[test]
fn warns_of_a_secret_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = Configured::new("open", "[profile.a]\nuri = 'ws://h'\nbearer = 'hunter2'\n");
    let outcome = run(&[&file.option()], "");
    assert!(
        outcome.stderr.contains("others can read it"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("hunter2"));
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&file.path, private).expect("the mode can be set");
    assert_eq!(run(&[&file.option()], "").stderr, "");
    let file = Configured::new(
        "public",
        "header = ['X-Team: harbour']\nbearer = 'env:TOKEN'\n",
    );
    let told = run_in(&[("TOKEN", "hunter2")], &[&file.option()], "").stderr;
    assert_eq!(told, "");
    let file = Configured::new("key", "header = ['Authorization: Bearer hunter2']\n");
    let told = run(&[&file.option()], "").stderr;
    assert!(told.contains("others can read it"), "{told}");
}

#[test]
fn ends_quietly_when_nobody_reads_the_help() {
    let mut program = Program::start(&["--help-all"]);
    program.hang_up();
    let outcome = program.finish();
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
}

#[cfg(target_os = "linux")]
#[test]
fn fails_where_the_help_cannot_be_written() {
    for option in ["--help", "--help-all", "--version"] {
        let full = fs::File::options().write(true).open("/dev/full");
        let asked = std::process::Command::new(env!("CARGO_BIN_EXE_bowsprit"))
            .arg(option)
            .stdout(full.expect("a device that is full"))
            .output()
            .expect("the program should start");
        assert_eq!(asked.status.code(), Some(1), "{option}");
        let said = String::from_utf8_lossy(&asked.stderr);
        assert!(said.contains("cannot write the output"), "{option}: {said}");
    }
}

#[test]
fn takes_a_message_that_looks_like_its_uri_for_a_message() {
    let address = serve(echo);
    let port = format!(":{}", address.port());
    let outcome = run(&["send", &port, &port, "--", "--", &port], "");
    assert_eq!(
        outcome.stdout,
        format!("{port}\n--\n{port}\n"),
        "{outcome:?}"
    );
    let file = Configured::new("same", &format!("[profile.a]\nuri = 'ws://{address}'\n"));
    let messages = ["@@a", "@a"];
    for message in messages {
        let outcome = run(&["send", &file.option(), "--", "@a", message], "");
        match message {
            "@@a" => assert_eq!(outcome.stdout, "@a\n", "{outcome:?}"),
            _ => assert_eq!(
                outcome.stderr,
                "bowsprit: cannot read a: no such file or directory\n"
            ),
        }
    }
}

#[test]
fn says_in_one_line_what_is_wrong_with_the_words() {
    for (words, sentence) in [
        (
            &["--jsno"][..],
            "unexpected argument '--jsno' found (did you mean --json?); see bowsprit --help",
        ),
        (
            &["send", "--bearrer=hunter2", "ws://h", "x"],
            "unexpected argument '--bearrer' found (did you mean --bearer?); see bowsprit send --help",
        ),
        (
            &["send", "ws://h"],
            "the following required arguments were not provided: <MESSAGE>...; see bowsprit send --help",
        ),
        (
            &["send", "-n", "x", "ws://h", "x"],
            "invalid value 'x' for '--count <N>': expected a whole number; see bowsprit send --help",
        ),
        (
            &["--json", "send", "ws://h", "x"],
            "send stands in front of its options: bowsprit send [OPTIONS]",
        ),
        (
            &["help"],
            "help is for the prompt; here it is bowsprit --help, or bowsprit FORM --help",
        ),
        (
            &["@a", "ws://b"],
            "one URI at a time; further ones are for the prompt",
        ),
        (
            &["ping", "--view", "hex", "ws://h"],
            "--view has no effect in bowsprit ping",
        ),
        (
            &["load", "--keep-messages", "5", "ws://h"],
            "--keep-messages has no effect in bowsprit load",
        ),
    ] {
        let outcome = run(words, "");
        assert_eq!(
            outcome.stderr,
            format!("bowsprit: {sentence}\n"),
            "{words:?}"
        );
        assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
    }
}

#[test]
fn lists_in_a_form_what_has_an_effect_there_and_its_arguments() {
    let help = |form: &str, option: &str| run(&[form, option], "").stdout;
    assert!(!help("ping", "--help-all").contains("--view"));
    assert!(!help("send", "--help-all").contains("--keep-messages"));
    assert!(help("send", "--help-all").contains("--open-timeout <TIME>"));
    assert!(help("send", "--help-all").contains("[alias: --connect-timeout]"));
    let words = help("send", "--help");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("[possible values: auto, text, json, hex, base64, raw]"));
    assert!(help("load", "--help").contains("  <URI>  "));
    assert!(!help("load", "--help").contains("--config"));
}

#[test]
fn wraps_the_help_of_every_form_where_the_terminal_ends() {
    let forms = [
        "send", "listen", "ping", "check", "run", "serve", "load", "replay",
    ];
    for form in forms {
        for option in ["--help", "--help-all"] {
            let help = run_in(&[("COLUMNS", "80")], &[form, option], "").stdout;
            // Examples are there to be copied.
            let explained = help.split("Examples:").next().unwrap_or_default();
            let widest = explained.lines().max_by_key(|line| line.chars().count());
            let widest = widest.unwrap_or_default();
            assert!(widest.chars().count() <= 80, "{form}: {widest}");
        }
    }
}

#[test]
fn keeps_what_is_configured_for_connections_out_of_the_server() {
    let environment = [
        ("BOWSPRIT_PROXY", "http://127.0.0.1:1"),
        ("BOWSPRIT_AUTH", "me:hunter2"),
        ("BOWSPRIT_HEADER", "Authorization: hunter2"),
    ];
    let outcome = run_in(&environment, &["serve", ":0", "--timeout", "20ms"], "");
    assert_eq!(outcome.status, Some(124), "{outcome:?}");
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(all.contains("Serving echo on"), "{all}");
}

#[test]
fn does_without_a_configuration_where_none_can_be() {
    let homeless = [("HOME", "/dev/null"), ("XDG_CONFIG_HOME", "")];
    let outcome = run_in(&homeless, &["--quiet"], "");
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
    let none = run(&["--quiet", "--config", ""], "");
    assert_eq!((none.stderr.as_str(), none.status), ("", Some(0)));
    let broken = [("BOWSPRIT_CONFIG", "/no/such/file")];
    assert_eq!(
        run_in(&broken, &["completions", "bash"], "").status,
        Some(0)
    );
    assert_eq!(run_in(&broken, &["--quiet"], "").status, Some(2));
}

#[test]
fn tells_of_a_wrong_value_where_it_stands() {
    let file = Configured::new("place", "sni = 'a'\n");
    let environment = [("BOWSPRIT_OPEN_TIMEOUT", "3")];
    let outcome = run_in(&environment, &[&file.option()], "");
    let start = "bowsprit: configured in the environment: invalid value '3'";
    assert!(outcome.stderr.starts_with(start), "{}", outcome.stderr);
    for text in [
        "bearer = hunter2",
        "bearer = 'hunter2",
        "bearer = ['hunter2']",
        "[send]\nbearer = {a = 'hunter2'}",
    ] {
        let file = Configured::new("secret", text);
        let outcome = run(&["send", &file.option(), "ws://127.0.0.1:1", "x"], "");
        assert_eq!(outcome.status, Some(2), "{outcome:?}");
        assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
    }
}
