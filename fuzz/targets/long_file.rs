//! Checks that parsing takes linear time: a short text, repeated up to 256 KiB, must be parsed
//! within two seconds of CPU time. That is twenty times the linear time; a step that is quadratic
//! in lines or tokens takes longer.
//!
//! Each `0` in the text is replaced by the number of the copy, so that keys can differ.

#![no_main]

use std::time::Duration;

use govanityurls::Config;
use libfuzzer_sys::fuzz_target;
use rustix::time::{ClockId, clock_gettime};

const LENGTH: usize = 256 << 10;
const LIMIT: Duration = Duration::from_secs(2);

fuzz_target!(|text: &str| {
    if text.is_empty() || text.len() > 4096 {
        return;
    }
    let mut long = String::with_capacity(LENGTH + 2 * text.len());
    for copy in 0.. {
        if long.len() >= LENGTH {
            break;
        }
        long.push_str(&text.replace('0', &copy.to_string()));
    }
    // CPU time, so that other programs on the machine do not matter.
    let start = cpu_time();
    let _ = Config::check_text("vanity.yaml", &long, None);
    let took = cpu_time() - start;
    assert!(took < LIMIT, "{} bytes took {took:?}", long.len());
});

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}
