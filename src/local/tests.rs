use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::python::{Found, Python};
use super::state::{Lock, State};
use super::*;

fn place() -> (tempfile::TempDir, Place) {
    let directory = tempfile::tempdir().unwrap();
    let place = Place { cache: directory.path().join("cache"), server: directory.path().join("server") };
    std::fs::create_dir_all(&place.server).unwrap();
    (directory, place)
}

fn state(pid: u32, port: u16) -> State {
    State { pid, port, started: 1, glue: glue::hash(), token: "mine".to_owned() }
}

/// A server that answers every request alike.
fn server(answer: String) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

fn healthy(pid: u32, token: &str) -> u16 {
    let body = format!("{{\"pid\": {pid}, \"token\": \"{token}\", \"more\": true}}");
    server(format!("HTTP/1.1 200 \r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn the_place_follows_the_variables() {
    let check = |variables: &[(&str, &str)], cache: &str, server: &str| {
        let known: BTreeMap<&str, &str> = variables.iter().copied().collect();
        let place = Place::from_variables(|name| known.get(name).map(OsString::from)).unwrap();
        assert_eq!((&*place.cache, &*place.server), (Path::new(cache), Path::new(server)));
    };
    let of_home = if cfg!(target_os = "macos") { "/h/Library/Caches" } else { "/h/.cache" };
    check(&[("HOME", "/h")], &format!("{of_home}/smstack"), &format!("{of_home}/smstack/local"));
    check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/smstack", "/x/smstack/local");
    check(
        &[("HOME", "/h"), ("XDG_CACHE_HOME", "x")],
        &format!("{of_home}/smstack"),
        &format!("{of_home}/smstack/local"),
    );
    check(&[("SMSTACK_CACHE_DIR", "/c"), ("HOME", "/h")], "/c", "/c/local");
    check(&[("SMSTACK_CACHE_DIR", "/c"), ("SMSTACK_LOCAL_DIR", "/l")], "/c", "/l");
    assert!(matches!(Place::from_variables(|_| None), Err(Error::NoCache)));
}

#[test]
fn a_state_is_read_as_it_was_written_and_nonsense_is_none() {
    let (_directory, place) = place();
    assert_eq!(State::read(&place).unwrap(), None);
    let written = state(7, 8);
    written.write(&place).unwrap();
    assert_eq!(State::read(&place).unwrap(), Some(written));
    std::fs::write(place.state(), "{\"pid\": 7").unwrap();
    assert_eq!(State::read(&place).unwrap(), None);
    State::remove(&place).unwrap();
    State::remove(&place).unwrap();
    assert!(!place.state().exists());
}

#[test]
fn only_the_server_with_the_token_is_up() {
    let (_directory, place) = place();
    let check = |port: u16, status: &Status| {
        state(4_000_000, port).write(&place).unwrap();
        assert_eq!(&status_at(&place).unwrap(), status);
    };
    check(free_port(), &Status::Down);
    check(healthy(4_000_000, "another's"), &Status::Down);
    check(healthy(4_000_001, "mine"), &Status::Down);
    check(server("HTTP/1.1 500 \r\n\r\n".to_owned()), &Status::Down);
    let port = healthy(4_000_000, "mine");
    check(port, &Status::Up(state(4_000_000, port).running(&place)));
}

#[test]
fn a_stale_state_is_forgotten_and_its_process_left_alone() {
    let (_directory, place) = place();
    // This very process is at the remembered pid, and is no server.
    state(std::process::id(), free_port()).write(&place).unwrap();
    assert_eq!(down_at(&place, &mut |event| panic!("{event:?}")).unwrap(), None);
    assert!(!place.state().exists());
    assert!(matches!(reset_at(&place), Err(Error::NotRunning)));
}

#[test]
fn one_waits_for_the_other() {
    let (_directory, place) = place();
    let held = Lock::take(&place.server, || panic!("nobody has it")).unwrap();
    let (told, waits) = std::sync::mpsc::channel();
    let other = std::thread::spawn({
        let place = place.clone();
        move || Lock::take(&place.server, || told.send(()).unwrap()).map(drop)
    });
    waits.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(!other.is_finished());
    drop(held);
    other.join().unwrap().unwrap();
}

#[test]
fn the_first_good_python_is_chosen_else_the_nearest_reason_told() {
    let good =
        Python { path: "/p".into(), version: "3.12.1".to_owned(), platform: "linux-x86_64".to_owned() };
    assert_eq!(python::read("3.12.1\n/p\nlinux-x86_64\nTrue\n"), Some(Found::Good(good.clone())));
    assert_eq!(python::read("3.12.1\n/p\nlinux-x86_64\nFalse\n"), Some(Found::NoVenv));
    assert_eq!(python::read("3.9.2\n"), Some(Found::Old("3.9.2".to_owned())));
    assert_eq!(python::read("pyenv: not found"), None);

    let choose = |answers: &[(&str, &str)]| {
        let names: Vec<OsString> = answers.iter().map(|(name, _)| OsString::from(name)).collect();
        python::choose(&names, |name| python::read(answers.iter().find(|(known, _)| name == known)?.1))
    };
    let (old, without) = ("3.9.2\n", "3.12.1\n/p\nlinux-x86_64\nFalse\n");
    let fine = "3.12.1\n/p\nlinux-x86_64\nTrue\n";
    assert_eq!(choose(&[("a", ""), ("b", old), ("c", without), ("d", fine)]).unwrap(), good);
    assert!(matches!(choose(&[("b", old), ("c", without)]), Err(Error::NoVenv { python }) if python == "c"));
    assert!(
        matches!(choose(&[("a", ""), ("b", old)]), Err(Error::OldPython { python, .. }) if python == "b")
    );
    assert!(matches!(choose(&[("a", "")]), Err(Error::NoPython { looked_for }) if looked_for == ["a"]));
}

#[test]
fn an_answer_is_whole_or_none() {
    let check = |answer: &str, body: Option<&str>| {
        assert_eq!(http::body(answer.as_bytes()).ok().as_deref(), body.map(str::as_bytes), "{answer}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Some("hi"));
    check("HTTP/1.1 200 OK\r\n\r\nhi", Some("hi"));
    check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", None);
    check("HTTP/1.1 503 Busy\r\n\r\n", None);
    check("HTTP/1.1 200 OK\r\n", None);
    check("", None);
}

#[test]
fn the_glue_is_written_once_and_mended() {
    let (_directory, place) = place();
    let entry = glue::write(&place).unwrap();
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, "broken").unwrap();
    assert_eq!(glue::write(&place).unwrap(), entry);
    assert_eq!(std::fs::read_to_string(&entry).unwrap(), text);
    assert_eq!(std::fs::read_dir(place.cache.join("glue")).unwrap().count(), 1);
    assert_ne!(glue::hash_of(["ab", "c"]), glue::hash_of(["a", "bc"]));
}

#[test]
fn every_module_that_the_glue_imports_is_embedded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/local");
    let (_directory, place) = place();
    let written = glue::write(&place).unwrap();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let maintenance = name == "refresh_facts.py";
        if Path::new(&name).extension().is_some_and(|kind| kind == "py" || kind == "json") && !maintenance {
            assert!(written.with_file_name(&name).exists(), "`{name}` isn't embedded");
        }
    }
}

#[test]
fn every_requirement_is_pinned() {
    for line in glue::REQUIREMENTS.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("=="), "{line}");
    }
}

#[test]
fn a_tail_is_the_end() {
    let (_directory, place) = place();
    let text = (0..100).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
    std::fs::write(place.log(), text).unwrap();
    assert!(process::tail(&place.log()).starts_with("80\n"));
    assert!(process::tail(&place.log()).ends_with("99"));
    assert_eq!(process::tail(Path::new("/nowhere")), "");
}

/// The whole life, on the real thing. It installs packages unless the user's cache has them.
#[test]
#[ignore = "needs Python and, the first time, a package index: run with `--ignored`"]
fn up_twice_reset_and_down() {
    let (_directory, place) = place();
    let user = Place::of_user().unwrap();
    let place = Place { cache: user.cache, ..place };
    let both: Vec<Running> = std::thread::scope(|scope| {
        let ups = [0, 1].map(|_| scope.spawn(|| up_at(&place, &mut |_| {}).unwrap()));
        ups.map(|up| up.join().unwrap()).into()
    });
    assert_eq!(both[0], both[1]);
    assert_eq!(reset_at(&place).unwrap(), both[0]);
    assert_eq!(status_at(&place).unwrap(), Status::Up(both[0].clone()));

    // Killed from outside, it is down, and comes up anew.
    process::signal(both[0].pid, process::Signal::Kill);
    assert!(process::wait_until(ENDS_WITHIN, || status_at(&place).unwrap() == Status::Down));
    let third = up_at(&place, &mut |_| {}).unwrap();
    assert_ne!(third.pid, both[0].pid);

    // One of another version of the glue is replaced.
    let former = State::read(&place).unwrap().unwrap();
    State { glue: "another".to_owned(), ..former }.write(&place).unwrap();
    let mut events = Vec::new();
    let fourth = up_at(&place, &mut |event| events.push(event)).unwrap();
    assert_eq!(events[0], Event::Replacing { pid: third.pid });
    assert!(!process::is_server(third.pid, &place));

    // One that answers nothing any more is ended all the same.
    assert!(
        std::process::Command::new("kill")
            .args(["-STOP", &fourth.pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(status_at(&place).unwrap(), Status::Stuck { pid: fourth.pid, log: place.log() });
    assert_eq!(down_at(&place, &mut |_| {}).unwrap(), Some(fourth));
    let last = up_at(&place, &mut |_| {}).unwrap();
    assert_eq!(down_at(&place, &mut |_| {}).unwrap(), Some(last));
    assert_eq!(status_at(&place).unwrap(), Status::Down);
    assert_eq!(down_at(&place, &mut |_| {}).unwrap(), None);
}
