//! What is to be fetched, and how it is recognised.

use std::borrow::Cow;

use crate::{BoxError, Error, Result};

/// Fewer hexadecimal digits of a digest say too little; PyTorch's file names carry eight.
const MIN_DIGITS: usize = 8;
/// A whole SHA-256 in hexadecimal digits.
const ALL_DIGITS: usize = 64;

/// A file at an address, with the digest that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The file's name in the cache folder.
    pub name: Cow<'static, str>,
    /// Where it is, `https://..`; `http://..` for servers nearby.
    pub url: Cow<'static, str>,
    /// Its SHA-256 in hexadecimal digits: all 64, or the first 8 or more.
    ///
    /// A few digits, as in PyTorch's file names, tell a damaged or outdated file from the right one. Somebody who
    /// controls the server can forge a file for 8 digits within minutes; only all 64 withstand that.
    pub sha256: Cow<'static, str>,
    /// Its exact length, where it is known.
    pub bytes: Option<u64>,
    /// The network that the weights are of, for example `densenet201`; empty if nobody has said.
    pub architecture: Cow<'static, str>,
    /// What is known of the terms of use; empty if nobody has said.
    pub licence: Cow<'static, str>,
}

impl Source {
    /// A file called `name` in the cache, to be fetched from `url`, whose SHA-256 is or begins with `sha256`.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        url: impl Into<Cow<'static, str>>,
        sha256: impl Into<Cow<'static, str>>,
    ) -> Self {
        let none = Cow::Borrowed("");
        let (architecture, licence) = (none.clone(), none);
        Self { name: name.into(), url: url.into(), sha256: sha256.into(), bytes: None, architecture, licence }
    }

    /// States the exact length.
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// States the network that the weights are of.
    pub fn with_architecture(mut self, architecture: impl Into<Cow<'static, str>>) -> Self {
        self.architecture = architecture.into();
        self
    }

    /// States the terms of use.
    pub fn with_licence(mut self, licence: impl Into<Cow<'static, str>>) -> Self {
        self.licence = licence.into();
        self
    }

    /// Refuses what could leave the cache folder, collide with the files beside it, or never match.
    pub(super) fn validate(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let own = [".part", ".from", ".lock"].iter().any(|end| self.name.ends_with(end));
        if self.name.is_empty()
            || self.name.len() > 200
            || self.name.starts_with('.')
            || own
            || !self.name.chars().all(plain)
        {
            let expected = "a plain file name of letters, digits and ._-+ that does not end with .part, .from or .lock";
            return Err(Error::config("name", expected, &*self.name));
        }
        let digits = self.sha256.len();
        if !(MIN_DIGITS..=ALL_DIGITS).contains(&digits) || !self.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            let expected = format!("the first {MIN_DIGITS} or more of a SHA-256's {ALL_DIGITS} hexadecimal digits");
            return Err(Error::config("sha256", expected, &*self.sha256));
        }
        if scheme(&self.url).is_none() {
            return Err(Error::config(
                "url",
                "an address that begins with https:// or http://",
                without_secrets(&self.url),
            ));
        }
        Ok(())
    }

    /// Whether a file with this digest (64 digits, lower case) is the one meant.
    pub(super) fn matches(&self, digest: &str) -> bool {
        digest.starts_with(&self.sha256.to_ascii_lowercase())
    }

    /// Whether the address is `https`.
    pub(super) fn is_secure(&self) -> bool {
        scheme(&self.url) == Some("https")
    }

    /// A download error of this source.
    pub(super) fn failed(
        &self,
        expected: impl Into<String>,
        found: impl Into<String>,
        source: Option<BoxError>,
    ) -> Error {
        let url = without_secrets(&self.url);
        Error::Download { url, expected: expected.into(), found: found.into(), source }
    }
}

/// `https` or `http`, if the address is one of these.
pub(super) fn scheme(url: &str) -> Option<&'static str> {
    ["https", "http"].into_iter().find(|scheme| {
        let rest = url.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
        rest.and_then(|_| url.get(scheme.len()..)?.strip_prefix("://")).is_some_and(|host| !host.is_empty())
    })
}

/// The address without query and user, which may hold a secret.
pub(super) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = host.rsplit('@').next().unwrap_or(host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_that_stay_in_the_cache_are_taken() {
        let digest = "0123456789abcdef";
        let ok =
            |name: &'static str, url: &'static str, sha: &'static str| Source::new(name, url, sha).validate().is_ok();
        assert!(ok("w.pth", "https://example.org/w.pth", digest));
        assert!(ok("w.pth", "HTTP://localhost/w", "ABCDEF01"));
        for name in ["", "..", ".w", "a/b", "a\\b", "c:w", "w.part", "w.lock", "w.part.from", "w\n", "wé"] {
            assert!(!ok(name, "https://example.org/w", digest), "{name}");
        }
        for url in ["", "w", "ftp://example.org/w", "file:///etc/passwd", "https:/x", "https://", "httpsx://a"] {
            assert!(!ok("w", url, digest), "{url}");
        }
        for sha in ["", "0123456", "0123456g", "é23456789"] {
            assert!(!ok("w", "https://example.org/w", sha), "{sha}");
        }
        assert!(Source::new("w", "https://example.org/w", "0".repeat(64)).validate().is_ok());
        assert!(Source::new("w", "https://example.org/w", "0".repeat(65)).validate().is_err());
    }

    #[test]
    fn errors_do_not_show_what_an_address_carries_in_secret() {
        for url in [
            "https://example.org/w?signature=secret",
            "https://user:secret@example.org/w",
            "https://a@secret@example.org/w#secret",
        ] {
            let error = Source::new("w", url, "01234567").failed("a", "b", None).to_string();
            assert!(error.contains("https://example.org/w") && !error.contains("secret"), "{error}");
        }
        assert_eq!(without_secrets("https://example.org/a@b"), "https://example.org/a@b");
        assert_eq!(without_secrets("https://secret@example.org"), "https://example.org");
    }
}
