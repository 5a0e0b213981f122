//! Bodies of answers, byte for byte.

use rpc::{
    AccessDenied, AnswerContext, ApiError, ErrorCode, Format, RequestId, find_action, render_error,
    render_success,
};
use serde_json::json;

fn context(format: Format) -> AnswerContext<'static> {
    AnswerContext {
        request_id: RequestId::parse("90496720-2319-42A8-87CD-FCE4DF95EBED").unwrap(),
        format,
        host_id: "127.0.0.1:8086",
        public_url: "http://127.0.0.1:8086",
    }
}

#[track_caller]
fn check_success(action: &str, response: &serde_json::Value, json: &str, xml: &str) {
    let action = find_action(action).unwrap();
    for (format, content_type, body) in
        [(Format::Json, "application/json;charset=utf-8", json), (Format::Xml, "text/xml;charset=utf-8", xml)]
    {
        let answer = render_success(action, response, &context(format));
        assert_eq!((answer.status, answer.content_type, answer.body.as_str()), (200, content_type, body));
    }
}

#[track_caller]
fn check_error(error: &ApiError, status: u16, json: &str, xml: &str) {
    for (format, content_type, body) in
        [(Format::Json, "application/json;charset=utf-8", json), (Format::Xml, "text/xml;charset=utf-8", xml)]
    {
        let answer = render_error(error, &context(format));
        assert_eq!((answer.status, answer.content_type, answer.body.as_str()), (status, content_type, body));
    }
}

#[test]
fn describe_backup_tasks_is_as_the_reference_has_it() {
    check_success(
        "DescribeBackupTasks",
        &json!({"Items": {"BackupJob": [{
            "TaskAction": "TempBackupTask",
            "Process": "100",
            "JobMode": "Manual",
            "BackupStatus": "Finished",
            "BackupProgressStatus": "Finished",
            "BackupJobId": "4762614",
            "BackupId": "346650271",
        }]}}),
        "{\"Items\":{\"BackupJob\":[{\"BackupId\":\"346650271\",\"BackupJobId\":\"4762614\",\
         \"BackupProgressStatus\":\"Finished\",\"BackupStatus\":\"Finished\",\"JobMode\":\"Manual\",\
         \"Process\":\"100\",\"TaskAction\":\"TempBackupTask\"}]},\
         \"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><DescribeBackupTasksResponse><Items><BackupJob>\
         <BackupId>346650271</BackupId><BackupJobId>4762614</BackupJobId>\
         <BackupProgressStatus>Finished</BackupProgressStatus><BackupStatus>Finished</BackupStatus>\
         <JobMode>Manual</JobMode><Process>100</Process><TaskAction>TempBackupTask</TaskAction></BackupJob></Items>\
         <RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId></DescribeBackupTasksResponse>",
    );
}

#[test]
fn an_empty_list_is_an_empty_array_and_an_empty_wrapper() {
    check_success(
        "DescribeBackupTasks",
        &json!({"Items": {"BackupJob": []}}),
        "{\"Items\":{\"BackupJob\":[]},\"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><DescribeBackupTasksResponse><Items></Items>\
         <RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId></DescribeBackupTasksResponse>",
    );
}

#[test]
fn two_jobs_are_the_element_repeated_and_null_is_left_out() {
    check_success(
        "DescribeBackupTasks",
        &json!({"Items": {"BackupJob": [{"BackupId": null, "BackupJobId": "2"}, {"BackupJobId": "1"}]}}),
        "{\"Items\":{\"BackupJob\":[{\"BackupJobId\":\"2\"},{\"BackupJobId\":\"1\"}]},\
         \"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><DescribeBackupTasksResponse><Items>\
         <BackupJob><BackupJobId>2</BackupJobId></BackupJob><BackupJob><BackupJobId>1</BackupJobId></BackupJob></Items>\
         <RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId></DescribeBackupTasksResponse>",
    );
}

#[test]
fn an_answer_of_nothing_still_has_its_request_id() {
    check_success(
        "DeleteBackup",
        &json!({}),
        "{\"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><DeleteBackupResponse>\
         <RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId></DeleteBackupResponse>",
    );
}

#[test]
fn numbers_stay_numbers() {
    check_success(
        "DescribeBackups",
        &json!({"Items": {"Backup": [{"BackupId": "1", "BackupSize": 2_167_808, "IsAvail": 1}]},
                "PageNumber": 1, "PageRecordCount": 1, "TotalRecordCount": 1, "TotalEcsSnapshotSize": 0}),
        "{\"Items\":{\"Backup\":[{\"BackupId\":\"1\",\"BackupSize\":2167808,\"IsAvail\":1}]},\"PageNumber\":1,\
         \"PageRecordCount\":1,\"TotalRecordCount\":1,\"TotalEcsSnapshotSize\":0,\
         \"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><DescribeBackupsResponse><Items><Backup><BackupId>1</BackupId>\
         <BackupSize>2167808</BackupSize><IsAvail>1</IsAvail></Backup></Items><PageNumber>1</PageNumber>\
         <PageRecordCount>1</PageRecordCount><TotalRecordCount>1</TotalRecordCount>\
         <TotalEcsSnapshotSize>0</TotalEcsSnapshotSize>\
         <RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId></DescribeBackupsResponse>",
    );
}

#[test]
fn an_error_is_as_the_reference_has_it() {
    check_error(
        &ApiError::new(ErrorCode::InvalidDBInstanceIdNotFound),
        404,
        "{\"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\",\"HostId\":\"127.0.0.1:8086\",\
         \"Code\":\"InvalidDBInstanceId.NotFound\",\
         \"Message\":\"DBInstanceIdentifier does not refer to an existing DB instance.\",\
         \"Recommend\":\"http://127.0.0.1:8086/console/errors?q=InvalidDBInstanceId.NotFound&product=Rds&\
         requestId=90496720-2319-42A8-87CD-FCE4DF95EBED\"}",
        "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId>\
         <HostId>127.0.0.1:8086</HostId><Code>InvalidDBInstanceId.NotFound</Code>\
         <Message>DBInstanceIdentifier does not refer to an existing DB instance.</Message>\
         <Recommend>http://127.0.0.1:8086/console/errors?q=InvalidDBInstanceId.NotFound&amp;product=Rds&amp;\
         requestId=90496720-2319-42A8-87CD-FCE4DF95EBED</Recommend></Error>",
    );
}

#[test]
fn a_permission_error_carries_its_detail() {
    let error = ApiError::new(ErrorCode::ForbiddenRam).with_access_denied(AccessDenied {
        auth_action: "rds:CreateBackup".to_owned(),
        encoded_diagnostic_message: "AQ".to_owned(),
    });
    check_error(
        &error,
        403,
        "{\"RequestId\":\"90496720-2319-42A8-87CD-FCE4DF95EBED\",\"HostId\":\"127.0.0.1:8086\",\
         \"Code\":\"Forbidden.RAM\",\"Message\":\"User not authorized to operate on the specified resource, or this \
         API doesn't support RAM.\",\"Recommend\":\"http://127.0.0.1:8086/console/errors?q=Forbidden.RAM&product=Rds&\
         requestId=90496720-2319-42A8-87CD-FCE4DF95EBED\",\
         \"AccessDeniedDetail\":{\"AuthAction\":\"rds:CreateBackup\",\"EncodedDiagnosticMessage\":\"AQ\"}}",
        "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>90496720-2319-42A8-87CD-FCE4DF95EBED</RequestId>\
         <HostId>127.0.0.1:8086</HostId><Code>Forbidden.RAM</Code><Message>User not authorized to operate on the \
         specified resource, or this API doesn't support RAM.</Message>\
         <Recommend>http://127.0.0.1:8086/console/errors?q=Forbidden.RAM&amp;product=Rds&amp;\
         requestId=90496720-2319-42A8-87CD-FCE4DF95EBED</Recommend><AccessDeniedDetail>\
         <AuthAction>rds:CreateBackup</AuthAction><EncodedDiagnosticMessage>AQ</EncodedDiagnosticMessage>\
         </AccessDeniedDetail></Error>",
    );
}
