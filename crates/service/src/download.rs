//! Downloads: a set as one file, by a signed link that anybody who has it may use until it expires.
//!
//! - The link names instance, file, end and the access key that it was made for; a signature covers all of it, under a
//!   key that every home with the same `secrets.key` derives. Nothing is stored, and any node answers.
//! - The answers are those of an object store: `Range`, exact lengths, and errors in its own XML, by which downloaders
//!   know a link that is no more valid.
//! - A thread of its own reads and unpacks frames; a few chunks wait between it and the connection. What is wrong with
//!   the set cuts the connection, so that no file looks whole and is not.

mod archives;
mod body;
mod link;
mod measure;
mod range;
mod refusal;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalog::{AccessKeyStatus, BackupSet, SetStatus};
use engine::Archive;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use rpc::RequestId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub(crate) use body::{Answered, DownloadBody};
pub(crate) use link::{LinkMaker, LinkedFile};
pub(crate) use measure::{measure, measure_missing};

use self::archives::Archives;
use self::link::CheckedLink;
use self::range::Asked;
use self::refusal::DownloadRefusal;
use crate::context::Context;
use crate::error_chain::error_chain;
use crate::server::ServerLimits;

/// Paths of downloads begin with this.
pub(crate) const PATH_PREFIX: &str = "/download/";

/// Form of the archives. A change of their bytes raises it, so that no two forms are put together by a client.
const ARCHIVE_FORM: u32 = 1;

/// What the downloads of a service share.
#[derive(Debug)]
pub(crate) struct Downloads {
    slots: Arc<Semaphore>,
    archives: Arc<Archives>,
    pub(crate) figures: Arc<DownloadFigures>,
}

/// What is counted of downloads.
#[derive(Debug, Default)]
pub(crate) struct DownloadFigures {
    /// Downloads, or pieces of one, that began.
    pub(crate) begun: AtomicU64,
    /// Bytes handed to connections.
    pub(crate) sent_bytes: AtomicU64,
    /// Those that were cut off because the set could not be read.
    pub(crate) cut_off: AtomicU64,
}

impl Downloads {
    /// So many at a time.
    pub(crate) fn new(downloads_max: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(downloads_max)),
            archives: Arc::default(),
            figures: Arc::default(),
        }
    }
}

/// A request for a download, as far as HTTP goes.
#[derive(Debug)]
pub(crate) struct DownloadRequest<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) request_id: RequestId,
    /// The host that was asked.
    pub(crate) host: String,
    /// Ends the connection.
    pub(crate) cut: CancellationToken,
    /// Time for the client to take a chunk, and for others to end.
    pub(crate) limits: ServerLimits,
}

/// Answers a request for a download.
pub(crate) async fn answer(context: &Arc<Context>, request: &DownloadRequest<'_>) -> Response<Answered> {
    let request_id = request.request_id;
    let mut response = match try_answer(context, request).await {
        Ok(response) => response,
        Err(refusal) => {
            let path = request.head.uri.path().chars().take(200).collect::<String>();
            refusal.log(request_id, &path);
            let body = refusal.render(request_id, &request.host, context.clock.now());
            let mut response = text_of(request, body);
            *response.status_mut() = refusal.status();
            refusal.put_headers(response.headers_mut());
            response
        }
    };
    let id = HeaderValue::from_str(&request_id.to_string()).expect("a UUID is plain ASCII");
    response.headers_mut().insert(HeaderName::from_static("x-oss-request-id"), id);
    response
}

/// An answer in XML; to HEAD only its length.
fn text_of(request: &DownloadRequest<'_>, body: String) -> Response<Answered> {
    let length = HeaderValue::from(body.len());
    let shown = if request.head.method == Method::HEAD { String::new() } else { body };
    let mut response = Response::new(Answered::Text(Full::new(Bytes::from(shown))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

async fn try_answer(
    context: &Arc<Context>,
    request: &DownloadRequest<'_>,
) -> Result<Response<Answered>, DownloadRefusal> {
    let head = request.head;
    let link = CheckedLink::check(&context.links, head.uri.path(), head.uri.query(), context.clock.now())?;
    refuse_disabled_key(context, &link).await?;
    let set = living_set(context, &link).await?;
    let bytes = set.download_bytes.ok_or_else(|| DownloadRefusal::NoSuchKey { key: link.file.to_owned() })?;
    let etag = format!("\"{}-{ARCHIVE_FORM}\"", set.attempt);
    let modified = http_date(set.ended);
    let asked = match head.headers.get(RANGE).filter(|_| range_counts(head, &etag, &modified)) {
        None => Asked::Whole,
        Some(range) => Asked::parse(range.as_bytes(), bytes)
            .ok_or_else(|| DownloadRefusal::InvalidRange { bytes, asked: lossy(range) })?,
    };
    let (status, range) = match asked {
        Asked::Whole => (StatusCode::OK, 0..bytes),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
    };
    let length = range.end - range.start;
    let body = if head.method == Method::HEAD {
        Answered::Text(Full::default())
    } else {
        let (archive, slot) = ready_archive(context, request, &set, bytes).await?;
        tracing::info!(
            request_id = %request.request_id, instance = %set.origin.instance, set = %set.origin.id,
            key = link.key.as_deref().unwrap_or("-"), start = range.start, bytes = length, "a download begins"
        );
        context.downloads.figures.begun.fetch_add(1, Ordering::Relaxed);
        Answered::Stream(stream::start(context, request, archive, range.clone(), slot)?)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let value = |text: String| HeaderValue::from_str(&text).expect("plain ASCII");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, value(etag));
    headers.insert(LAST_MODIFIED, value(modified));
    headers.insert(CONTENT_DISPOSITION, value(format!("attachment; filename=\"{}\"", link.file)));
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, value(format!("bytes {}-{}/{bytes}", range.start, range.end - 1)));
    }
    Ok(response)
}

/// A key that was disabled takes the links with it that it was given.
async fn refuse_disabled_key(context: &Context, link: &CheckedLink<'_>) -> Result<(), DownloadRefusal> {
    let Some(key) = &link.key else { return Ok(()) };
    let found =
        context.catalog.find_access_key(key).await.map_err(|error| DownloadRefusal::catalog(&error))?;
    match found.map(|found| found.status) {
        Some(AccessKeyStatus::Active) => Ok(()),
        Some(AccessKeyStatus::Disabled) | None => Err(DownloadRefusal::InvalidAccessKeyId),
    }
}

async fn living_set(context: &Context, link: &CheckedLink<'_>) -> Result<BackupSet, DownloadRefusal> {
    let found = context.catalog.find_set(link.set).await.map_err(|error| DownloadRefusal::catalog(&error))?;
    found
        .filter(|set| {
            set.origin.instance == link.instance
                && set.tombstoned.is_none()
                && set.status == SetStatus::Success
        })
        .ok_or_else(|| DownloadRefusal::NoSuchKey { key: link.file.to_owned() })
}

/// The archive, once it may be read.
async fn ready_archive(
    context: &Arc<Context>,
    request: &DownloadRequest<'_>,
    set: &BackupSet,
    bytes: u64,
) -> Result<(Arc<Archive>, OwnedSemaphorePermit), DownloadRefusal> {
    let downloads = &context.downloads;
    let slot = Arc::clone(&downloads.slots).acquire_owned();
    let slot = tokio::time::timeout(request.limits.download_wait, slot).await;
    let slot = slot.map_err(|_| DownloadRefusal::Busy)?.expect("the semaphore is never closed");
    let (shared, archives, wanted) = (Arc::clone(context), Arc::clone(&downloads.archives), set.clone());
    let opened = tokio::task::spawn_blocking(move || archives.open(&shared, &wanted)).await;
    let archive = opened.map_err(|error| DownloadRefusal::Internal(error.to_string()))?;
    let archive = archive.map_err(|error| DownloadRefusal::Internal(error_chain(&error)))?;
    if archive.bytes() != bytes {
        let has = archive.bytes();
        return Err(DownloadRefusal::Internal(format!(
            "the archive has {has} bytes and {bytes} were announced"
        )));
    }
    Ok((archive, slot))
}

/// Whether a `Range` is to be obeyed: without `If-Range`, or where that names what is still here.
fn range_counts(head: &Parts, etag: &str, modified: &str) -> bool {
    head.headers.get(IF_RANGE).is_none_or(|value| value == etag || value == modified)
}

fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect()
}
