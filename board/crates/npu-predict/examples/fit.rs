//! Fits the timing table to the published times and prints everything about it as the Markdown of `docs/boards/rk3568.md`.
//!
//! `cargo run --release -p npu-predict --example fit`

use npu_predict::calibration::{NPU_ONLY, Stack};
use npu_predict::fit::{Bandwidths, Calibration, Fit, Variant};
use npu_predict::networks::Known;
use npu_predict::{Clocks, Plan};

/// Thousandths, rounded, with the point.
fn milli(value: u64) -> String {
    format!("{}.{:02}", value / 1000, value % 1000 / 10)
}

fn ms(nanoseconds: u64) -> String {
    milli(nanoseconds.div_ceil(1000))
}

fn percent(ppm: i64) -> String {
    let sign = if ppm < 0 { '-' } else { '+' };
    let tenths = (ppm.unsigned_abs() + 500) / 1000;
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}

fn gigabytes(bandwidths: Bandwidths) -> String {
    let one = |value: u64| milli(value / 1_000_000);
    format!("{} | {}", one(bandwidths.weight), one(bandwidths.feature))
}

fn hosts(fit: &Fit) -> String {
    fit.hosts_ns.map(|host| host.map_or("-".into(), ms)).join(" | ")
}

fn residuals(fit: &Fit) {
    println!(
        "| network | stack | MHz | published ms | modelled NPU ms | host ms | error % |\n|---|---|---|---|---|---|---|"
    );
    for residual in &fit.residuals {
        let row = residual.row;
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.network.file().trim_end_matches(".json"),
            row.stack.key(),
            row.npu_mhz,
            milli(row.measured_us),
            ms(residual.npu_ns),
            ms(residual.host_ns),
            percent(residual.error_ppm)
        );
    }
    println!("\nRoot of the mean squared error: {} %.", percent(fit.rms_ppm() as i64));
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calibration = Calibration::published()?;
    let base = Variant::base();
    let fit = calibration.fit(&base);
    println!("### Residuals\n");
    residuals(&fit);

    let keys = Stack::ALL.map(Stack::key).join(" ms | ");
    println!(
        "\n### Refits\n\n| rows and assumptions | weights GB/s | features GB/s | {keys} ms | error % |\n|---|---|---|---|---|---|---|"
    );
    for variant in std::iter::once(base).chain(Variant::others()) {
        let refit = calibration.fit(&variant);
        let error = percent(refit.rms_ppm() as i64);
        println!(
            "| {} | {} | {} | {error} |",
            variant.name,
            gigabytes(refit.bandwidths),
            hosts(&refit)
        );
    }

    let waiting = calibration.fit(&Variant::waiting());
    println!("\n### If the array waited for memory\n");
    println!(
        "{} GB/s of weights and features.\n",
        gigabytes(waiting.bandwidths).replace(" | ", " and ")
    );
    residuals(&waiting);

    let rows = calibration.rows().ok_or("no bandwidth reaches the NPU-only time")?;
    println!(
        "\n### Rows of the table\n\n| end | weights GB/s | features GB/s |\n|---|---|---|\n| fast | {} |\n| expected | {} |\n| slow | {} |",
        gigabytes(rows.fast),
        gigabytes(rows.expected),
        gigabytes(rows.slow)
    );
    println!("\n### Predictions at {} MHz\n", Clocks::default().npu_hz / 1_000_000);
    println!("| network | low ms | expected ms | high ms | bandwidth bound ms |\n|---|---|---|---|---|");
    for known in Known::ALL {
        let prediction = Plan::new(known.network()?)?.predict(Clocks::default());
        println!(
            "| {} | {} | {} | {} | {} |",
            prediction.network,
            ms(prediction.total.low_ns),
            ms(prediction.total.expected_ns),
            ms(prediction.total.high_ns),
            ms(prediction.bandwidth_bound_ns)
        );
    }
    println!(
        "\nNot fitted: {} at {} MHz, NPU only, published {} ms.",
        NPU_ONLY.network.file().trim_end_matches(".json"),
        NPU_ONLY.npu_mhz,
        milli(NPU_ONLY.measured_us)
    );
    Ok(())
}
