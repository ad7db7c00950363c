//! `scaling`: how many instances, or how much provisioned concurrency, a variant has.

mod check;
mod render;
mod section;

use super::{Construct, Export, Exports, Rendering, Scope, This};
use crate::diag::Issue;

pub use section::{Adjustment, Scaling, ScheduledAction, Step, Steps, Suspend, Track};

impl Construct for Scaling {
    fn export(&self, this: &This, _scope: &Scope<'_>, exports: &mut Exports) {
        let track =
            self.track.as_ref().and_then(Track::goal).map(|goal| (goal.metric.to_owned(), goal.value));
        let export = Export::Scaling { target: self.target.to_string(), bounds: (self.min, self.max), track };
        exports.add("scaling", &this.pointer, &this.name, "", export);
    }

    fn check(&self, this: &This, scope: &Scope<'_>, issues: &mut Vec<Issue>) {
        self.check_all(this, scope, issues);
    }

    fn render(&self, this: &This, scope: &Scope<'_>, out: &mut Rendering) {
        self.render_all(this, scope, out);
    }
}
