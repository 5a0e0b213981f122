//! scratch
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use rpc::{SigningRequest, sign_v3};
use service::*;
fn bytes(s: &rpc::SignedRequest) -> Vec<u8> {
    let mut b = format!("{} {} HTTP/1.1\r\n", s.method, s.target).into_bytes();
    for (n, v) in &s.headers { b.extend_from_slice(format!("{n}: {v}\r\n").as_bytes()); }
    b.extend_from_slice(b"content-length: 0\r\n\r\n");
    b
}
fn blast(addr: std::net::SocketAddr, reqs: Vec<Vec<Vec<u8>>>, ok: &'static str) -> f64 {
    let n: usize = reqs.iter().map(Vec::len).sum();
    let t = Instant::now();
    let hs: Vec<_> = reqs.into_iter().map(|rs| std::thread::spawn(move || {
        let mut s = TcpStream::connect(addr).unwrap();
        s.set_nodelay(true).unwrap();
        let mut buf = vec![0; 8192];
        for r in &rs {
            s.write_all(r).unwrap();
            let k = s.read(&mut buf).unwrap();
            assert!(std::str::from_utf8(&buf[..k]).unwrap().contains(ok), "{}", String::from_utf8_lossy(&buf[..k]));
        }
    })).collect();
    for h in hs { h.join().unwrap(); }
    n as f64 / t.elapsed().as_secs_f64()
}
fn main() {
    let dir = tempfile::tempdir().unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let home = dir.path().join("home");
    let rep = rt.block_on(init(InitOptions::new(&home), |_| None, SystemClock::shared())).unwrap();
    let key = rep.new_access_key.unwrap();
    let instances = 1000; let per = 20;
    let cat = rt.block_on(catalog::Catalog::open(&rep.home.catalog_url())).unwrap();
    let now = SystemClock.now();
    let mut ids = vec![];
    rt.block_on(async {
        let repo = repository::RepositoryId::random();
        let mut c = cat.change(now).await.unwrap();
        for i in 0..instances {
            let id: repository::InstanceId = format!("pg-{i}").parse().unwrap();
            c.register_instance(catalog::NewInstance { id: id.clone(), engine: catalog::EngineKind::Postgresql, engine_version: None, host: "h".into(), port: 5432, user: "u".into(), sealed_password: None, ssl_mode: catalog::SslMode::Prefer, ca_certificate: None, data_directory: None, description: None }).await.unwrap();
            for _ in 0..per {
                let j = c.enqueue_backup(catalog::NewBackupJob { instance: id.clone(), repository: repo, mode: catalog::BackupMode::Manual, parameters: serde_json::json!({}), due: now }).await.unwrap();
                ids.push((id.to_string(), j.to_string()));
                c.cancel_job(j).await.unwrap();
            }
        }
        c.commit().await.unwrap();
    });
    drop(cat);
    let mut o = ServeOptions::new(Home::open(&home).unwrap(), |n| (n == "BACKSTOP_LISTEN").then(|| "127.0.0.1:0".into())).unwrap();
    o.roles.worker = false;
    let s = rt.block_on(start(o)).unwrap();
    let addr = s.address().unwrap();
    let host = addr.to_string();
    let mut nonce = 0u64;
    for conns in [4usize, 16] {
        for round in 0..2 {
            let n = 40_000 / conns;
            let h: Vec<Vec<Vec<u8>>> = (0..conns).map(|_| vec![format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\n\r\n").into_bytes(); n]).collect();
            let a = blast(addr, h, "200 OK");
            let d: Vec<Vec<Vec<u8>>> = (0..conns).map(|k| (0..n).map(|i| {
                nonce += 1;
                let (id, j) = &ids[(i * 7919 + k * 31) % ids.len()];
                bytes(&sign_v3(&SigningRequest { host: &host, action: "DescribeBackupTasks", query: &[("DBInstanceId", id), ("BackupJobId", j)], form: &[], access_key_id: &key.access_key_id, secret: &key.access_key_secret, security_token: None, nonce: &format!("n{nonce}xxxxxxxxxxxxxxxxxxxxxxxxxxxx"), now: SystemClock.now() }))
            }).collect()).collect();
            let b = blast(addr, d, "\"BackupJob\":[{");
            println!("conns {conns} round {round}: healthz {a:.0}/s, describe {b:.0}/s, ratio {:.3}", b / a);
        }
    }
    rt.block_on(s.shutdown());
}
