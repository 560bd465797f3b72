//! The agent: what all connections share. Finds sessions by token, frees what they leave, and keeps time.
//!
//! Nothing here waits. `tick` is called by a thread of the server, or by a test that moves its own clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use link::ErrorCode;
use link::Method;
use link::cbor::{Encoded, to_vec};
use link::message::lease::{LeaseEvent, LeaseState};
use link::message::stream::{
    ConsoleEvent, DeviceState, DeviceStateEvent, LogEvent, TOPIC_CONSOLE, TOPIC_DEVICE_STATE, TOPIC_LEASE, TOPIC_LOG,
    TOPIC_QUEUE,
};
use link::message::sys::{Device as DeviceLine, Parameter};
use npu_device::{Accelerator, Capabilities};

use crate::access::Keys;
use crate::backend::Backend;
use crate::call::Call;
use crate::clock::Clock;
use crate::devices;
use crate::doorkeeper::Doorkeeper;
use crate::failure::Failure;
use crate::lease::{Change, Leases};
use crate::log::{Level, Log};
use crate::queue::{DeviceQueue, FileQueue};
use crate::room::Room;
use crate::session::Session;
use crate::store::BlobStore;
use crate::watch::{Watch, Watched};
use crate::work::Work;

/// Sessions at a time, suspended ones included.
const MAX_SESSIONS: usize = 64;

/// What an agent is started with.
pub struct Config {
    /// From [`Agent::new_boot_id`].
    pub boot_id: [u8; 8],
    /// The device.
    pub backend: Backend,
    /// Folder of the blob store.
    pub store: PathBuf,
    /// What the store may hold.
    pub quota_bytes: u64,
    /// Device memory one session may take; `None`: all of it.
    pub memory_bytes: Option<u64>,
    /// How long a session without a connection is kept.
    pub grace_ms: u64,
    /// Address it is reached at, for `sys.devices`.
    pub address: String,
    /// Where the system lists its terminals: `/sys/class/tty`.
    pub terminals: PathBuf,
    /// Log.
    pub log: Arc<Log>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who gets in; empty: everybody.
    pub keys: Keys,
    /// Folder whose files may be imported into the store.
    pub imports: Option<PathBuf>,
}

/// The agent.
pub struct Agent {
    /// Random at start.
    pub boot_id: [u8; 8],
    /// What the device can do.
    pub capabilities: Capabilities,
    /// Ticks per second of the device clock.
    pub ticks_hz: u64,
    pub(crate) devices: Vec<DeviceLine>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) driver_version: String,
    pub(crate) grace_ms: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<Log>,
    pub(crate) store: Arc<BlobStore>,
    pub(crate) files: FileQueue,
    device: DeviceQueue,
    watch: Arc<Watch>,
    stuck: AtomicBool,
    pub(crate) keys: Keys,
    pub(crate) imports: Option<PathBuf>,
    leases: Mutex<Leases>,
    door: Mutex<Doorkeeper>,
    sessions: Mutex<HashMap<[u8; 16], Arc<Session>>>,
    numbers: AtomicU64,
    session_memory_bytes: u64,
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(ErrorCode::IoFault, format!("no random bytes: {error}")))?;
    Ok(bytes)
}

impl Agent {
    /// A name for one run of the agent.
    pub fn new_boot_id() -> Result<[u8; 8], Failure> {
        random()
    }

    /// Registers and initializes the device, opens the store, starts the device and the file thread.
    pub fn start(config: Config) -> Result<Arc<Self>, Failure> {
        let backend = config.backend;
        let (manager, devices) = devices::register(backend.device, backend.irq, &config.address, &config.terminals)?;
        let watch = Arc::new(Watch::default());
        let accelerator = Watched::new(manager, Arc::clone(&watch), Arc::clone(&config.clock))?;
        let (capabilities, ticks_hz) = (accelerator.capabilities(), accelerator.ticks_hz());
        let store = BlobStore::open(&config.store, config.quota_bytes).map_err(|error| {
            let cause = format!("store folder {}: {error}", config.store.display());
            Failure::new(ErrorCode::IoFault, cause)
        })?;
        let store = Arc::new(store);
        let room = Room::new(accelerator, Arc::clone(&store), Arc::clone(&config.log), backend.probe);
        Ok(Arc::new(Self {
            boot_id: config.boot_id,
            session_memory_bytes: config.memory_bytes.unwrap_or(capabilities.memory_bytes),
            capabilities,
            ticks_hz,
            devices,
            parameters: backend.parameters,
            driver_version: backend.driver_version,
            grace_ms: config.grace_ms,
            clock: config.clock,
            log: config.log,
            store,
            files: FileQueue::start()?,
            device: DeviceQueue::start(room)?,
            watch,
            stuck: AtomicBool::new(false),
            keys: config.keys,
            imports: config.imports,
            leases: Mutex::default(),
            door: Mutex::default(),
            sessions: Mutex::default(),
            numbers: AtomicU64::new(0),
        }))
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<[u8; 16], Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ticks of the agent's monotonic clock at the device clock's rate.
    pub fn clock_ticks(&self) -> u64 {
        (u128::from(self.clock.now_ns()) * u128::from(self.ticks_hz) / 1_000_000_000) as u64
    }

    /// Milliseconds of the agent's monotonic clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ns() / 1_000_000
    }

    /// Device memory nobody has.
    pub fn free_bytes(&self) -> u64 {
        self.capabilities.memory_bytes.saturating_sub(self.watch.used_bytes())
    }

    /// True while a call into the device is under way.
    pub fn device_busy(&self) -> bool {
        self.watch.busy()
    }

    /// Number of sessions, suspended ones included.
    pub fn session_count(&self) -> usize {
        self.sessions().len()
    }

    /// Sessions that have no connection now.
    pub fn suspended_count(&self) -> usize {
        self.sessions()
            .values()
            .filter(|session| session.suspended_ns().is_some())
            .count()
    }

    pub(crate) fn session(&self, token: &[u8; 16]) -> Option<Arc<Session>> {
        self.sessions().get(token).cloned()
    }

    pub(crate) fn new_session(&self) -> Result<Arc<Session>, Failure> {
        let token = random()?;
        let mut sessions = self.sessions();
        if sessions.len() >= MAX_SESSIONS {
            return Err(Failure::new(
                ErrorCode::Busy,
                format!("{MAX_SESSIONS} sessions are open already"),
            ));
        }
        let number = self.numbers.fetch_add(1, Ordering::SeqCst) + 1;
        let session = Arc::new(Session::new(token, number, self.session_memory_bytes));
        sessions.insert(token, Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session and frees everything it holds.
    pub(crate) fn end_session(&self, session: &Session, why: &str) {
        self.sessions().remove(&session.token);
        let (objects, calls) = session.end();
        self.leases(|leases, now_ns| leases.release(session.number, true, now_ns));
        self.log.line(
            Level::Info,
            &format!(
                "session {} ended: {why}; {} objects freed",
                session.number,
                objects.len()
            ),
        );
        for call in calls {
            call.cancel();
            self.device.wake(&call);
        }
        let number = session.number;
        // Queued behind the session's running calls, so nothing is freed under their feet.
        self.device.push(Work::background(move |room| {
            room.leave(number);
            objects.into_iter().for_each(|object| room.free(object))
        }));
    }

    /// Queues work for the device; refused at once while the device is stuck.
    pub(crate) fn to_device(&self, work: Work) -> Result<(), Failure> {
        if self.stuck.load(Ordering::SeqCst) {
            return Err(Failure::new(ErrorCode::DeviceStuck, "the device does not answer"));
        }
        self.device.push(work);
        Ok(())
    }

    /// Queues work that gives something back; it runs when the device answers again, if it is stuck.
    pub(crate) fn to_device_always(&self, work: Work) {
        self.device.push(work);
    }

    /// Has a call's work go on that waited for credit, where it may.
    pub(crate) fn wake(&self, call: &Call) {
        self.device.wake(call);
    }

    /// Writes a line of warning and tells every session.
    pub(crate) fn warn(&self, line: &str) {
        self.log.line(Level::Warn, line);
        let event = to_vec(&LogEvent {
            severity: Level::Warn as u8,
            line: line.into(),
        });
        self.broadcast(TOPIC_LOG, &event);
    }

    /// Text that something else wrote on a serial line: logged, and told to every session.
    pub(crate) fn console(&self, text: &str) {
        self.log
            .line(Level::Info, &format!("console: {}", text.trim_end().escape_debug()));
        self.broadcast(TOPIC_CONSOLE, &to_vec(&ConsoleEvent { text: text.into() }));
    }

    /// Asks the lease's book, and tells every session what changed, and those that wait what is new to them. All under the
    /// book's lock, so that nobody is told an older state last.
    pub(crate) fn leases(&self, ask: impl FnOnce(&mut Leases, u64) -> Vec<Change>) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ns = self.clock.now_ns();
        let changes = ask(&mut leases, now_ns);
        for Change { event, loser } in changes {
            let line = format!("lease {}: {} ({})", event.change.name(), event.who, event.why);
            self.log.line(Level::Info, &line);
            for session in self.sessions().values() {
                let event = LeaseEvent {
                    lost: loser == Some(session.number),
                    ..event.clone()
                };
                session.event(TOPIC_LEASE, Encoded(to_vec(&event)));
            }
        }
        for (number, state) in leases.news(now_ns) {
            let sessions = self.sessions();
            let waiting = sessions.values().filter(|session| session.number == number);
            waiting.for_each(|session| session.event(TOPIC_QUEUE, Encoded(to_vec(&state))));
        }
    }

    pub(crate) fn lease_state(&self, session: u64) -> LeaseState {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.state(session, self.clock.now_ns())
    }

    pub(crate) fn lease_admits(&self, session: u64) -> Result<(), Failure> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.admits(session, self.clock.now_ns())
    }

    pub(crate) fn renew_lease(&self, session: u64) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.renew(session, self.clock.now_ns());
    }

    /// Notes what the host's wall clock says; the board's own may start in 1970. For log lines only.
    pub(crate) fn learn_wall_time(&self, wall_us: u64) {
        self.log.learn_wall_time(wall_us, self.clock.now_ns());
    }

    pub(crate) fn door_admits(&self, from: IpAddr) -> bool {
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.admits(from, self.now_ms())
    }

    pub(crate) fn door_failed(&self, from: IpAddr) {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.failed(from, self.now_ms());
    }

    /// Random, for a serial line's epoch.
    pub(crate) fn new_epoch(&self) -> Result<u32, Failure> {
        random().map(u32::from_le_bytes)
    }

    fn broadcast(&self, topic: u16, payload: &[u8]) {
        for session in self.sessions().values() {
            session.event(topic, Encoded(payload.to_vec()));
        }
    }

    /// Does what is due: deadlines, grace times, a stuck device.
    pub fn tick(&self) {
        let now = self.clock.now_ns();
        let sessions: Vec<_> = self.sessions().values().cloned().collect();
        self.watch_device(now, &sessions);
        self.leases(Leases::tick);
        for session in sessions {
            for call in session.running() {
                if call.deadline_ns.is_some_and(|at| now >= at) {
                    call.fail(Failure::new(ErrorCode::Deadline, "the call's deadline passed"));
                    call.cancel();
                    self.device.wake(&call);
                }
            }
            let grace_ns = session.facts().grace_ms.saturating_mul(1_000_000);
            let over = |since: u64| now.saturating_sub(since) >= grace_ns;
            if session.suspended_ns().is_some_and(over) {
                self.end_session(&session, "its grace time passed");
            }
        }
    }

    fn watch_device(&self, now: u64, sessions: &[Arc<Session>]) {
        let late = self.watch.late(now);
        if self.stuck.swap(late, Ordering::SeqCst) == late {
            return;
        }
        let state = if late { DeviceState::Stuck } else { DeviceState::Ready };
        if late {
            if let Some(call) = self.device.current() {
                call.fail(Failure::new(
                    ErrorCode::NpuTimeout,
                    "the device did not return from the call in time",
                ));
            }
            let waiting = sessions.iter().flat_map(|session| session.running());
            for call in waiting.filter(|call| needs_device(call.method)) {
                call.fail(Failure::new(
                    ErrorCode::DeviceStuck,
                    "the device hangs in an earlier call",
                ));
                self.device.wake(&call);
            }
        }
        self.warn(&format!("device {}", state.name()));
        self.broadcast(TOPIC_DEVICE_STATE, &to_vec(&DeviceStateEvent { state }));
    }
}

/// True where a call of the method is served by the device thread.
fn needs_device(method: Method) -> bool {
    !matches!(
        method,
        Method::SysInfo
            | Method::SysDevices
            | Method::NpuRegisters
            | Method::NpuMixes
            | Method::SysEcho
            | Method::SysLink
            | Method::LeaseAcquire
            | Method::LeaseRelease
            | Method::LeaseTake
            | Method::LeaseState
            | Method::BlobPin
            | Method::BlobRemove
            | Method::BlobGc
            | Method::BlobImport
            | Method::BlobImportable
            | Method::BlobHas
            | Method::BlobBegin
            | Method::BlobPut
            | Method::BlobCommit
            | Method::BlobList
    )
}
