//! Bytes of the other end of the link: framing, CBOR, compressed bodies, the serial line's layers.

use link::cbor::from_slice;
use link::message::call::{CallView, Fail};
use link::message::hello::HelloHost;
use link::message::infer::OpenArgs;
use link::message::task::SubmitArgs;
use link::trace::TraceRecord;
use link::{Deframer, FrameView};

use crate::Target;

/// Largest frame.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Input: a byte stream of length-prefixed frames.
pub const TARGET: Target = Target {
    name: "frames",
    word_bytes: 1,
    max_bytes: 4096,
    run,
};

fn run(input: &[u8]) {
    let (mut deframer, mut rest) = (Deframer::new(MAX_FRAME_BYTES), input);
    while let Ok(Some(frame)) = deframer.feed(&mut rest) {
        let view = frame.view();
        decode(view.meta, view.body);
        assert!(frame.bytes().len() <= MAX_FRAME_BYTES);
        assert_eq!(
            FrameView::parse(frame.bytes()).map(|view| view.body.len()),
            Ok(view.body.len())
        );
    }
    assert!(deframer.reserved_bytes() <= MAX_FRAME_BYTES);
    decode(input, input);
}

/// Every decoder returns; what it says is its own affair.
fn decode(meta: &[u8], body: &[u8]) {
    let _ = from_slice::<HelloHost>(meta);
    let _ = from_slice::<Fail>(meta);
    if let Ok(call) = CallView::parse(meta) {
        let _ = from_slice::<OpenArgs>(call.args);
        let _ = from_slice::<SubmitArgs>(call.args);
    }
    let _ = TraceRecord::decode_all(body);
}
