//! The page that the `Recommend` link of every error leads to.

use crate::harness::Harness;

#[test]
fn the_link_of_an_error_tells_its_meaning_and_what_the_request_was() {
    let harness = Harness::started();
    let client = harness.client();
    let refused = client.call("DescribeBackupTasks", &[("DBInstanceId", "no-such-instance")]);
    refused.expect_error(404, "InvalidDBInstanceId.NotFound");
    let body = refused.json();
    let recommend = body["Recommend"].as_str().unwrap();
    let path = &recommend[recommend.find("/console/").unwrap()..];
    let page = client.get(path);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let spec = rpc::ErrorCode::InvalidDBInstanceIdNotFound.spec();
    for expected in [spec.cause, "DescribeBackupTasks", body["RequestId"].as_str().unwrap()] {
        assert!(page.body.contains(expected), "{expected}: {page:?}");
    }
    assert!(!page.body.contains("no-such-instance"), "a page has no parameter: {page:?}");
    // Somebody else's guess shows nothing, and neither does a key.
    let guessed =
        client.get("/console/errors?q=InternalError&requestId=00000000-0000-4000-8000-000000000000");
    assert!(guessed.body.contains("not among the requests"), "{guessed:?}");
    assert!(!page.body.contains(&client.key.access_key_id), "{page:?}");
}

#[test]
fn a_strange_query_is_only_text() {
    let harness = Harness::started();
    for query in ["", "q=%3Cscript%3E&requestId=%22%3E%3Cimg", "q", "q=%FF%FE", "&&==&q=Missing"] {
        let page = harness.client().get(&format!("/console/errors?{query}"));
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{page:?}");
    }
}
