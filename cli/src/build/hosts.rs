//! The list of hosts that a repository may be fetched from (`--allow-host`, `CAPY_BUILD_HOSTS`).
//!
//! A token with the scope `deploy:<project>` sets the project's repository, and this machine
//! fetches it. From listed hosts this machine fetches with its own ssh keys and passwords, and with
//! a list it fetches from no other host. Without a list, it fetches from public addresses only,
//! over https, without any credentials and without git's configuration. An address whose host two
//! programs may read differently is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::error::BuildFault as Fault;

/// The environment variable with more hosts, separated by commas or blanks.
const VARIABLE: &str = "CAPY_BUILD_HOSTS";

/// The default ports of https and ssh.
const HTTPS: u16 = 443;
const SSH: u16 = 22;

/// A host that this machine may fetch from with its own keys and passwords.
///
/// Without a port, it means the default port of https and of ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedHost {
    host: String,
    port: Option<u16>,
}

/// The hosts on the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hosts(Vec<AllowedHost>);

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Https,
    Ssh,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A path on this machine.
    Local,
    Remote {
        transport: Transport,
        /// In lower case, without a trailing dot and without brackets.
        host: String,
        port: Option<u16>,
    },
}

/// The credentials with which a repository is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// This user's own keys, passwords and git configuration.
    AsThisUser,
    /// No credentials, and only public addresses of the host.
    Public { host: String, port: u16 },
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = split_port(text).ok_or_else(malformed)?;
        let host = host_name(host).ok_or_else(malformed)?;
        Ok(Self { host, port })
    }
}

fn malformed() -> String {
    "not a host: write a name of letters, digits, `.` and `-`, or an address, and :PORT unless it is the usual port".into()
}

impl Hosts {
    /// The hosts from the command line and those of `CAPY_BUILD_HOSTS`.
    pub(crate) fn with_environment(given: Vec<AllowedHost>) -> Result<Self, Fault> {
        let unusable =
            || Fault::SettingUnusable { what: VARIABLE, reason: "it contains something that is not a host" };
        let text = std::env::var_os(VARIABLE).unwrap_or_default();
        Self::of(given, text.to_str().ok_or_else(unusable)?).ok_or_else(unusable)
    }

    fn of(mut hosts: Vec<AllowedHost>, listed: &str) -> Option<Self> {
        let listed = listed.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        for word in listed {
            hosts.push(word.parse().ok()?);
        }
        Some(Self(hosts))
    }

    /// Decides how this machine may fetch from an address.
    ///
    /// # Errors
    /// [`Fault::HostNotAllowed`].
    pub(super) fn admit(&self, address: &Address) -> Result<Access, Fault> {
        let Address::Remote { transport, host, port } = address else {
            return Ok(Access::AsThisUser);
        };
        let usual = if *transport == Transport::Https { HTTPS } else { SSH };
        let port = port.unwrap_or(usual);
        if self.0.iter().any(|allowed| allowed.host == *host && allowed.port.unwrap_or(usual) == port) {
            return Ok(Access::AsThisUser);
        }
        let refused = |reason| Err(Fault::HostNotAllowed { host: shown(host, port, usual), reason });
        if !self.0.is_empty() {
            return refused("it is not an allowed host here");
        }
        if *transport == Transport::Ssh {
            return refused("ssh would use this machine's keys there");
        }
        match host.parse() {
            Ok(address) if !is_public(address) => refused(NOT_PUBLIC),
            _ => Ok(Access::Public { host: host.clone(), port }),
        }
    }
}

const NOT_PUBLIC: &str = "its address is not public";

/// The host as `--allow-host` takes it, for messages.
fn shown(host: &str, port: u16, usual: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == usual { host } else { format!("{host}:{port}") }
}

/// Resolves a host to its addresses, all of which must be public. The resolver can take long.
///
/// # Errors
/// [`Fault::HostNotAllowed`] if an address is not public, [`Fault::Clone`] if the host has none.
pub(super) fn public_addresses(host: &str, port: u16) -> Result<Vec<IpAddr>, Fault> {
    let found = (host, port).to_socket_addrs();
    let found: Vec<IpAddr> = found
        .map_err(|error| Fault::Clone { text: format!("cannot find {host}: {error}") })?
        .map(|address: SocketAddr| address.ip())
        .collect();
    if found.iter().all(|address| is_public(*address)) {
        return Ok(found);
    }
    Err(Fault::HostNotAllowed { host: shown(host, port, HTTPS), reason: NOT_PUBLIC })
}

impl Address {
    /// Parses a repository's address: https, ssh in both spellings, and, where allowed, a path on
    /// this machine.
    ///
    /// Accepts only what every program reads alike: before the path there is no `\`, `?`, `#` or
    /// second `@`, and `%` only in the user and the password.
    ///
    /// # Errors
    /// [`Fault::SettingUnusable`].
    pub(super) fn parse(url: &str, local_is_allowed: bool) -> Result<Self, Fault> {
        let unusable = |reason| Fault::SettingUnusable { what: "the repository's address", reason };
        let has_blank = url.chars().any(|letter| letter.is_control() || letter.is_whitespace());
        if url.is_empty() || url.starts_with('-') || has_blank {
            return Err(unusable("it is not a URL or a path"));
        }
        if url.starts_with('/') || url.starts_with("file:///") {
            return if local_is_allowed {
                Ok(Self::Local)
            } else {
                Err(unusable("it is a path, and the service is on another machine"))
            };
        }
        let (transport, authority) = if let Some(rest) = url.strip_prefix("https://") {
            (Transport::Https, rest.split('/').next().unwrap_or_default())
        } else if let Some(rest) = url.strip_prefix("ssh://") {
            (Transport::Ssh, rest.split('/').next().unwrap_or_default())
        } else {
            let unknown = "it begins with neither https:// nor ssh:// and is not user@host:path";
            (Transport::Ssh, scp_authority(url).ok_or_else(|| unusable(unknown))?)
        };
        let host = "its host is not a plain name or address";
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(a, b)| (Some(a), b));
        if user.is_some_and(|user| !is_user(user)) {
            return Err(unusable("the text before its host is not a user name"));
        }
        let (name, port) = split_port(place).ok_or_else(|| unusable(host))?;
        let name = host_name(name).ok_or_else(|| unusable(host))?;
        Ok(Self::Remote { transport, host: name, port })
    }
}

/// The `user@host` of `user@host:path`, the form that git sees where a colon comes before the first
/// slash.
fn scp_authority(url: &str) -> Option<&str> {
    let (user, rest) = url.split_once('@')?;
    let end = if rest.starts_with('[') { rest.find(']')? + 1 } else { rest.find(':')? };
    let path = rest[end..].strip_prefix(':')?;
    let is_path = !path.is_empty() && !path.starts_with("//") && !path.starts_with(':');
    let authority = &url[..user.len() + 1 + end];
    (is_path && !authority.contains('/')).then_some(authority)
}

/// Whether a text is a user, with or without a password, and not an option of ssh.
fn is_user(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_fit)
}

/// Splits a host from its port: `host`, `host:port`, `[address]` or `[address]:port`. A bare IPv6
/// address has no port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(end);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_number && *port > 0)?;
    Some((host, Some(port)))
}

/// Normalizes a host's name for comparison: DNS ignores case and a trailing dot. None if it is no
/// host.
fn host_name(text: &str) -> Option<String> {
    if let Some(inside) = text.strip_prefix('[') {
        let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && label.bytes().all(is_fit)
    };
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    // The C library reads `127.1` and `0x7f000001` as addresses, and other programs as names.
    let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let ends_in_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    (is_name && (!ends_in_number || name.parse::<Ipv4Addr>().is_ok())).then(|| name.to_ascii_lowercase())
}

/// Whether an address belongs to the public Internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const OTHERS: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    let is_in = |(network, bits): (Ipv4Addr, u32)| {
        (u32::from(address) ^ u32::from(network)).checked_shr(32 - bits) == Some(0)
    };
    !OTHERS.into_iter().any(is_in)
}

/// Whether an address is in 2000::/3 and not reserved there, or stands for a public IPv4 address by
/// NAT64 (64:ff9b::/96).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    let is_reserved =
        (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    (0x2000..0x4000).contains(&a) && !is_reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &str) -> Hosts {
        Hosts::of(Vec::new(), list).unwrap()
    }

    fn admitted(hosts: &Hosts, url: &str) -> Result<Access, String> {
        let fault = |fault: Fault| fault.facts().0.to_owned();
        hosts.admit(&Address::parse(url, false).map_err(fault)?).map_err(fault)
    }

    #[test]
    fn only_addresses_of_repositories_are_taken() {
        for good in [
            "https://example.com/a.git",
            "https://example.com./a",
            "https://user:p%40ss@example.com:8443/a",
            "https://[2606:4700::1]:8443/a",
            "ssh://git@example.com/a",
            "ssh://git@example.com:2222/a",
            "git@example.com:a/b.git",
            "git@github-of-work:a/b.git",
            "git@[2606:4700::1]:a/b.git",
        ] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-u",
            "--upload-pack=touch /tmp/a",
            "ext::sh -c touch% /tmp/a",
            "ext::x@y",
            "fd::17",
            "http://example.com/a",
            "git://example.com/a",
            "HTTPS://example.com/a",
            "a/b",
            "../a",
            "https://a\n",
            "https://a/\u{2028}",
            "/srv/a.git",
            "file:///srv/a.git",
            "file://host/srv/a.git",
            "https://",
            "https:///a",
            "https://@/a",
            "https://@a/",
            "https://a:/b",
            "https://a:0/b",
            "https://a:b/c",
            "https://a:65536/b",
            "https://a:+1/b",
            "https://a..b/c",
            "https://-a/b",
            "https://[::1/a",
            "https://[::1]a/b",
            "https://[fe80::1%25eth0]/a",
            "ssh://-oProxyCommand=id/a",
            "ssh://-oProxyCommand=id@a/b",
            "-oProxyCommand=id@a:b",
            "a@-oProxyCommand=id:b",
            "[git@example.com:22]:a",
            "git@a/b:c",
            "git@:c",
            "git@a:",
        ] {
            assert!(Address::parse(bad, false).is_err(), "{bad:?}");
        }
        assert_eq!(Address::parse("/srv/a.git", true).unwrap(), Address::Local);
        assert_eq!(Address::parse("file:///srv/a.git", true).unwrap(), Address::Local);
    }

    /// What one program takes for the host, another takes for a user, a path or a query.
    #[test]
    fn an_address_that_two_programs_read_differently_is_refused() {
        let allowed = hosts("good.example");
        for trick in [
            "https://good.example@evil.example/a",
            "https://good.example:443@evil.example/a",
            "https://evil.example\\@good.example/a",
            "https://good.example\\@evil.example/a",
            "https://evil.example#@good.example/a",
            "https://evil.example?@good.example/a",
            "https://evil.example;good.example/a",
            "https://a@evil.example@good.example/a",
            "https://evil.example%2f@good.example\\/a",
            "https://good.example%00.evil.example/a",
            "https://good.example%2eevil.example/a",
            "https://%67ood.example/a",
            "https://good。example/a",
            "https://gооd.example/a",
            "https://good.example.evil.example/a",
            "https://evil-good.example/a",
            "https://xgood.example/a",
            "https://good.example:8443/a",
            "ssh://good.example@evil.example/a",
            "ssh://good.example:2222/a",
            "good.example@evil.example:a",
            "git@evil.example:good.example/a",
            "git@evil.example:git@good.example:a",
        ] {
            assert!(admitted(&allowed, trick).is_err(), "{trick}");
        }
        for good in [
            "https://good.example/a",
            "https://GOOD.Example./a",
            "https://good.example:443/a",
            "https://me:pw@good.example/a",
            "ssh://git@good.example/a",
            "ssh://git@good.example:22/a",
            "git@good.example:a",
            "evil.example@good.example:a",
        ] {
            assert_eq!(admitted(&allowed, good), Ok(Access::AsThisUser), "{good}");
        }
    }

    #[test]
    fn a_list_holds_each_host_with_its_port_and_nothing_else() {
        let list = hosts("a.example:8443, b.example\n[::1]:9 10.0.0.1:1");
        for (url, is_in) in [
            ("https://a.example:8443/x", true),
            ("https://a.example/x", false),
            ("ssh://git@a.example:8443/x", true),
            ("git@a.example:x", false),
            ("https://b.example/x", true),
            ("https://[0:0::1]:9/x", true),
            ("https://[::1]/x", false),
            ("https://10.0.0.1:1/x", true),
            ("https://10.0.0.1/x", false),
            ("https://github.com/x", false),
        ] {
            let expected = if is_in { Ok(Access::AsThisUser) } else { Err("HOST_NOT_ALLOWED".to_owned()) };
            assert_eq!(admitted(&list, url), expected, "{url}");
        }
        for bad in ["*", "*.example", "https://a", "a/b", "a:b", "a:0", "user@a", "a\\b", ":1", "é"] {
            assert_eq!(Hosts::of(Vec::new(), bad), None, "{bad}");
        }
    }

    #[test]
    fn without_a_list_public_hosts_alone_are_asked_and_never_by_ssh() {
        let none = Hosts::default();
        let public = |host: &str, port| Ok(Access::Public { host: host.into(), port });
        assert_eq!(admitted(&none, "https://git.example/a"), public("git.example", 443));
        assert_eq!(admitted(&none, "https://git.example:8443/a"), public("git.example", 8443));
        assert_eq!(admitted(&none, "https://1.1.1.1/a"), public("1.1.1.1", 443));
        for refused in [
            "ssh://git@git.example/a",
            "git@git.example:a",
            "https://127.0.0.1/a",
            "https://127.9.9.9:8443/a",
            "https://10.1.2.3/a",
            "https://192.168.0.1/a",
            "https://172.31.0.1/a",
            "https://100.100.0.1/a",
            "https://169.254.169.254/latest",
            "https://0.0.0.0/a",
            "https://224.0.0.1/a",
            "https://255.255.255.255/a",
            "https://[::1]/a",
            "https://[::]/a",
            "https://[::ffff:127.0.0.1]/a",
            "https://[::ffff:7f00:1]/a",
            "https://[fe80::1]/a",
            "https://[fc00::1]/a",
            "https://[fd12::1]/a",
            "https://[64:ff9b::7f00:1]/a",
            "https://[2002:7f00:1::]/a",
            "https://[2001::1]/a",
        ] {
            assert_eq!(admitted(&none, refused), Err("HOST_NOT_ALLOWED".into()), "{refused}");
        }
        for public in ["[2606:4700:4700::1111]", "[64:ff9b::101:101]", "172.32.0.1", "100.128.0.1"] {
            assert!(admitted(&none, &format!("https://{public}/a")).is_ok(), "{public}");
        }
    }

    #[test]
    fn names_and_odd_spellings_of_this_machine_are_not_public() {
        for host in ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "127.0.0.0x1"]
        {
            assert!(admitted(&Hosts::default(), &format!("https://{host}/a")).is_err(), "{host}");
        }
        assert!(matches!(public_addresses("localhost", 443), Err(Fault::HostNotAllowed { .. })));
    }
}
