//! A stub in the place of DynamoDB, which records what it is asked.

use keywell_dynamodb::{DynamoDbOptions, DynamoDbStore};
use keywell_servers::{Stub, StubAnswer, StubRequest};

use crate::place::options;

pub(crate) const STREAM: &str = "arn:aws:dynamodb:us-east-1:0:table/stub/stream/1";

/// The name of the operation that is asked for, such as `GetItem`.
pub(crate) fn operation(request: &StubRequest) -> &str {
    let target = request.header("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// An error of DynamoDB with the status 400.
pub(crate) fn error(code: &str) -> StubAnswer {
    failure("400 Bad Request", code, "as the test wants")
}

pub(crate) fn failure(status: &str, code: &str, message: &str) -> StubAnswer {
    refusal(status, code, &format!(r#""message":"{message}""#))
}

/// An error with these fields.
pub(crate) fn refusal(status: &str, code: &str, fields: &str) -> StubAnswer {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}",{fields}}}"#);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    StubAnswer::Raw((head + &body).into_bytes())
}

/// Starts one with a table. It answers as the test says, and to what opens a store by itself.
pub(crate) fn stub(
    answers: impl Fn(&StubRequest) -> StubAnswer + Send + Sync + 'static,
) -> (Stub, DynamoDbOptions) {
    let stub = Stub::start(move |request| match operation(request) {
        "DescribeTable" => StubAnswer::ok(format!(
            r#"{{"Table":{{"TableStatus":"ACTIVE","LatestStreamArn":"{STREAM}",
            "AttributeDefinitions":[{{"AttributeName":"bucket","AttributeType":"S"}},
            {{"AttributeName":"key","AttributeType":"S"}}],
            "KeySchema":[{{"AttributeName":"bucket","KeyType":"HASH"}},
            {{"AttributeName":"key","KeyType":"RANGE"}}],"StreamSpecification":
            {{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}}}}}"#
        )),
        "DescribeTimeToLive" => StubAnswer::ok(
            r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"ttl"}}"#,
        ),
        _ => answers(request),
    });
    let mut options = options(format!("http://{}", stub.addr()));
    "stub".clone_into(&mut options.table);
    (stub, options)
}

pub(crate) async fn store(options: &DynamoDbOptions) -> DynamoDbStore {
    crate::place::store(options).await
}

/// The bodies of the requests for an operation, in their order.
pub(crate) fn asked(stub: &Stub, name: &str) -> Vec<String> {
    let requests = stub.requests().into_iter();
    let asked = requests.filter(|request| operation(request) == name);
    asked.map(|request| request.body).collect()
}
