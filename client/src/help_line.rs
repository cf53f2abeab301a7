//! The last line of a printed error: which command explains the error.

/// Where the book is published, if a release sets it.
const BOOK_URL: Option<&str> = option_env!("CAPY_DOCS_URL");

/// The line `help: capy help CODE`, and the address of the code's section if the book is published.
pub fn help_line(code: &str) -> String {
    let page = |url| format!(", or {url}/reference/errors.html#{}", code.to_ascii_lowercase());
    format!("help: capy help {code}{}", BOOK_URL.map(page).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_command_first() {
        assert!(help_line("DEPLOY_REVOKED").starts_with("help: capy help DEPLOY_REVOKED"));
    }
}
