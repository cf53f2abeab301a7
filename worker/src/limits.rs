//! Rate limits of `POST /deploy/{id}/decrypt`, which needs no API token.
//!
//! When the rate limiter does not answer, calls are let through and the failure is logged: the
//! limits protect the cost of the service, not the keys.

use std::net::{IpAddr, Ipv6Addr};

use capy_protocol::id::DeployId;

use crate::app::App;
use crate::error::ApiError;
use crate::host::{Host, Limit};

/// Answers 429 when the caller's address made too many calls. Checked before anything else.
pub(crate) async fn require_from_address<H: Host>(
    app: &App<H>,
    address: Option<&str>,
) -> Result<(), ApiError> {
    match address.and_then(network_of) {
        Some(network) => check(app, Limit::DecryptsFromAddress, &network).await,
        None => Ok(()),
    }
}

/// Answers 429 when a deployment's key was asked for too often by callers with its blob. Calls
/// without the blob do not count, since anybody who knows an id could otherwise keep the deployment
/// from its key.
pub(crate) async fn require_of_deploy<H: Host>(app: &App<H>, id: &DeployId) -> Result<(), ApiError> {
    check(app, Limit::DecryptsOfDeploy, &id.to_string()).await
}

async fn check<H: Host>(app: &App<H>, limit: Limit, key: &str) -> Result<(), ApiError> {
    match app.host.is_within(limit, key).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ApiError::RateLimited),
        Err(error) => {
            app.log.warn(&error);
            Ok(())
        }
    }
}

/// The network that counts as one address: for IPv6 the first 64 bits, since whoever has one such
/// address has all of its network.
fn network_of(address: &str) -> Option<String> {
    match address.parse().ok()? {
        IpAddr::V4(address) => Some(address.to_string()),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => Some(address.to_string()),
            None => Some(format!("{}/64", Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        for (address, expected) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::9", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:3::9", Some("2001:db8:1:3::/64")),
            ("not an address", None),
        ] {
            assert_eq!(network_of(address).as_deref(), expected, "{address}");
        }
    }
}
