use super::{SampleLanguage, argument, command_line, node, python, quoted, render_sample};
use crate::{
    ACTIONS, ActionSpec, Effect, Example, ParameterKind, ParameterSpec, Role, parameter_spec::required,
};

const TEXT: ParameterKind = ParameterKind::Text { characters_max: 100 };
const FIELDS: &[ParameterSpec] = &[required("Key", TEXT, "", ""), required("DBName", TEXT, "", "")];

const EVERY_KIND: ActionSpec = ActionSpec {
    name: "DescribeDBThings",
    doc: "",
    role: Role::Reader,
    effect: Effect::Reads,
    extension: false,
    parameters: &[
        required("DBInstanceId", TEXT, "", ""),
        required("PageNumber", ParameterKind::Integer { min: 1, max: 9, also: &[] }, "", ""),
        required("ShowAll", ParameterKind::Boolean, "", ""),
        required("ResourceId", ParameterKind::NumberedTexts { characters_max: 9, count_max: 9 }, "", ""),
        required("Tag", ParameterKind::NumberedObjects { fields: FIELDS, count_max: 9 }, "", ""),
    ],
    response: &[],
    never_sent: &[],
    errors: &[],
    example: Example {
        parameters: &[
            ("DBInstanceId", "it's \"a\\b\"\n"),
            ("PageNumber", "7"),
            ("ShowAll", "true"),
            ("ResourceId.1", "a"),
            ("ResourceId.2", "b"),
            ("Tag.1.Key", "k"),
            ("Tag.1.DBName", "v"),
            ("Tag.2.Key", "l"),
        ],
        response: "{}",
    },
};

#[track_caller]
fn check_end(action: &ActionSpec, language: SampleLanguage, expect: &str) {
    let sample = render_sample(action, language);
    assert!(sample.ends_with(expect), "{sample}");
}

#[test]
fn a_python_sample_uses_the_sdk_s_models() {
    let expect = r#"
request = models.DescribeDBThingsRequest(
    dbinstance_id="it's \"a\\b\"\n",
    page_number=7,
    show_all=True,
    resource_id=["a", "b"],
    tag=[
        models.DescribeDBThingsRequestTag(key="k", dbname="v"),
        models.DescribeDBThingsRequestTag(key="l"),
    ],
)
response = client.describe_dbthings(request)
print(json.dumps(response.body.to_map(), indent=2))
"#;
    check_end(&EVERY_KIND, SampleLanguage::Python, expect);
}

#[test]
fn a_node_sample_uses_the_sdk_s_models() {
    let expect = r#"
const request = new rds.DescribeDBThingsRequest({
  DBInstanceId: 'it\'s "a\\b"\n',
  pageNumber: 7,
  showAll: true,
  resourceId: ['a', 'b'],
  tag: [
    new rds.DescribeDBThingsRequestTag({ key: 'k', DBName: 'v' }),
    new rds.DescribeDBThingsRequestTag({ key: 'l' }),
  ],
});
const { body } = await client.describeDBThings(request);
console.log(JSON.stringify(body.toMap(), null, 2));
"#;
    check_end(&EVERY_KIND, SampleLanguage::Node, expect);
}

#[test]
fn a_long_command_has_a_line_for_each_parameter() {
    let expect = r#"backstop api DescribeDBThings \
    --DBInstanceId 'it'\''s "a\b"
' \
    --PageNumber 7 \
    --ShowAll true \
    --ResourceId.1 a \
    --ResourceId.2 b \
    --Tag.1.Key k \
    --Tag.1.DBName v \
    --Tag.2.Key l
"#;
    assert_eq!(render_sample(&EVERY_KIND, SampleLanguage::CommandLine), expect);
}

#[test]
fn an_extension_is_called_without_a_model() {
    let extension = ActionSpec { extension: true, ..EVERY_KIND };
    let python = render_sample(&extension, SampleLanguage::Python);
    assert!(python.contains("action=\"DescribeDBThings\""), "{python}");
    assert!(python.contains("    \"Tag.1.DBName\": \"v\",\n"), "{python}");
    assert!(python.contains("client.call_api(") && !python.contains("rds20140815"), "{python}");
    let node = render_sample(&extension, SampleLanguage::Node);
    assert!(node.contains("action: 'DescribeDBThings'"), "{node}");
    assert!(node.contains("  'Tag.1.DBName': 'v',\n") && node.contains("  PageNumber: '7',\n"), "{node}");
    assert!(node.contains("client.callApi(") && !node.contains("rds20140815"), "{node}");
}

#[test]
fn names_follow_the_sdks_rules() {
    for (name, snake, camel) in [
        ("DescribeBackupTasks", "describe_backup_tasks", "describeBackupTasks"),
        ("DescribeDBInstanceNetInfo", "describe_dbinstance_net_info", "describeDBInstanceNetInfo"),
        ("DBInstanceId", "dbinstance_id", "DBInstanceId"),
        ("BackupSetID", "backup_set_id", "backupSetID"),
        ("SecurityIPList", "security_iplist", "securityIPList"),
        ("DbNames", "db_names", "dbNames"),
    ] {
        assert_eq!((python::snake(name).as_str(), node::camel(name).as_str()), (snake, camel));
    }
}

#[test]
fn a_value_cannot_end_its_quotes() {
    assert_eq!(quoted("a\\\"'\r\n\t\0\u{7f}ü", '"'), "\"a\\\\\\\"'\\r\\n\\t\\x00\\x7fü\"");
    assert_eq!(quoted("'\"", '\''), "'\\'\"'");
    assert_eq!(command_line::quoted("a-b_c.d:e/f,g@h"), "a-b_c.d:e/f,g@h");
    assert_eq!(command_line::quoted("$(x) `y` \\\n'"), "'$(x) `y` \\\n'\\'''");
    assert_eq!(command_line::quoted(""), "''");
}

#[test]
fn an_action_without_parameters_has_empty_brackets() {
    let bare = ActionSpec { example: Example { parameters: &[], response: "{}" }, ..EVERY_KIND };
    assert!(render_sample(&bare, SampleLanguage::Python).contains("DescribeDBThingsRequest()\n"));
    assert!(render_sample(&bare, SampleLanguage::Node).contains("DescribeDBThingsRequest({});\n"));
    assert_eq!(render_sample(&bare, SampleLanguage::CommandLine), "backstop api DescribeDBThings\n");
}

/// Programs get copied: what is secret does not belong into one, and the generic calls put all into the query.
#[test]
fn no_sample_has_a_secret() {
    for action in ACTIONS {
        for (name, _) in argument::arguments(action) {
            assert!(
                action.parameter(name).is_some_and(|parameter| !parameter.secret),
                "{} {name}",
                action.name
            );
        }
    }
}
