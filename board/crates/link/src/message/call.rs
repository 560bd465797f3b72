//! CALL, REPLY and FAIL, and the handle every object travels as.

use alloc::string::String;
use alloc::vec::Vec;
use minicbor::decode;
use minicbor::encode::{self, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::cbor::text_enum;

/// CALL as its sender builds it.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cbor(map)]
pub struct Call<A> {
    /// Arguments of the method.
    #[n(0)]
    pub args: A,
    /// Deadline in ms.
    #[n(1)]
    pub deadline_ms: Option<u64>,
    /// Size of the body before it was deflated; where the frame has the flag `compressed`.
    #[n(2)]
    pub inflated_bytes: Option<u64>,
}

/// CALL as its receiver takes it apart: the arguments stay encoded until the method is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallView<'a> {
    /// The arguments, one CBOR value.
    pub args: &'a [u8],
    /// Deadline in ms.
    pub deadline_ms: Option<u64>,
    /// Size of the body before it was deflated.
    pub inflated_bytes: Option<u64>,
}

impl<'a> CallView<'a> {
    /// Checks a CALL's meta.
    pub fn parse(meta: &'a [u8]) -> Result<Self, decode::Error> {
        let mut d = Decoder::new(meta);
        let pairs = d.map()?.ok_or(decode::Error::message("a map of unknown length"))?;
        let (mut args, mut deadline_ms, mut inflated_bytes) = (None, None, None);
        for _ in 0..pairs {
            let key = d.u64()?;
            let at = d.position();
            match key {
                1 => deadline_ms = Some(d.u64()?),
                2 => inflated_bytes = Some(d.u64()?),
                _ => d.skip()?,
            }
            if key == 0 {
                args = meta.get(at..d.position());
            }
        }
        if d.position() != meta.len() {
            return Err(decode::Error::message("bytes after the value"));
        }
        Ok(Self {
            args: args.ok_or(decode::Error::message("a call without arguments"))?,
            deadline_ms,
            inflated_bytes,
        })
    }
}

/// REPLY.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reply<R> {
    /// Result of the method.
    #[n(0)]
    pub result: R,
    /// Size of the body before it was deflated; where the frame has the flag `compressed`.
    #[n(1)]
    pub inflated_bytes: Option<u64>,
}

/// What of a REPLY says how large its body is, whatever its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
#[cbor(map)]
pub struct ReplySize {
    /// Size of the body before it was deflated.
    #[n(1)]
    pub inflated_bytes: Option<u64>,
}

/// FAIL.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fail {
    /// Closed set.
    #[n(0)]
    pub code: ErrorCode,
    /// What happened.
    #[n(1)]
    pub cause: String,
    /// What to do.
    #[n(2)]
    pub remedy: String,
    /// Machine fields.
    #[n(3)]
    pub fields: Option<Fields>,
}

text_enum! {
    /// Error codes of the wire.
    ErrorCode {
        /// The link went away.
        LinkLost => "linkLost",
        /// The agent was restarted.
        BoardReset => "boardReset",
        /// The handle's object is gone.
        StaleHandle => "staleHandle",
        /// Another session holds the lease.
        LeaseHeld => "leaseHeld",
        /// The lease was taken.
        LeaseLost => "leaseLost",
        /// The call's deadline passed.
        Deadline => "deadline",
        /// The call was cancelled.
        Cancelled => "cancelled",
        /// The board cannot do this.
        Unsupported => "unsupported",
        /// An argument breaks a rule.
        BadArgument => "badArgument",
        /// Device memory or the session's quota is used up.
        OutOfMemory => "outOfMemory",
        /// No such thing.
        NotFound => "notFound",
        /// Bytes are not what they should be.
        Corrupt => "corrupt",
        /// A job passed its time.
        NpuTimeout => "npuTimeout",
        /// The device reported a fault.
        NpuFault => "npuFault",
        /// The device no longer answers.
        DeviceStuck => "deviceStuck",
        /// Storage failed.
        IoFault => "ioFault",
        /// A defect of the agent.
        Internal => "internal",
        /// Too much at once.
        Busy => "busy",
        /// Not allowed.
        Denied => "denied",
        /// The store's quota is used up.
        NoSpace => "noSpace",
        /// Larger than a limit.
        TooLarge => "tooLarge",
    }
}

/// Machine fields of a FAIL, kept in the order RFC 8949 §4.2 asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, FieldValue)>);

/// Value of a machine field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// An unsigned number.
    Uint(u64),
    /// Text.
    Text(String),
}

impl Fields {
    /// Adds a field; a second one of that name replaces the first.
    pub fn set(&mut self, name: &str, value: FieldValue) {
        self.0.retain(|(n, _)| n != name);
        self.0.push((String::from(name), value));
        self.0
            .sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    }

    /// The fields in wire order.
    pub fn entries(&self) -> &[(String, FieldValue)] {
        &self.0
    }
}

impl<C> Encode<C> for Fields {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.map(self.0.len() as u64)?;
        for (name, value) in &self.0 {
            e.str(name)?;
            match value {
                FieldValue::Uint(v) => e.u64(*v)?,
                FieldValue::Text(v) => e.str(v)?,
            };
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Fields {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let pairs = d.map()?.ok_or(decode::Error::message("a map of unknown length"))?;
        let mut fields = Self::default();
        for _ in 0..pairs {
            let name = d.str()?;
            match d.datatype()? {
                minicbor::data::Type::String => fields.set(name, FieldValue::Text(String::from(d.str()?))),
                minicbor::data::Type::U8
                | minicbor::data::Type::U16
                | minicbor::data::Type::U32
                | minicbor::data::Type::U64 => fields.set(name, FieldValue::Uint(d.u64()?)),
                _ => d.skip()?,
            }
        }
        Ok(fields)
    }
}

/// An object of the session: slot, generation, kind. Never a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Handle {
    /// Slot of the session's table.
    #[n(0)]
    pub slot: u32,
    /// Raised each time the slot is given out; 0 is never issued.
    #[n(1)]
    pub generation: u32,
    /// Kind.
    #[n(2)]
    pub kind: HandleKind,
}

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum HandleKind {
    /// Device memory.
    #[n(1)]
    Buffer,
    /// A job.
    #[n(2)]
    Job,
    /// A loaded model.
    #[n(3)]
    Model,
    /// An inference.
    #[n(4)]
    Inference,
}

/// `{0: handle}`, as argument or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OneHandle {
    /// The handle.
    #[n(0)]
    pub handle: Handle,
}
