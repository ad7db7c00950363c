//! What text stands for: the id or the ARN of a resource, or a network.

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::diag::{Code, Issue};
use crate::lint::{Case, Resource, Template};
use crate::tables::{self, Shape};
use fancy_regex::Regex;

/// An ARN of no service's own: what takes it takes ARNs, what refuses it does not.
const AN_ARN: &str = "arn:aws:service:us-east-1:111122223333:kind/name";
/// A name of no type's own.
const A_NAME: &str = "name";

/// Forms of text by the format's name, as EC2, IAM and ACM document them.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
static FORMS: LazyLock<Vec<(&str, Option<Regex>)>> = LazyLock::new(|| {
    [
        ("AWS::EC2::SecurityGroup.Id", r"^sg-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$"),
        ("AWS::EC2::Subnet.Id", r"^subnet-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$"),
        ("AWS::EC2::VPC.Id", r"^vpc-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$"),
        ("AWS::EC2::Image.Id", r"^(ami-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})|resolve:ssm:.+|/.+)$"),
        ("AWS::IAM::Role.Arn", r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"),
        ("AWS::Lambda::Function.Arn", r"^arn:aws[a-z-]*:lambda:.+$"),
        ("AWS::SNS::Topic.Arn", r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$"),
        ("AWS::SQS::Queue.Arn", r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:.+$"),
        ("AWS::KMS::Key.Arn", r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+$"),
    ]
    .into_iter()
    .map(|(name, form)| (name, Regex::new(form).ok()))
    .collect()
});

/// Whether text has the format of a shape; nothing where that cannot be said.
pub(super) fn matches(shape: &Shape, text: &str) -> Option<bool> {
    match shape.format? {
        "ipv4-network" => Some(is_network(text)),
        format => {
            let (_, form) = FORMS.iter().find(|(name, _)| *name == format)?;
            form.as_ref()?.is_match(text).ok()
        }
    }
}

/// How a format reads to people.
pub(super) fn shown(format: &str) -> String {
    match format {
        "ipv4-network" => "a network such as `10.0.0.0/16`".to_owned(),
        format => {
            let (kind, what) = format.rsplit_once('.').unwrap_or((format, "value"));
            let article = if what.starts_with(['A', 'I']) { "an" } else { "a" };
            let what = match what {
                "Arn" => "ARN".to_owned(),
                other => other.to_ascii_lowercase(),
            };
            format!("{article} {what} of `{kind}`")
        }
    }
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    Ipv4Addr::from_str(address).is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
}

/// What is said of a reference to a resource of the template that gives something else than is wanted: the name of a
/// role for its ARN, the id of a subnet for that of a security group.
pub(super) fn reference(
    template: &Template<'_>,
    wanted: &Shape,
    case: &Case<'_>,
    name: &str,
) -> Option<Issue> {
    let (id, attribute) = case.text()?.target()?;
    let resource = template.resource(id)?;
    let facts = tables::resource(resource.kind)?;
    let path = attribute.or(facts.reference)?;
    let schema = tables::properties(resource.kind)?;
    let result = schema.resolve(schema.at(path)?);
    let gives = gives(path, attribute.is_some(), resource, result)?;
    let wants = wants(wanted)?;
    if !differ(&wants, &gives) {
        return None;
    }
    let how = attribute.map_or_else(|| "`Ref`".to_owned(), |attribute| format!("`{attribute}`"));
    let message = format!("{name} takes {}, and {how} of `{id}` is {}", wants.shown(), gives.shown());
    let issue = Issue::new(Code::WrongReference, case.at.clone(), message)
        .label(format!("this is {}", gives.shown()));
    let other = facts.attributes.iter().find(|it| {
        let shape = schema.at(it).map(|shape| schema.resolve(shape));
        shape.is_some_and(|shape| shape.format.is_some() && shape.format == wanted.format)
            || matches!((&wants, it.ends_with("Name")), (Form::Name, true))
            || matches!(&wants, Form::Arn) && (**it == "Arn" || it.ends_with("Arn")) && !it.contains('.')
    });
    Some(match other {
        Some(other) => issue.help(format!("write `Fn::GetAtt` of `{id}` with `{other}`")),
        None => issue.help(format!("refer to what gives {}", wants.shown())),
    })
}

/// What a reference gives or a property takes.
enum Form {
    /// This and nothing else, by the formats' own names.
    One(&'static str),
    Arn,
    Name,
}

impl Form {
    fn shown(&self) -> String {
        match self {
            Form::One(format) => shown(format),
            Form::Arn => "an ARN".to_owned(),
            Form::Name => "a name".to_owned(),
        }
    }
}

/// What a property takes, if it is certain.
fn wants(shape: &Shape) -> Option<Form> {
    if !shape.any_of.is_empty() || !shape.one_of.is_empty() {
        return None;
    }
    match shape.format {
        // What takes the id of a key takes its ARN and aliases, too.
        Some("AWS::KMS::Key.Id") => return None,
        Some(format) if is_identity(format) => return Some(Form::One(format)),
        Some(_) => return None,
        None => {}
    }
    let pattern = shape.pattern.as_ref()?;
    match (pattern.matches(AN_ARN)?, pattern.matches(A_NAME)?) {
        (false, true) if !pattern.text().contains("arn") => Some(Form::Name),
        (_, false) if pattern.text().trim_start_matches(['^', '(']).starts_with("arn:") => Some(Form::Arn),
        _ => None,
    }
}

/// What a reference gives, if it is certain.
fn gives(path: &str, attribute: bool, resource: &Resource<'_>, shape: &Shape) -> Option<Form> {
    if let Some(format) = shape.format.filter(|format| is_identity(format)) {
        return Some(Form::One(format));
    }
    // An id or a name of the same type, as with security groups.
    let mut several = shape.any_of.iter().filter_map(|shape| shape.format);
    if let Some(first) = several.next().filter(|format| is_identity(format)) {
        let kind = first.rsplit_once('.').map(|(kind, _)| kind);
        return several
            .all(|other| other.rsplit_once('.').map(|(kind, _)| kind) == kind)
            .then_some(Form::One(first));
    }
    let refuses_arns = || {
        let pattern = shape.pattern.as_ref().filter(|pattern| !pattern.text().contains("arn"));
        pattern.and_then(|pattern| pattern.matches(AN_ARN)) == Some(false)
    };
    // What `Ref` gives is documented to be the ARN for SageMaker's types; others may say one thing and give another.
    if path.ends_with("Arn") && (attribute || resource.kind.starts_with("AWS::SageMaker::")) {
        Some(Form::Arn)
    } else if path.ends_with("Name") && refuses_arns() {
        Some(Form::Name)
    } else {
        None
    }
}

fn is_identity(format: &str) -> bool {
    format.starts_with("AWS::") && [".Arn", ".Id"].iter().any(|end| format.ends_with(end))
}

fn differ(wants: &Form, gives: &Form) -> bool {
    match (wants, gives) {
        (Form::One(wants), Form::One(gives)) => wants != gives,
        (Form::One(format), Form::Name) => format.ends_with(".Arn"),
        (Form::Arn, Form::One(gives)) => gives.ends_with(".Id"),
        (Form::Name, Form::One(gives)) => gives.ends_with(".Arn"),
        (Form::Arn, Form::Name) | (Form::Name, Form::Arn) => true,
        (Form::One(_) | Form::Arn, Form::Arn) | (Form::Name, Form::Name) => false,
    }
}
