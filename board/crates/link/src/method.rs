//! Methods by number, and what may be done with a call whose answer was lost.

/// What a repeated call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Reads only: run it again.
    Pure,
    /// Running it twice is running it once.
    Idempotent,
    /// Must not run twice: the stored answer is sent again.
    Once,
}

/// What a method does to the board: a read-only key may call what reads, a session without the lease that another one
/// holds all but what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing.
    Reads,
    /// Gives back what the session has.
    GivesBack,
    /// Asks for the lease.
    Leases,
    /// Changes the board's state.
    Changes,
}

macro_rules! methods {
    ($($variant:ident = $number:literal, $name:literal, $retry:ident, $doc:literal;)+) => {
        /// Every method of protocol 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Method { $(#[doc = $doc] $variant = $number,)+ }

        impl Method {
            /// Every method.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The method of a number, where there is one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Name as people write it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What a repeated call does.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)+ }
            }
        }
    };
}

methods! {
    SysInfo = 0x0001, "sys.info", Pure, "What the board is.";
    SysDevices = 0x0002, "sys.devices", Pure, "Devices the agent knows.";
    SysEcho = 0x0003, "sys.echo", Pure, "Tests the line: takes a pattern, sends one.";
    SysLink = 0x0004, "sys.link", Pure, "Counts of the connection.";
    LeaseAcquire = 0x0008, "lease.acquire", Once, "Waits for the lease.";
    LeaseRelease = 0x0009, "lease.release", Idempotent, "Gives it back.";
    LeaseTake = 0x000a, "lease.take", Once, "Takes it by force.";
    LeaseState = 0x000b, "lease.state", Pure, "Who holds it.";
    MemAlloc = 0x0010, "mem.alloc", Once, "Allocates device memory.";
    MemFree = 0x0011, "mem.free", Once, "Frees it.";
    MemWrite = 0x0012, "mem.write", Idempotent, "Host bytes into a buffer.";
    MemRead = 0x0013, "mem.read", Pure, "A buffer's bytes to the host.";
    MemFill = 0x0014, "mem.fill", Idempotent, "One byte value over a range.";
    MemSummary = 0x0015, "mem.summary", Pure, "Statistics of a range.";
    MemDigest = 0x0016, "mem.digest", Pure, "SHA-256 of a range.";
    TaskSubmit = 0x0020, "task.submit", Once, "Queues a job.";
    TaskWait = 0x0021, "task.wait", Pure, "Waits for a job.";
    BlobHas = 0x0030, "blob.has", Pure, "Which blobs are there.";
    BlobBegin = 0x0031, "blob.begin", Idempotent, "Opens or goes on with an upload.";
    BlobPut = 0x0032, "blob.put", Idempotent, "One verified chunk.";
    BlobCommit = 0x0033, "blob.commit", Idempotent, "Closes an upload.";
    BlobList = 0x0034, "blob.list", Pure, "What the store holds.";
    BlobPin = 0x0035, "blob.pin", Idempotent, "Keeps a blob from being collected.";
    BlobRemove = 0x0036, "blob.remove", Idempotent, "Removes a blob.";
    BlobGc = 0x0037, "blob.gc", Idempotent, "Removes what was longest unused.";
    BlobImport = 0x0038, "blob.import", Idempotent, "Takes a file of the board into the store.";
    BlobImportable = 0x0039, "blob.importable", Pure, "Files that can be imported.";
    ModelLoad = 0x0040, "model.load", Once, "Maps and loads a model.";
    ModelUnload = 0x0041, "model.unload", Once, "Gives it back.";
    ModelOperators = 0x0042, "model.operators", Pure, "Operators of a model, in order.";
    InferOpen = 0x0050, "infer.open", Once, "Starts an inference on a prompt.";
    InferStep = 0x0051, "infer.step", Once, "Runs to the next stop.";
    InferGenerate = 0x0052, "infer.generate", Once, "Streams tokens.";
    InferTensor = 0x0053, "infer.tensor", Pure, "Reads an operator's output.";
    InferReplace = 0x0054, "infer.replace", Once, "Overwrites it.";
    InferSummary = 0x0055, "infer.summary", Pure, "Statistics of it.";
    InferSnapshot = 0x0056, "infer.snapshot", Once, "Marks the position.";
    InferRewind = 0x0057, "infer.rewind", Once, "Goes back to a position.";
    InferClose = 0x0058, "infer.close", Once, "Ends an inference.";
    NpuRegisters = 0x0060, "npu.registers", Pure, "The register map, a block a call.";
    NpuMixes = 0x0061, "npu.mixes", Pure, "Which registers a full task writes, in order.";
    NpuAddress = 0x0062, "npu.address", Pure, "Where the device sees a buffer.";
    NpuSubmit = 0x0063, "npu.submit", Once, "Queues command words.";
    NpuStep = 0x0064, "npu.step", Once, "Runs one task of a stepped job.";
    NpuCounters = 0x0065, "npu.counters", Pure, "Traffic counters, task counter, interrupts.";
    NpuDisassemble = 0x0066, "npu.disassemble", Pure, "Command words as text.";
    NpuListing = 0x0067, "npu.listing", Pure, "The command words of a job as text.";
    NpuCapture = 0x0068, "npu.capture", Once, "Records the session's next hardware starts.";
    NpuCaptured = 0x0069, "npu.captured", Once, "Ends the recording.";
    NpuCaptureFile = 0x006a, "npu.captureFile", Pure, "Part of a file of the recording.";
}

impl Method {
    /// True where ITEMs and END come before the answer.
    pub const fn streams(self) -> bool {
        matches!(
            self,
            Self::ModelLoad | Self::ModelOperators | Self::InferGenerate | Self::BlobImport
        )
    }

    /// What the method does to the board.
    pub const fn access(self) -> Access {
        match self {
            Self::MemFree | Self::ModelUnload | Self::InferClose | Self::LeaseRelease => Access::GivesBack,
            Self::LeaseAcquire | Self::LeaseTake => Access::Leases,
            _ => match self.retry() {
                Retry::Pure => Access::Reads,
                Retry::Idempotent | Retry::Once => Access::Changes,
            },
        }
    }
}
