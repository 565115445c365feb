use std::io;

use tracing::level_filters::LevelFilter;

use crate::config::{Format, Level, LogSettings};

/// Logs to stderr; a second start in one process changes nothing.
pub(super) fn start(settings: LogSettings) {
    let level = match settings.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        // else a closed stderr would panic in the midst of a request
        .log_internal_errors(false);
    let _started = match settings.format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().try_init(),
    };
}
