//! The process: sockets, reloads, its end, logs and metrics.

mod kubernetes;
mod listeners;
mod logs;
mod metrics;
mod reload;
mod stop;
mod systemd;
