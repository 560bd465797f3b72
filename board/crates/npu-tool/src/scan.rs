//! All tasks of a file, in order, each judged with the registers it inherits. Chains are followed where the file tells
//! them: a stored stream names its successor relative to the first stream (appendix E), a captured one absolutely.

use npu_regs::{Block, Command};
use npu_sim::{CheckedTask, Checker};

use crate::describe::{self, Registers};
use crate::find::{self, Found};

/// Tasks further apart than this are not of one run.
const MOST_PADDING_WORDS: usize = 64;

/// A task of a file.
pub struct Task {
    /// Where it lies.
    pub found: Found,
    /// What its words say and what is wrong with them.
    pub checked: CheckedTask,
    /// Blocks it starts.
    pub mix: String,
    /// Operation without sizes: formats, kernel, strides. Empty where the start mask is no known one.
    pub operation: String,
    /// Sizes: input → output as width x height x channels.
    pub cubes: String,
    /// Products of the array; 0 without it.
    pub products: u64,
    /// Data + weight banks; `D` and `W` mark reuse. Empty without CNA.
    pub banks: String,
    /// Index of the task that its tail names, where that is in the file.
    pub next: Option<usize>,
    /// True where the task writes fewer registers than a full one and inherits the rest (§3.2).
    pub delta: bool,
    /// Words of each block, in the order of [`Block::EXECUTING`].
    pub block_words: [usize; 7],
}

impl Task {
    /// Operation and sizes.
    pub fn shapes(&self) -> String {
        format!("{} {}", self.operation, self.cubes).trim_end().to_owned()
    }
}

/// Looks at each task with its registers, in file order. `each` gets the task's index, the task and the registers its
/// blocks see; `next` is not known yet then.
pub fn scan(bytes: &[u8], mut each: impl FnMut(usize, &Task, &Registers<'_>)) -> Vec<Task> {
    let found = find::tasks(bytes);
    let mut tasks: Vec<Task> = Vec::with_capacity(found.len());
    let mut checker = Checker::new();
    for found in found {
        let words = found.read(bytes);
        let new_run = tasks.last().is_none_or(|last: &Task| {
            last.checked.next_address == 0 || found.offset - last.found.end() > MOST_PADDING_WORDS * 8
        });
        if new_run {
            checker.start();
        }
        let checked = checker.task(&words);
        let registers = Registers(&checker);
        let block_words = block_words(&words);
        let loads_table = words.iter().filter(|&&word| word as u16 == 0x4104).count() > 1;
        let (operation, cubes) = describe::operation(&registers, &checked, loads_table);
        let task = Task {
            operation,
            cubes,
            products: describe::products(&registers, checked.mask),
            mix: describe::mix(checked.mask),
            banks: describe::banks(&registers, checked.mask),
            next: None,
            delta: is_delta(&checked, &words),
            block_words,
            checked,
            found,
        };
        each(tasks.len(), &task, &registers);
        tasks.push(task);
    }
    link(&mut tasks);
    tasks
}

/// Fewer different registers than the vendor's full task of the same mix, less the ten that other generators leave out.
fn is_delta(checked: &CheckedTask, words: &[u64]) -> bool {
    npu_regs::task::Mix::of_mask(checked.mask).is_some_and(|mix| words.len() + 10 < mix.words())
}

fn block_words(words: &[u64]) -> [usize; 7] {
    let mut counts = [0; 7];
    for &word in words {
        if let Ok(Command::Write { register, .. }) = Command::decode(word)
            && let Some(bit) = register.block.enable_bit()
        {
            counts[bit as usize] += 1;
        }
    }
    counts
}

/// Finds the task that each tail names. Addresses count from one base for a whole run of tasks: the file's first task, or
/// whatever makes the tail of one name the task that follows it.
fn link(tasks: &mut [Task]) {
    let offsets: Vec<usize> = tasks.iter().map(|task| task.found.offset).collect();
    let position = |base: i64, address: u32| {
        let offset = usize::try_from(base + i64::from(address)).ok()?;
        offsets.binary_search(&offset).ok()
    };
    let mut base = offsets.first().map_or(0, |&offset| offset as i64);
    for index in 0..tasks.len() {
        let address = tasks[index].checked.next_address;
        if address == 0 {
            continue;
        }
        let mut next = position(base, address).filter(|&next| next != index);
        let follower = tasks
            .get(index + 1)
            .filter(|next| next.found.offset - tasks[index].found.end() <= MOST_PADDING_WORDS * 8);
        if let (None, Some(follower)) = (next, follower) {
            base = follower.found.offset as i64 - i64::from(address);
            next = Some(index + 1);
        }
        tasks[index].next = next;
    }
}

/// Names of the executing blocks and how many words a task has for each, zeros left out.
pub fn block_counts(task: &Task) -> impl Iterator<Item = (&'static str, usize)> + '_ {
    let counts = Block::EXECUTING.into_iter().zip(task.block_words);
    counts
        .filter(|&(_, count)| count > 0)
        .map(|(block, count)| (block.name(), count))
}
