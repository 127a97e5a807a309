//! Rhai's values as text and as JSON, and JSON as Rhai's values.

use std::fmt;

use rhai::{Dynamic, Map};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::api::constant::Constant;
use crate::api::file_system::DirEntry;

/// Arrays and maps in arrays and maps, at most, in a value that becomes JSON.
pub(crate) const MAX_DEPTH: usize = 64;

/// As the language prints it, with the names of constants; nothing for `()`.
pub(crate) fn text(value: &Dynamic) -> String {
    if value.is_unit() { String::new() } else { Text { value, nested: false }.to_string() }
}

struct Text<'v> {
    value: &'v Dynamic,
    nested: bool,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let nested = |value| Text { value, nested: true };
        if let Ok(array) = self.value.as_array_ref() {
            formatter.write_str("[")?;
            for (index, element) in array.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(formatter, "{separator}{}", nested(element))?;
            }
            formatter.write_str("]")
        } else if let Ok(map) = self.value.as_map_ref() {
            formatter.write_str("#{")?;
            for (index, (name, member)) in map.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(formatter, "{separator}{name:?}: {}", nested(member))?;
            }
            formatter.write_str("}")
        } else if let Some(constant) = self.value.read_lock::<Constant>() {
            formatter.write_str(constant.name())
        } else if self.nested {
            write!(formatter, "{:?}", self.value)
        } else {
            write!(formatter, "{}", self.value)
        }
    }
}

/// The value as JSON. What JSON cannot say becomes text: numbers that are not finite, characters, functions, handles.
pub(crate) fn to_json(value: &Dynamic) -> Result<String, String> {
    serde_json::to_string(&Json { value, depth: 0 }).map_err(|error| error.to_string())
}

/// A JSON text as a value. The error has its place.
pub(crate) fn from_json(text: &str) -> Result<Dynamic, serde_json::Error> {
    serde_json::from_str::<Parsed>(text).map(|value| value.0)
}

/// The members of a JSON object, in order.
pub(crate) fn from_json_object(text: &str) -> Result<Vec<(String, Dynamic)>, String> {
    struct Object(Vec<(String, Dynamic)>);
    impl<'de> Deserialize<'de> for Object {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Members;
            impl<'de> Visitor<'de> for Members {
                type Value = Vec<(String, Dynamic)>;
                fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                    formatter.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                    let mut members = Vec::new();
                    while let Some((name, Parsed(value))) = access.next_entry()? {
                        members.push((name, value));
                    }
                    Ok(members)
                }
            }
            deserializer.deserialize_map(Members).map(Object)
        }
    }
    serde_json::from_str::<Object>(text).map(|object| object.0).map_err(|error| error.to_string())
}

struct Json<'v> {
    value: &'v Dynamic,
    depth: usize,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.depth > MAX_DEPTH {
            return Err(S::Error::custom(format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        let nested = |value| Json { value, depth: self.depth + 1 };
        let value = self.value;
        if value.is_unit() {
            serializer.serialize_unit()
        } else if let Ok(boolean) = value.as_bool() {
            serializer.serialize_bool(boolean)
        } else if let Ok(integer) = value.as_int() {
            serializer.serialize_i64(integer)
        } else if let Ok(float) = value.as_float()
            && float.is_finite()
        {
            serializer.serialize_f64(float)
        } else if let Ok(text) = value.as_immutable_string_ref() {
            serializer.serialize_str(&text)
        } else if let Ok(array) = value.as_array_ref() {
            let mut sequence = serializer.serialize_seq(Some(array.len()))?;
            for element in array.iter() {
                sequence.serialize_element(&nested(element))?;
            }
            sequence.end()
        } else if let Ok(members) = value.as_map_ref() {
            let mut map = serializer.serialize_map(Some(members.len()))?;
            for (name, member) in members.iter() {
                map.serialize_entry(name.as_str(), &nested(member))?;
            }
            map.end()
        } else if let Some(entry) = value.read_lock::<DirEntry>() {
            nested(&Dynamic::from_map(entry.to_map())).serialize(serializer)
        } else if let Some(constant) = value.read_lock::<Constant>() {
            serializer.serialize_str(constant.name())
        } else {
            serializer.collect_str(value)
        }
    }
}

/// A value that JSON gives. The variables of a script start as JSON says, with integers in 64 bits.
struct Parsed(Dynamic);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Dynamic;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Dynamic, E> {
                Ok(Dynamic::UNIT)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Dynamic, E> {
                Ok(Dynamic::from_bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Dynamic, E> {
                Ok(Dynamic::from_int(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Dynamic, E> {
                i64::try_from(value)
                    .map(Dynamic::from_int)
                    .map_err(|_| E::custom(format!("the integer {value} is larger than {}", i64::MAX)))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Dynamic, E> {
                Ok(Dynamic::from_float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Dynamic, E> {
                Ok(value.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Dynamic, A::Error> {
                let mut array = rhai::Array::new();
                while let Some(Parsed(element)) = access.next_element()? {
                    array.push(element);
                }
                Ok(array.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Dynamic, A::Error> {
                let mut map = Map::new();
                while let Some((name, Parsed(member))) = access.next_entry::<String, _>()? {
                    map.insert(name.into(), member);
                }
                Ok(map.into())
            }
        }
        deserializer.deserialize_any(Any).map(Parsed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rhai::Engine;

    use super::*;

    #[test]
    fn each_type_has_its_json() {
        let engine = Engine::new();
        for (script, json) in [
            ("()", "null"),
            ("[1, 2.5, true, \"a\\n\", 'c', ()]", r#"[1,2.5,true,"a\n","c",null]"#),
            ("#{b: 1, a: [#{}]}", r#"{"a":[{}],"b":1}"#),
            ("1.0 / 0.0", r#""inf""#),
            ("9223372036854775807", "9223372036854775807"),
        ] {
            assert_eq!(to_json(&engine.eval::<Dynamic>(script).unwrap()).unwrap(), json, "{script}");
        }
    }

    #[test]
    fn text_is_as_the_language_prints_it() {
        let engine = Engine::new();
        for script in ["[1, \"two\", 3.0, true, (), 'c', #{\"a\": [1]}]", "\"x\"", "1.5", "#{}"] {
            let value = engine.eval::<Dynamic>(script).unwrap();
            assert_eq!(text(&value), value.to_string(), "{script}");
        }
        assert_eq!(text(&Dynamic::UNIT), "");
        let constant = Dynamic::from(Constant::new("IoErrorKind", "NotFound"));
        assert_eq!(text(&vec![constant].into()), "[NotFound]");
    }

    #[test]
    fn a_value_nested_without_end_is_refused_and_not_followed() {
        let mut value = Dynamic::UNIT;
        for _ in 0..=MAX_DEPTH {
            value = vec![value].into();
        }
        assert!(to_json(&value).unwrap_err().contains("nested"));
    }

    #[test]
    fn an_integer_that_does_not_fit_is_refused() {
        assert!(from_json_object(r#"{"a": 9223372036854775808}"#).unwrap_err().contains("larger"));
        assert!(from_json_object("[1]").is_err());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map("[a-z]{1,8}", inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_comes_back_as_it_went_in(json in any_json()) {
            let text = serde_json::json!({ "x": json }).to_string();
            let members = from_json_object(&text).unwrap();
            let back: serde_json::Value = serde_json::from_str(&to_json(&members[0].1).unwrap()).unwrap();
            prop_assert_eq!(back, json);
        }
    }
}
