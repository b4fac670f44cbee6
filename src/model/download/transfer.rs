//! From the server into the part.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body, Proxy};

use super::files::{self, Origin, Places};
use super::source::{scheme, without_secrets};
use super::{Download, Source};
use crate::progress::Progress;
use crate::{Error, Result};

/// Redirects that are followed before giving up.
const MAX_REDIRECTS: usize = 5;
/// Slower than this is called standing still.
const MIN_BYTES_PER_SECOND: f64 = 1024.0;

/// Brings the part to its full length, from where it stands if that is possible. The digest is not looked at, except
/// to notice that nothing is missing.
pub(super) fn run(limits: &Download, source: &Source, places: &Places, progress: &dyn Progress) -> Result<()> {
    let begun = Begun::find(source, places);
    if begun.is_some() && source.matches(&files::digest(&places.part)?) {
        return Ok(());
    }
    let agent = agent(limits, source)?;
    let transfer = Transfer { limits, source, places, progress };
    if let Some(begun) = begun {
        let response = get(&agent, source, Some(&begun))?;
        match response.status() {
            StatusCode::OK => return transfer.receive(response, None),
            StatusCode::PARTIAL_CONTENT if begun.is_continued_by(&response) => {
                return transfer.receive(response, Some(begun));
            }
            // Another file by now, a part that is too long, or an answer to another question.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
            status => return Err(source.failed("status 200 or 206", status.to_string(), None)),
        }
    }
    let response = get(&agent, source, None)?;
    match response.status() {
        StatusCode::OK => transfer.receive(response, None),
        status => Err(source.failed("status 200", status.to_string(), None)),
    }
}

/// A part that can be gone on with.
struct Begun {
    bytes: u64,
    origin: Origin,
}

impl Begun {
    fn find(source: &Source, places: &Places) -> Option<Self> {
        let origin = Origin::read(&places.from).filter(|origin| origin.url == without_secrets(&source.url))?;
        let bytes = files::length(&places.part);
        (bytes > 0).then_some(Self { bytes, origin })
    }

    /// Whether a 206 brings the rest of the same version, from the right byte on.
    fn is_continued_by(&self, response: &Response<Body>) -> bool {
        let same = version(response).is_none_or(|version| version == self.origin.version);
        let range = text(response, header::CONTENT_RANGE).and_then(parse_range);
        same && range.is_some_and(|range| range.0 == self.bytes)
    }
}

/// The first byte of `bytes FIRST-LAST/TOTAL` and the total; only ranges that go to the file's end.
fn parse_range(range: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last.checked_add(1) == Some(total))).then_some((first, total))
}

/// What tells this version of the file from others: a strong `ETag`, or else `Last-Modified`.
fn version(response: &Response<Body>) -> Option<&str> {
    let strong = text(response, header::ETAG).filter(|tag| tag.starts_with('"'));
    strong.or_else(|| text(response, header::LAST_MODIFIED))
}

fn text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok().filter(|value| !value.is_empty())
}

fn agent(limits: &Download, source: &Source) -> Result<Agent> {
    let proxy = limits.proxy.as_deref().map(Proxy::new).transpose();
    let proxy = proxy.map_err(|error| Error::config("proxy", "the address of a proxy", error.to_string()))?;
    let patience = Some(limits.patience);
    let config = Agent::config_builder()
        .proxy(proxy)
        .https_only(source.is_secure())
        .http_status_as_error(false)
        .max_redirects(0) // see `get`
        .max_redirects_will_error(false)
        .user_agent(concat!("leap-binder/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_send_request(patience)
        .timeout_recv_response(patience)
        .timeout_per_read(patience)
        .timeout_per_write(patience);
    Ok(config.build().new_agent())
}

/// Asks for the file or the rest of it, and follows redirects.
fn get(agent: &Agent, source: &Source, begun: Option<&Begun>) -> Result<Response<Body>> {
    let mut url = Cow::Borrowed(&*source.url);
    for _ in 0..=MAX_REDIRECTS {
        let mut request = agent.get(&*url).header(header::ACCEPT_ENCODING, "identity");
        if let Some(begun) = begun {
            request = request.header(header::RANGE, format!("bytes={}-", begun.bytes));
            request = request.header(header::IF_RANGE, &begun.origin.version);
        }
        let response = request.call();
        let response = response
            .map_err(|error| source.failed("an answer of the server", error.to_string(), Some(error.into())))?;
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(response);
        }
        let location = text(&response, header::LOCATION).unwrap_or_default();
        let next = redirect(&url, location, source.is_secure()).ok_or_else(|| {
            let expected = if source.is_secure() { "a redirect to https" } else { "a redirect to https or http" };
            source.failed(expected, format!("one to {:?}", without_secrets(location)), None)
        })?;
        url = Cow::Owned(next);
    }
    Err(source.failed(format!("at most {MAX_REDIRECTS} redirects"), "more", None))
}

/// Where a redirect leads (RFC 3986, 5.2, without tidying of dots); `None` if it may not be followed.
fn redirect(from: &str, location: &str, only_https: bool) -> Option<String> {
    let host = from.find("://")? + 3;
    let end = |start: usize, marks: &[char]| from[start..].find(marks).map_or(from.len(), |at| start + at);
    let (path, query) = (end(host, &['/', '?', '#']), end(host, &['?', '#']));
    let before_path = |c: &char| !"/?#".contains(*c);
    let to = if location.chars().take_while(before_path).any(|c| c == ':') {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{}{location}", &from[..host - 2])
    } else if location.starts_with('/') {
        format!("{}{location}", &from[..path])
    } else if location.is_empty() {
        return None;
    } else if location.starts_with('?') {
        format!("{}{location}", &from[..query])
    } else {
        let folder = from[path..query].rfind('/').map_or("", |slash| &from[path..path + slash]);
        format!("{}{folder}/{location}", &from[..path])
    };
    (scheme(&to)? == "https" || !only_https).then_some(to)
}

struct Transfer<'a> {
    limits: &'a Download,
    source: &'a Source,
    places: &'a Places,
    progress: &'a dyn Progress,
}

impl Transfer<'_> {
    /// Writes a body into the part: from its beginning, or behind what has `begun`.
    fn receive(&self, response: Response<Body>, begun: Option<Begun>) -> Result<()> {
        let encoding = text(&response, header::CONTENT_ENCODING);
        if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(self.source.failed("the file as it is", format!("content encoding {encoding}"), None));
        }
        let have = begun.as_ref().map_or(0, |begun| begun.bytes);
        let promised = text(&response, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        let total = match text(&response, header::CONTENT_RANGE).filter(|_| begun.is_some()).and_then(parse_range) {
            Some((_, Some(total))) => Some(total),
            _ => promised.and_then(|promised| promised.checked_add(have)),
        };
        if let Some(total) = total {
            self.refuse_length(total)?;
        }
        let part = match begun {
            Some(_) => File::options().append(true).open(&self.places.part),
            None => {
                self.places.discard_part()?;
                let part = File::create(&self.places.part);
                if let Some(version) = version(&response) {
                    let url = without_secrets(&self.source.url);
                    Origin { url, version: version.to_owned() }.write(&self.places.from)?;
                }
                part
            }
        };
        let part = part.map_err(|error| Error::io("create", &self.places.part, error))?;
        let known = self.source.bytes.or(total).unwrap_or(0);
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        self.progress.begin(&format!("download {}", self.source.name), usize::try_from(known).unwrap_or(0));
        let done = self.copy(body, part, have, total);
        self.progress.end();
        done
    }

    fn copy(&self, mut body: impl Read, mut part: File, mut have: u64, total: Option<u64>) -> Result<()> {
        self.advance(have);
        let unwritable = |error| Error::io("write", &self.places.part, error);
        let mut buffer = vec![0; 1 << 16];
        let (mut since, mut arrived) = (Instant::now(), 0);
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut(have, total, Some(error))),
            };
            have += n as u64;
            if have > self.allowed() {
                self.places.discard_part()?;
                self.refuse_length(have)?;
            }
            part.write_all(&buffer[..n]).map_err(unwritable)?;
            self.advance(n as u64);
            arrived += n;
            if since.elapsed() >= self.limits.patience {
                let slow = "less than 1 KiB a second arrived";
                if (arrived as f64) < MIN_BYTES_PER_SECOND * since.elapsed().as_secs_f64() {
                    return Err(self.cut(have, total, Some(std::io::Error::new(ErrorKind::TimedOut, slow))));
                }
                (since, arrived) = (Instant::now(), 0);
            }
        }
        if self.source.bytes.or(total).is_some_and(|total| have < total) {
            return Err(self.cut(have, total, None));
        }
        part.sync_all().map_err(unwritable)
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(usize::try_from(bytes).unwrap_or(0));
    }

    /// The most bytes that may arrive.
    fn allowed(&self) -> u64 {
        self.source.bytes.unwrap_or(u64::MAX).min(self.limits.max_bytes)
    }

    /// An error if a file of so many bytes is not wanted.
    fn refuse_length(&self, total: u64) -> Result<()> {
        let expected = match self.source.bytes {
            Some(bytes) if bytes != total => format!("{bytes} bytes"),
            _ if total > self.limits.max_bytes => format!("a file of at most {} bytes", self.limits.max_bytes),
            _ => return Ok(()),
        };
        Err(self.source.failed(expected, format!("{total} bytes or more"), None))
    }

    /// The connection ended early; what has arrived stays for the next call.
    fn cut(&self, have: u64, total: Option<u64>, error: Option<std::io::Error>) -> Error {
        let expected =
            self.source.bytes.or(total).map_or("the whole file".to_owned(), |total| format!("{total} bytes"));
        let why = error.as_ref().map_or("the connection ended".to_owned(), ToString::to_string);
        let kept = if self.places.from.exists() { "; call again to go on from there" } else { "" };
        self.source.failed(expected, format!("{have} bytes ({why}{kept})"), error.map(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_the_standard_says_and_never_from_https_to_http() {
        let from = "https://a.org/b/c?d#e";
        let to = |location| redirect(from, location, true);
        assert_eq!(to("https://x.org/y").as_deref(), Some("https://x.org/y"));
        assert_eq!(to("//x.org/y").as_deref(), Some("https://x.org/y"));
        assert_eq!(to("/y?z").as_deref(), Some("https://a.org/y?z"));
        assert_eq!(to("y").as_deref(), Some("https://a.org/b/y"));
        assert_eq!(to("?y").as_deref(), Some("https://a.org/b/c?y"));
        assert_eq!(redirect("https://a.org", "y", true).as_deref(), Some("https://a.org/y"));
        assert_eq!(redirect("https://a.org?q=/z", "/y", true).as_deref(), Some("https://a.org/y"));
        for refused in
            ["http://a.org/c", "HTTP://a.org", "ftp://a.org", "file:///etc/passwd", "data:,x", "", "https://"]
        {
            assert_eq!(to(refused), None, "{refused}");
        }
        assert_eq!(redirect("http://a.org/b", "http://x.org/y", false).as_deref(), Some("http://x.org/y"));
        assert_eq!(redirect("http://a.org/b", "https://x.org/y", false).as_deref(), Some("https://x.org/y"));
        assert_eq!(redirect("http://a.org/b", "ftp://x.org/y", false), None);
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes", "bytes */10", "bytes 5-8/10", "bytes 5-10/10", "bytes 9-5/6", "items 5-9/10"] {
            assert_eq!(parse_range(wrong), None, "{wrong}");
        }
        assert_eq!(parse_range(&format!("bytes 0-{}/*", u64::MAX)), Some((0, None)));
        assert_eq!(parse_range(&format!("bytes 0-{}/0", u64::MAX)), None);
    }
}
