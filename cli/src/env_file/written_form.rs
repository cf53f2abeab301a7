//! How a value of `.env` is written: its quotes and its line breaks, without the value.
//!
//! Undoing a seal writes the value again as it was written before, byte for byte.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::QUOTES;

/// The form of one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenForm {
    quote: Option<char>,
    /// How each line break of the value is written, in order.
    #[serde(default)]
    breaks: Vec<Break>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Break {
    /// The two characters `\\n`, in double quotes.
    Escaped,
    Lf,
    CrLf,
}

impl Break {
    const ALL: [Self; 3] = [Self::CrLf, Self::Lf, Self::Escaped];

    fn text(self) -> &'static str {
        match self {
            Self::Escaped => "\\n",
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
        }
    }
}

impl WrittenForm {
    /// The form of a value that is written so; `None` if no form leads back to exactly this text.
    pub(crate) fn of(written: &str, value: &str) -> Option<Self> {
        let quote = written.chars().next().filter(|first| QUOTES.contains(first));
        let mut breaks = Vec::new();
        let mut rest = written;
        while !rest.is_empty() {
            let is_here =
                |one: &Break| rest.starts_with(one.text()) && (*one != Break::Escaped || quote == Some('"'));
            match Break::ALL.into_iter().find(is_here) {
                Some(found) => {
                    breaks.push(found);
                    rest = &rest[found.text().len()..];
                }
                None => rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..],
            }
        }
        let form = Self { quote, breaks };
        form.write(value).is_some_and(|again| *again == written).then_some(form)
    }

    /// Writes a value in this form; `None` if it has another number of line breaks.
    pub(crate) fn write(&self, value: &str) -> Option<Zeroizing<String>> {
        let mut breaks = self.breaks.iter();
        let mut written = Zeroizing::new(String::with_capacity(value.len() + 2 + self.breaks.len()));
        written.extend(self.quote);
        for letter in value.chars() {
            match letter {
                '\n' => written.push_str(breaks.next()?.text()),
                letter => written.push(letter),
            }
        }
        written.extend(self.quote);
        breaks.next().is_none().then_some(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env_file::EnvFile;

    #[test]
    fn a_value_is_written_again_byte_for_byte() {
        for written in [
            "plain",
            "\"two words\"",
            "'single # quotes'",
            "`back 'and' \"forth\"`",
            "\"a\\nb\nc\r\nd\"",
            "'a\\nb\nc'",
            "\"\\n\"",
            "a=b",
        ] {
            let file = EnvFile::parse(Zeroizing::new(format!("A={written}\nB=1\n")));
            let entry = &file.entries()[0];
            assert_eq!(file.written(entry), written);
            let value = entry.value.expose_secret();
            let form = WrittenForm::of(written, value).unwrap();
            assert_eq!(*form.write(value).unwrap(), written);
            let text = toml::to_string(&form).unwrap();
            assert!(!text.contains("words") && !text.contains("plain"), "{text}");
            assert_eq!(toml::from_str::<WrittenForm>(&text).unwrap(), form);
        }
    }

    #[test]
    fn a_text_that_no_form_leads_back_to_has_none() {
        assert_eq!(WrittenForm::of("a\rb", "ab"), None);
        assert_eq!(WrittenForm::of("\"a\" ", "a"), None);
        let form = WrittenForm::of("\"a\\nb\"", "a\nb").unwrap();
        assert_eq!(form.write("a"), None);
        assert_eq!(form.write("a\nb\nc"), None);
    }
}
