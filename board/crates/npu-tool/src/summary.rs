//! The tasks of a file by operation, for files of thousands: how many, how many words, how much array work.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::scan::Task;
use crate::table::Table;

/// The tasks of one operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What they do, without sizes.
    pub operation: String,
    /// How many there are.
    pub tasks: usize,
    /// Those that inherit registers.
    pub deltas: usize,
    /// Different sizes among them.
    pub sizes: usize,
    /// Command words.
    pub words: usize,
    /// Products of the array.
    pub products: u64,
    /// Words outside the sheet.
    pub rejects: usize,
}

/// One row for each operation, the most frequent first, then by name.
pub fn rows(tasks: &[Task]) -> Vec<Row> {
    let operations: BTreeSet<&str> = tasks.iter().map(|task| task.operation.as_str()).collect();
    let mut rows: Vec<Row> = operations.into_iter().map(|operation| row(operation, tasks)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.tasks));
    rows
}

fn row(operation: &str, tasks: &[Task]) -> Row {
    let own = || tasks.iter().filter(|task| task.operation == operation);
    Row {
        operation: operation.to_owned(),
        tasks: own().count(),
        deltas: own().filter(|task| task.delta).count(),
        sizes: own().map(|task| task.cubes.as_str()).collect::<BTreeSet<_>>().len(),
        words: own().map(|task| task.found.words).sum(),
        products: own().map(|task| task.products).sum(),
        rejects: own().map(|task| task.checked.rejects.len()).sum(),
    }
}

/// The rows for people.
pub fn to_text(rows: &[Row]) -> String {
    let heads = [
        "what it does",
        ">tasks",
        ">Δ",
        ">sizes",
        ">words",
        ">Mproducts",
        ">rejects",
    ];
    let mut table = Table::new(&heads);
    for row in rows {
        let products = match row.products {
            0 => "-".into(),
            products => format!("{:.1}", products as f64 / 1e6),
        };
        table.row(vec![
            if row.operation.is_empty() {
                "unknown start mask".into()
            } else {
                row.operation.clone()
            },
            row.tasks.to_string(),
            row.deltas.to_string(),
            row.sizes.to_string(),
            row.words.to_string(),
            products,
            row.rejects.to_string(),
        ]);
    }
    table.text()
}

/// The rows for scripts.
pub fn to_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "operation": row.operation,
            "tasks": row.tasks,
            "deltas": row.deltas,
            "sizes": row.sizes,
            "words": row.words,
            "products": row.products,
            "rejects": row.rejects,
        })
    };
    rows.iter().map(row).collect()
}
