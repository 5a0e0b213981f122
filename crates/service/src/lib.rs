//! The service: it answers the RDS API over HTTP, runs the backup jobs that the catalog holds, and keeps
//! the home that both need.
//!
//! - An action moves no bulk bytes. It writes intent to the catalog in one transaction, and the runner works
//!   from there.
//! - Every job runs in a thread of its own under a lease; what it does to the catalog names the lease's epoch.
//! - A set counts when its manifest is published; the catalog's row follows. What a crash leaves between the
//!   two is found and settled at the next claim and at every start.
//! - Whatever arrives at the port is answered in the API's own form, where an answer can be given at all.
//!
//! It is *not* a library for restoring: that needs no service, only `repository` and an engine.
//!
//! ```no_run
//! # async fn example() -> Result<(), service::Error> {
//! use service::{Home, InitOptions, ServeOptions, SystemClock, init, serve};
//!
//! let folder = std::path::Path::new("/var/lib/backstop");
//! let report = init(InitOptions::new(folder), |_| None, SystemClock::shared()).await?;
//! println!("key file: {}", report.key_file.display());
//! serve(ServeOptions::new(Home::open(folder)?, |_| None)?).await
//! # }
//! ```

mod client_presence;
mod clock;
mod error;
mod error_chain;

mod config;
mod home;
mod secret_box;
mod storage;

mod access_key;
mod init;
mod tls;

mod doctor;
mod engines;
mod error_centre;

mod context;
mod metrics;
mod refusal;

mod authentication;
mod throttle;

mod audit;

mod actions;
mod download;
mod server;

mod backup_parameters;
mod backup_set_row;
mod runner;
mod sweep;

mod policy;
mod scheduler;

mod serve;

pub use access_key::random_access_key;
pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use doctor::{Diagnosis, Severity, diagnose};
pub use engines::{BuiltInEngines, EngineError, Engines, password_of};
pub use error::{Error, Retry};
pub use error_chain::error_chain;
pub use home::{Home, HomeAccessKey, HomeLock};
pub use init::{InitOptions, InitReport, init};
pub use runner::{JobTimes, KEY_NOT_EXPORTED};
pub use secret_box::SecretBox;
pub use serve::{Roles, RunningService, ServeOptions, serve, start};
pub use server::ServerLimits;
pub use storage::{
    BuiltInStores, Stores, local_path, open_local, open_repository, open_repository_to_read, read_key_file,
};
pub use sweep::{ClocksApart, JobLives};
pub use tls::{CertificateError, TlsFiles};
