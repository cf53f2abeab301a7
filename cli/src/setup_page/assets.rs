//! The files of the setup page, compiled into the program. Nothing is fetched from anywhere else.

/// Path below the page, content type, content.
pub(crate) const FILES: [(&str, &str, &str); 5] = [
    ("", "text/html; charset=utf-8", include_str!("assets/page.html")),
    ("page.css", "text/css; charset=utf-8", include_str!("assets/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("assets/page.js")),
    ("result.js", "text/javascript; charset=utf-8", include_str!("assets/result.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];
