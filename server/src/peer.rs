//! The address of the client: the socket's, or the one in `x-forwarded-for` if a trusted proxy sent
//! it.
//!
//! The header is ignored from all others. If a trusted proxy's header cannot be read, the call is
//! refused: the proxy's own address in its place would count as inside of the proxy's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use capy_protocol::network::Network;
use capy_worker::caller::Peer;
use capy_worker::caller_unknown;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// RFC 7239's header. It is not read: two headers that may disagree would be two answers to one
/// question.
const FORWARDED: &str = "forwarded";

/// Middleware that gives the routes the client's address. Answers 400 if a trusted proxy's header
/// does not say it.
pub(crate) async fn resolve(
    State(trusted): State<Arc<[Network]>>,
    ConnectInfo(socket): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(address) = address(socket.ip(), request.headers(), &trusted) else { return caller_unknown() };
    let peer = Peer { address: Some(address.to_string()), country: None, request_id: None };
    request.extensions_mut().insert(peer);
    next.run(request).await
}

/// A trusted proxy's header does not say who called it.
#[derive(PartialEq, Eq, Debug)]
struct Unreadable;

/// The last address in `x-forwarded-for` that is not a trusted proxy, since each proxy appends the
/// address that it saw. The client itself may have sent what stands before, so that is not read.
fn address(socket: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Result<IpAddr, Unreadable> {
    let socket = socket.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    if !is_trusted(&socket) {
        return Ok(socket);
    }
    let lines: Vec<&[u8]> = headers.get_all(X_FORWARDED_FOR).iter().map(|line| line.as_bytes()).collect();
    if lines.is_empty() && headers.contains_key(FORWARDED) {
        return Err(Unreadable);
    }
    let mut nearest = socket;
    for text in lines.into_iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        nearest = parse_hop(text).ok_or(Unreadable)?;
        if !is_trusted(&nearest) {
            break;
        }
    }
    Ok(nearest)
}

/// Parses one element of the list: `ADDRESS` or `ADDRESS:PORT`, quoted or not. An IPv6 address
/// needs brackets if a port follows. An IPv4-mapped IPv6 address becomes an IPv4 address.
fn parse_hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let text = match text.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => text,
    };
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            let is_whole = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
            let address: Ipv6Addr = inside.parse().ok()?;
            is_whole.then_some(IpAddr::V6(address))?
        }
        None => match text.split_once(':') {
            Some((address, port)) if is_port(port) && address.contains('.') => {
                IpAddr::V4(address.parse::<Ipv4Addr>().ok()?)
            }
            _ => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn find(socket: &str, lines: &[&[u8]]) -> Option<String> {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        address(socket.parse().unwrap(), &headers, &trusted).ok().map(|address| address.to_string())
    }

    #[test]
    fn a_forwarded_address_is_believed_of_trusted_proxies_only() {
        for (socket, lines, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &["203.0.113.5"], "192.0.2.1"),
            ("192.0.2.1", &["nonsense"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("::ffff:10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9", "203.0.113.5", "10.0.0.2,10.0.0.3"], "203.0.113.5"),
            ("10.0.0.1", &["nonsense, 203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            ("10.0.0.1", &["nonsense", "203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(find(socket, &lines).as_deref(), Some(expected), "{socket} {lines:?}");
        }
    }

    #[test]
    fn an_address_is_read_with_its_port_quotes_and_brackets() {
        for (hop, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            (" \t203.0.113.9\t ", "203.0.113.9"),
            ("203.0.113.9:51234", "203.0.113.9"),
            ("\"203.0.113.9\"", "203.0.113.9"),
            ("\"203.0.113.9:51234\"", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("\"2001:db8::1\"", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
            ("::ffff:cb00:7109", "203.0.113.9"),
        ] {
            assert_eq!(find("10.0.0.1", &[hop.as_bytes()]).as_deref(), Some(expected), "{hop}");
            let behind = format!("198.51.100.1, {hop}, \"10.0.0.2:1\", [fd00::2]:3");
            assert_eq!(find("10.0.0.1", &[behind.as_bytes()]).as_deref(), Some(expected), "{behind}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_the_proxys_own_address() {
        let unreadable: [&[u8]; 26] = [
            b"",
            b" ",
            b",",
            b"unknown",
            b"_hidden",
            b"nonsense",
            b"203.0.113",
            b"203.0.113.256",
            b"203.0.113.009",
            b"203.0.113.9:",
            b"203.0.113.9:x",
            b"203.0.113.9:+1",
            b"203.0.113.9:65536",
            b"203.0.113.9:1:2",
            b"203.0.113.9 10.0.0.2",
            b"\"203.0.113.9",
            b"203.0.113.9\"",
            b"'203.0.113.9'",
            b"[203.0.113.9]:1",
            b"[2001:db8::1",
            b"[2001:db8::1]443",
            b"[2001:db8::1]:",
            b"2001:db8::1%eth0",
            b"fe80::1%1",
            b"for=203.0.113.9",
            b"203.0.113.\xff",
        ];
        for hop in unreadable {
            let shown = String::from_utf8_lossy(hop);
            assert_eq!(find("10.0.0.1", &[hop]), None, "{shown}");
            assert_eq!(find("10.0.0.1", &[b"203.0.113.5", hop]), None, "{shown}: on the last line");
            let behind = [b"203.0.113.5, ", hop, b", 10.0.0.2"].concat();
            assert_eq!(find("10.0.0.1", &[&behind]), None, "{shown}: behind another proxy");
        }
    }

    #[test]
    fn a_proxy_that_says_it_in_the_header_of_rfc_7239_alone_is_refused() {
        let trusted = [Network::parse("10.0.0.0/8").unwrap()];
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED, HeaderValue::from_static("for=203.0.113.9"));
        let proxy = "10.0.0.1".parse().unwrap();
        assert_eq!(address(proxy, &headers, &trusted), Err(Unreadable));
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.5"));
        assert_eq!(address(proxy, &headers, &trusted), Ok("203.0.113.5".parse().unwrap()));
    }
}
