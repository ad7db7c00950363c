//! The dashboard: one page that says how the endpoints are.
//!
//! Kinds put widgets into [`Rendering::widgets`]; here they get a headline and places in a grid of 24 columns.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use super::{Export, Rendering, Role, Scope};
use crate::cfn::{Expr, LogicalId, Statement, TemplateKind, Value, json};
use crate::definition::Body;

/// Columns of the grid.
const COLUMNS: u64 = 24;
/// Columns of one graph.
const THIRD: u64 = 8;
/// Rows of one graph.
const HEIGHT: u64 = 6;

/// A line across a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is.
    pub label: String,
    /// Where it is, on the left axis.
    pub value: f64,
}

/// A graph of metrics over time; `metrics` as the dashboard takes them.
pub fn graph(title: &str, unit: &str, metrics: &[Value], lines: &[Line]) -> Value {
    let horizontal: Vec<Value> =
        lines.iter().map(|line| json!({ "label": &line.label, "value": line.value })).collect();
    json!({
        "type": "metric",
        "width": THIRD,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "view": "timeSeries",
            "region": Expr::pseudo("AWS::Region"),
            "period": 60,
            "stat": "Average",
            "metrics": metrics,
            "yAxis": { "left": { "min": 0, "label": unit, "showUnits": false } },
            "annotations": { "horizontal": horizontal },
        },
    })
}

/// The states of alarms, by ARN.
pub fn alarms(title: &str, arns: &[Expr]) -> Value {
    // Four alarms stand in a row.
    let rows = u64::try_from(arns.len().div_ceil(4)).unwrap_or(1).clamp(1, 4);
    json!({
        "type": "alarm",
        "width": COLUMNS,
        "height": 1 + rows,
        "properties": { "title": title, "alarms": arns },
    })
}

/// Text over the whole width, as Markdown.
pub fn text(markdown: &str, height: u64) -> Value {
    json!({ "type": "text", "width": COLUMNS, "height": height, "properties": { "markdown": markdown } })
}

/// Adds the dashboard of all widgets so far, if there are any; the widgets are used up.
pub fn render(scope: &Scope<'_>, out: &mut Rendering) {
    let widgets = std::mem::take(&mut out.widgets);
    if widgets.is_empty() {
        return;
    }
    // What is on fire stands first.
    let (states, rest): (Vec<Value>, Vec<Value>) =
        widgets.into_iter().partition(|widget| widget["type"] == "alarm");
    let mut all = vec![headline(scope)];
    all.extend(states);
    all.extend(rest);
    let body = Body::of(json!({ "start": "-PT12H", "periodOverride": "inherit", "widgets": placed(all) }));
    let name = scope.prefix();
    let context = json!({ "id": LogicalId::new(["Dashboard"]), "name": &name, "body": body.to_cfn() });
    out.shape(TemplateKind::Serving, "dashboard", context);
    let arn = Expr::arn([
        Expr::text("cloudwatch::"),
        Expr::pseudo("AWS::AccountId"),
        Expr::text(format!(":dashboard/{name}")),
    ]);
    let actions = ["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"];
    out.grant(Role::Serving, [Statement::allow("DeployDashboard", actions, [arn])]);
    out.serving.output("DashboardName", "Name of the dashboard in CloudWatch", &Expr::text(name));
}

fn headline(scope: &Scope<'_>) -> Value {
    let endpoints: Vec<String> = scope
        .exports
        .iter()
        .filter_map(|(_, offers)| match offers.get("")? {
            Export::Endpoint { name, variants, .. } => Some(format!("**{name}** ({})", variants.join(", "))),
            _ => None,
        })
        .collect();
    text(
        &format!(
            "# {} · {}\nServing {}. Made by smstack from the stack file; changes made here are undone by the next deployment.",
            scope.file.name,
            scope.environment,
            endpoints.join(" · ")
        ),
        2,
    )
}

/// Widgets from left to right and from top to bottom, as they come.
fn placed(widgets: Vec<Value>) -> Vec<Value> {
    let (mut x, mut y, mut row) = (0, 0, 0);
    widgets
        .into_iter()
        .map(|mut widget| {
            let width = widget["width"].as_u64().unwrap_or(COLUMNS);
            let height = widget["height"].as_u64().unwrap_or(HEIGHT);
            if x + width > COLUMNS {
                (x, y, row) = (0, y + row, 0);
            }
            widget["x"] = json!(x);
            widget["y"] = json!(y);
            x += width;
            row = row.max(height);
            widget
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widgets_fill_rows() {
        let third = json!({ "type": "metric", "width": 8, "height": 6 });
        let all = vec![text("x", 2), third.clone(), third.clone(), third.clone(), third];
        let places: Vec<(u64, u64)> = placed(all)
            .iter()
            .map(|widget| (widget["x"].as_u64().unwrap(), widget["y"].as_u64().unwrap()))
            .collect();
        assert_eq!(places, [(0, 0), (0, 2), (8, 2), (16, 2), (0, 8)]);
    }
}
