//! Who is calling, as the audit trail records it.

/// The longest user agent that is recorded, in bytes.
const USER_AGENT_MAX: usize = 256;

/// What the host knows about the connection. Never taken from a header that the client may have
/// set.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The client's address.
    pub address: Option<String>,
    /// The client's country: two letters, ISO 3166-1.
    pub country: Option<String>,
    /// The host's own id for the request.
    pub request_id: Option<String>,
}

/// The connection, and what the client says about itself.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// What the host knows about the connection.
    pub peer: Peer,
    /// The client's own claim, cut to 256 bytes.
    pub user_agent: Option<String>,
}

impl Caller {
    /// The caller with a user agent, cut to its maximum length.
    pub(crate) fn new(peer: Peer, user_agent: Option<&str>) -> Self {
        Self { peer, user_agent: user_agent.map(cut) }
    }
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(USER_AGENT_MAX)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        assert_eq!(cut("curl/8"), "curl/8");
        assert_eq!(cut(&"é".repeat(300)), "é".repeat(128));
        assert_eq!(cut(&format!("a{}", "é".repeat(300))).len(), 255);
    }
}
