//! A strict URL parser for addresses that other parties supply. Rejects any URL that another parser
//! could read as pointing to a different host, as well as user names, fragments and characters
//! outside ASCII.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The scheme and host of a URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// Whether the scheme is `https` rather than `http`.
    pub is_secure: bool,
    /// A host name or an IP address. An IPv6 address keeps its brackets.
    pub host: &'a str,
}

impl<'a> Address<'a> {
    /// Parses `https://host[:port][/path][?query]`, or the same with `http`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (is_secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let (authority, rest) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
        let host = host_of(authority)?;
        rest.bytes().all(is_plain).then_some(Self { is_secure, host })
    }

    /// Whether the host is this machine: `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The host of `host[:port]`; `None` when either part is invalid.
pub(super) fn host_of(authority: &str) -> Option<&str> {
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let is_port = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = in_brackets.map_or_else(|| is_name(host), |bare| bare.parse::<Ipv6Addr>().is_ok());
    (is_host && is_port).then_some(host)
}

/// Whether the text is a valid host name or IPv4 address. Most parsers take any name whose last
/// label is a number for an IPv4 address, in spellings that not all of them accept: only the
/// dotted-decimal form is valid here.
pub(super) fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && label.bytes().all(allowed)
    };
    let is_number = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x") || label.starts_with("0X")
    };
    let ends_in_number = text.rsplit('.').next().is_some_and(is_number);
    let is_whole = !ends_in_number || text.parse::<Ipv4Addr>().is_ok();
    text.len() <= 253 && text.split('.').all(is_label) && is_whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_host() {
        for (text, is_secure, host) in [
            ("https://i.example", true, "i.example"),
            ("https://i.example/a/b?c=d", true, "i.example"),
            ("https://i.example?c", true, "i.example"),
            ("http://127.0.0.1:1/x", false, "127.0.0.1"),
            ("http://[::1]:1", false, "[::1]"),
            ("https://1.2.3.4i", true, "1.2.3.4i"),
            ("http://localhost:65535", false, "localhost"),
        ] {
            assert_eq!(Address::parse(text), Some(Address { is_secure, host }), "{text}");
        }
    }

    #[test]
    fn what_another_reader_may_take_for_another_host_is_none() {
        for text in [
            "",
            "i.example",
            "//i.example",
            "https:/i.example",
            "https:///i.example",
            "HTTPS://i.example",
            "ftp://i.example",
            "https://",
            "https://:1",
            "https://i.example:",
            "https://i.example:0",
            "https://i.example:+1",
            "https://i.example:65536",
            "https://i.example:1:2",
            "https://u:p@i.example",
            "https://i.example\\@evil.example",
            "https://i.example/\\evil.example",
            "https://i.example/#a",
            "https://i.example#@evil.example",
            "https://i.example/a b",
            "https://i.example/\n",
            "https://i..example",
            "https://-i.example",
            "https://i_i.example",
            "https://é.example",
            "https://127.1",
            "https://0x7f.1",
            "https://i.0X7f",
            "https://2130706433",
            "https://017700000001:8443",
            "https://1.2.3.4.5",
            "https://i.example/é",
            "https://[::1",
            "https://::1",
            "https://[::1]x",
            "https://[i.example]",
            "https://[::1]]",
            "https://[127.0.0.1]",
        ] {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn loopback_is_the_machine_itself() {
        let is_loopback = |text| Address::parse(text).unwrap().is_loopback();
        for text in ["http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:1/x", "http://localhost"] {
            assert!(is_loopback(text), "{text}");
        }
        for text in
            ["http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example", "http://[::2]"]
        {
            assert!(!is_loopback(text), "{text}");
        }
    }
}
