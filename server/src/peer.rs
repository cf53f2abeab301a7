//! Who is at the other end: the socket's address, or what a trusted proxy says of it. A header of anybody else is not
//! believed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use capy_protocol::network::Network;
use capy_worker::caller::Peer;

/// Tells the routes who calls.
pub(crate) async fn tell(
    State(trusted): State<Arc<[Network]>>,
    ConnectInfo(socket): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address(socket.ip(), request.headers(), &trusted);
    let peer = Peer { address: Some(address.to_string()), country: None, request_id: None };
    request.extensions_mut().insert(peer);
    next.run(request).await
}

/// The last address of `x-forwarded-for` that is not a trusted proxy's own; each proxy adds the one that it saw.
fn address(socket: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let socket = socket.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    if !is_trusted(&socket) {
        return socket;
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let mut nearest = socket;
    for text in named.into_iter().rev() {
        // Beyond what cannot be read, nothing can be believed.
        let Ok(address) = text.trim().parse::<IpAddr>() else { return nearest };
        nearest = address.to_canonical();
        if !is_trusted(&nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_address_is_believed_of_trusted_proxies_only() {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| Network::parse(text).unwrap());
        for (socket, header, expected) in [
            ("192.0.2.1", None, "192.0.2.1"),
            ("192.0.2.1", Some("203.0.113.5"), "192.0.2.1"),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", Some("203.0.113.5"), "203.0.113.5"),
            ("::ffff:10.0.0.1", Some("203.0.113.5"), "203.0.113.5"),
            ("fd00::1", Some("2001:db8::1"), "2001:db8::1"),
            ("10.0.0.1", Some("198.51.100.9, 203.0.113.5, 10.0.0.2"), "203.0.113.5"),
            ("10.0.0.1", Some("203.0.113.5, nonsense, 10.0.0.2"), "10.0.0.2"),
            ("10.0.0.1", Some("10.0.0.3"), "10.0.0.3"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("x-forwarded-for", header.parse().unwrap());
            }
            let found = address(socket.parse().unwrap(), &headers, &trusted);
            assert_eq!(found.to_string(), expected, "{socket} {header:?}");
        }
    }
}
