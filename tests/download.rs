//! Fetching files, against a server on this machine that behaves as real ones do: well, badly, and differently tomorrow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leap_binder::Error;
use leap_binder::model::download::{Download, Source, fetch};
use leap_binder::progress::Progress;
use tempfile::TempDir;

/// Enough for the slowest machine, and the bound of every test.
const PATIENCE: Duration = Duration::from_secs(20);
const LENGTH: usize = 300_000;
/// Of [`content`]: Python's `hashlib.sha256(bytes((i * i // 7 + i) % 251 for i in range(300_000))).hexdigest()`.
const SHA256: &str = "d5fd99163ba0bfa8304c8b207dcfab90e7377bac3bdaee43c659fb7f86c9ca1a";
const TAG: &str = "\"first\"";

fn content() -> Vec<u8> {
    (0..LENGTH).map(|i| ((i * i / 7 + i) % 251) as u8).collect()
}

#[derive(Debug, Clone)]
struct Request {
    path: String,
    /// The first byte asked for.
    from: Option<usize>,
    if_range: Option<String>,
}

type Behaviour = dyn Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// An HTTP/1.1 server with one answer for each connection. Stops when it is dropped.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(behaviour: impl Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, seen, behaviour) = (Arc::clone(&stop), Arc::clone(&requests), Arc::new(behaviour));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                let (seen, behaviour) = (Arc::clone(&seen), Arc::clone(&behaviour));
                // A client that leaves early is part of the tests.
                std::thread::spawn(move || drop(answer(stream, &seen, &*behaviour)));
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn source(&self) -> Source {
        Source::new("w.bin", self.url("/w.bin"), SHA256)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<Request>>, behaviour: &Behaviour) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, from: None, if_range: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.from = value.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')?.parse().ok()),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    seen.lock().unwrap().push(request.clone());
    behaviour(&request, &mut stream)
}

/// A whole answer with its length.
fn reply(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<()> {
    head(stream, status, headers, body.len())?;
    stream.write_all(body)
}

fn head(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], length: usize) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{text}\r\n").as_bytes())
}

/// What a server does that has `body` in the version `tag` and knows ranges; it breaks off after `cut` bytes.
fn proper(
    request: &Request,
    stream: &mut TcpStream,
    body: &[u8],
    tag: (&str, &str),
    cut: usize,
) -> std::io::Result<()> {
    let same = request.if_range.as_deref().is_none_or(|wanted| wanted == tag.1);
    let from = request.from.filter(|_| same).unwrap_or(0);
    if from > 0 && from >= body.len() {
        return reply(stream, "416 Range Not Satisfiable", &[], b"");
    }
    let rest = &body[from..];
    let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
    match from {
        0 => head(stream, "200 OK", &[tag], rest.len())?,
        _ => head(stream, "206 Partial Content", &[tag, ("Content-Range", &range)], rest.len())?,
    }
    stream.write_all(&rest[..cut.min(rest.len())])
}

/// The first connection breaks off after 100000 bytes.
fn cut_once(
    behaviour: impl Fn(&Request, &mut TcpStream, usize) -> std::io::Result<()> + Send + Sync + 'static,
) -> Server {
    let calls = AtomicUsize::new(0);
    Server::new(move |request, stream| {
        let cut = if calls.fetch_add(1, Ordering::SeqCst) == 0 { 100_000 } else { usize::MAX };
        behaviour(request, stream, cut)
    })
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("not/there/yet");
    (folder, cache)
}

fn get(source: &Source, cache: &Path) -> leap_binder::Result<PathBuf> {
    Download::into(cache).with_patience(PATIENCE).fetch(source, &())
}

/// The message of a download error, which names the file's address.
fn refused(source: &Source, cache: &Path) -> String {
    let error = get(source, cache).unwrap_err();
    assert!(matches!(&error, Error::Download { url, .. } if *url == source.url), "{error:?}");
    error.to_string()
}

fn names(cache: &Path) -> Vec<String> {
    let names = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn assert_fetched(source: &Source, cache: &Path) {
    let path = get(source, cache).unwrap();
    assert_eq!(path, cache.join("w.bin"));
    assert!(fs::read(path).unwrap() == content());
    assert_eq!(names(cache), ["w.bin", "w.bin.lock"]);
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>, AtomicUsize);

impl Progress for Log {
    fn begin(&self, stage: &str, total: usize) {
        self.0.lock().unwrap().push(format!("{stage}: {total}"));
    }

    fn advance(&self, steps: usize) {
        self.1.fetch_add(steps, Ordering::SeqCst);
    }

    fn end(&self) {
        self.0.lock().unwrap().push("end".to_owned());
    }
}

#[test]
fn a_file_is_fetched_once_and_found_again_without_the_network() {
    let server = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    let (_folder, cache) = folder();
    let log = Log::default();
    let source = server.source().with_bytes(LENGTH as u64);
    let path = fetch(&source, &cache, &log).unwrap();
    assert!(fs::read(&path).unwrap() == content());
    assert_eq!(*log.0.lock().unwrap(), ["download w.bin: 300000", "end"]);
    assert_eq!(log.1.load(Ordering::SeqCst), LENGTH);
    assert_eq!(server.requests().len(), 1);
    drop(server);
    assert_fetched(&source, &cache);
    fs::remove_file(&path).unwrap();
    assert!(refused(&source, &cache).contains("an answer of the server"));
}

#[test]
fn eight_digits_of_the_digest_are_enough_and_a_wrong_one_is_not() {
    let server = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    let (_folder, cache) = folder();
    assert_fetched(&Source::new("w.bin", server.url("/w"), SHA256[..8].to_uppercase()), &cache);
    let other = Source::new("other.bin", server.url("/w"), "01234567");
    let message = refused(&other, &cache);
    assert!(message.contains("01234567") && message.contains(SHA256), "{message}");
    assert_eq!(names(&cache), ["other.bin.lock", "w.bin", "w.bin.lock"]);
    // A second call trusts nothing that the first one left.
    refused(&other, &cache);
    assert_eq!(server.requests().iter().filter(|request| request.from.is_none()).count(), 3);
}

#[test]
fn a_damaged_file_in_the_cache_is_fetched_anew() {
    let server = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    let (_folder, cache) = folder();
    assert_fetched(&server.source(), &cache);
    let mut bytes = content();
    bytes[LENGTH / 2] ^= 1;
    fs::write(cache.join("w.bin"), bytes).unwrap();
    assert_fetched(&server.source(), &cache);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_cut_transfer_is_resumed_by_the_next_call() {
    for tag in [("ETag", TAG), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")] {
        let server = cut_once(move |request, stream, cut| proper(request, stream, &content(), tag, cut));
        let (_folder, cache) = folder();
        let message = refused(&server.source(), &cache);
        assert!(message.contains("300000 bytes") && message.contains("100000 bytes"), "{message}");
        assert_eq!(names(&cache), ["w.bin.lock", "w.bin.part", "w.bin.part.from"]);
        let log = Log::default();
        fetch(&server.source(), &cache, &log).unwrap();
        assert_eq!(*log.0.lock().unwrap(), ["download w.bin: 300000", "end"]);
        assert_eq!(log.1.load(Ordering::SeqCst), LENGTH);
        assert_fetched(&server.source(), &cache);
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!((requests[1].from, requests[1].if_range.as_deref()), (Some(100_000), Some(tag.1)));
    }
}

#[test]
fn servers_without_ranges_or_versions_are_asked_for_the_whole() {
    let whole = |stream: &mut TcpStream, headers: &[(&str, &str)], cut: usize| {
        head(stream, "200 OK", headers, LENGTH)?;
        stream.write_all(&content()[..cut.min(LENGTH)])
    };
    for (headers, asked_from) in [
        (vec![("ETag", TAG)], Some(100_000)), // has versions, ignores Range
        (vec![], None),
        (vec![("ETag", "W/\"weak\"")], None),
    ] {
        let server = cut_once(move |_, stream, cut| whole(stream, &headers, cut));
        let (_folder, cache) = folder();
        refused(&server.source(), &cache);
        assert_fetched(&server.source(), &cache);
        assert_eq!(server.requests()[1].from, asked_from);
    }
}

#[test]
fn a_file_that_changed_in_between_is_not_glued_to_the_old_part() {
    let old: Vec<u8> = content().iter().map(|byte| !byte).collect();
    let first = old.clone();
    let server = cut_once(move |request, stream, cut| match cut {
        usize::MAX => proper(request, stream, &content(), ("ETag", TAG), cut),
        _ => proper(request, stream, &first, ("ETag", "\"old\""), cut),
    });
    let (_folder, cache) = folder();
    refused(&server.source(), &cache);
    assert_fetched(&server.source(), &cache);
    assert_eq!(server.requests().len(), 2);

    // A server that sends the rest of the new version, whatever was asked.
    let server = cut_once(move |request, stream, cut| {
        let careless = Request { if_range: None, ..request.clone() };
        match cut {
            usize::MAX => proper(&careless, stream, &content(), ("ETag", TAG), cut),
            _ => proper(request, stream, &old, ("ETag", "\"old\""), cut),
        }
    });
    let (_folder, cache) = folder();
    refused(&server.source(), &cache);
    assert_fetched(&server.source(), &cache);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_part_longer_than_the_file_or_answered_wrongly_is_begun_again() {
    for wrong in ["416", "bytes 0-299999/300000", "bytes 100000-199999/300000", "nonsense"] {
        let server = cut_once(move |request, stream, cut| match request.from {
            Some(_) if wrong == "416" => reply(stream, "416 Range Not Satisfiable", &[], b""),
            Some(_) => reply(stream, "206 Partial Content", &[("Content-Range", wrong)], &content()),
            None => proper(request, stream, &content(), ("ETag", TAG), cut),
        });
        let (_folder, cache) = folder();
        refused(&server.source(), &cache);
        assert_fetched(&server.source(), &cache);
        assert_eq!(server.requests().len(), 3, "{wrong}");
    }
}

#[test]
fn a_part_that_lacks_nothing_needs_no_server() {
    let server = cut_once(|request, stream, cut| proper(request, stream, &content(), ("ETag", TAG), cut));
    let (_folder, cache) = folder();
    let source = server.source();
    refused(&source, &cache);
    fs::write(cache.join("w.bin.part"), content()).unwrap();
    drop(server);
    assert_fetched(&source, &cache);
}

#[test]
fn a_spoilt_part_is_found_out_and_removed() {
    let server = cut_once(|request, stream, cut| proper(request, stream, &content(), ("ETag", TAG), cut));
    let (_folder, cache) = folder();
    refused(&server.source(), &cache);
    fs::write(cache.join("w.bin.part"), vec![0; 100_000]).unwrap();
    assert!(refused(&server.source(), &cache).contains(SHA256));
    assert_eq!(names(&cache), ["w.bin.lock"]);
    assert_fetched(&server.source(), &cache);
}

#[test]
fn other_answers_are_errors_that_name_the_status() {
    for status in ["404 Not Found", "403 Forbidden", "503 Service Unavailable", "204 No Content"] {
        let server = Server::new(move |_, stream| reply(stream, status, &[], b""));
        let (_folder, cache) = folder();
        let message = refused(&server.source(), &cache);
        assert!(message.contains(&status[..3]), "{message}");
        assert_eq!(names(&cache), ["w.bin.lock"]);
    }
    let server = Server::new(|_, stream| reply(stream, "200 OK", &[("Content-Encoding", "gzip")], b"x"));
    assert!(refused(&server.source(), &folder().1).contains("gzip"));
    let server = Server::new(|_, stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
    refused(&server.source(), &folder().1);
}

#[test]
fn redirects_are_followed_to_web_addresses_only() {
    let server = Server::new(|request, stream| {
        let moved = |stream: &mut TcpStream, to: &str| reply(stream, "302 Found", &[("Location", to)], b"");
        match request.path.as_str() {
            "/w.bin" => moved(stream, "/a/b?c"),
            "/a/b?c" => moved(stream, "d"),
            "/a/d" => proper(request, stream, &content(), ("ETag", TAG), usize::MAX),
            "/ftp" => moved(stream, "ftp://127.0.0.1/w.bin"),
            "/file" => moved(stream, "file:///etc/hostname"),
            "/nowhere" => reply(stream, "302 Found", &[], b""),
            _ => moved(stream, "/circle"),
        }
    });
    let (_folder, cache) = folder();
    assert_fetched(&server.source(), &cache);
    assert_eq!(server.requests().len(), 3);
    for (path, word) in [("/ftp", "ftp:"), ("/file", "file:"), ("/nowhere", "redirect"), ("/circle", "at most 5")] {
        let message = refused(&Source::new("x", server.url(path), SHA256), &cache);
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn more_bytes_than_allowed_are_not_kept() {
    let declared = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    // No length is given: the body ends when the connection does.
    let silent = Server::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        stream.write_all(&content())
    });
    for server in [&declared, &silent] {
        let (_folder, cache) = folder();
        let small = Download::into(&cache).with_patience(PATIENCE).with_max_bytes(250_000);
        let error = small.fetch(&server.source(), &()).unwrap_err();
        assert!(error.to_string().contains("at most 250000 bytes"), "{error}");
        assert_eq!(names(&cache), ["w.bin.lock"]);
        let short = server.source().with_bytes(250_000);
        assert!(refused(&short, &cache).contains("expected 250000 bytes"));
        assert_eq!(names(&cache), ["w.bin.lock"]);
        assert_fetched(&server.source(), &cache);
    }
    let (_folder, cache) = folder();
    assert!(
        refused(&silent.source().with_bytes(400_000), &cache).contains("expected 400000 bytes, found 300000 bytes")
    );
    assert!(refused(&declared.source().with_bytes(400_000), &cache).contains("expected 400000 bytes"));
}

#[test]
fn a_server_that_stands_still_is_given_up() {
    let silent = Server::new(|_, _| {
        std::thread::sleep(PATIENCE);
        Ok(())
    });
    let halting = Server::new(|request, stream| {
        proper(request, stream, &content(), ("ETag", TAG), 1000)?;
        std::thread::sleep(PATIENCE);
        Ok(())
    });
    let dripping = Server::new(|_, stream| {
        head(stream, "200 OK", &[], LENGTH)?;
        (0..400).try_for_each(|_| {
            std::thread::sleep(Duration::from_millis(50));
            stream.write_all(b"x")
        })
    });
    for server in [silent, halting, dripping] {
        let (_folder, cache) = folder();
        let start = Instant::now();
        let hurried = Download::into(&cache).with_patience(Duration::from_millis(300));
        let error = hurried.fetch(&server.source(), &()).unwrap_err();
        assert!(matches!(error, Error::Download { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{error} after {:?}", start.elapsed());
    }
}

#[test]
fn those_who_fetch_at_once_share_one_transfer() {
    let server = Server::new(|request, stream| {
        std::thread::sleep(Duration::from_millis(100));
        proper(request, stream, &content(), ("ETag", TAG), usize::MAX)
    });
    let (_folder, cache) = folder();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(fs::read(get(&server.source(), &cache).unwrap()).unwrap() == content()));
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(names(&cache), ["w.bin", "w.bin.lock"]);
}

#[test]
fn somebody_elses_lock_is_waited_for_only_while_their_part_grows() {
    let server = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    let (_folder, cache) = folder();
    fs::create_dir_all(&cache).unwrap();
    let lock = fs::File::create(cache.join("w.bin.lock")).unwrap();
    lock.lock().unwrap();
    let hurried = Download::into(&cache).with_patience(Duration::from_secs(1));
    let growing = std::thread::scope(|scope| {
        scope.spawn(|| {
            for length in 1..=15 {
                std::thread::sleep(Duration::from_millis(100));
                fs::write(cache.join("w.bin.part"), vec![0; length]).unwrap();
            }
        });
        let start = Instant::now();
        let error = hurried.fetch(&server.source(), &()).unwrap_err();
        assert!(error.to_string().contains("w.bin.lock"), "{error}");
        start.elapsed()
    });
    assert!(growing > Duration::from_secs(2), "gave up after {growing:?}");
    assert!(server.requests().is_empty());
    drop(lock);
    assert_fetched(&server.source(), &cache);
}

#[test]
fn what_cannot_be_written_is_an_error_of_the_disk_and_what_is_there_needs_no_writing() {
    let server = Server::new(|request, stream| proper(request, stream, &content(), ("ETag", TAG), usize::MAX));
    let (folder, cache) = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    for (cache, action) in [(folder.path().join("file"), "create"), (folder.path().join("file/x"), "read")] {
        let error = get(&server.source(), &cache).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{action}: {error:?}");
    }
    fs::create_dir_all(cache.join("w.bin")).unwrap();
    let error = get(&server.source(), &cache).unwrap_err();
    assert!(matches!(error, Error::Io { action: "replace", .. }), "{error:?}");
    fs::remove_dir(cache.join("w.bin")).unwrap();
    fs::create_dir(cache.join("w.bin.lock")).unwrap();
    let error = get(&server.source(), &cache).unwrap_err();
    assert!(matches!(error, Error::Io { action: "create", .. }), "{error:?}");
    assert!(server.requests().is_empty());
    // The lock is not needed for what is there already.
    fs::write(cache.join("w.bin"), content()).unwrap();
    get(&server.source(), &cache).unwrap();
}

#[test]
fn sources_and_proxies_that_make_no_sense_are_refused_before_anything_happens() {
    let (_folder, cache) = folder();
    let good = Source::new("w", "http://127.0.0.1:9/w", SHA256);
    for bad in [
        Source::new("../w", good.url.clone(), SHA256),
        Source::new("w", "file:///etc/hostname", SHA256),
        Source::new("w", good.url.clone(), "0123"),
    ] {
        assert!(matches!(get(&bad, &cache), Err(Error::Config { .. })));
        assert!(!cache.exists());
    }
    let error = Download::into(&cache).with_proxy("carrier pigeon").fetch(&good, &()).unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
}

#[test]
fn a_proxy_is_used_where_one_is_named() {
    // A tunnel: the proxy is asked for a connection and then spoken to as if it were the server.
    let proxy = Server::new(|request, stream| {
        assert_eq!(request.path, "nowhere.invalid:80");
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let lines = BufReader::new(stream.try_clone()?).lines();
        lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
        proper(request, stream, &content(), ("ETag", TAG), usize::MAX)
    });
    let (_folder, cache) = folder();
    let source = Source::new("w.bin", "http://nowhere.invalid/w.bin", SHA256);
    let through = Download::into(&cache).with_patience(PATIENCE).with_proxy(proxy.url(""));
    let path = through.fetch(&source, &()).unwrap();
    assert!(fs::read(path).unwrap() == content());
}
