//! An IP address or network (CIDR) that a deployment may be decrypted from.

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result};

/// One IP address, or a CIDR prefix (RFC 4632) of IPv4 or IPv6: `192.0.2.7`, `10.0.0.0/8`,
/// `2001:db8::/32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network(IpNet);

impl Network {
    /// Parses an address or a prefix.
    ///
    /// # Errors
    /// [`Error::MalformedNetwork`], also if host bits are set: `10.0.0.1/8` may mean the address or
    /// the prefix.
    pub fn parse(text: &str) -> Result<Self> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| Error::MalformedNetwork)?,
        };
        if net != net.trunc() {
            return Err(Error::MalformedNetwork);
        }
        Ok(Self(net))
    }

    /// Whether the network contains the address. An IPv4-mapped IPv6 address counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_address = self.0.prefix_len() == self.0.max_prefix_len();
        if is_address { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ] {
            let range = Network::parse(network).unwrap();
            assert!(range.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!range.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(alloc::format!("{range}"), network);
        }
    }

    #[test]
    fn what_may_be_meant_otherwise_is_no_range() {
        for bad in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0",
            "2001:db8::1/32",
            "example.com",
            " 10.0.0.0/8",
            "10.0.0.0/ 8",
        ] {
            assert_eq!(Network::parse(bad), Err(Error::MalformedNetwork), "{bad}");
        }
    }
}
