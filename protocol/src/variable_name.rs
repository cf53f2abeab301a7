//! Names of variables with a meaning of their own: public ones, and properties of every object.
//!
//! A prefix makes a framework publish the value. The command line shows such a variable as public,
//! and the search for leaks skips its value.

/// Prefixes of variables whose values frameworks build into public, client-side code.
pub const PUBLIC_PREFIXES: [&str; 9] = [
    "NEXT_PUBLIC_",
    "VITE_",
    "PUBLIC_",
    "REACT_APP_",
    "NUXT_PUBLIC_",
    "GATSBY_",
    "EXPO_PUBLIC_",
    "VUE_APP_",
    "STORYBOOK_",
];

/// Whether a framework publishes the variable's value.
pub fn is_public(name: &str) -> bool {
    PUBLIC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether this is a property of every JavaScript object whose read from `process.env` is a use of
/// the whole environment, not of a variable.
pub fn is_object_property(name: impl AsRef<[u8]>) -> bool {
    matches!(
        name.as_ref(),
        b"hasOwnProperty"
            | b"propertyIsEnumerable"
            | b"toString"
            | b"toLocaleString"
            | b"valueOf"
            | b"__proto__"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_every_object_are_no_variables() {
        assert!(is_object_property("hasOwnProperty") && is_object_property(b"__proto__"));
        assert!(!is_object_property("HAS_OWN_PROPERTY") && !is_object_property(""));
    }

    #[test]
    fn only_a_prefix_makes_a_name_public() {
        for name in ["VITE_X", "NEXT_PUBLIC_X", "PUBLIC_", "STORYBOOK_THEME", "EXPO_PUBLIC_URL"] {
            assert!(is_public(name), "{name}");
        }
        for name in ["NEXT_X", "NUXT_X", "EXPO_TOKEN", "MY_VITE_X", "vite_x", "VITE", "VUE_X", ""] {
            assert!(!is_public(name), "{name}");
        }
    }
}
