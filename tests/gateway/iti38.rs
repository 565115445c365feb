//! Queries: what is found, by whom and for what purpose, and what the answer looks like.

use glassgate::client::Query;
use glassgate::demo::world::{self, NURSE, RIVERSIDE};
use glassgate::ids::PatientId;
use glassgate::saml::issue::Order;
use glassgate::soap::{SIMPLE_CONTENT_TYPE, action};
use glassgate::xds::{ReturnType, Status};
use glassgate::xml::{self, Bounds, Node, ns};

use crate::asked::{numbers, unique_ids};
use crate::record::{self, Record};
use crate::world::{kinds, order, run, shared};

#[test]
fn treatment_finds_what_no_consent_withholds() {
    run(async {
        let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let query = Query::find_documents(&world::patient_id(1001));
        let answer = shared().client(&RIVERSIDE).query(&ask, &query).await.unwrap();
        let found = answer.outcome.answered().unwrap();
        assert_eq!((answer.status, found.status), (200, Status::Success));
        assert_eq!(found.documents.len(), 5);
        let records = shared().records(&ask).await;
        assert_eq!(kinds(&records), [("ITI-38".to_owned(), "0".to_owned())]);
        assert!(records[0].contains("P-1001^^^&amp;2.999.1.3&amp;ISO"), "{}", records[0]);
    });
}

#[test]
fn the_record_names_user_purpose_patient_and_query() {
    run(async {
        let query = Query::find_documents(&world::patient_id(1001));
        let asked = shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &query).await;
        let [record] = asked.records.as_slice() else { panic!("{:?}", asked.records) };
        assert!(record.is("ITI-38", "0"));
        assert_eq!(record.purposes, ["TREAT"]);
        assert_eq!(record.patients, [world::patient_id(1001)]);
        assert_eq!(record.queries, ["urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"]);
        assert!(record.documents.is_empty());
    });
}

#[test]
fn object_refs_name_the_entries_of_the_leaf_classes() {
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let query = Query::find_documents(&world::patient_id(1002));
        let leaves = shared().query(&RIVERSIDE, &order, &query).await;
        let query = query.returning(ReturnType::ObjectRef);
        let refs = shared().query(&RIVERSIDE, &order, &query).await;
        assert_eq!((leaves.answer.status, refs.answer.status), (Status::Success, Status::Success));
        assert_eq!(numbers(&leaves.answer), [1, 2, 3, 4]);
        assert!(refs.answer.documents.is_empty() && leaves.answer.object_refs.is_empty());
        let home = Some(world::HOME.to_owned());
        let entries = leaves.answer.documents.iter();
        let expected: Vec<_> = entries.map(|d| (d.entry_uuid.clone(), home.clone())).collect();
        assert_eq!(refs.answer.object_refs, expected);
        assert_eq!(record::kinds(&refs.records), [("ITI-38", "0")]);
        assert!(refs.records[0].description.contains("2 withheld by Consent/c1002/_history/1;"));
    });
}

#[test]
fn five_hundred_documents_come_in_one_answer() {
    run(async {
        let query = Query::find_documents(&world::patient_id(1005));
        let asked = shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &query).await;
        assert_eq!(numbers(&asked.answer), (1..=500).collect::<Vec<_>>());
        let newest_first: Vec<_> = (1..=500).rev().map(|n| world::document_id(1005, n)).collect();
        assert_eq!(unique_ids(&asked.answer), newest_first);
        assert_eq!(record::kinds(&asked.records), [("ITI-38", "0")]);
    });
}

#[test]
fn a_simple_request_gets_a_simple_answer_that_relates_to_it() {
    run(async {
        let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let query = Query::find_documents(&world::patient_id(1001));
        let asked = shared().query_as(&RIVERSIDE, &ask, &query.body()).await;
        assert_eq!(asked.raw.content_type, SIMPLE_CONTENT_TYPE);
        let document = xml::parse(&asked.xml, Bounds::REQUEST).unwrap();
        let header = xml::only_child(document.root(), ns::SOAP, "Header").unwrap();
        let value = |name| xml::only_child(header, ns::WSA, name).map(xml::text).unwrap();
        assert_eq!(value("Action"), action::QUERY_RESPONSE);
        assert_eq!(value("RelatesTo"), format!("urn:uuid:{}", ask.message_id));
        let action = xml::only_child(header, ns::WSA, "Action").unwrap();
        assert_eq!(action.attribute((ns::SOAP, "mustUnderstand")), Some("1"));
    });
}

#[test]
fn answers_keep_the_order_of_the_schema() {
    run(async {
        let nurse = Order { roles: vec![world::role(NURSE)], ..order(&RIVERSIDE, "BTG") };
        let query = Query::find_documents(&world::patient_id(1002));
        let asked = shared().query(&RIVERSIDE, &nurse, &query).await;
        let document = xml::parse(&asked.xml, Bounds::REQUEST).unwrap();
        let body = xml::only_child(document.root(), ns::SOAP, "Body").unwrap();
        let response = body.first_element_child().unwrap();
        assert_eq!(response.tag_name().name(), "AdhocQueryResponse");
        assert_eq!(names(response), ["RegistryErrorList", "RegistryObjectList"]);
        let objects = xml::only_child(response, ns::RIM, "RegistryObjectList").unwrap();
        assert_eq!(names(objects), ["ExtrinsicObject"; 4]);
        for object in xml::children(objects, ns::RIM, "ExtrinsicObject") {
            assert_eq!(object.attribute("home"), Some(world::HOME));
            // ExtrinsicObjectType and its base types (rim.xsd)
            let order = ["Slot", "Name", "Description", "Classification", "ExternalIdentifier"];
            let mut seen = names(object);
            seen.dedup();
            assert_eq!(seen, order);
            let id = object.attribute("id");
            let parts = object.children().filter(Node::is_element);
            let of = |part: &Node<'_, '_>| {
                let names = ["classifiedObject", "registryObject"];
                names.into_iter().find_map(|name| part.attribute(name).map(str::to_owned))
            };
            assert!(parts.filter_map(|part| of(&part)).all(|of| Some(of.as_str()) == id));
        }
    });
}

#[test]
fn a_home_that_is_ours_or_absent_is_the_same() {
    run(async {
        let order = order(&RIVERSIDE, "TREAT");
        let find = Query::find_documents(&world::patient_id(1001));
        for home in ["urn:oid:2.999.1", "2.999.1", " urn:oid:2.999.1 "] {
            let asked = shared().query(&RIVERSIDE, &order, &find.clone().of(home)).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5], "{home}");
            let id = world::document_id(1001, 2);
            let get = Query::get_documents(home, &[&id]);
            let asked = shared().query(&RIVERSIDE, &order, &get).await;
            assert_eq!(unique_ids(&asked.answer), [&id], "{home}");
            assert_eq!(record::kinds(&asked.records), [("ITI-38", "0")]);
        }
    });
}

#[test]
fn a_resource_id_of_another_patient_gets_what_a_patient_without_documents_gets() {
    run(async {
        let speaking_of = |patient: &str| Order {
            resource_id: PatientId::parse(patient).ok(),
            ..order(&RIVERSIDE, "TREAT")
        };
        let other = shared().ask(&RIVERSIDE, &speaking_of(&world::patient_id(1002)));
        let find = Query::find_documents(&world::patient_id(1001));
        let treat = order(&RIVERSIDE, "TREAT");
        let found = shared().query(&RIVERSIDE, &treat, &find).await.answer.documents;
        let uuid = found[0].entry_uuid.clone();
        let find = find.body();
        let nobody = Query::find_documents(&world::patient_id(9999)).body();
        let get = Query::get_entries(world::HOME, &[uuid]).body();
        let nothing = shared().query_as(&RIVERSIDE, &other, &nobody).await;
        assert!(nothing.answer.documents.is_empty());
        for body in [&find, &get] {
            let mut same = shared().ask(&RIVERSIDE, &speaking_of(&world::patient_id(1002)));
            same.message_id.clone_from(&other.message_id);
            let asked = shared().query_as(&RIVERSIDE, &same, body).await;
            assert_eq!(asked.xml, nothing.xml);
            let noted = |record: &Record| record.description.contains("another patient's");
            assert!(noted(asked.records.last().unwrap()));
        }
        // his own, and what nobody here can compare
        for patient in [world::patient_id(1001), "P-1002^^^&2.999.2.3&ISO".to_owned()] {
            let ask = shared().ask(&RIVERSIDE, &speaking_of(&patient));
            let asked = shared().query_as(&RIVERSIDE, &ask, &find).await;
            assert_eq!(numbers(&asked.answer), [1, 2, 3, 4, 5], "{patient}");
        }
    });
}

fn names<'a>(node: Node<'a, '_>) -> Vec<&'a str> {
    node.children().filter(Node::is_element).map(|child| child.tag_name().name()).collect()
}
