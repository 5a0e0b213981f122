//! `backstop serve`: runs the service until it is told to stop.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use service::{ServeOptions, TlsFiles, start};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::command_line::{Everywhere, LogFormat, Serve};
use crate::failure::Outcome;
use crate::{home, output};

/// What is logged unless `BACKSTOP_LOG` says otherwise: our own state changes, warnings of libraries.
const LOG_FILTER: &str = "warn,service=info,engine=info,engine_postgres=info,catalog=info,backstop=info";

pub(super) fn run(everywhere: &Everywhere, arguments: &Serve) -> anyhow::Result<Outcome> {
    let Serve { listen, tls_cert, tls_key, roles, log_format } = arguments;
    start_logging(*log_format)?;
    let mut options = ServeOptions::new(home::open(everywhere)?, home::variable)?;
    options.config.listen = listen.unwrap_or(options.config.listen);
    if let (Some(certificate), Some(key)) = (tls_cert.clone(), tls_key.clone()) {
        options.config.tls = Some(TlsFiles { certificate, key });
    }
    options.roles = roles.unwrap_or(options.roles);
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    runtime.block_on(serve(options))?;
    Ok(Outcome::Done)
}

async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    // Before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("watch for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for signals")?;
    let scheme = if options.config.tls.is_some() { "https" } else { "http" };
    let service = start(options).await?;
    if let Some(address) = service.address() {
        // Without a reader of standard output the service runs all the same.
        let _ = output::text(&format!("listening on {scheme}://{address}\n"));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: jobs give their work back, requests end; another signal ends at once");
    tokio::select! {
        () = service.shutdown() => tracing::info!("stopped"),
        _ = terminate.recv() => tracing::warn!("ended at once"),
        _ = interrupt.recv() => tracing::warn!("ended at once"),
    }
    Ok(())
}

fn start_logging(format: LogFormat) -> anyhow::Result<()> {
    let filter = match home::variable("BACKSTOP_LOG") {
        Some(text) => EnvFilter::try_new(text).context("read BACKSTOP_LOG")?,
        None => EnvFilter::new(LOG_FILTER),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Text => builder.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
