//! What RFC 8949 §4.2 asks beyond integers and strings: shortest floats, explicit null, byte strings of one size.
//!
//! `minicbor` writes shortest integers and the derive writes map keys in ascending order; both are pinned by vectors.

use alloc::vec::Vec;
use minicbor::data::Type;
use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};

/// SHA-256 or any other 32-byte id.
pub type Digest = minicbor::bytes::ByteArray<32>;

/// A float in its shortest exact form. An integer is read as well: JavaScript has one kind of number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Float(pub f64);

impl<C> Encode<C> for Float {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        if self.0.is_nan() {
            return e.f16(f32::NAN)?.ok();
        }
        let single = self.0 as f32;
        if f64::from(single) != self.0 {
            return e.f64(self.0)?.ok();
        }
        let mut half = [0u8; 3];
        Encoder::new(&mut half[..])
            .f16(single)
            .map_err(|_| encode::Error::message("half float"))?;
        let back = Decoder::new(&half)
            .f16()
            .map_err(|_| encode::Error::message("half float"))?;
        if back == single {
            e.f16(single)?.ok()
        } else {
            e.f32(single)?.ok()
        }
    }
}

impl<'b, C> Decode<'b, C> for Float {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(Self(match d.datatype()? {
            Type::F16 | Type::F32 | Type::F64 => d.f64()?,
            _ => d.int()?.try_into().map_or(f64::NAN, |v: i64| v as f64),
        }))
    }
}

/// A value or an explicit null (a plain `Option` would leave the key out).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<C, T: Encode<C>> Encode<C> for Nullable<T> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match &self.0 {
            Some(value) => value.encode(e, ctx),
            None => e.null()?.ok(),
        }
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Nullable<T> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? == Type::Null {
            d.null()?;
            return Ok(Self(None));
        }
        T::decode(d, ctx).map(|value| Self(Some(value)))
    }
}

/// CBOR already encoded, put in as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(pub Vec<u8>);

impl<C> Encode<C> for Encoded {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.writer_mut().write_all(&self.0).map_err(encode::Error::write)
    }
}

/// `{}`: no arguments, no result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Nothing {}

/// Encodes a value.
pub fn to_vec<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A Vec takes every byte, and no Encode here refuses a value.
    let _ = minicbor::encode(value, &mut bytes);
    bytes
}

/// Decodes a value that must fill `bytes` exactly.
pub fn from_slice<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, decode::Error> {
    let mut decoder = Decoder::new(bytes);
    let value = T::decode(&mut decoder, &mut ())?;
    if decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(decode::Error::message("bytes after the value"))
    }
}

/// Defines a closed set of names that travel as text.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of `link.cddl`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self, e: &mut minicbor::Encoder<W>, _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(self.name())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let text = d.str()?;
                Self::ALL.iter().copied().find(|v| v.name() == text)
                    .ok_or(minicbor::decode::Error::message(concat!("unknown ", stringify!($name))))
            }
        }
    };
}
pub(crate) use text_enum;
