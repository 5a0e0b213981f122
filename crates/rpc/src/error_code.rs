//! Every error code that the API answers, once: code, HTTP status, message, cause and remedy.
//!
//! A code is never reused or renamed. `{Param}` in a code or message stands for a parameter's name, so that
//! one row describes a family such as `MissingDBInstanceId`. The error centre and the reference page are
//! generated from this table; the mapping of other crates' errors into it is the service's.

/// Whether sending the same request again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will be refused again.
    Never,
    /// The condition passes by itself.
    Later,
    /// Somebody has to change something first: a key, a setting, a server.
    AfterOperator,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct ErrorSpec {
    /// The code on the wire, `{Param}` standing for a parameter's name.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The message on the wire, with its placeholders.
    pub message: &'static str,
    /// What brings it about.
    pub cause: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Whether the same request can succeed.
    pub retry: Retry,
}

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $status:literal, $retry:ident, $message:literal,
        cause: $cause:literal, remedy: $remedy:literal;)+) => {
        /// A row of the error table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $code, "`, HTTP ", stringify!($status), ": ", $cause)] $variant,)+
        }

        impl ErrorCode {
            /// All rows, in the table's order.
            pub const ALL: &'static [ErrorCode] = &[$(Self::$variant),+];

            /// What the table says of this code.
            pub const fn spec(self) -> &'static ErrorSpec {
                match self {
                    $(Self::$variant => &ErrorSpec {
                        code: $code, status: $status, message: $message,
                        cause: $cause, remedy: $remedy, retry: Retry::$retry,
                    },)+
                }
            }
        }
    };
}

error_codes! {
    // The gateway: transport, identity, signature.
    UnsupportedHttpMethod = "UnsupportedHTTPMethod", 400, Never, "This http method is not supported.",
        cause: "The request is neither GET nor POST.",
        remedy: "Send the call as GET or POST.";
    RequestTooLarge = "RequestTooLarge", 413, Never,
        "The request is larger than this service accepts: {Reason}.",
        cause: "Target, headers, body, a value or the number of parameters is over its limit.",
        remedy: "Send fewer or shorter parameters; the message names the limit.";
    RequestTimeout = "RequestTimeout", 408, Later, "The request was not received within the time allowed.",
        cause: "Headers or body arrived too slowly, or the connection stalled.",
        remedy: "Send the request again; if it recurs, look at the network or proxy between client and \
                 service.";
    MalformedRequest = "InvalidRequest.Malformed", 400, Never, "The request is not well formed: {Reason}.",
        cause: "The bytes received are not an HTTP request that this service understands.",
        remedy: "Send the call with an HTTP client or one of the SDKs.";
    InvalidParameter = "InvalidParameter", 400, Never, "The specified parameter is not valid: {Reason}.",
        cause: "A parameter or header occurs twice, or is not UTF-8.",
        remedy: "Send each name once, encoded as UTF-8 and percent-encoded.";
    InvalidParameterFormat = "InvalidParameter.Format", 400, Never,
        "The specified parameter \"Format\" is not valid.",
        cause: "`Format` is neither JSON nor XML.",
        remedy: "Use `Format=JSON` or `Format=XML`, in either case.";
    MissingParam = "Missing{Param}", 400, Never, "{Param} is mandatory for this action.",
        cause: "A parameter that the call needs is absent or empty.",
        remedy: "Send the parameter that the message names.";
    InvalidSignatureMethod = "InvalidSignatureMethod", 400, Never,
        "Specified signature method is not valid.",
        cause: "The signature algorithm is not HMAC-SHA1 (V1), ACS3-HMAC-SHA256 or ACS3-HMAC-SM3 (V3).",
        remedy: "Use an access key with one of these algorithms; RSA key pairs are not served.";
    InvalidSignatureVersion = "InvalidSignatureVersion", 400, Never,
        "Specified signature version is not valid.",
        cause: "`SignatureVersion` is not 1.0.",
        remedy: "Send `SignatureVersion=1.0`, or sign with ACS3 headers.";
    InvalidSignatureNonce = "InvalidSignatureNonce", 400, Never, "Specified signature nonce is not valid.",
        cause: "The nonce is longer than 256 bytes or has control characters.",
        remedy: "Use a UUID or 32 hexadecimal digits.";
    InvalidTimeStampFormat = "InvalidTimeStamp.Format", 400, Never,
        "Specified time stamp or date value is not well formatted.",
        cause: "`Timestamp` or `x-acs-date` is not of the form yyyy-MM-ddTHH:mm:ssZ.",
        remedy: "Send the time in UTC, to the second, with a literal Z.";
    InvalidTimeStampExpired = "InvalidTimeStamp.Expired", 400, AfterOperator,
        "Specified time stamp or date value is expired.",
        cause: "The request's time differs from the service's clock by more than 15 minutes.",
        remedy: "Set the clocks of client and service (NTP), and sign each request when it is sent.";
    InvalidAccessKeyIdNotFound = "InvalidAccessKeyId.NotFound", 404, AfterOperator,
        "Specified access key is not found.",
        cause: "This service knows no access key of that id.",
        remedy: "Check the id with `backstop accesskey list`; make a key with `backstop accesskey create`.";
    InvalidAccessKeyIdInactive = "InvalidAccessKeyId.Inactive", 400, AfterOperator,
        "Specified access key is disabled.",
        cause: "The access key was disabled.",
        remedy: "Use another key, or ask an administrator for a new one.";
    SignatureDoesNotMatchV1 = "SignatureDoesNotMatch", 400, AfterOperator,
        "Specified signature is not matched with our calculation. server string to sign is:{StringToSign}",
        cause: "The V1 signature was made with another secret or of another string.",
        remedy: "Compare the string to sign with yours: equal means that the secret is wrong, else the \
                 parameters were changed or encoded differently on the way.";
    SignatureDoesNotMatchV3 = "SignatureDoesNotMatch", 400, AfterOperator,
        "Specified signature does not match our calculation.{Reason}",
        cause: "The V3 signature was made with another secret or of another request, or the body's hash \
                differs.",
        remedy: "Compare the canonical request with yours: equal means that the secret is wrong; a \
                 differing host means that a proxy rewrote it.";
    IncompleteSignature = "IncompleteSignature", 400, Never,
        "The request signature does not conform to Aliyun standards. {Reason}",
        cause: "The Authorization header lacks a part, or SignedHeaders leaves out a header that must be \
                signed.",
        remedy: "Sign host and every x-acs header, and content-type when there is a body; the SDKs do.";
    SignatureNonceUsed = "SignatureNonceUsed", 400, Never, "Specified signature nonce was used already.",
        cause: "A request with this nonce and access key was already accepted.",
        remedy: "Make a new nonce and sign again for every request, also for a retry.";
    InvalidSecurityTokenMalformed = "InvalidSecurityToken.Malformed", 400, AfterOperator,
        "Specified SecurityToken is malformed.",
        cause: "The security token is not one that this service issued.",
        remedy: "Use the token exactly as issued, or a permanent key without a token.";
    InvalidSecurityTokenExpired = "InvalidSecurityToken.Expired", 400, AfterOperator,
        "Specified SecurityToken is expired.",
        cause: "The temporary credentials have run out.",
        remedy: "Ask for new ones: `backstop accesskey create --temporary`.";
    InvalidSecurityTokenMismatch = "InvalidSecurityToken.MismatchWithAccessKey", 400, AfterOperator,
        "Specified SecurityToken mismatch with the AccessKey.",
        cause: "The security token belongs to another access key.",
        remedy: "Use key id, secret and token of the same issue.";
    InvalidBearerToken = "InvalidBearerToken", 400, AfterOperator, "Specified BearerToken is not valid.",
        cause: "The bearer token is unknown, disabled or expired.",
        remedy: "Ask for a new one: `backstop accesskey create --bearer`.";
    InvalidActionNotFound = "InvalidAction.NotFound", 404, Never,
        "Specified api is not found, please check your url and method.",
        cause: "There is no operation of that name here, or the path is not `/`.",
        remedy: "Check spelling and case of `Action`; operations are called at `/`.";
    InvalidVersion = "InvalidVersion", 400, Never, "Specified parameter Version is not valid.",
        cause: "The API version is not 2014-08-15.",
        remedy: "Send `Version=2014-08-15` or `x-acs-version: 2014-08-15`.";
    InvalidProtocolNeedSsl = "InvalidProtocol.NeedSsl", 400, Never,
        "Your request is denied as lack of ssl protect.",
        cause: "The service speaks HTTPS at this port, and the request came as plain HTTP.",
        remedy: "Call the address that begins with https://; the SDKs do unless `protocol` says otherwise.";
    ForbiddenRam = "Forbidden.RAM", 403, AfterOperator,
        "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
        cause: "The access key's role or its list of instances does not allow this.",
        remedy: "Use a key with the role that the operation needs; AccessDeniedDetail names the action.";
    ThrottlingUser = "Throttling.User", 400, Later, "Request was denied due to user flow control.",
        cause: "This access key sends more requests than the service allows.",
        remedy: "Wait a little and send fewer requests at a time.";
    ThrottlingApi = "Throttling.Api", 400, Later, "Request was denied due to api flow control.",
        cause: "This operation is called more often than the service allows.",
        remedy: "Wait a little and poll less often.";
    Throttling = "Throttling", 400, Later, "Request was denied due to request throttling.",
        cause: "The service receives more requests than it allows.",
        remedy: "Wait a little and send the request again.";
    ServiceUnavailable = "ServiceUnavailable", 503, Later,
        "The request has failed due to a temporary failure of the server.",
        cause: "The service is starting, stopping or cannot reach its catalog.",
        remedy: "Send the request again; if it recurs, run `backstop doctor`.";
    InternalError = "InternalError", 500, AfterOperator,
        "The request processing has failed due to some unknown error.",
        cause: "A fault of the service; its log has the cause under this RequestId.",
        remedy: "Look for the RequestId in the service's log, and report it.";

    // Families over parameters.
    ParamValueNotSupport = "Invalid{Param}.ValueNotSupport", 400, Never,
        "The specified parameter \"{Param}\" is not valid.",
        cause: "The value is not one of those that the parameter takes.",
        remedy: "Use one of the values listed with the operation; they are case-sensitive.";
    ParamMalformed = "Invalid{Param}.Malformed", 400, Never,
        "The specified parameter \"{Param}\" is not well formed: {Reason}.",
        cause: "The value is not of the parameter's type, or outside its limits.",
        remedy: "Correct the value; the message names what is expected.";
    ParamFormat = "Invalid{Param}.Format", 400, Never,
        "The specified parameter \"{Param}\" is not a valid time.",
        cause: "The value is not of the form yyyy-MM-ddTHH:mmZ or yyyy-MM-ddTHH:mm:ssZ.",
        remedy: "Send the time in UTC with a literal Z.";
    InvalidStartTimeFormat = "InvalidStartTime.Format", 400, Never, "Specified start time is not valid.",
        cause: "`StartTime` is not of the form yyyy-MM-ddTHH:mmZ or yyyy-MM-ddTHH:mm:ssZ.",
        remedy: "Send the time in UTC with a literal Z.";
    InvalidEndTimeFormat = "InvalidEndTime.Format", 400, Never, "Specified end time is not valid.",
        cause: "`EndTime` is not of the form yyyy-MM-ddTHH:mmZ or yyyy-MM-ddTHH:mm:ssZ.",
        remedy: "Send the time in UTC with a literal Z.";
    InvalidParameterCombination = "InvalidParameterCombination", 400, Never,
        "The end time must be greater than the start time",
        cause: "Two parameters contradict each other, such as an end that is not after its start.",
        remedy: "Correct one of the two; the message says which rule they break.";
    InvalidPageNumbers = "InvalidPageNumbers.Malformed", 400, Never, "Specified page number is not valid.",
        cause: "`PageNumber` is not a whole number from 1.",
        remedy: "Pages are numbered from 1.";
    InvalidMaxRecordsPerPage = "InvalidMaxRecordsPerPage.Malformed", 403, Never,
        "Specified record number is not valid.",
        cause: "`PageSize` is not a whole number from 1 to the most that the operation lists at once.",
        remedy: "Use 30, 50 or 100.";
    IdempotentParameterMismatch = "IdempotentParameterMismatch", 400, Never,
        "Request uses a client token in a previous request but is not identical to that request.",
        cause: "The same ClientToken was used with other parameters.",
        remedy: "Use a new ClientToken for a new request.";
    LastTokenProcessing = "LastTokenProcessing", 403, Later,
        "The last request with the same client token is still being processed.",
        cause: "An earlier request with the same ClientToken has not ended.",
        remedy: "Wait and send the same request again: it will get the first one's answer.";

    // Instances.
    InvalidDBInstanceIdNotFound = "InvalidDBInstanceId.NotFound", 404, AfterOperator,
        "DBInstanceIdentifier does not refer to an existing DB instance.",
        cause: "No instance of that id is registered, or this key may not see it.",
        remedy: "List the instances with DescribeDBInstances or `backstop instance list`; register it \
                 first.";
    InvalidDBInstanceNameNotFound = "InvalidDBInstanceName.NotFound", 404, AfterOperator,
        "The database instance does not exist.",
        cause: "No instance of that id is registered, or this key may not see it.",
        remedy: "List the instances with DescribeDBInstances or `backstop instance list`.";
    InvalidDBInstanceIdDuplicate = "InvalidDBInstanceId.Duplicate", 400, Never,
        "A DB instance with the specified DBInstanceId is already registered.",
        cause: "The id is taken by an instance with other settings.",
        remedy: "Choose another id, or deregister the instance first.";
    OperationDeniedDBInstanceStatus = "OperationDenied.DBInstanceStatus", 403, Later,
        "The operation is not permitted due to status of instance.",
        cause: "The instance is not Running.",
        remedy: "Wait until DescribeDBInstanceAttribute shows Running.";
    IncorrectDBInstanceState = "IncorrectDBInstanceState", 403, Later,
        "Current DB instance state does not support this operation.",
        cause: "The instance is busy with something that excludes this operation.",
        remedy: "Wait until it has ended.";
    IncorrectDBInstanceEngine = "IncorrectDBInstanceEngine", 403, Never,
        "Current DB instance engine does not support this operation.",
        cause: "The operation, method or strategy is not available for this kind of database.",
        remedy: "See the operation's documentation for what the engine supports.";
    OperationDeniedDBInstanceUnreachable = "OperationDenied.DBInstanceUnreachable", 403, AfterOperator,
        "The database server cannot be used: {Reason}.",
        cause: "The server could not be reached, refused the login, or lacks a privilege that a backup \
                needs.",
        remedy: "Correct what the message names, then start the backup again; `backstop doctor` and \
                 registering the same settings again test the connection.";
    OperationDeniedBackupJobRunning = "OperationDenied.BackupJobRunning", 403, Later,
        "The operation is not permitted while a backup job of the instance is running.",
        cause: "A backup job of the instance has not ended.",
        remedy: "Wait for the job, or cancel it with CancelBackupJob.";

    OperationDeniedNotSupported = "OperationDenied.NotSupported", 403, Never,
        "The operation is not supported: {Reason}.",
        cause: "The API has the operation, but this service does not do it.",
        remedy: "Use what the message names instead.";
    NumberExceedTags = "NumberExceed.Tags", 400, Never,
        "The number of tags of an instance exceeds the limit of 20.",
        cause: "An instance would have more than 20 tags.",
        remedy: "Remove tags with UntagResources first.";

    // Backup jobs and sets.
    BackupJobExists = "BackupJobExists", 400, Later,
        "A backup job already exists in the specified DB instance.",
        cause: "The instance has a backup job that has not ended.",
        remedy: "Watch it with DescribeBackupTasks and ask again when it has ended, or cancel it.";
    BackupTimesExceeded = "BackupTimesExceeded", 400, Later,
        "The number of backups of the DB instance exceeds the daily limit.",
        cause: "The instance has had as many backups today as the service allows.",
        remedy: "Wait until tomorrow, or delete what is not needed.";
    BackupTypeNotSupport = "BackupType.NotSupport", 400, Never, "the specified backup type not support",
        cause: "`BackupType` is neither Auto nor FullBackup.",
        remedy: "Leave it out, or use Auto or FullBackup.";
    InvalidBackupJobIdNotFound = "InvalidBackupJobId.NotFound", 404, Never,
        "Specified backup job ID does not exist.",
        cause: "There is no backup job of that id, or this key may not see its instance.",
        remedy: "List the jobs with DescribeBackupJobs or `backstop task list`.";
    IncorrectBackupJobState = "IncorrectBackupJobState", 403, Never,
        "Current backup job state does not support this operation.",
        cause: "The job has already ended: it is Finished or Failed.",
        remedy: "Nothing is left to cancel; DescribeBackupJobs shows how it ended.";
    InvalidBackupSetIdNotFound = "InvalidBackupSetID.NotFound", 404, Never,
        "Specified backup set ID does not exist.",
        cause: "There is no backup set of that id in this instance, or it was deleted.",
        remedy: "List the sets with DescribeBackups.";
    InvalidBackupRetentionPeriod = "InvalidBackupRetentionPeriod.Malformed", 400, Never,
        "The specified backup retention period is invalid.",
        cause: "`BackupRetentionPeriod` is not a whole number of days from 7 to 730.",
        remedy: "Use 7 to 730; CreateBackup also takes -1, for ever.";
    InvalidLogBackupFrequency = "InvalidLogBackupFrequency.Malformed", 400, Never,
        "Invalid log backup frequency.",
        cause: "`LogBackupFrequency` is neither LogInterval nor empty.",
        remedy: "Use LogInterval, or leave it out.";
    InvalidReleasedKeepPolicy = "InvalidReleasedKeepPolicy.Format", 400, Never,
        "The specified released keep policy is invalid.",
        cause: "`ReleasedKeepPolicy` is none of None, Lastest and All.",
        remedy: "Use one of these; Lastest is spelled so.";
    IncorrectBackupPolicy = "IncorrectBackupPolicy", 400, Never, "The backup policy is incorrect: {Reason}.",
        cause: "Settings of the policy contradict each other.",
        remedy: "Change what the message names.";
    IncorrectCategory = "IncorrectCategory", 403, Never, "The specified category is incorrect.",
        cause: "`Category` is none that the API knows.",
        remedy: "Leave it out: it has no effect here.";
    OperationDeniedNotSupportedBackupMethod = "OperationDenied.NotSupportedBackupMethod", 403, Never,
        "The specified backup method is not supported.",
        cause: "Scheduled backups read the server's files; there are no snapshots and no scheduled dumps.",
        remedy: "Use `BackupMethod=Physical`, or leave it out.";
    OperationDeniedBackupInUse = "OperationDenied.BackupInUse", 403, Later,
        "The backup set is in use and cannot be deleted: {Reason}.",
        cause: "A restore, a drill, a running backup or a promised recovery window needs the set.",
        remedy: "Wait until that has ended; StoreStatus is Enabled when the set may be deleted.";
    OperationDeniedSpace = "OperationDenied.SpaceNotEnough", 403, AfterOperator,
        "The operation is not permitted because free space is below the floor: {Reason}.",
        cause: "Repository or home have less free space than `free_space_floor_bytes`.",
        remedy: "Free or add space, or shorten the retention period.";
}

impl ErrorCode {
    /// The row that a code on the wire belongs to, and the name that stands for `{Param}` in it.
    ///
    /// A row that names the code whole goes before a family; `None` for a code that we never answer.
    pub fn find(code: &str) -> Option<(Self, Option<&str>)> {
        let whole = Self::ALL.iter().find(|row| row.spec().code == code);
        if let Some(row) = whole {
            return Some((*row, None));
        }
        Self::ALL.iter().find_map(|row| {
            let (before, after) = row.spec().code.split_once("{Param}")?;
            let name = code.strip_prefix(before)?.strip_suffix(after)?;
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_name.then_some((*row, Some(name)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        for row in ErrorCode::ALL {
            let spec = row.spec();
            for text in [spec.message, spec.cause, spec.remedy] {
                assert!(!text.trim().is_empty(), "{}", spec.code);
            }
            assert!((400..600).contains(&spec.status), "{}", spec.code);
            assert!(spec.cause.ends_with('.') && spec.remedy.ends_with('.'), "{}", spec.code);
        }
    }

    #[test]
    fn a_code_has_one_row_but_for_the_two_signature_versions() {
        let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|row| row.spec().code).collect();
        codes.sort_unstable();
        let doubled: Vec<_> =
            codes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        assert_eq!(doubled, ["SignatureDoesNotMatch"]);
    }

    #[test]
    fn a_code_on_the_wire_leads_to_its_row() {
        #[track_caller]
        fn check(code: &str, expect: Option<(ErrorCode, Option<&str>)>) {
            assert_eq!(ErrorCode::find(code), expect, "{code}");
        }
        check("BackupJobExists", Some((ErrorCode::BackupJobExists, None)));
        check("MissingDBInstanceId", Some((ErrorCode::MissingParam, Some("DBInstanceId"))));
        check(
            "InvalidBackupMode.ValueNotSupport",
            Some((ErrorCode::ParamValueNotSupport, Some("BackupMode"))),
        );
        check("InvalidStartTime.Format", Some((ErrorCode::InvalidStartTimeFormat, None)));
        check("InvalidParameter.Format", Some((ErrorCode::InvalidParameterFormat, None)));
        check("Missing", None);
        check("Nonsense", None);
    }
}
