//! `cargo run --release -p link --example fault_runs -- RUNS`: seeded runs of two ends over bad lines, tallied as JSON.

#[path = "../tests/faulty/mod.rs"]
#[allow(dead_code, unused_imports)]
mod faulty;

fn main() {
    let runs = std::env::args()
        .nth(1)
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(10_000);
    let tally = faulty::many(0..runs);
    for (seed, state) in tally.wrong_frames.iter().chain(&tally.hangs) {
        eprintln!("seed {seed}: {state}");
    }
    let told = serde_json::json!({
        "runs": tally.runs,
        "wrongFrames": tally.wrong_frames.len(),
        "hangs": tally.hangs.len(),
        "sentPdus": tally.sent_pdus,
        "repeatedPdus": tally.repeated_pdus,
        "longestMs": tally.longest_us.0 / 1000,
        "longestSeed": tally.longest_us.1,
    });
    println!("{told}");
}
