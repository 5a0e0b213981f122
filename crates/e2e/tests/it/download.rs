//! Sets downloaded by their links, by hand and by programs that others wrote, unpacked, started and compared.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::{Access, Backstop, Restored, Source, Turn, client_driver, difference};
use serde_json::Value;
use testkit::postgres::{Cluster, Installation};
use testkit::process::run;

/// Bytes taken before the connection of a download is dropped.
const TAKEN_BEFORE_THE_BREAK: u64 = 5_000_000;

/// One answer to a request for a download, read up to its body.
struct Answer {
    head: String,
    stream: TcpStream,
}

impl Answer {
    fn of(url: &str, headers: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("no link: {url:?}"))?;
        let (host, target) = rest.split_at(rest.find('/').context("a path")?);
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).context("read the head of an answer")?;
            head.push(byte[0]);
        }
        Ok(Self { head: String::from_utf8(head)?, stream })
    }

    fn header(&self, name: &str) -> Result<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value).with_context(|| format!("no {name}: {}", self.head))
    }

    fn length(&self) -> Result<u64> {
        Ok(self.header("content-length")?.parse()?)
    }

    /// Appends so many bytes of the body to a file.
    fn append(&mut self, bytes: u64, file: &mut File) -> Result<()> {
        let copied = std::io::copy(&mut Read::by_ref(&mut self.stream).take(bytes), file)?;
        ensure!(copied == bytes, "the body ends after {copied} of {bytes} bytes");
        Ok(())
    }
}

/// The newest set, as DescribeBackups lists it.
fn newest(backstop: &Backstop) -> Result<Value> {
    let listed = backstop.call("DescribeBackups", &[("DBInstanceId", "orders")])?;
    Ok(listed["Items"]["Backup"][0].clone())
}

/// Downloads as a careful client does: the connection breaks in the middle, and it goes on from there.
fn download(backstop: &Backstop, file: &Path) -> Result<()> {
    let row = newest(backstop)?;
    let url = row["BackupDownloadURL"].as_str().context("a link")?;
    let mut first = Answer::of(url, "")?;
    ensure!(first.head.starts_with("HTTP/1.1 200 "), "{}", first.head);
    let bytes = first.length()?;
    ensure!(row["BackupSize"] == bytes, "listed as {}, but it has {bytes}", row["BackupSize"]);
    let mut out = File::create_new(file)?;
    first.append(TAKEN_BEFORE_THE_BREAK, &mut out)?;
    first.stream.shutdown(Shutdown::Both)?;
    let etag = first.header("etag")?.to_owned();
    drop(first);
    let mut done = TAKEN_BEFORE_THE_BREAK;
    while done < bytes {
        // In pieces that end nowhere in particular, the last one open.
        let end = done + 11_111_111;
        let range = if end < bytes { format!("{done}-{}", end - 1) } else { format!("{done}-") };
        let mut piece = Answer::of(url, &format!("Range: bytes={range}\r\nIf-Range: {etag}\r\n"))?;
        ensure!(piece.head.starts_with("HTTP/1.1 206 "), "{}", piece.head);
        let length = piece.length()?;
        piece.append(length, &mut out)?;
        done += length;
    }
    ensure!(done == bytes, "{done} bytes came, {bytes} were announced");
    Ok(())
}

/// Unpacks as a user would: a folder, and `tar xf` in it.
fn unpack(file: &Path, target: &Path) -> Result<()> {
    fs::create_dir(target)?;
    run(Command::new("tar").arg("xf").arg(file).current_dir(target)).map(drop)
}

fn source() -> Result<Source> {
    let source = Source::start(Cluster::builder(&Installation::find(15)?), Access::Peer)?;
    source.fill(1)?;
    let elsewhere = source.cluster.directory("tablespace")?;
    for sql in [
        &format!("CREATE TABLESPACE fast LOCATION '{}'", elsewhere.display()),
        "CREATE TABLE placed TABLESPACE fast AS SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n",
    ] {
        source.cluster.psql(sql)?;
    }
    Ok(source)
}

fn served(name: &str, source: &Source) -> Result<Backstop> {
    let mut backstop = Backstop::init(name)?;
    backstop.serve()?;
    backstop.register("orders", source)?;
    Ok(backstop)
}

fn ensure_equal(source: &Source, data: &Path) -> Result<()> {
    let restored = Restored::start(&Installation::find(15)?, data, &[])?;
    let differences = difference(&source.cluster, &restored)?;
    ensure!(differences.is_empty(), "{differences:?}");
    ensure!(restored.psql("SELECT count(*) FROM placed")? == "5000");
    Ok(())
}

#[test]
fn a_download_that_broke_off_is_gone_on_with_and_starts_as_its_source() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = source()?;
    let backstop = served("download-resumed", &source)?;
    backstop.back_up("orders")?;
    // The second set refers to frames of the first.
    source.cluster.psql("UPDATE placed SET md5 = 'changed' WHERE n % 50 = 0")?;
    backstop.back_up("orders")?;
    let (file, target) = (backstop.place("set.tar"), backstop.place("unpacked"));
    download(&backstop, &file)?;
    unpack(&file, &target)?;
    ensure_equal(&source, &target)
}

#[test]
fn a_download_goes_on_over_a_restart_of_the_service() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = source()?;
    let mut backstop = served("download-restart", &source)?;
    backstop.back_up("orders")?;
    let row = newest(&backstop)?;
    let url = row["BackupDownloadURL"].as_str().context("a link")?.to_owned();
    let file = backstop.place("set.tar");
    let mut out = File::create_new(&file)?;
    let mut first = Answer::of(&url, "")?;
    first.append(TAKEN_BEFORE_THE_BREAK, &mut out)?;
    backstop.kill9()?;
    backstop.serve()?;
    // The port is another one now; what is signed is the path.
    let path = url.split_at(url.find("/download/").context("a path")?).1;
    let url = format!("http://{}{path}", backstop.address()?);
    let mut rest = Answer::of(&url, &format!("Range: bytes={TAKEN_BEFORE_THE_BREAK}-\r\n"))?;
    let length = rest.length()?;
    rest.append(length, &mut out)?;
    let target = backstop.place("unpacked");
    unpack(&file, &target)?;
    ensure_equal(&source, &target)
}

/// Runs a driver of a whole program, and answers what it printed.
fn drive(backstop: &Backstop, driver: &str, own: &[&str]) -> Result<Value> {
    let key = backstop.key();
    let mut command = client_driver("py-tools", driver)?;
    command.args(["--endpoint", backstop.address()?, "--key", &key.id, "--secret", &key.secret]);
    command.args(["--instance", "orders"]).args(own);
    let output = command.output().context("start the driver")?;
    let line = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{driver}: {line}\n{errors}\n{}", backstop.log_tail());
    }
    serde_json::from_str(&line).with_context(|| format!("{driver} printed {line:?}"))
}

#[test]
fn aliyun_rds_bkp_downloads_what_is_listed_and_that_restores() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = source()?;
    let backstop = served("download-rds-bkp", &source)?;
    backstop.back_up("orders")?;
    let row = newest(&backstop)?;
    for network in ["internet", "intranet"] {
        let into = backstop.place(network);
        fs::create_dir(&into)?;
        let folder = into.to_str().context("UTF-8")?;
        let seen =
            drive(&backstop, "rds_bkp.py", &["--into", folder, "--network", network, "--logs", "yes"])?;
        let files = seen["files"].as_array().context("a list")?;
        ensure!(files.len() == 1, "{seen}");
        ensure!(files[0]["bytes"] == row["BackupSize"] && files[0]["listed"] == row["BackupSize"], "{seen}");
        let path = Path::new(files[0]["path"].as_str().context("a path")?);
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        let set = row["BackupId"].as_str().context("an id")?;
        ensure!(name.starts_with("1.hins1_data_") && name.ends_with(&format!("_{set}.tar")), "{name}");
        let target = backstop.place(&format!("unpacked-{network}"));
        unpack(path, &target)?;
        ensure_equal(&source, &target)?;
    }
    Ok(())
}

#[test]
fn footmark_lists_and_deletes() -> Result<()> {
    let _turn = Turn::wait()?;
    let source = source()?;
    let backstop = served("download-footmark", &source)?;
    let (first, second) = (backstop.back_up("orders")?, backstop.back_up("orders")?);
    let seen = drive(&backstop, "footmark_rds.py", &[])?;
    let ids = |sets: &Value| {
        let sets = sets.as_array().into_iter().flatten();
        sets.map(|set| set["backup_id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    ensure!(ids(&seen["before"]) == [second, first.clone()], "{seen}");
    ensure!(ids(&seen["after"]) == [first.clone()], "{seen}");
    ensure!(newest(&backstop)?["BackupId"] == first.as_str());
    Ok(())
}
