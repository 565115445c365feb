use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{ConfigFile, Failed, runtime};
use crate::server::{self, Server};

/// Serves partners until SIGINT or SIGTERM, then finishes the requests under way.
///
/// Settings are read anew on SIGHUP, and when their file or one that it names changes: partners, issuers, agreements,
/// consent policy and the listener's certificates; a file that does not pass `glassgate check` changes nothing.
/// Health and metrics are on the management address. The log goes to stderr.
///
/// Try: glassgate check --config ./glassgate.toml && glassgate serve --config ./glassgate.toml
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(options: &Options) -> Result<ExitCode, Failed> {
    let config = options.file.read()?;
    runtime()?.block_on(async {
        // first, so that a second gateway leaves the journal of the one that is up alone
        let server = Server::bind(config.server.clone()).await?;
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
        tracing::info!(
            address = %server.address(),
            management = %server.management_address(),
            "listening"
        );
        let (ask, asked) = mpsc::channel(1);
        let rereading = tokio::spawn(opened.reload.watch(asked));
        let hangups = tokio::spawn(hangups(ask));
        server.serve(opened.gateway, opened.delivery, stop()).await;
        rereading.abort();
        hangups.abort();
        Ok(ExitCode::SUCCESS)
    })
}

/// Asks for the settings to be read anew at each SIGHUP.
async fn hangups(ask: mpsc::Sender<()>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
    while hangups.recv().await.is_some() {
        // one that waits already is enough
        let _waiting = ask.try_send(());
    }
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
