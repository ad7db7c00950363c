//! `monitoring`: whether what an endpoint sees and says still is what its model was made for.
//!
//! Two backends meet in one metric. `model_monitor` runs SageMaker's own monitoring jobs on a schedule; a
//! small state machine reads how each ended and counts violations. `pipeline` runs the user's own code in a
//! small pipeline on a schedule, for accounts that cannot use Model Monitor; the code counts violations. The
//! alarm on that metric is the same.

mod baseline;
mod check;
mod findings;
mod model_monitor;
mod pipeline;
mod render;
mod section;

use super::{Construct, Export, Exports, Rendering, Scope, SourceRequest, This};
use crate::cfn::LogicalId;
use crate::definition::Step;
use crate::diag::Issue;

pub use section::{
    AnalysisWindow, Backend, DatasetFormat, Monitor, MonitorInstance, MonitorKind, MonitorSchedule,
    ProblemType,
};

/// Where reports and baselines go in the lake's bucket for artifacts.
const REPORTS: &str = "monitoring";

impl Monitor {
    /// The alarm's resource in the serving template.
    fn alarm_id(this: &This) -> LogicalId {
        LogicalId::new([this.name.as_str(), "Violations"])
    }
}

impl Construct for Monitor {
    fn export(&self, this: &This, _scope: &Scope<'_>, exports: &mut Exports) {
        let export = Export::Monitor {
            endpoint: self.endpoint.to_string(),
            alarm: self.alarm_on_violation.then(|| Monitor::alarm_id(this)),
        };
        exports.add("monitoring", &this.pointer, &this.name, "", export);
    }

    fn sources(&self, this: &This) -> Vec<SourceRequest> {
        let scripts = [
            ("code", &self.code),
            ("preprocessor", &self.preprocessor),
            ("postprocessor", &self.postprocessor),
        ];
        scripts
            .into_iter()
            .filter_map(|(key, path)| {
                let path = path.clone()?;
                Some(SourceRequest { path, entry: None, pointer: this.pointer.key(key) })
            })
            .collect()
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        self.check_all(this, scope, issues);
    }

    fn baseline_step(&self, this: &This, scope: &Scope<'_>) -> Option<Step> {
        self.baseline(this, scope)
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        self.render_all(this, scope, out);
    }
}
