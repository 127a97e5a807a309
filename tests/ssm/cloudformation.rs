//! The template of CloudFormation: made from the documents and from the policies of IAM, which are written once.

use rex_tests::root;
use serde_json::{Map, Value, json};

use super::{committed, read};

const DOCUMENTS: &[(&str, &str)] = &[("RexRO", "Rex-RO"), ("RexRW", "Rex-RW"), ("RexStored", "Rex-Stored")];
/// Bytes of a template that CloudFormation takes from S3. What it takes without is less than three documents.
const MAX_TEMPLATE: usize = 1 << 20;
/// Characters of a managed policy, without white space.
const MAX_POLICY: usize = 6144;

/// A policy, with `${Document}` standing for one of the documents.
fn policy(name: &str, document: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("ssm-documents/iam/{name}.json"))).unwrap();
    // Within the account that owns the documents.
    let text = text.replace("${DocumentAccount}", "${AWS::AccountId}").replace("${Document}", &format!("${{{document}}}"));
    assert!(text.split_whitespace().map(str::len).sum::<usize>() <= MAX_POLICY, "{name}");
    serde_json::from_str(&text).unwrap()
}

/// Has CloudFormation fill in what the policies leave open.
fn filled(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => json!({ "Fn::Sub": text }),
        Value::Array(elements) => elements.into_iter().map(filled).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, filled(member))).collect(),
        other => other,
    }
}

fn managed(description: &str, policy: Value) -> Value {
    json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": { "Description": description, "PolicyDocument": filled(policy) } })
}

fn template() -> Value {
    let mut resources = Map::new();
    for (id, file) in DOCUMENTS {
        let content = std::fs::read_to_string(committed(file)).unwrap();
        let description = read(&committed(file))["description"].as_str().unwrap().to_owned();
        let name = description.split(':').next().unwrap();
        // As a text, so that not a byte of it changes; in lines, so that people can read it.
        let content = json!({ "Fn::Join": ["\n", content.split('\n').collect::<Vec<_>>()] });
        let properties = json!({ "Name": name, "DocumentType": "Command", "DocumentFormat": "JSON", "Content": content });
        resources.insert((*id).to_owned(), json!({ "Type": "AWS::SSM::Document", "Properties": properties }));
    }
    for (id, file) in DOCUMENTS {
        let allowed = managed(&format!("Sends {file} to tagged instances. Attach RexDeny as well"), policy("caller", id));
        resources.insert(format!("{id}Caller"), allowed);
    }
    resources.insert("RexDeny".to_owned(), managed("Closes the ways around the documents of Rex", policy("deny", "")));
    resources.insert("RexShare".to_owned(), managed("Shares the documents of Rex with other accounts", policy("share", "")));
    resources.insert("RexInstance".to_owned(), managed("What the SSM agent needs for Rex", policy("instance", "")));
    let role =
        json!({ "AssumeRolePolicyDocument": policy("instance-trust", ""), "ManagedPolicyArns": [{ "Ref": "RexInstance" }] });
    resources.insert("RexInstanceRole".to_owned(), json!({ "Type": "AWS::IAM::Role", "Properties": role }));
    let profile = json!({ "Type": "AWS::IAM::InstanceProfile", "Properties": { "Roles": [{ "Ref": "RexInstanceRole" }] } });
    resources.insert("RexInstanceProfile".to_owned(), profile);
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Rex: documents of Systems Manager, each under its own Cedar policy, and who may send them where",
        "Parameters": {
            "TagValue": {
                "Type": "String",
                "Default": "on",
                "MinLength": 1,
                "Description": "Callers reach the instances whose tag Rex has this value",
            },
            "OutputBucket": {
                "Type": "String",
                "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
                "Description": "A bucket that is there; instances write the output of commands below output/",
            },
        },
        "Resources": resources,
    })
}

/// Run with `REX_UPDATE=1` to write it anew.
#[test]
fn the_template_has_the_documents_and_the_policies() {
    let path = root().join("ssm-documents/cloudformation.json");
    let made = serde_json::to_string_pretty(&template()).unwrap() + "\n";
    if std::env::var_os("REX_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == made, "run this test with REX_UPDATE=1");
    assert!(made.len() <= MAX_TEMPLATE);
    // CloudFormation would look up what this begins.
    assert!(!made.contains("{{"));
}

/// Whether a statement of the denials names the action.
fn denied(action: &str) -> bool {
    let denials = policy("deny", "");
    let statements = denials["Statement"].as_array().unwrap().iter();
    let mut patterns = statements.filter(|statement| statement["Resource"] == "*").flat_map(|statement| {
        assert_eq!((&statement["Effect"], statement.get("Condition")), (&json!("Deny"), None));
        statement["Action"].as_array().unwrap()
    });
    patterns.any(|pattern| match pattern.as_str().unwrap().strip_suffix('*') {
        Some(beginning) => action.starts_with(beginning),
        None => action == pattern,
    })
}

#[test]
fn ways_around_the_documents_are_denied() {
    for action in [
        "ssm:StartSession",
        "ssm:ResumeSession",
        "ssm:CreateDocument",
        "ssm:UpdateDocument",
        "ssm:UpdateDocumentDefaultVersion",
        "ssm:DeleteDocument",
        "ssm:ModifyDocumentPermission",
        "ssm:CreateAssociation",
        "ssm:CreateAssociationBatch",
        "ssm:UpdateAssociation",
        "ssm:StartAssociationsOnce",
        "ssm:StartAutomationExecution",
        "ssm:StartChangeRequestExecution",
        "ssm:RegisterTaskWithMaintenanceWindow",
        "ssm:UpdatePatchBaseline",
        "ssm:PutParameter",
        "ssm:LabelParameterVersion",
        "ssm:AddTagsToResource",
        "ssm:CreateActivation",
        "ssm:UpdateManagedInstanceRole",
        "ssm-guiconnect:StartConnection",
        "ec2-instance-connect:SendSSHPublicKey",
        "ec2:CreateTags",
        "ec2:ModifyInstanceAttribute",
        "iam:PassRole",
        "iam:PutRolePolicy",
        "sts:AssumeRole",
    ] {
        assert!(denied(action), "{action}");
    }
    let allowed = policy("caller", "RexRO");
    for statement in allowed["Statement"].as_array().unwrap() {
        let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
        assert!(actions.iter().all(|action| !denied(action.as_str().unwrap())), "{actions:?}");
    }
}

/// Every document that a caller may send, and no other one, is left out of the denial.
#[test]
fn every_other_document_is_denied() {
    let denial = &policy("deny", "")["Statement"][0];
    assert_eq!((&denial["Effect"], &denial["Action"]), (&json!("Deny"), &json!("ssm:SendCommand")));
    let kept: Vec<_> = denial["NotResource"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let documents: Vec<_> = kept.iter().filter_map(|arn| arn.split_once(":document/")).map(|(_, name)| name).collect();
    let all: Vec<_> = DOCUMENTS.iter().map(|(id, _)| format!("${{{id}}}")).collect();
    assert_eq!(documents, all);
    for (id, _) in DOCUMENTS {
        for statement in policy("caller", id)["Statement"].as_array().unwrap() {
            if statement["Action"] == "ssm:SendCommand" {
                let resources = statement["Resource"].as_array().unwrap();
                assert!(resources.iter().all(|arn| kept.contains(&arn.as_str().unwrap())), "{resources:?}");
            }
        }
    }
}
