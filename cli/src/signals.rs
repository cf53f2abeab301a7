//! Which signals this program may catch: not those that its parent had it ignore, as `nohup` and shells do.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals that end a program, but for those that are ignored: they stay so, here and in what is started.
pub(crate) fn to_catch() -> Vec<i32> {
    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |status| parse_ignored(&status));
    ENDING.into_iter().filter(|number| ignored >> (number - 1) & 1 == 0).collect()
}

/// The mask of `SigIgn` (proc_pid_status(5)): bit N-1 for signal N. Without Linux's /proc nothing counts as ignored.
fn parse_ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(parse_ignored("Name:\tcapy\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(parse_ignored("Name:\tcapy\n"), 0);
    }
}
