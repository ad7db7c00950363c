//! What a construct can see of the others: their exports, and the stack's own settings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::text::Piece;
use super::{
    Bucket, Construct, Data, Export, Exports, Image, Model, Report, StackFile, Text, This, TrainingJob,
    Variant, places,
};
use crate::cfn::{Expr, TemplateKind, Value, json};
use crate::definition::Step;
use crate::diag::{Code, Issue, Pointer, nearest, or_list};
use crate::rules::datasets;
use crate::tables;

/// Where a packed source lies in the artifact bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetKey {
    /// The object's key.
    pub key: String,
    /// Lower-case hexadecimal SHA-256 of the content.
    pub sha256: String,
}

/// The template parameter that holds the artifact bucket's name.
pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// The longest `S3Uri` of SageMaker's requests.
const LONGEST_URI: usize = 1024;

/// Variables of an execution, as `${execution.<name>}`.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-properties.html>
pub const EXECUTION_VARIABLES: [(&str, &str); 6] = [
    ("start_time", "StartDateTime"),
    ("current_time", "CurrentDateTime"),
    ("pipeline_name", "PipelineName"),
    ("pipeline_arn", "PipelineArn"),
    ("id", "PipelineExecutionId"),
    ("arn", "PipelineExecutionArn"),
];

/// What constructs have made: several ask for the same step, and to make one takes long.
#[derive(Debug, Default)]
pub struct Memo {
    /// By the construct's pointer.
    steps: Known<Step>,
    jobs: Known<TrainingJob>,
}

type Known<T> = Mutex<BTreeMap<String, Option<Arc<T>>>>;

/// What is known of a construct, made when it is first asked for.
fn once<T>(known: &Known<T>, this: &This, make: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = lock().get(this.pointer.as_str()) {
        return found.clone();
    }
    // Not under the lock: what a construct makes may need what another makes.
    let new = make().map(Arc::new);
    lock().insert(this.pointer.as_str().to_owned(), new.clone());
    new
}

/// What a construct sees.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The stack file, decoded; for the sections that are settings: name, tags, network.
    pub file: &'a StackFile,
    /// The environment's name.
    pub environment: &'a str,
    /// The environment's region, when the stack file names one.
    pub region: Option<&'a str>,
    /// What constructs offer.
    pub exports: &'a Exports,
    /// Packed sources by the path that the stack file wrote; empty before they are packed.
    pub assets: &'a BTreeMap<String, AssetKey>,
    /// What was made from all of this.
    pub made: &'a Memo,
}

impl<'a> Scope<'a> {
    /// What constructs of that environment see.
    pub fn new(
        file: &'a StackFile,
        environment: &'a str,
        exports: &'a Exports,
        assets: &'a BTreeMap<String, AssetKey>,
        made: &'a Memo,
    ) -> Scope<'a> {
        let region = file.environments.get(environment).and_then(|settings| settings.region.as_deref());
        Scope { file, environment, region, exports, assets, made }
    }

    /// A name that AWS needs fixed, kept apart from other environments' by the environment's name.
    pub fn fixed_name(&self, name: &str) -> String {
        format!("{name}-{}", self.environment)
    }

    /// The name of the CloudFormation stack that a template becomes.
    pub fn stack_name(&self, kind: TemplateKind) -> String {
        format!("{}-{}-{}", self.file.name, self.environment, kind.as_str())
    }

    /// The prefix under which this stack writes into its buckets: the pipeline's name in AWS.
    pub fn prefix(&self) -> String {
        self.fixed_name(&self.file.name)
    }

    /// Tags of what pipelines make at run time, as a list of `Key` and `Value`.
    pub fn run_time_tags(&self) -> Vec<Value> {
        self.file
            .all_tags(self.environment)
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect()
    }

    /// What `name.offer` offers; `rest` is what follows the offer in a longer path.
    fn find<'p>(&self, path: &'p str) -> Option<(&'a Export, &'p str)> {
        let (name, after) = path.split_once('.').unwrap_or((path, ""));
        let offers = self.exports.get(name)?;
        if let Some(export) = offers.get(after) {
            return Some((export, ""));
        }
        let (offer, rest) = after.split_once('.')?;
        let export = offers.get(offer)?;
        matches!(export, Export::Report(_)).then_some((export, rest))
    }

    /// What `name.offer` offers.
    pub fn export(&self, path: &str) -> Option<&'a Export> {
        self.find(path).filter(|(_, rest)| rest.is_empty()).map(|(export, _)| export)
    }

    /// The construct of that name, as a trait object.
    pub fn construct(&self, name: &str) -> Option<(This, &'a dyn Construct)> {
        self.file.construct(name)
    }

    /// The step that runs the construct `name`.
    pub fn step(&self, name: &str) -> Option<Arc<Step>> {
        let (this, construct) = self.construct(name)?;
        self.step_of(&this, construct)
    }

    /// The step that runs a construct.
    pub fn step_of(&self, this: &This, construct: &dyn Construct) -> Option<Arc<Step>> {
        once(&self.made.steps, this, || construct.step(this, self))
    }

    /// The step that makes the model for the step of the construct `name`.
    pub fn model_step(&self, name: &str) -> Option<Step> {
        let (this, construct) = self.construct(name)?;
        construct.model_step(&this, self)
    }

    /// The training job that the construct `name` describes.
    pub fn training_job(&self, name: &str) -> Option<Arc<TrainingJob>> {
        let (this, construct) = self.construct(name)?;
        once(&self.made.jobs, &this, || construct.training_job(&this, self))
    }

    /// The lake's key, when data is encrypted with a customer key.
    pub fn key(&self) -> Option<Expr> {
        match self.export("data_lake.key") {
            Some(Export::Key(arn)) => Some(arn.clone()),
            _ => None,
        }
    }

    /// The lake's key, when the stack makes it: then its policy lets in whom [`super::Rendering::key_users`] names.
    pub fn own_key(&self) -> Option<Expr> {
        self.key().filter(|key| matches!(key, Expr::Attr(..)))
    }

    /// Where jobs write data by default.
    pub fn output_bucket(&self) -> Bucket {
        self.lake_bucket("data_lake.outputs")
    }

    /// Where models, checkpoints and reports go by default.
    pub fn artifacts_bucket(&self) -> Bucket {
        self.lake_bucket("data_lake.artifacts")
    }

    fn lake_bucket(&self, path: &'a str) -> Bucket {
        match self.export(path) {
            Some(Export::Bucket(bucket)) => bucket.clone(),
            _ => Bucket { name: Expr::text("missing"), arn: Expr::text("missing") }, // a lake without buckets is refused
        }
    }

    /// The S3 URI of a packed source.
    pub fn asset(&self, path: &str) -> Expr {
        let key = self.assets.get(path).map_or("not-packed-yet", |asset| asset.key.as_str());
        Expr::concat([Expr::text("s3://"), Expr::Ref(ARTIFACT_BUCKET.into()), Expr::text(format!("/{key}"))])
    }

    /// Data that a reference names: an export, a bucket as a whole, or a literal S3 URI.
    pub fn data(&self, reference: &'a str) -> Option<Data> {
        if let Some(uri) = reference.strip_prefix("s3://") {
            if reference.contains("${") {
                return places::object(&Text::parse(reference).ok()?, self);
            }
            let (bucket, prefix) = uri.split_once('/').unwrap_or((uri, ""));
            return Some(Data {
                uri: Expr::text(reference.to_owned()),
                bucket: Bucket {
                    name: Expr::text(bucket.to_owned()),
                    arn: Expr::arn([Expr::text(format!("s3:::{bucket}"))]),
                },
                prefix: prefix.to_owned(),
                manifest: false,
            });
        }
        match self.export(reference)? {
            Export::Data(data) => Some(data.clone()),
            Export::Bucket(bucket) => Some(Data {
                uri: bucket.uri(""),
                bucket: bucket.clone(),
                prefix: String::new(),
                manifest: false,
            }),
            Export::Model(model) => Some(Data { uri: model.data.clone(), ..model.place.clone() }),
            _ => None,
        }
    }

    /// The datasets with versions: name, the parameter that holds the version, and what the definition says of it.
    pub fn versions(&self) -> Vec<(&'a str, String, &'a Value)> {
        let of = |(name, offers): (&'a str, &'a super::exports::Offers)| match offers.get("version")? {
            Export::Parameter { entry, .. } if offers.section == "data_lake" => {
                Some((name, datasets::parameter(name), entry))
            }
            _ => None,
        };
        self.exports.iter().filter_map(of).collect()
    }

    /// The trained model that a reference names.
    pub fn model(&self, reference: &'a str) -> Option<&'a Model> {
        match self.export(reference)? {
            Export::Model(model) => Some(model),
            _ => None,
        }
    }

    /// The report that a reference names.
    pub fn report(&self, reference: &'a str) -> Option<&'a Report> {
        match self.export(reference)? {
            Export::Report(report) => Some(report),
            _ => None,
        }
    }

    /// The variant that a reference names.
    pub fn variant(&self, reference: &'a str) -> Option<&'a Variant> {
        match self.export(reference)? {
            Export::Variant(variant) => Some(variant),
            _ => None,
        }
    }

    /// What stands for `${path}`.
    pub fn value(&self, path: &str) -> Option<Expr> {
        if let Some(name) = path.strip_prefix("execution.") {
            let (_, variable) = EXECUTION_VARIABLES.iter().find(|(ours, _)| *ours == name)?;
            return Some(Expr::Get(format!("Execution.{variable}")));
        }
        match self.find(path)? {
            (Export::Parameter { value, .. } | Export::Value(value), _) => Some(value.clone()),
            (Export::Report(report), rest) if !rest.is_empty() => Some(Expr::JsonGet {
                step: report.step.clone(),
                property_file: report.property_file.clone(),
                path: rest.to_owned(),
            }),
            (Export::Data(data), _) => Some(data.uri.clone()),
            (Export::Model(model), _) => Some(model.data.clone()),
            (Export::Bucket(bucket), _) => Some(bucket.name.clone()),
            (Export::Group { name, .. } | Export::Pipeline { name }, _) => Some(Expr::text(name.clone())),
            _ => None,
        }
    }

    /// A text with its references resolved; unresolved ones vanish, `check_text` has refused them.
    pub fn text(&self, text: &'a Text) -> Expr {
        match text {
            Text::Literal(value) => Expr::Literal(json!(value)),
            Text::Pieces(pieces) => Expr::concat(pieces.iter().filter_map(|piece| match piece {
                Piece::Literal(text) => Some(Expr::text(text.clone())),
                Piece::Reference(path) => self.value(path),
            })),
        }
    }

    /// Refuses references in a text that resolve to nothing.
    pub fn check_text(&self, text: &'a Text, pointer: &Pointer, issues: &mut Vec<Issue>) {
        for path in text.references().filter(|path| self.value(path).is_none()) {
            let (issue, meant) = self.unresolved(path, "a value", pointer);
            let meant = meant.filter(|meant| self.value(meant).is_some());
            let written = meant.as_deref().and_then(|meant| text.with(path, meant));
            issues.push(match (meant, written) {
                (Some(meant), Some(written)) => issue.fix(written, format!("did you mean `${{{meant}}}`?")),
                _ => issue,
            });
        }
    }

    /// Refuses a reference that is not of the kind wanted; `wanted` as in «a trained model is wanted here».
    pub fn check_reference(
        &self,
        reference: &'a str,
        wanted: &str,
        pointer: &Pointer,
        fits: impl Fn(&Export) -> bool,
        issues: &mut Vec<Issue>,
    ) -> bool {
        let good = self.export(reference).is_some_and(&fits);
        if !good {
            let (issue, meant) = self.unresolved(reference, wanted, pointer);
            let fitting: Vec<String> = self.paths(fits);
            let near = nearest(reference, fitting.iter().map(String::as_str));
            let near = meant.as_deref().filter(|meant| fitting.iter().any(|path| path == meant)).or(near);
            issues.push(match near {
                Some(near) => issue.fix(near, format!("did you mean `{near}`?")),
                None if fitting.is_empty() => issue.help(format!("nothing in this file offers {wanted}")),
                None => {
                    let all = or_list(fitting.iter().map(String::as_str));
                    issue.help(format!("{wanted} is offered as {all}"))
                }
            });
        }
        good
    }

    /// Refuses a reference that names no data in S3.
    pub fn check_data(&self, reference: &'a str, pointer: &Pointer, issues: &mut Vec<Issue>) -> bool {
        let is_data =
            |export: &Export| matches!(export, Export::Data(_) | Export::Bucket(_) | Export::Model(_));
        if let Some(uri) = reference.strip_prefix("s3://") {
            if reference.len() > LONGEST_URI {
                let message =
                    format!("the URI has {} characters; {LONGEST_URI} are possible", reference.len());
                issues.push(
                    Issue::new(Code::OutOfBounds, pointer.clone(), message).help("choose a shorter prefix"),
                );
                return false;
            }
            if reference.contains("${") {
                return self.check_uri(reference, pointer, issues);
            }
            if uri.split('/').next().is_some_and(|bucket| !bucket.is_empty()) {
                return true;
            }
            issues.push(
                Issue::new(Code::WrongForm, pointer.clone(), format!("`{reference}` names no bucket"))
                    .help("write `s3://<bucket>/<prefix>`"),
            );
            return false;
        }
        self.check_reference(reference, "data in S3", pointer, is_data, issues)
    }

    /// Whether an S3 URI with `${…}` in it lies in a bucket that is known; says why not.
    fn check_uri(&self, uri: &str, pointer: &Pointer, issues: &mut Vec<Issue>) -> bool {
        let text = match Text::parse(uri) {
            Ok(text) => text,
            Err(message) => {
                let issue = Issue::new(Code::WrongForm, pointer.clone(), message);
                issues.push(issue.help("write `s3://${<bucket>}/<prefix>`"));
                return false;
            }
        };
        let before = issues.len();
        self.check_text(&text, pointer, issues);
        if issues.len() == before && places::object(&text, self).is_none() {
            let buckets = self.paths(|export| matches!(export, Export::Bucket(_)));
            issues.push(
                Issue::new(
                    Code::WrongForm,
                    pointer.clone(),
                    format!("`{uri}` is in no bucket that is known"),
                )
                .help("write `s3://${<bucket>}/<prefix>`, or the bucket's name")
                .help(format!("buckets are {}", or_list(buckets.iter().map(String::as_str)))),
            );
        }
        issues.len() == before
    }

    /// Paths of all exports that fit, sorted.
    pub fn paths(&self, fits: impl Fn(&Export) -> bool) -> Vec<String> {
        let all = self
            .exports
            .iter()
            .flat_map(|(name, offers)| offers.iter().map(move |(offer, export)| (name, offer, export)));
        all.filter(|(_, _, export)| fits(export))
            .map(
                |(name, offer, _)| if offer.is_empty() { name.to_owned() } else { format!("{name}.{offer}") },
            )
            .collect()
    }

    /// What is wrong with a reference, and what was probably meant.
    fn unresolved(&self, path: &str, wanted: &str, pointer: &Pointer) -> (Issue, Option<String>) {
        let (name, after) = path.split_once('.').unwrap_or((path, ""));
        let whole = |name: &str, after: &str| match after {
            "" => name.to_owned(),
            after => format!("{name}.{after}"),
        };
        let new = |code, message| Issue::new(code, pointer.clone(), message);
        if name == "execution" {
            let known = EXECUTION_VARIABLES.map(|(ours, _)| ours);
            let message = format!("`{after}` is nothing that an execution knows");
            let issue = new(Code::UnknownReference, message).label("no such variable");
            return match nearest(after, known) {
                Some(near) => (issue, Some(whole(name, near))),
                None => (issue.help(format!("after `execution.` stands {}", or_list(known))), None),
            };
        }
        let Some(offers) = self.exports.get(name) else {
            let issue =
                new(Code::UnknownReference, format!("nothing is called `{name}`")).label("no such name");
            let names: Vec<&str> = self.exports.iter().map(|(name, _)| name).chain(["execution"]).collect();
            return (issue, nearest(name, names).map(|near| whole(near, after)));
        };
        let paths = offers.keys().filter(|offer| !offer.is_empty()).map(|offer| whole(name, offer));
        let paths: Vec<String> = paths.collect();
        let offered = || or_list(paths.iter().map(String::as_str));
        match offers.get(after) {
            Some(export) => {
                let message = format!("`{path}` is {}, and {wanted} is wanted here", export.describe());
                let issue = new(Code::WrongReference, message).label(format!("{wanted} is wanted"));
                (issue.also(offers.pointer.clone(), "given here"), None)
            }
            None if after.is_empty() => {
                let message = format!("`{name}` alone names nothing that can stand here");
                let issue = new(Code::WrongReference, message).label("says too little");
                (issue.help(format!("it offers {}", offered())), None)
            }
            None => {
                let issue = new(Code::UnknownReference, format!("`{name}` offers nothing called `{after}`"))
                    .label("not offered")
                    .also(offers.pointer.clone(), format!("`{name}` is given here"));
                match nearest(after, offers.keys()) {
                    Some(near) => (issue, Some(whole(name, near))),
                    None if paths.is_empty() => (issue.help("it offers nothing else"), None),
                    None => (issue.help(format!("it offers {}", offered())), None),
                }
            }
        }
    }

    /// An image of a framework, in the environment's region, or in any region through a mapping.
    pub fn image(&self, image: &tables::Image) -> Image {
        let repository = image.repository.as_str();
        let registry = match self.region.and_then(|region| image.accounts.get(region)) {
            Some(account) => Expr::text(*account),
            None => Expr::FindInMap(
                super::rendering::IMAGES.to_owned(),
                Box::new(Expr::pseudo("AWS::Region")),
                image_key(repository),
            ),
        };
        Image {
            uri: Expr::concat([
                registry.clone(),
                Expr::text(".dkr.ecr."),
                Expr::pseudo("AWS::Region"),
                Expr::text("."),
                Expr::pseudo("AWS::URLSuffix"),
                Expr::text(format!("/{}", image.reference())),
            ]),
            repository_arn: Expr::arn([
                Expr::text("ecr:"),
                Expr::pseudo("AWS::Region"),
                Expr::text(":"),
                registry,
                Expr::text(format!(":repository/{repository}")),
            ]),
        }
    }
}

/// The second-level key of a repository in the mapping of registries: letters and digits.
pub fn image_key(repository: &str) -> String {
    crate::cfn::LogicalId::new([repository]).to_string()
}
