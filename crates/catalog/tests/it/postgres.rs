//! PostgreSQL: the suite, and what only a shared catalog promises.

use std::time::Duration;

use catalog::conformance::{Runner, Step, follow, run_all};
use catalog::{
    BackupMode, Catalog, ClaimRequest, EngineKind, JobKind, LeaseOwner, NewBackupJob, NewInstance, SslMode,
};
use repository::RepositoryId;
use testkit::postgres::{Cluster, Installation};

struct Server {
    cluster: Cluster,
    count: u32,
}

impl Server {
    fn start() -> Self {
        let installation = Installation::debian15().expect("Debian's PostgreSQL 15 is installed");
        let cluster = Cluster::builder(&installation).setting("max_connections", "400").start();
        Self { cluster: cluster.expect("the server starts"), count: 0 }
    }

    fn empty_database(&mut self) -> String {
        self.count += 1;
        let name = format!("catalog_{}", self.count);
        self.cluster.psql(&format!("CREATE DATABASE {name}")).expect("the database is made");
        let (port, sockets) = (self.cluster.port(), self.cluster.socket_dir().display());
        format!("postgres://postgres@localhost:{port}/{name}?host={sockets}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_keeps_every_promise() {
    let mut server = Server::start();
    run_all(|| server.empty_database()).await;
    let two_deaths_and_a_cancel = [
        Step::Claim(Runner::A),
        Step::Report(Runner::A, 40),
        Step::Wait(30),
        Step::Claim(Runner::B),
        Step::Report(Runner::A, 90),
        Step::Report(Runner::B, 20),
        Step::Restart(Runner::B),
        Step::Claim(Runner::A),
        Step::Finish(Runner::B),
        Step::Cancel,
        Step::FailAttempt(Runner::A),
        Step::Claim(Runner::B),
        Step::Renew(Runner::B),
        Step::Finish(Runner::B),
        Step::Cancel,
        Step::Claim(Runner::A),
    ];
    follow(&server.empty_database(), &two_deaths_and_a_cancel).await;
}

/// A node whose clock runs ahead would otherwise take living workers' jobs.
#[tokio::test]
async fn leases_go_by_the_databases_clock() {
    let mut server = Server::start();
    let catalog = Catalog::open(&server.empty_database()).await.expect("the catalog opens");
    let past = "2001-01-01T00:00:00Z".parse().expect("a time");
    let future = "2999-01-01T00:00:00Z".parse().expect("a time");
    let instance: repository::InstanceId = "pg-1".parse().expect("an instance id");
    let mut change = catalog.change(past).await.expect("a change begins");
    let registration = NewInstance {
        id: instance.clone(),
        engine: EngineKind::Postgresql,
        engine_version: None,
        host: "localhost".to_owned(),
        port: 5432,
        user: "backup".to_owned(),
        sealed_password: None,
        ssl_mode: SslMode::Prefer,
        ca_certificate: None,
        data_directory: None,
        description: None,
    };
    change.register_instance(registration).await.expect("registered");
    let repository = RepositoryId::random();
    let parameters = serde_json::Value::Null;
    let job = NewBackupJob { instance, repository, mode: BackupMode::Manual, parameters, due: past };
    change.enqueue_backup(job).await.expect("the job is made");
    change.commit().await.expect("committed");

    let lease = Duration::from_hours(1);
    let request = |owner| ClaimRequest { owner: LeaseOwner::new(owner), kinds: JobKind::ALL.to_vec(), lease };
    let claim = catalog.claim(&request("slow"), past).await.expect("claiming works").expect("it is due");
    assert!(claim.lease_until > past + jiff::SignedDuration::from_hours(24), "not by the caller's clock");
    assert_eq!(catalog.claim(&request("fast"), future).await.expect("claiming works"), None);
    let renewal = catalog.renew(&claim, lease, past).await.expect("the claim holds");
    assert!(renewal.lease_until >= claim.lease_until && renewal.lease_until < future);
}
