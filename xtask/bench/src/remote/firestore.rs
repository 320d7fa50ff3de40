//! On a fake, so it shows what the store adds to a client, and nothing of the service.

use bytes::Bytes;
use firestore_messages::google::firestore::v1::value::ValueType;
use firestore_messages::google::firestore::v1::write::Operation;
use firestore_messages::google::firestore::v1::{
    BatchGetDocumentsRequest, CommitRequest, Document, Value, Write,
};
use keywell_firestore::{FirestoreOptions, FirestoreStore};
use keywell_servers::Firestore;
use prost::Message as _;

use super::grpc::Connection;
use super::{BUCKET, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

const GET: &str = "/google.firestore.v1.Firestore/BatchGetDocuments";
const SET: &str = "/google.firestore.v1.Firestore/Commit";

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("firestore", "Firestore, a fake of it");
    let runtime = runtime()?;
    let server = runtime.block_on(Firestore::start())?;
    let mut options = FirestoreOptions::new(Firestore::PROJECT);
    options.emulator = Some(server.addr().to_string());
    let collection = options.collection.clone();
    let store = runtime.block_on(FirestoreStore::open(options))?;
    let bucket = runtime.block_on(bucket(&store))?;
    let database = format!("projects/{}/databases/(default)", Firestore::PROJECT);
    let name = format!("{database}/documents/{collection}/{BUCKET}/{collection}/{KEY}");
    let get = BatchGetDocumentsRequest {
        database: database.clone(),
        documents: vec![name.clone()],
        ..BatchGetDocumentsRequest::default()
    };
    let field = |name: &str, value| {
        let value_type = Some(value);
        (name.to_owned(), Value { value_type })
    };
    let document = Document {
        name,
        fields: [
            field("value", ValueType::BytesValue(Bytes::from_static(VALUE))),
            field("write", ValueType::IntegerValue(i64::MAX)),
        ]
        .into(),
        ..Document::default()
    };
    let set = CommitRequest {
        database,
        writes: vec![Write {
            operation: Some(Operation::Update(document)),
            ..Write::default()
        }],
        ..CommitRequest::default()
    };
    let shared = runtime.block_on(Connection::open(
        server.addr(),
        (GET, get.encode_to_vec()),
        (SET, set.encode_to_vec()),
        (
            "x-goog-request-params",
            "project_id=p&database_id=d".to_owned(),
        ),
    ))?;
    let connect = async || Ok(shared.clone());
    let client = "a bare client, one connection";
    rows(&mut group, &runtime, &bucket, client, connect, effort)?;
    Ok(group)
}
