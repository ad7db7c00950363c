//! Names, tags, regions, accounts: what every stack file says, whatever its constructs are.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::cfn::{LogicalId, TemplateKind};
use crate::constructs::{Environment, Exports, Network, StackFile};
use crate::diag::{Code, Issue, Pointer, nearest};
use crate::tables::{self, Pattern};

/// Names that mean something of their own in references.
const RESERVED: [&str; 5] = ["alarms", "data_lake", "execution", "parameters", "pipeline"];

/// The longest name of most things in SageMaker.
const LONGEST_NAME: usize = 63;

/// The longest name of a CloudFormation stack.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
const LONGEST_STACK: usize = 128;

pub(super) fn check(file: &StackFile, environment: &str, exports: &Exports) -> Vec<Issue> {
    let mut issues = Vec::new();
    name("the stack", &file.name, &Pointer::root().key("name"), false, &mut issues);
    tags(&file.tags, &Pointer::root().key("tags"), &mut issues);
    let all = file.all_tags(environment).len();
    if all > 50 {
        let pointer = Pointer::root().key("tags");
        issues.push(
            Issue::new(
                Code::OutOfBounds,
                pointer,
                format!("there are {all} tags, smstack's own two among them; AWS takes 50"),
            )
            .label("too many tags"),
        );
    }
    if let Some(settings) = file.environments.get(environment) {
        let pointer = Pointer::root().key("environments").key(environment);
        name("an environment", environment, &pointer, true, &mut issues);
        check_environment(settings, &pointer, &mut issues);
        stack_name(&file.name, environment, pointer, &mut issues);
    }
    if let Some(network) = &file.network {
        check_network(network, &mut issues);
    }
    if let Some(deployment) = &file.deployment {
        deployment.check(&mut issues);
    }
    for (name_given, offers) in exports.iter() {
        if offers.pointer.segments().count() > 1 {
            name("a construct", name_given, &offers.pointer, true, &mut issues);
            reserved(name_given, &offers.pointer, &mut issues);
        }
    }
    clashes(exports, &mut issues);
    issues
}

/// A letter or digit first, then letters, digits, `-` and `_`; what AWS asks beyond that, each kind asks itself.
fn name(what: &str, text: &str, pointer: &Pointer, on_key: bool, issues: &mut Vec<Issue>) {
    let strict = what != "a construct";
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || (c == '_' && !strict);
    let first = |c: char| c.is_ascii_alphabetic() || (!strict && c.is_ascii_digit());
    let good = text.starts_with(first) && text.chars().all(part) && !text.ends_with('-');
    let problem = if text.len() > LONGEST_NAME {
        format!("the name `{text}` has {} characters; {LONGEST_NAME} are possible", text.len())
    } else if good {
        return;
    } else {
        format!("`{text}` cannot be the name of {what}")
    };
    let allowed = if strict {
        "letters, digits and `-`, a letter first"
    } else {
        "letters, digits, `-` and `_`, neither sign first, no `-` last"
    };
    let issue = Issue::new(Code::InvalidName, pointer.clone(), problem)
        .help(format!("use {allowed}, at most {LONGEST_NAME} characters"));
    issues.push(if on_key { issue.on_key() } else { issue });
}

/// Both names together make that of the CloudFormation stack.
fn stack_name(name: &str, environment: &str, pointer: Pointer, issues: &mut Vec<Issue>) {
    let length = format!("{name}-{environment}-{}", TemplateKind::Platform.as_str()).len();
    if length > LONGEST_STACK && name.len() <= LONGEST_NAME && environment.len() <= LONGEST_NAME {
        let message = format!(
            "the CloudFormation stack `<name>-{environment}-platform` has a name of {length} characters; {LONGEST_STACK} are possible"
        );
        issues.push(
            Issue::new(Code::InvalidName, pointer, message)
                .on_key()
                .also(Pointer::root().key("name"), "together with this name")
                .help("choose shorter names"),
        );
    }
}

fn reserved(text: &str, pointer: &Pointer, issues: &mut Vec<Issue>) {
    if RESERVED.contains(&text) {
        issues.push(
            Issue::new(
                Code::InvalidName,
                pointer.clone(),
                format!("`{text}` has a meaning of its own in references"),
            )
            .on_key()
            .help("choose another name"),
        );
    }
}

/// What the services that a stack is made of take in keys and values of tags.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html>
static TAG: LazyLock<Pattern> = LazyLock::new(|| Pattern::whole(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"));

/// The first character that no tag has; most have none, and need no pattern to show it.
fn untaggable(text: &str) -> Option<char> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c);
    let mut others = text.chars().filter(|c| !plain(*c));
    others.find(|c| c.is_ascii() || TAG.matches(c.encode_utf8(&mut [0; 4])) == Some(false))
}

fn tags(tags: &BTreeMap<String, String>, pointer: &Pointer, issues: &mut Vec<Issue>) {
    // https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    for (key, value) in tags {
        let at = pointer.key(key);
        let form = |what: &str, text: &str| {
            let bad = untaggable(text)?;
            let shown = if bad.is_control() { bad.escape_default().to_string() } else { bad.to_string() };
            let message = format!("AWS takes no `{shown}` in a tag's {what}");
            let help = "use letters, digits, spaces and `_.:/=+-@`";
            Some(Issue::new(Code::WrongForm, at.clone(), message).help(help))
        };
        issues.extend(form("key", key).map(Issue::on_key));
        issues.extend(form("value", value));
        if key.is_empty() || key.chars().count() > 128 {
            let message = format!("a tag key has 1 to 128 characters, this one {}", key.chars().count());
            issues.push(Issue::new(Code::OutOfBounds, at.clone(), message).on_key());
        }
        if value.chars().count() > 256 {
            let message =
                format!("a tag value has at most 256 characters, this one {}", value.chars().count());
            issues.push(Issue::new(Code::OutOfBounds, at.clone(), message));
        }
        let lower = key.to_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("smstack:") {
            let message = format!("the prefix of the tag `{key}` is reserved");
            issues.push(
                Issue::new(Code::InvalidName, at, message)
                    .on_key()
                    .help("choose a key without `aws:` or `smstack:`"),
            );
        }
    }
}

fn check_environment(settings: &Environment, pointer: &Pointer, issues: &mut Vec<Issue>) {
    tags(&settings.tags, &pointer.key("tags"), issues);
    if let Some(given) = &settings.region {
        region(given, pointer.key("region"), issues);
    }
    if let Some(account) = &settings.account
        && !(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
    {
        issues.push(
            Issue::new(Code::WrongForm, pointer.key("account"), format!("`{account}` is not an AWS account"))
                .help("write its twelve digits in quotes"),
        );
    }
}

/// AWS opens regions that the table does not know; they have the form of those that it knows.
fn region(given: &str, pointer: Pointer, issues: &mut Vec<Issue>) {
    if tables::regions().contains(&given) {
        return;
    }
    let issue = if tables::partition_of(given).is_some() {
        Issue::new(Code::UnknownRegion, pointer, format!("no region is known that is called `{given}`"))
    } else {
        Issue::new(Code::WrongForm, pointer, format!("`{given}` is not an AWS region"))
    };
    issues.push(match nearest(given, tables::regions().iter().copied()) {
        Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
        None => issue.help("regions are written like `us-east-1`"),
    });
}

fn check_network(network: &Network, issues: &mut Vec<Issue>) {
    let at = Pointer::root().key("network");
    // Bounds of VpcConfig: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_VpcConfig.html
    for (key, ids, prefix, most) in [
        ("subnets", &network.subnets, "subnet-", 16),
        ("security_groups", &network.security_groups, "sg-", 5),
    ] {
        let pointer = at.key(key);
        if ids.is_empty() || ids.len() > most {
            let message = format!("`{key}` has 1 to {most} ids, this one {}", ids.len());
            let help = format!("list the ids: `{key}: [{prefix}0a1b2c3d4e5f67890]`");
            issues.push(Issue::new(Code::OutOfBounds, pointer.clone(), message).help(help));
        }
        for (index, id) in ids.iter().enumerate() {
            let digits = id.strip_prefix(prefix).unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                issues.push(
                    Issue::new(
                        Code::WrongForm,
                        pointer.index(index),
                        format!("`{id}` is not an id of its kind"),
                    )
                    .help(format!("an id looks like `{prefix}0a1b2c3d4e5f67890`")),
                );
            }
        }
    }
}

fn clashes(exports: &Exports, issues: &mut Vec<Issue>) {
    for (name, first, second) in &exports.clashes {
        issues.push(
            Issue::new(Code::DuplicateName, second.clone(), format!("two constructs are called `{name}`"))
                .on_key()
                .label("second use")
                .also(first.clone(), "first use")
                .help("names are unique across sections, so that a reference means one thing: rename one"),
        );
    }
    let mut ids: BTreeMap<LogicalId, (&str, &Pointer)> = BTreeMap::new();
    for (name, offers) in exports.iter() {
        let id = LogicalId::new([name]);
        match ids.get(&id) {
            Some((other, first)) => issues.push(
                Issue::new(
                    Code::DuplicateName,
                    offers.pointer.clone(),
                    format!("`{name}` and `{other}` are the same name to CloudFormation, which knows letters and digits only"),
                )
                .on_key()
                .label(format!("`{id}` as a logical id"))
                .also((*first).clone(), "the other")
                .help("rename one of them"),
            ),
            None => {
                ids.insert(id, (name, &offers.pointer));
            }
        }
    }
}
