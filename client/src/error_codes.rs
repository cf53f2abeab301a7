//! A macro for one table of error codes per error type.

/// Defines `facts`, which returns an error's stable code, exit code and hint, and `CODES`, the list
/// of all codes, from which documents are generated. A line may end with a hint, a text that may
/// use what the line's pattern binds. After the table, behind a semicolon, variants may follow that
/// take their facts from another error type.
#[macro_export]
macro_rules! error_codes {
    (
        $visibility:vis fn facts;
        $($(#[$condition:meta])* $variant:pat $(if $guard:expr)? => ($code:literal, $exit:expr $(, $hint:expr)?),)*
        $(; $($(#[$other_condition:meta])* $other:pat $(if $other_guard:expr)? => $facts:expr,)*)?
    ) => {
        /// Every stable code of the table, with its exit code.
        $visibility const CODES: &'static [(&'static str, u8)] = &[$($(#[$condition])* ($code, $exit),)*];

        /// The error's stable code, for programs and searching, its exit code, and one action that
        /// may resolve it, if there is one.
        $visibility fn facts(&self) -> (&'static str, u8, Option<String>) {
            match self {
                $($(#[$condition])* $variant $(if $guard)? => {
                    ($code, $exit, $crate::error_codes!(@hint $($hint)?))
                })*
                $($($(#[$other_condition])* $other $(if $other_guard)? => $facts,)*)?
            }
        }
    };
    (@hint) => { None };
    (@hint $hint:expr) => { Some(String::from($hint)) };
}
