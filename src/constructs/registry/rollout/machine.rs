//! The state machine in Amazon States Language, with JSONata.
//!
//! - Language and JSONata: <https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>
//! - Calls of AWS APIs, and the names of their members and errors:
//!   <https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html>
//! - Stack states: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>

use crate::cfn::{Map, Value, json};

/// Seconds between two looks at the stack.
const WAIT: u32 = 60;

/// Looks at the stack before a rollout gives up: four hours.
const MOST_LOOKS: u32 = 240;

/// A group whose newest approved version the serving template takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version {
    /// The group's name in AWS.
    pub(super) group: String,
    /// Template parameters that hold members of the version, with their paths in `DescribeModelPackage`'s answer.
    pub(super) fields: Vec<(String, String)>,
}

/// A parameter of the serving template, and what it is given.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Argument {
    /// What the platform template knows, as a template value.
    Known {
        /// The parameter.
        key: String,
        /// The value.
        value: Value,
    },
    /// The newest approved version of a group.
    Version {
        /// The parameter.
        key: String,
        /// The group's name in AWS.
        group: String,
    },
    /// A member of a version.
    Field {
        /// The parameter.
        key: String,
    },
}

/// What the state machine calls: the name under which CloudFormation puts it into the definition, and its ARN after
/// `arn:<partition>:`. A whole ARN is put in, because checkers of definitions know `${…}` as a whole value only.
pub(super) const CALLS: [(&str, &str); 7] = [
    ("listModelPackages", "states:::aws-sdk:sagemaker:listModelPackages"),
    ("describeModelPackage", "states:::aws-sdk:sagemaker:describeModelPackage"),
    ("describeStacks", "states:::aws-sdk:cloudformation:describeStacks"),
    ("createStack", "states:::aws-sdk:cloudformation:createStack"),
    ("updateStack", "states:::aws-sdk:cloudformation:updateStack"),
    ("deleteStack", "states:::aws-sdk:cloudformation:deleteStack"),
    ("publish", "states:::sns:publish"),
];

fn call(name: &str) -> String {
    format!("${{{name}}}")
}

/// The name under which CloudFormation puts a parameter's value into the definition.
pub(super) fn substitution(key: &str) -> String {
    format!("Value{key}")
}

/// What the state machine is made of.
pub(super) struct Machine<'a> {
    /// Name of the serving stack.
    pub(super) stack: String,
    /// Its tags.
    pub(super) tags: Vec<Value>,
    /// What CloudFormation wants acknowledged.
    pub(super) capabilities: Vec<&'static str>,
    /// Whether somebody is told of a failure.
    pub(super) notifies: bool,
    /// The groups whose versions it needs.
    pub(super) versions: &'a [Version],
    /// The serving template's parameters.
    pub(super) arguments: &'a [Argument],
}

impl Machine<'_> {
    /// The definition; CloudFormation substitutes `${…}`.
    pub(super) fn definition(&self) -> Value {
        let mut states = Map::new();
        states.insert(
            "Begin",
            json!({
                "Type": "Pass",
                "Assign": { "looks": 0, "page": "", "status": "", "problem": { "Error": "", "Cause": "" } },
                "Next": self.first_find(),
            }),
        );
        for (index, version) in self.versions.iter().enumerate() {
            self.find(index, version, &mut states);
        }
        for (index, version) in
            self.versions.iter().enumerate().filter(|(_, version)| !version.fields.is_empty())
        {
            self.describe(index, version, &mut states);
        }
        self.choose(&mut states);
        self.change(&mut states);
        self.watch(&mut states);
        self.end(&mut states);
        json!({
            "Comment": format!("Brings {} to the newest approved version", self.stack),
            "QueryLanguage": "JSONata",
            "StartAt": "Begin",
            // Beyond what the counted waits take.
            "TimeoutSeconds": WAIT * MOST_LOOKS * 2,
            "States": states,
        })
    }

    fn first_find(&self) -> String {
        self.versions.first().map_or_else(|| "Look at the stack".to_owned(), find_state)
    }

    /// After the group at `index` is found: the next one, then what is wanted of them.
    fn after_find(&self, index: usize) -> String {
        self.versions.get(index + 1).map_or_else(|| self.describe_from(0), find_state)
    }

    fn describe_from(&self, index: usize) -> String {
        let rest = self.versions.iter().skip(index);
        rest.into_iter()
            .find(|version| !version.fields.is_empty())
            .map_or_else(|| "Look at the stack".to_owned(), describe_state)
    }

    /// Asks for the newest approved version of a group. The service may answer with empty pages that have a
    /// successor, as AWS's own samples provide for.
    /// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListModelPackages.html>
    fn find(&self, index: usize, version: &Version, states: &mut Map) {
        let group = &version.group;
        let found = format!("Found {group}");
        let first = "$states.result.ModelPackageSummaryList[0].ModelPackageArn";
        states.insert(find_state(version), json!({
            "Type": "Task",
            "Resource": call("listModelPackages"),
            "Arguments": format!(
                "{{% $merge([{{'ModelPackageGroupName': '{group}', 'ModelApprovalStatus': 'Approved', 'SortBy': 'CreationTime', 'SortOrder': 'Descending', 'MaxResults': 100}}, $page = '' ? {{}} : {{'NextToken': $page}}]) %}}"
            ),
            "Assign": {
                (version_variable(index)): or_empty(first),
                "page": or_empty("$states.result.NextToken"),
            },
            "Retry": retry(),
            "Catch": [caught(self.failure())],
            "Next": &found,
        }));
        states.insert(
            found,
            json!({
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": format!("{{% ${} != '' %}}", version_variable(index)),
                        "Assign": { "page": "" },
                        "Next": self.after_find(index),
                    },
                    { "Condition": "{% $page != '' %}", "Next": find_state(version) },
                ],
                "Default": "Nothing approved",
            }),
        );
    }

    /// Reads what the serving template takes of a version; a member that is absent is empty text.
    fn describe(&self, index: usize, version: &Version, states: &mut Map) {
        let assigned: Map = version
            .fields
            .iter()
            .map(|(key, path)| (self.field_variable(key), json!(or_empty(&format!("$states.result.{path}")))))
            .collect();
        states.insert(
            describe_state(version),
            json!({
                "Type": "Task",
                "Resource": call("describeModelPackage"),
                "Arguments": { "ModelPackageName": format!("{{% ${} %}}", version_variable(index)) },
                "Assign": assigned,
                "Retry": retry(),
                "Catch": [caught(self.failure())],
                "Next": self.describe_from(index + 1),
            }),
        );
    }

    /// The variable that holds a member; Step Functions limits the length of its name.
    fn field_variable(&self, key: &str) -> String {
        let at = self
            .arguments
            .iter()
            .position(|argument| matches!(argument, Argument::Field { key: other } if other == key));
        format!("field{}", at.unwrap_or_default())
    }

    /// Create, update, clear away, or wait: by the stack's state.
    fn choose(&self, states: &mut Map) {
        states.insert("Look at the stack", self.look("Decide", "Is there a stack"));
        states.insert(
            "Is there a stack",
            json!({
                "Type": "Choice",
                "Choices": [{
                    "Condition": says(&["does not exist"]),
                    "Next": "Create the stack",
                }],
                "Default": "What went wrong",
            }),
        );
        states.insert("Decide", json!({
            "Type": "Choice",
            "Choices": [
                { "Condition": "{% $contains($status, '_IN_PROGRESS') %}", "Next": "Count" },
                // What is left of a creation that failed can only be deleted; it holds nothing.
                { "Condition": "{% $status = 'ROLLBACK_COMPLETE' %}", "Next": "Clear away" },
                { "Condition": "{% $contains($status, '_COMPLETE') or $status = 'UPDATE_FAILED' %}", "Next": "Update the stack" },
            ],
            "Default": "Stuck",
        }));
        states.insert(
            "Stuck",
            json!({
                "Type": "Pass",
                "Assign": { "problem": {
                    "Error": "StackStuck",
                    "Cause": "{% 'the stack is in the state ' & $status & ', which needs a person' %}",
                } },
                "Next": self.failure(),
            }),
        );
        states.insert("Count", json!({
            "Type": "Choice",
            "Choices": [{ "Condition": format!("{{% $looks < {MOST_LOOKS} %}}"), "Next": "Wait for others" }],
            "Default": "Too long",
        }));
        states.insert("Too long", json!({
            "Type": "Pass",
            "Assign": { "problem": {
                "Error": "TooLong",
                "Cause": "{% 'the stack did not come to rest; its last state was ' & $status & '; last error: ' & $problem.Cause %}",
            } },
            "Next": self.failure(),
        }));
        states.insert("Wait for others", wait(&self.first_find()));
    }

    /// A look at the stack; when it fails, `Next` of the catch says where to go.
    fn look(&self, next: &str, on_error: &str) -> Value {
        json!({
            "Type": "Task",
            "Resource": call("describeStacks"),
            "Arguments": { "StackName": &self.stack },
            "Assign": { "status": "{% $states.result.Stacks[0].StackStatus %}" },
            "Catch": [caught(on_error)],
            "Next": next,
        })
    }

    fn change(&self, states: &mut Map) {
        let mut arguments = json!({
            "StackName": &self.stack,
            "TemplateURL": "${TemplateUrl}",
            "RoleARN": "${ServingRole}",
            "Parameters": self.arguments.iter().map(|argument| self.parameter(argument)).collect::<Vec<_>>(),
            "Tags": &self.tags,
        });
        if !self.capabilities.is_empty() {
            arguments["Capabilities"] = json!(&self.capabilities);
        }
        for (state, name) in [("Create the stack", "createStack"), ("Update the stack", "updateStack")] {
            states.insert(
                state,
                json!({
                    "Type": "Task",
                    "Resource": call(name),
                    "Arguments": &arguments,
                    "Catch": [caught("What went wrong")],
                    "Next": "Wait for the change",
                }),
            );
        }
        states.insert(
            "Clear away",
            json!({
                "Type": "Task",
                "Resource": call("deleteStack"),
                "Arguments": { "StackName": &self.stack, "RoleARN": "${ServingRole}" },
                "Catch": [caught("What went wrong")],
                "Next": "Count",
            }),
        );
        // CloudFormation says these by one error, `ValidationError`, and its text.
        states.insert(
            "What went wrong",
            json!({
                "Type": "Choice",
                "Choices": [
                    { "Condition": says(&["No updates are to be performed"]), "Next": "Up to date" },
                    {
                        "Condition": says(&[
                            "_IN_PROGRESS", "already exists", "does not exist", "Rate exceeded", "Throttling",
                        ]),
                        "Next": "Count",
                    },
                ],
                "Default": self.failure(),
            }),
        );
    }

    fn parameter(&self, argument: &Argument) -> Value {
        let (key, value) = match argument {
            Argument::Known { key, .. } => (key, format!("${{{}}}", substitution(key))),
            Argument::Version { key, group } => {
                let at = self.versions.iter().position(|version| version.group == *group);
                (key, format!("{{% ${} %}}", version_variable(at.unwrap_or_default())))
            }
            Argument::Field { key } => (key, format!("{{% ${} %}}", self.field_variable(key))),
        };
        json!({ "ParameterKey": key, "ParameterValue": value })
    }

    /// Waits for the end of the change.
    fn watch(&self, states: &mut Map) {
        states.insert("Wait for the change", wait("Look at the change"));
        states.insert("Look at the change", self.look("How is it", "Look again"));
        states.insert("Look again", json!({
            "Type": "Choice",
            "Choices": [{
                "Condition": format!("{{% $looks < {MOST_LOOKS} and {} %}}", said(&["Rate exceeded", "Throttling"])),
                "Next": "Wait for the change",
            }],
            "Default": self.failure(),
        }));
        states.insert("How is it", json!({
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": format!("{{% $contains($status, '_IN_PROGRESS') and $looks < {MOST_LOOKS} %}}"),
                    "Next": "Wait for the change",
                },
                { "Condition": "{% $contains($status, '_IN_PROGRESS') %}", "Next": "Too long" },
                { "Condition": "{% $status in ['CREATE_COMPLETE', 'UPDATE_COMPLETE'] %}", "Next": "Rolled out" },
            ],
            "Default": "Rolled back",
        }));
        states.insert(
            "Rolled back",
            json!({
                "Type": "Pass",
                "Assign": { "problem": {
                    "Error": "RolledBack",
                    "Cause": "{% 'the stack ended in the state ' & $status & '; its events say why' %}",
                } },
                "Next": self.failure(),
            }),
        );
    }

    fn failure(&self) -> &'static str {
        if self.notifies { "Say that it failed" } else { "Failed" }
    }

    fn end(&self, states: &mut Map) {
        states.insert("Nothing approved", json!({ "Type": "Succeed" }));
        states.insert("Up to date", json!({ "Type": "Succeed" }));
        states.insert("Rolled out", json!({ "Type": "Succeed" }));
        if self.notifies {
            states.insert("Say that it failed", json!({
                "Type": "Task",
                "Resource": call("publish"),
                "Arguments": {
                    "TopicArn": "${Topic}",
                    "Subject": "An approved model did not roll out",
                    "Message": format!(
                        "{{% 'The stack {} was not brought to the newest approved version: ' & $problem.Cause & ' (execution ' & $states.context.Execution.Id & ')' %}}",
                        self.stack
                    ),
                },
                "Retry": retry(),
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Failed" }],
                "Next": "Failed",
            }));
        }
        states.insert(
            "Failed",
            json!({
                "Type": "Fail",
                "Error": "RolloutFailed",
                "Cause": "{% $problem.Cause %}",
            }),
        );
    }
}

fn find_state(version: &Version) -> String {
    format!("Find {}", version.group)
}

fn describe_state(version: &Version) -> String {
    format!("Read {}", version.group)
}

fn version_variable(index: usize) -> String {
    format!("version{index}")
}

/// JSONata for a member that may be absent.
fn or_empty(path: &str) -> String {
    format!("{{% $exists({path}) ? $string({path}) : '' %}}")
}

/// Whether the text of the last error holds one of these.
fn said(texts: &[&str]) -> String {
    let any: Vec<String> = texts.iter().map(|text| format!("$contains($problem.Cause, '{text}')")).collect();
    format!("({})", any.join(" or "))
}

fn says(texts: &[&str]) -> String {
    format!("{{% {} %}}", said(texts))
}

/// Any error, remembered.
fn caught(next: &str) -> Value {
    json!({
        "ErrorEquals": ["States.ALL"],
        "Assign": { "problem": {
            "Error": "{% $states.errorOutput.Error %}",
            "Cause": or_empty("$states.errorOutput.Cause"),
        } },
        "Next": next,
    })
}

/// A wait that is counted.
fn wait(next: &str) -> Value {
    json!({ "Type": "Wait", "Seconds": WAIT, "Assign": { "looks": "{% $looks + 1 %}" }, "Next": next })
}

/// Reads are tried again, whatever went wrong, with growing pauses that differ from one execution to the other.
fn retry() -> Value {
    json!([{
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 5,
        "MaxAttempts": 6,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }])
}
