//! The decrypted environment variables: names and secret values, in memory only.
//!
//! All programs pass this map around once a blob is open. It validates names, and never prints a
//! value: `Debug` shows names only, and [`EnvMap::serialize_json`] is the only serialization.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Error, Result};

/// One plaintext value, wiped on drop. Only [`SecretValue::expose_secret`] reads it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretValue(String);

impl SecretValue {
    /// Takes ownership of a plaintext value.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The plaintext. Search for this call to find every place that can see a value.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// Environment variable names and their plaintext values, ordered by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvMap(BTreeMap<String, SecretValue>);

impl EnvMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a value.
    ///
    /// # Errors
    /// [`Error::MalformedEnvMap`] for what no process environment can hold: an empty name, a name
    /// with `=`, or a zero byte in name or value.
    pub fn try_insert(&mut self, name: &str, value: SecretValue) -> Result<()> {
        let nul = |text: &str| text.bytes().any(|byte| byte == 0);
        if name.is_empty() || name.contains('=') || nul(name) || nul(value.expose_secret()) {
            return Err(Error::MalformedEnvMap);
        }
        self.0.insert(name.to_string(), value);
        Ok(())
    }

    /// Parses a JSON object whose values are strings.
    ///
    /// # Errors
    /// [`Error::MalformedEnvMap`] for any other JSON, a duplicate name, or a pair that
    /// [`EnvMap::try_insert`] refuses.
    pub fn parse_json(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|_| Error::MalformedEnvMap)
    }

    /// Serializes to a JSON object sorted by name, in memory that is wiped on drop.
    pub fn serialize_json(&self) -> Zeroizing<String> {
        // Enough capacity from the start: a buffer that grows leaves unwiped copies behind.
        let bytes = self.0.iter().map(|(name, value)| 6 * (name.len() + value.0.len()) + 6).sum::<usize>();
        let mut json = Zeroizing::new(String::with_capacity(bytes + 2));
        json.push('{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            push_json_string(&mut json, name);
            json.push(':');
            push_json_string(&mut json, &value.0);
        }
        json.push('}');
        json
    }

    /// The value of `name`, if it is in the map.
    pub fn get(&self, name: &str) -> Option<&SecretValue> {
        self.0.get(name)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The number of variables.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn push_json_string(json: &mut String, text: &str) {
    let quoted = serde_json::to_string(text).map(Zeroizing::new).expect("a str is always valid JSON");
    json.push_str(&quoted);
}

impl<'de> Deserialize<'de> for EnvMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        deserializer.deserialize_map(EnvMapVisitor)
    }
}

struct EnvMapVisitor;

impl<'de> Visitor<'de> for EnvMapVisitor {
    type Value = EnvMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and text values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> core::result::Result<EnvMap, A::Error> {
        let mut env = EnvMap::new();
        while let Some((name, value)) = access.next_entry::<String, String>()? {
            let known = env.get(&name).is_some();
            let inserted = env.try_insert(&name, SecretValue::new(value));
            if known || inserted.is_err() {
                return Err(A::Error::custom("a name is malformed or stands twice"));
            }
        }
        Ok(env)
    }
}

impl fmt::Debug for EnvMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_prints_itself() {
        let mut env = EnvMap::new();
        env.try_insert("A", SecretValue::new("canary.A.x9".into())).unwrap();
        assert_eq!(alloc::format!("{env:?} {:?}", env.get("A")), "{\"A\"} Some(SecretValue(…))");
    }

    #[test]
    fn awkward_values_survive_json() {
        let mut env = EnvMap::new();
        for (name, value) in [("A", ""), ("B", "\"\\\n\t\u{1}\u{2028}🦫"), ("naïve", "${HOME} $$ </script>")]
        {
            env.try_insert(name, SecretValue::new(value.into())).unwrap();
        }
        assert_eq!(EnvMap::parse_json(env.serialize_json().as_bytes()).unwrap(), env);
    }

    #[test]
    fn what_no_environment_can_carry_is_refused() {
        for bad in [
            r#"{"":"x"}"#,
            r#"{"A=B":"x"}"#,
            r#"{"A":"\u0000"}"#,
            r#"{"A":1}"#,
            r#"{"A":null}"#,
            r#"{"A":"1","A":"2"}"#,
            "[]",
            "",
        ] {
            assert_eq!(EnvMap::parse_json(bad.as_bytes()), Err(Error::MalformedEnvMap), "{bad}");
        }
    }
}
