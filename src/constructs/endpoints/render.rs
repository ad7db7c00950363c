//! The resources of an endpoint, and what its roles may do.

use super::{ANSWERS, Async, CAPTURE, DataCapture, Endpoint, ModelChoice, Routing, VariantSection};
use crate::cfn::{Expr, LogicalId, Statement, TemplateKind, Value, json};
use crate::constructs::{Export, Rendering, Role, Scope, This, grants, serving};
use crate::rules::units::Duration;
use crate::tables;

impl Endpoint {
    pub(super) fn render_all(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let role = serving::role(Role::Endpoint, out);
        for (name, variant) in &self.variants {
            let model = self.model(this, name, variant, &role, scope, out);
            out.shape(TemplateKind::Serving, "model", model);
        }
        let variants: Vec<Value> = self
            .variants
            .iter()
            .map(|(name, variant)| variant.to_value(&model_id(this, name), name))
            .collect();
        let scaled = self.is_scaled(this, scope);
        let alarms: Vec<Value> = self
            .rollout
            .iter()
            .flat_map(|rollout| &rollout.rollback_on)
            .filter_map(|name| match scope.export(name.as_str())? {
                Export::Alarm { id, .. } => Some(id.reference().to_value()),
                _ => None,
            })
            .collect();
        let context = json!({
            "config_id": config_id(this),
            "id": Endpoint::id(this),
            "variants": variants,
            "capture": self.data_capture.as_ref().and_then(|capture| capture.to_value(this, scope, out)),
            "async": self.asynchronous.as_ref().and_then(|answers| answers.to_value(this, scope, out)),
            "key": self.key(scope, out),
            "config": config_id(this).attr("EndpointConfigName"),
            "name": scope.fixed_name(&this.name),
            "deployment": self.rollout.as_ref().and_then(|rollout| rollout.to_value(&alarms)),
            // Scaling has changed the number of instances since: a rollout must not take it back. What the stack
            // file says of weights and capture holds.
            "retain": scaled.then_some(true),
            "exclude": scaled.then(|| json!([
                { "VariantPropertyType": "DesiredWeight" },
                { "VariantPropertyType": "DataCaptureConfig" },
            ])),
        });
        out.shape(TemplateKind::Serving, "endpoint", context);
        let name = scope.fixed_name(&this.name);
        let output = LogicalId::new([this.name.as_str(), "EndpointName"]);
        out.serving.output(output.as_str(), "Name of the endpoint", &Expr::text(name));
        self.grant(this, scope, out);
    }

    /// Whether any variant scales by itself.
    fn is_scaled(&self, this: &This, scope: &Scope<'_>) -> bool {
        let targets = scope.exports.iter().filter_map(|(_, offers)| match offers.get("")? {
            Export::Scaling { target, .. } => Some(target.as_str()),
            _ => None,
        });
        let variants = |name: &str| self.variants.keys().any(|variant| name == variant);
        targets
            .filter_map(|target| target.split_once('.'))
            .any(|(endpoint, variant)| endpoint == this.name && variants(variant))
    }

    fn model(
        &self,
        this: &This,
        name: &str,
        variant: &VariantSection,
        role: &Expr,
        scope: &Scope<'_>,
        out: &mut Rendering,
    ) -> Value {
        let mut container = variant.container(this, name, scope, out);
        if !variant.environment.is_empty() {
            container.insert("Environment", json!(&variant.environment));
        }
        // Serverless variants take neither a VPC nor isolation.
        // <https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html>
        let instances = variant.serverless.is_none();
        let isolated = instances && self.network_isolation;
        let reason = if instances {
            "The stack file turns isolation off: the container fetches something when it starts"
        } else {
            "Serverless variants do not support network isolation"
        };
        json!({
            "id": model_id(this, name),
            "container": container,
            "isolated": isolated,
            "role": role,
            "vpc": serving::vpc(scope).filter(|_| instances),
            "metadata": (!isolated).then(|| serving::skip(&[("CKV_AWS_370", reason)])),
        })
    }

    /// The key of the instances' storage. SageMaker refuses one where an instance type has local storage.
    fn key(&self, scope: &Scope<'_>, out: &mut Rendering) -> Option<Expr> {
        let instances: Vec<&str> =
            self.variants.values().filter_map(|variant| variant.instance.as_deref()).collect();
        if instances.is_empty() || instances.iter().any(|instance| tables::has_local_storage(instance)) {
            return None;
        }
        match &self.encryption {
            Some(arn) => Some(Expr::text(arn.clone())),
            None => serving::key(scope, out),
        }
    }

    fn grant(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        let endpoint = &mut Vec::new();
        endpoint.extend(grants::observe());
        endpoint.extend(self.uses_keys(scope));
        if self.variants.values().any(|variant| variant.serverless.is_none()) {
            endpoint.extend(grants::network(scope));
        }
        endpoint.extend(self.pulls(scope));
        let places = self.variants.values().filter_map(|variant| variant.model_place(scope));
        endpoint.extend(places.flat_map(|place| grants::read(&place)));
        // Any model of this stack can be registered, approved and served.
        for (_, offers) in scope.exports.iter() {
            for export in offers.values() {
                if let Export::Model(model) = export {
                    endpoint.extend(grants::read(&model.place));
                }
            }
        }
        if let Some(place) =
            self.data_capture.as_ref().and_then(|capture| serving::place(scope, &capture.to, CAPTURE))
        {
            endpoint.extend(grants::write(&place));
        }
        if let Some(answers) = &self.asynchronous {
            let places = [Some(&answers.output), answers.failures.as_ref()];
            for place in places.into_iter().flatten().filter_map(|to| serving::place(scope, to, ANSWERS)) {
                endpoint.extend(grants::write(&place));
            }
            let topics: Vec<Expr> = [&answers.success_topic, &answers.error_topic]
                .into_iter()
                .flatten()
                .map(|topic| Expr::text(topic.clone()))
                .collect();
            if !topics.is_empty() {
                endpoint.push(Statement::allow("TellOfAnswers", ["sns:Publish"], topics));
            }
        }
        out.grant(Role::Endpoint, std::mem::take(endpoint));
        out.grant(Role::Serving, self.deployment(this, scope));
    }

    /// Pulling the images.
    fn pulls(&self, scope: &Scope<'_>) -> Vec<Statement> {
        let images = self.variants.values().map(|variant| variant.repository(scope));
        // AWS knows no resource for signing in.
        vec![
            Statement::allow("SignInToRegistry", ["ecr:GetAuthorizationToken"], [Expr::text("*")]),
            Statement::allow(
                "PullImages",
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                images,
            ),
        ]
    }

    /// What CloudFormation needs to make, change and remove the endpoint.
    fn deployment(&self, this: &This, scope: &Scope<'_>) -> Vec<Statement> {
        let any = |kind: &str| Expr::regional_arn("sagemaker", [Expr::text(format!("{kind}/*"))]);
        let endpoint = serving::sagemaker("endpoint", &scope.fixed_name(&this.name));
        let groups = self.variants.values().filter_map(|variant| match &variant.model {
            ModelChoice::Registered(reference) => match scope.export(reference.as_str())? {
                Export::ApprovedModel { group, .. } => {
                    Some(serving::sagemaker("model-package", &format!("{group}/*")))
                }
                _ => None,
            },
            ModelChoice::Artifact(_) | ModelChoice::Many(_) => None,
        });
        let mut statements = vec![
            // CloudFormation chooses the names of models and configurations.
            Statement::allow(
                "DeployModels",
                ["sagemaker:CreateModel", "sagemaker:DeleteModel", "sagemaker:DescribeModel"],
                [any("model")],
            ),
            Statement::allow(
                "DeployEndpointConfigs",
                [
                    "sagemaker:CreateEndpointConfig",
                    "sagemaker:DeleteEndpointConfig",
                    "sagemaker:DescribeEndpointConfig",
                ],
                [any("endpoint-config")],
            ),
            Statement::allow(
                "DeployEndpoints",
                [
                    "sagemaker:CreateEndpoint",
                    "sagemaker:DeleteEndpoint",
                    "sagemaker:DescribeEndpoint",
                    "sagemaker:UpdateEndpoint",
                    "sagemaker:UpdateEndpointWeightsAndCapacities",
                ],
                endpoint.clone().into_iter().chain([any("endpoint-config")]),
            ),
            Statement::allow(
                "TagEndpoints",
                ["sagemaker:AddTags", "sagemaker:DeleteTags", "sagemaker:ListTags"],
                endpoint.into_iter().chain([any("model"), any("endpoint-config")]),
            ),
            Statement::allow("ReadApprovedModels", ["sagemaker:DescribeModelPackage"], groups.flatten()),
            serving::pass(Role::Endpoint, "sagemaker.amazonaws.com"),
        ];
        statements.retain(|statement| !statement.resources.is_empty());
        statements.extend(self.uses_keys(scope));
        statements
    }

    /// Using the lake's key and the endpoint's own.
    fn uses_keys(&self, scope: &Scope<'_>) -> Vec<Statement> {
        let own = self.encryption.iter().map(|arn| Expr::text(arn.clone()));
        scope.key().into_iter().chain(own).flat_map(grants::use_of).collect()
    }
}

impl VariantSection {
    fn to_value(&self, model: &LogicalId, name: &str) -> Value {
        let serverless = self.serverless.as_ref().map(|serverless| {
            json!({
                "MemorySizeInMB": serverless.memory.mb(),
                "MaxConcurrency": serverless.max_concurrency,
                "ProvisionedConcurrency": serverless.provisioned,
            })
        });
        let routing = self.routing.map(|routing| match routing {
            Routing::Random => "RANDOM",
            Routing::LeastOutstandingRequests => "LEAST_OUTSTANDING_REQUESTS",
        });
        json!({
            "VariantName": name,
            "ModelName": model.attr("ModelName"),
            "InitialVariantWeight": self.weight,
            "InstanceType": &self.instance,
            "InitialInstanceCount": serverless.is_none().then(|| self.count.unwrap_or(1)),
            "VolumeSizeInGB": self.volume.map(crate::rules::units::Size::gb),
            "ModelDataDownloadTimeoutInSeconds": self.download_timeout.map(Duration::secs),
            "ContainerStartupHealthCheckTimeoutInSeconds": self.startup_timeout.map(Duration::secs),
            "InferenceAmiVersion": &self.ami_version,
            "RoutingConfig": routing.map(|strategy| json!({ "RoutingStrategy": strategy })),
            "ServerlessConfig": serverless,
        })
    }
}

impl DataCapture {
    fn to_value(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) -> Option<Value> {
        let place = serving::place(scope, &self.to, CAPTURE)?;
        let name = LogicalId::new([this.name.as_str(), "CaptureUri"]);
        let uri = serving::carry(&place.uri, name.as_str(), "Where captured data goes", out);
        let modes = [("Input", self.input), ("Output", self.output)];
        let options: Vec<Value> = modes
            .iter()
            .filter(|(_, given)| *given)
            .map(|(mode, _)| json!({ "CaptureMode": mode }))
            .collect();
        let types = |types: &[String]| (!types.is_empty()).then(|| types.to_vec());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 100 whole percents"
        )]
        let sampling = self.sampling.value() as u32;
        let headers = json!({
            "CsvContentTypes": types(&self.csv_content_types),
            "JsonContentTypes": types(&self.json_content_types),
        });
        let any = !(self.csv_content_types.is_empty() && self.json_content_types.is_empty());
        Some(json!({
            "EnableCapture": true,
            "InitialSamplingPercentage": sampling,
            "DestinationS3Uri": uri,
            "KmsKeyId": serving::key(scope, out),
            "CaptureOptions": options,
            "CaptureContentTypeHeader": any.then_some(headers),
        }))
    }
}

impl Async {
    fn to_value(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) -> Option<Value> {
        let place = serving::place(scope, &self.output, ANSWERS)?;
        let id = |word: &str| LogicalId::new([this.name.as_str(), word]);
        let output =
            serving::carry(&place.uri, id("AnswersUri").as_str(), "Where asynchronous answers go", out);
        let failures =
            self.failures.as_ref().and_then(|to| serving::place(scope, to, ANSWERS)).map(|place| {
                serving::carry(&place.uri, id("FailuresUri").as_str(), "Where asynchronous failures go", out)
            });
        let told = self.success_topic.is_some() || self.error_topic.is_some();
        let topics = json!({ "SuccessTopic": &self.success_topic, "ErrorTopic": &self.error_topic });
        Some(json!({
            "OutputConfig": {
                "S3OutputPath": output,
                "S3FailurePath": failures,
                "KmsKeyId": serving::key(scope, out),
                "NotificationConfig": told.then_some(topics),
            },
            "ClientConfig": self.max_concurrency.map(|most| json!({ "MaxConcurrentInvocationsPerInstance": most })),
        }))
    }
}

fn model_id(this: &This, variant: &str) -> LogicalId {
    LogicalId::new([this.name.as_str(), variant, "Model"])
}

fn config_id(this: &This) -> LogicalId {
    LogicalId::new([this.name.as_str(), "EndpointConfig"])
}
