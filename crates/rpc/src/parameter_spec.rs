//! What an operation says of one parameter: name, type, limits, meaning.

use crate::ErrorCode;

/// Names that every operation accepts and none acts upon; owners are the cloud's notion. `SecurityToken` has
/// its effect in the signature.
pub const HIDDEN_PARAMETERS: [&str; 5] =
    ["OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount", "SecurityToken"];

/// One parameter of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterSpec {
    /// The name, case-sensitive.
    pub name: &'static str,
    /// Its type and limits.
    pub kind: ParameterKind,
    /// Whether the call is refused without it.
    pub required: bool,
    /// The value taken when it is absent or empty, as text.
    pub default: Option<&'static str>,
    /// Accepted, not documented to users, and without effect.
    pub hidden: bool,
    /// Never logged or shown; clients send it in the form body.
    pub secret: bool,
    /// The code of any bad value, where the API has one of its own.
    pub refusal: Option<ErrorCode>,
    /// Why it is checked and answered but changes nothing; `None` for a parameter that is obeyed.
    pub without_effect: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
    /// A value for the documentation and for forms; empty where none helps.
    pub example: &'static str,
}

/// The type of a parameter, with its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text without control characters but tab and line ends.
    Text {
        /// Most characters.
        characters_max: usize,
    },
    /// Printable ASCII.
    AsciiText {
        /// Most characters.
        characters_max: usize,
    },
    /// A new instance's id: 2 to 64 lower-case letters, digits and hyphens, a letter or digit first and last.
    NewInstanceId,
    /// A whole number.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// Values outside the range that have a meaning of their own.
        also: &'static [i64],
    },
    /// `true` or `false`, also with a capital, as Python writes it.
    Boolean,
    /// A time in UTC, to the minute or to the second.
    Time,
    /// One of a few words, case-sensitive.
    Choice {
        /// The words.
        values: &'static [&'static str],
        /// Other spellings that are understood, and what they stand for.
        aliases: &'static [(&'static str, &'static str)],
    },
    /// Whole numbers, comma-separated.
    IntegerList {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// Most of them.
        count_max: usize,
    },
    /// Texts sent as `Name.1`, `Name.2` and so on.
    NumberedTexts {
        /// Most characters of each.
        characters_max: usize,
        /// Most of them.
        count_max: usize,
    },
    /// Objects sent as `Name.1.Field`, `Name.2.Field` and so on.
    NumberedObjects {
        /// What an object may have; a field counts as sent when it is not empty.
        fields: &'static [ParameterSpec],
        /// Most of them.
        count_max: usize,
    },
    /// One hour of the day, UTC, as `HH:mmZ-HH:mmZ`; read as the minute of the day at which it starts.
    HourWindow,
    /// English names of days, comma-separated, each once; read as numbers, Monday being 1.
    Weekdays {
        /// Fewest of them.
        count_min: usize,
    },
}

impl ParameterKind {
    /// The type's name in the API's documentation.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Text { .. }
            | Self::AsciiText { .. }
            | Self::NewInstanceId
            | Self::Time
            | Self::Choice { .. }
            | Self::HourWindow
            | Self::Weekdays { .. }
            | Self::IntegerList { .. } => "String",
            Self::Integer { max, .. } if max > i64::from(i32::MAX) => "Long",
            Self::Integer { .. } => "Integer",
            Self::Boolean => "Boolean",
            Self::NumberedTexts { .. } | Self::NumberedObjects { .. } => "Array",
        }
    }
}

/// Most characters of a value of which the API says nothing.
const PLAIN_CHARACTERS_MAX: usize = 256;

/// Free text, short.
pub(crate) const TEXT: ParameterKind = ParameterKind::Text { characters_max: PLAIN_CHARACTERS_MAX };

/// A page from 1. The bound keeps page times page size within 64 bits.
const PAGE: ParameterKind = ParameterKind::Integer { min: 1, max: i32::MAX as i64, also: &[] };

/// Ids of jobs and sets: below 2^31, since some clients declare a 32-bit integer.
pub(crate) const ID: ParameterKind = ParameterKind::Integer { min: 1, max: i32::MAX as i64, also: &[] };

pub(crate) const fn choice(values: &'static [&'static str]) -> ParameterKind {
    ParameterKind::Choice { values, aliases: &[] }
}

pub(crate) const fn required(
    name: &'static str,
    kind: ParameterKind,
    doc: &'static str,
    example: &'static str,
) -> ParameterSpec {
    ParameterSpec { required: true, ..optional(name, kind, doc, example) }
}

pub(crate) const fn optional(
    name: &'static str,
    kind: ParameterKind,
    doc: &'static str,
    example: &'static str,
) -> ParameterSpec {
    ParameterSpec {
        name,
        kind,
        required: false,
        default: None,
        hidden: false,
        secret: false,
        refusal: None,
        without_effect: None,
        doc,
        example,
    }
}

impl ParameterSpec {
    pub(crate) const fn default_to(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    pub(crate) const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// It is checked and, where the API answers it, answered, but nothing goes by it. `why` is a sentence.
    pub(crate) const fn without_effect(self, why: &'static str) -> Self {
        Self { without_effect: Some(why), ..self }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) const fn refused_with(self, code: ErrorCode) -> Self {
        Self { refusal: Some(code), ..self }
    }
}

pub(crate) const DB_INSTANCE_ID: ParameterSpec =
    required("DBInstanceId", TEXT, "The id of the instance.", "rm-uf6wjk5xxxxxxx");

pub(crate) const DB_INSTANCE_ID_FILTER: ParameterSpec = optional(
    "DBInstanceId",
    TEXT,
    "The id of an instance; without it, all instances that the access key may see.",
    "rm-uf6wjk5xxxxxxx",
);

/// What clients send with a list that is of one region. A missing one is accepted, for there is one region.
pub(crate) const fn region_of_list(name: &'static str) -> ParameterSpec {
    optional(name, TEXT, "The region. The list of any region but the service's own is empty.", "cn-hangzhou")
}

/// What clients must send to the API for an operation that is the same in every region.
pub(crate) const REGION_ID: ParameterSpec =
    optional("RegionId", TEXT, "The region; every value is accepted.", "cn-hangzhou");

pub(crate) const RESOURCE_GROUP_ID: ParameterSpec =
    optional("ResourceGroupId", TEXT, "A cloud's resource group; without effect.", "").hidden();

/// Which sets outlive their instance's registration.
pub(crate) const RELEASED_KEEP_POLICY: ParameterSpec = optional(
    "ReleasedKeepPolicy",
    choice(&["None", "Lastest", "All"]),
    "What is kept of the instance's sets. All: every set until it expires, and the newest one that can be restored \
     until it is deleted. Lastest (sic): that one alone. None: nothing; the rest is deleted as by DeleteBackup. Default: \
     the backup policy's, which is All unless it was changed.",
    "All",
);

/// How a cloud is paid.
pub(crate) const PAY_TYPE: ParameterSpec = optional(
    "PayType",
    choice(&["Postpaid", "Prepaid", "Serverless"]),
    "How a cloud is paid for the server.",
    "Postpaid",
);

/// Tables to restore.
pub(crate) const TABLE_META: ParameterSpec = optional(
    "TableMeta",
    ParameterKind::Text { characters_max: 65_536 },
    "The tables, as JSON: a list of {type: db, name, newname, tables: [{type: table, name, newname}]}.",
    "",
);

/// What tags are of.
pub(crate) const RESOURCE_TYPE: ParameterSpec = ParameterSpec {
    required: true,
    ..optional("ResourceType", choice(&["INSTANCE"]), "What the tags are of: instances.", "INSTANCE")
};

/// A tag's key, and one's value.
pub(crate) const TAG_TEXT: ParameterKind = ParameterKind::Text { characters_max: 128 };

/// One tag of a request.
pub(crate) const TAG_FIELDS: &[ParameterSpec] = &[
    required("Key", TAG_TEXT, "The tag's key.", "team"),
    optional("Value", TAG_TEXT, "The tag's value.", "payments"),
];

pub(crate) const CLIENT_TOKEN: ParameterSpec = optional(
    "ClientToken",
    ParameterKind::AsciiText { characters_max: 64 },
    "A token that makes retries of one request the same request: ASCII, at most 64 characters. Accepted by \
     operations that only read, where it has no effect.",
    "ETnLKlblzczshOTUbOCzxxxxxxx",
);

pub(crate) const START_TIME: ParameterSpec = optional(
    "StartTime",
    ParameterKind::Time,
    "The start of the time range, UTC: `yyyy-MM-ddTHH:mmZ`, or with seconds.",
    "2011-06-01T16:00Z",
)
.refused_with(ErrorCode::InvalidStartTimeFormat);

pub(crate) const END_TIME: ParameterSpec = optional(
    "EndTime",
    ParameterKind::Time,
    "The end of the time range, UTC, later than StartTime; may lie in the future.",
    "2011-06-15T16:00Z",
)
.refused_with(ErrorCode::InvalidEndTimeFormat);

pub(crate) const PAGE_NUMBER: ParameterSpec =
    optional("PageNumber", PAGE, "The page, counted from 1. A page beyond the end is empty.", "1")
        .default_to("1")
        .refused_with(ErrorCode::InvalidPageNumbers);

pub(crate) const PAGE_SIZE: ParameterSpec = optional(
    "PageSize",
    ParameterKind::Integer { min: 1, max: 100, also: &[] },
    "Rows on a page: 30, 50 or 100; any number from 1 to 100 is accepted.",
    "30",
)
.default_to("30")
.refused_with(ErrorCode::InvalidMaxRecordsPerPage);
