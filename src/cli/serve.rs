use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, Failed, runtime};
use crate::server::{self, Server};

/// Serves partners until SIGINT or SIGTERM, then finishes the requests under way.
///
/// Try `glassgate check` first; health and metrics are on the management address.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = options.file.read()?;
    runtime()?.block_on(async {
        let opened = config.open()?;
        let (open_files, connections) = (server::raise_open_files(), opened.server.connections);
        if !server::suffices(open_files, connections) {
            tracing::warn!(
                open_files,
                connections,
                "the limit of open files is too low for so many connections; raise it, or lower server.connections"
            );
        }
        let _until_the_end = opened.relabelling;
        let server = Server::bind(opened.server).await?;
        tracing::info!(
            address = %server.address(),
            management = %server.management_address(),
            "listening"
        );
        server.serve(opened.gateway, opened.delivery, stop()).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Resolves at the first SIGINT or SIGTERM.
pub(super) async fn stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            let _interrupted = tokio::signal::ctrl_c().await;
        }
    }
}
