//! What a type reads, found out by letting it read.
//!
//! serde's derive asks a deserializer for what it needs: a structure with these fields, then in each field a list, a
//! text, a structure again. A deserializer that writes down what it is asked for, and answers with something harmless,
//! has the whole shape of a type in the end. Whether a member is required shows when it is left out.

use std::{any::type_name, collections::BTreeSet, slice};

use api::Blob;
use names::Timestamp;
use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::Error,
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

/// The text that every text is: an ARN, for types that want one.
const TEXT: &str = "arn:aws:service:region:000000000000:name";

/// What a type reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    /// Whatever comes.
    #[default]
    Any,
    Structure {
        /// The Rust type.
        name: &'static str,
        members: Vec<Member>,
    },
    List(Box<Shape>),
    Map(Box<Shape>),
    Text,
    /// A text out of these.
    Enumeration(&'static [&'static str]),
    Integer,
    Float,
    Boolean,
    Timestamp,
    Blob,
    /// A type that is inside itself, the second time.
    Recursion,
}

/// A member of a structure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// As the wire spells it.
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// A member by its structure's Rust type and its name.
type Place = (&'static str, &'static str);

/// The shape of `T`.
///
/// # Panics
/// When `T` asks for what no API model has.
pub(crate) fn of<T: DeserializeOwned>() -> Shape {
    let mut shape = trace::<T>(None).unwrap_or_else(|error| panic!("{}: {error}", type_name::<T>()));
    let mut places = BTreeSet::new();
    collect(&shape, &mut places);
    let required = places.into_iter().filter(|place| trace::<T>(Some(*place)).is_err()).collect();
    mark(&mut shape, &required);
    shape
}

fn trace<T: DeserializeOwned>(omitted: Option<Place>) -> Result<Shape, Error> {
    let mut shape = Shape::Any;
    T::deserialize(Tracer { shape: &mut shape, inside: Vec::new(), omitted })?;
    Ok(shape)
}

/// The places of all members in `shape`.
fn collect(shape: &Shape, places: &mut BTreeSet<Place>) {
    match shape {
        Shape::List(item) | Shape::Map(item) => collect(item, places),
        Shape::Structure { name, members } => {
            for member in members {
                places.insert((name, member.name));
                collect(&member.shape, places);
            }
        }
        _ => {}
    }
}

fn mark(shape: &mut Shape, required: &BTreeSet<Place>) {
    match shape {
        Shape::List(item) | Shape::Map(item) => mark(item, required),
        Shape::Structure { name, members } => {
            for member in members {
                member.required = required.contains(&(*name, member.name));
                mark(&mut member.shape, required);
            }
        }
        _ => {}
    }
}

/// Whether a visitor makes a `T`; there is no `TypeId` for what may hold references.
fn is<T>(made: &str) -> bool {
    made == type_name::<T>()
}

/// Writes one shape down.
struct Tracer<'t> {
    shape: &'t mut Shape,
    /// The types around it that can be left empty.
    inside: Vec<&'static str>,
    /// The member to leave out.
    omitted: Option<Place>,
}

impl Tracer<'_> {
    /// Enters a type that can be empty; false if we are inside it already.
    fn enter(&mut self, made: &'static str) -> bool {
        let new = !self.inside.contains(&made);
        self.inside.push(made);
        new
    }
}

macro_rules! answer {
    ($($method:ident: $shape:ident $visit:ident $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            *self.shape = Shape::$shape;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    answer! {
        deserialize_bool: Boolean visit_bool false;
        deserialize_i8: Integer visit_u8 1;
        deserialize_i16: Integer visit_u8 1;
        deserialize_i32: Integer visit_u8 1;
        deserialize_i64: Integer visit_u8 1;
        deserialize_u8: Integer visit_u8 1;
        deserialize_u16: Integer visit_u8 1;
        deserialize_u32: Integer visit_u8 1;
        deserialize_u64: Integer visit_u8 1;
        deserialize_f32: Float visit_f32 1.0;
        deserialize_f64: Float visit_f64 1.0;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let made = type_name::<V::Value>();
        if is::<Timestamp>(made) {
            *self.shape = Shape::Timestamp;
            visitor.visit_u64(1)
        } else if is::<Value>(made) {
            *self.shape = Shape::Any;
            visitor.visit_unit()
        } else {
            Err(Error::custom(format_args!("no API model has a {made}")))
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let blob = is::<Blob>(type_name::<V::Value>());
        *self.shape = if blob { Shape::Blob } else { Shape::Text };
        visitor.visit_str(if blob { "" } else { TEXT })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.shape = Shape::Enumeration(variants);
        visitor.visit_enum(variants[0].into_deserializer())
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.enter(type_name::<V::Value>()) {
            return visitor.visit_some(self);
        }
        *self.shape = Shape::Recursion;
        visitor.visit_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Shape::Recursion;
        let items = self.enter(type_name::<V::Value>()).then_some(Tracer { shape: &mut item, ..self });
        let made = visitor.visit_seq(Items(items))?;
        *self.shape = Shape::List(Box::new(item));
        Ok(made)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Shape::Recursion;
        let items = self.enter(type_name::<V::Value>()).then_some(Tracer { shape: &mut item, ..self });
        let made = visitor.visit_map(Items(items))?;
        *self.shape = Shape::Map(Box::new(item));
        Ok(made)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = type_name::<V::Value>();
        let mut members = Vec::new();
        let walk =
            Fields { fields: fields.iter(), members: &mut members, name, inside: self.inside, omitted: self.omitted };
        let made = visitor.visit_map(walk)?;
        *self.shape = Shape::Structure { name, members };
        Ok(made)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// A list or map of one item, or of none.
struct Items<'t>(Option<Tracer<'t>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.take().map(|item| seed.deserialize(item)).transpose()
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.0.is_some().then(|| seed.deserialize(TEXT.into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.0.take().ok_or_else(|| Error::custom("a value comes after its key"))?)
    }
}

/// The fields of a structure, one after the other.
struct Fields<'t> {
    fields: slice::Iter<'static, &'static str>,
    members: &'t mut Vec<Member>,
    name: &'static str,
    inside: Vec<&'static str>,
    omitted: Option<Place>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let (name, omitted) = (self.name, self.omitted);
        let Some(field) = self.fields.find(|field| omitted != Some((name, **field))) else { return Ok(None) };
        self.members.push(Member { name: field, shape: Shape::Any, required: false });
        seed.deserialize((*field).into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let member = self.members.last_mut().ok_or_else(|| Error::custom("a value comes after its key"))?;
        seed.deserialize(Tracer { shape: &mut member.shape, inside: self.inside.clone(), omitted: self.omitted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "it is only ever read")]
    struct Tree {
        needed: String,
        #[serde(default)]
        size_of_it: Option<u16>,
        #[serde(default)]
        seen_at: Timestamp,
        #[serde(rename = "Branch")]
        branches: Vec<Tree>,
        #[serde(default)]
        bytes: Blob,
    }

    fn branches(shape: &Shape) -> &Shape {
        let Shape::Structure { members, .. } = shape else { panic!("{shape:?}") };
        &members[3].shape
    }

    #[test]
    fn a_type_tells_its_members_and_which_it_needs() {
        let shape = of::<Tree>();
        let Shape::Structure { members, .. } = &shape else { panic!("{shape:?}") };
        let told: Vec<_> = members.iter().map(|member| (member.name, member.required)).collect();
        assert_eq!(
            told,
            [("needed", true), ("sizeOfIt", false), ("seenAt", false), ("Branch", true), ("bytes", false)]
        );
        assert_eq!(
            [0, 1, 2, 4].map(|index| &members[index].shape),
            [&Shape::Text, &Shape::Integer, &Shape::Timestamp, &Shape::Blob]
        );
    }

    #[test]
    fn a_type_inside_itself_ends() {
        let shape = of::<Tree>();
        let Shape::List(item) = branches(&shape) else { panic!("{shape:?}") };
        assert_eq!(branches(item), &Shape::List(Box::new(Shape::Recursion)));
    }
}
