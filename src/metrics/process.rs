//! Metrics of the process itself, as the kernel reports them.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// A collector that reads /proc at each scrape, and leaves out what it cannot read.
#[derive(Debug)]
pub(super) struct Process {
    started_at: f64,
}

impl Process {
    /// Returns a collector for a process that started at this Unix time, in seconds.
    pub(super) fn started_at(started_at: f64) -> Self {
        Self { started_at }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = [
            (
                "process_start_time",
                "When the process started",
                Some(Unit::Seconds),
                Some(self.started_at),
            ),
            (
                "process_resident_memory",
                "Memory of the process that is in RAM",
                Some(Unit::Bytes),
                resident_memory(),
            ),
            (
                "process_open_fds",
                "File descriptors that are open",
                None,
                open_files(),
            ),
        ];
        for (name, help, unit, value) in metrics {
            if let Some(value) = value {
                let encoder =
                    encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
                ConstGauge::new(value).encode(encoder)?;
            }
        }
        Ok(())
    }
}

fn resident_memory() -> Option<f64> {
    // Not statm, which counts pages, whose size only the C library knows.
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn open_files() -> Option<f64> {
    // Minus the descriptor that reads the directory.
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64 - 1.0)
}
