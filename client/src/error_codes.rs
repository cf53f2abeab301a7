//! One table for the codes of an error type.

/// Makes `codes`, which gives an error's stable code and what a program exits with, and `CODES`,
/// the list of all of them that documents are made from. After the table may stand, behind a
/// semicolon, variants whose codes are those of another type.
#[macro_export]
macro_rules! error_codes {
    (
        $visibility:vis fn codes;
        $($(#[$condition:meta])* $variant:pat $(if $guard:expr)? => ($code:literal, $exit:expr),)*
        $(; $($(#[$other_condition:meta])* $other:pat $(if $other_guard:expr)? => $codes:expr,)*)?
    ) => {
        /// Every code of the table, and what a program exits with.
        $visibility const CODES: &'static [(&'static str, u8)] = &[$($(#[$condition])* ($code, $exit),)*];

        /// The stable code, for programs and for searching, and what a program exits with.
        $visibility fn codes(&self) -> (&'static str, u8) {
            match self {
                $($(#[$condition])* $variant $(if $guard)? => ($code, $exit),)*
                $($($(#[$other_condition])* $other $(if $other_guard)? => $codes,)*)?
            }
        }
    };
}
