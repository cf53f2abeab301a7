//! A macro for one table of error codes per error type.

/// Defines `codes`, which returns an error's stable code and exit code, and `CODES`, the list of
/// all of them, from which documents are generated. After the table, behind a semicolon, variants
/// may follow that take their codes from another error type.
///
/// With `fn facts` in place of `fn codes`, each line may end with a hint, a text that may use what
/// the line's pattern binds. `facts` returns the hint, too.
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
    (
        $visibility:vis fn codes;
        $($(#[$condition:meta])* $variant:pat $(if $guard:expr)? => ($code:literal, $exit:expr),)*
        $(; $($(#[$other_condition:meta])* $other:pat $(if $other_guard:expr)? => $codes:expr,)*)?
    ) => {
        /// Every stable code of the table, with its exit code.
        $visibility const CODES: &'static [(&'static str, u8)] = &[$($(#[$condition])* ($code, $exit),)*];

        /// The error's stable code, for programs and searching, and its exit code.
        $visibility fn codes(&self) -> (&'static str, u8) {
            match self {
                $($(#[$condition])* $variant $(if $guard)? => ($code, $exit),)*
                $($($(#[$other_condition])* $other $(if $other_guard)? => $codes,)*)?
            }
        }
    };
}
