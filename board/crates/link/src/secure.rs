//! Noise_NNpsk0_25519_ChaChaPoly_SHA256 between the link and the frames: the preface, the handshake, and sealed records.
//!
//! Whoever has the 32-byte key gets in; a key's id names it without telling it. Knows no socket. Surprising: on a serial
//! line control frames overtake bulk frames, so each channel counts its own nonces; TCP uses the control channel's alone.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};
use snow::params::NoiseParams;
use snow::{Builder, HandshakeState, StatelessTransportState};

use crate::uart::pdu::Channel;

/// Bytes before the first handshake message; they are the handshake's prologue too.
pub const PREFACE_BYTES: usize = 8;
/// Bytes of either handshake message: an ephemeral key and the tag of an empty payload.
pub const HANDSHAKE_BYTES: usize = 48;
/// Largest record.
pub const MAX_RECORD_BYTES: usize = 65_535;
/// Largest plain text of a record.
pub const MAX_PLAIN_BYTES: usize = MAX_RECORD_BYTES - TAG_BYTES;
/// Bytes a record has besides its plain text.
pub const TAG_BYTES: usize = 16;

const MAGIC: [u8; 2] = *b"NL";
const VERSION: u8 = 1;
/// The one mode: `Noise_NNpsk0_25519_ChaChaPoly_SHA256`.
const MODE: u8 = 1;
const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";
/// The channel's place in a nonce.
const CHANNEL_BIT: u32 = 63;

/// A secret both sides have.
pub type Key = [u8; 32];
/// Names a key.
pub type KeyId = [u8; 4];

/// Why two sides do not come together, or a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureError {
    /// It is no preface.
    Preface,
    /// A handshake message that this key did not make.
    Handshake,
    /// A record that is damaged, repeated, out of order or of another connection.
    Record,
    /// A record above [`MAX_RECORD_BYTES`], or shorter than a tag.
    Length,
}

impl fmt::Display for SecureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preface => "no preface of a secured connection",
            Self::Handshake => "the handshake was made with another key",
            Self::Record => "a record was damaged, repeated or is of another connection",
            Self::Length => "a record's length is out of bounds",
        })
    }
}

impl core::error::Error for SecureError {}

/// The id of a key: the first bytes of SHA-256("npulab key id" ‖ key).
pub fn key_id(key: &Key) -> KeyId {
    let digest = Sha256::new()
        .chain_update(b"npulab key id")
        .chain_update(key)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// What a host sends first: magic, version, mode, key id.
pub fn preface(id: KeyId) -> [u8; PREFACE_BYTES] {
    [MAGIC[0], MAGIC[1], VERSION, MODE, id[0], id[1], id[2], id[3]]
}

/// True where a connection that begins with these four bytes is a secured one. As a TCP length they would pass every cap.
pub fn is_preface(first: [u8; 4]) -> bool {
    first == [MAGIC[0], MAGIC[1], VERSION, MODE]
}

/// The key id of a preface.
pub fn read_preface(bytes: &[u8; PREFACE_BYTES]) -> Result<KeyId, SecureError> {
    if !is_preface([bytes[0], bytes[1], bytes[2], bytes[3]]) {
        return Err(SecureError::Preface);
    }
    Ok([bytes[4], bytes[5], bytes[6], bytes[7]])
}

fn builder<'a>(key: &'a Key, prologue: &'a [u8]) -> Result<Builder<'a>, snow::Error> {
    let params: NoiseParams = PATTERN.parse()?;
    Builder::new(params).psk(0, key)?.prologue(prologue)
}

/// The host's side of a handshake, between its two messages.
pub struct Initiator(Box<HandshakeState>);

impl Initiator {
    /// Begins; the bytes are the first message, to be sent after the preface.
    pub fn begin(key: &Key) -> Result<(Self, Vec<u8>), SecureError> {
        Self::with(key, None)
    }

    /// Begins with an ephemeral key that is not random, for vectors.
    #[doc(hidden)]
    pub fn with(key: &Key, ephemeral: Option<&Key>) -> Result<(Self, Vec<u8>), SecureError> {
        let make = || {
            let prologue = preface(key_id(key));
            let builder = builder(key, &prologue)?;
            let mut state = match ephemeral {
                Some(fixed) => builder.fixed_ephemeral_key_for_testing_only(fixed),
                None => builder,
            }
            .build_initiator()?;
            let mut message = vec![0; HANDSHAKE_BYTES];
            let length = state.write_message(&[], &mut message)?;
            message.truncate(length);
            Ok((Self(Box::new(state)), message))
        };
        make().map_err(|_: snow::Error| SecureError::Handshake)
    }

    /// Takes the board's answer.
    pub fn finish(mut self, answer: &[u8]) -> Result<Secured, SecureError> {
        self.0
            .read_message(answer, &mut [])
            .map_err(|_| SecureError::Handshake)?;
        Secured::new(*self.0)
    }
}

/// The board's side: takes the first message, gives the answer. Fails for everybody without the key.
pub fn respond(key: &Key, message: &[u8]) -> Result<(Secured, Vec<u8>), SecureError> {
    respond_with(key, message, None)
}

/// The same with an ephemeral key that is not random, for vectors.
#[doc(hidden)]
pub fn respond_with(key: &Key, message: &[u8], ephemeral: Option<&Key>) -> Result<(Secured, Vec<u8>), SecureError> {
    let make = || {
        let prologue = preface(key_id(key));
        let builder = builder(key, &prologue)?;
        let mut state = match ephemeral {
            Some(fixed) => builder.fixed_ephemeral_key_for_testing_only(fixed),
            None => builder,
        }
        .build_responder()?;
        state.read_message(message, &mut [])?;
        let mut answer = vec![0; HANDSHAKE_BYTES];
        let length = state.write_message(&[], &mut answer)?;
        answer.truncate(length);
        Ok((state, answer))
    };
    let (state, answer) = make().map_err(|_: snow::Error| SecureError::Handshake)?;
    Ok((Secured::new(state)?, answer))
}

/// A connection whose two sides have proved that they have the key; its halves may go to different threads.
pub struct Secured {
    /// Seals what is sent.
    pub sealer: Sealer,
    /// Opens what is received.
    pub opener: Opener,
}

/// The sending half.
pub struct Sealer {
    state: Arc<StatelessTransportState>,
    counts: [u64; 2],
}

/// The receiving half.
pub struct Opener {
    state: Arc<StatelessTransportState>,
    counts: [u64; 2],
}

fn nonce(channel: Channel, count: u64) -> u64 {
    (channel as u64) << CHANNEL_BIT | count
}

impl Secured {
    fn new(state: HandshakeState) -> Result<Self, SecureError> {
        let state = state
            .into_stateless_transport_mode()
            .map_err(|_| SecureError::Handshake)?;
        let state = Arc::new(state);
        Ok(Self {
            sealer: Sealer {
                state: Arc::clone(&state),
                counts: [0; 2],
            },
            opener: Opener { state, counts: [0; 2] },
        })
    }
}

impl Sealer {
    /// Seals the next record of a channel to the end of `into`.
    pub fn seal(&mut self, channel: Channel, plain: &[u8], into: &mut Vec<u8>) -> Result<(), SecureError> {
        if plain.len() > MAX_PLAIN_BYTES {
            return Err(SecureError::Length);
        }
        let (count, at) = (&mut self.counts[channel as usize], into.len());
        into.resize(at + plain.len() + TAG_BYTES, 0);
        self.state
            .write_message(nonce(channel, *count), plain, &mut into[at..])
            .map_err(|_| SecureError::Record)?;
        *count += 1;
        Ok(())
    }
}

impl Opener {
    /// Opens the next record of a channel to the end of `into`.
    pub fn open(&mut self, channel: Channel, record: &[u8], into: &mut Vec<u8>) -> Result<(), SecureError> {
        if !(TAG_BYTES..=MAX_RECORD_BYTES).contains(&record.len()) {
            return Err(SecureError::Length);
        }
        let (count, at) = (&mut self.counts[channel as usize], into.len());
        into.resize(at + record.len() - TAG_BYTES, 0);
        let read = self.state.read_message(nonce(channel, *count), record, &mut into[at..]);
        if read.is_err() {
            into.truncate(at);
            return Err(SecureError::Record);
        }
        *count += 1;
        Ok(())
    }
}
