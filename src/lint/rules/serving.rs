//! Endpoints, their configurations and their variants, by what refers to them: for the rules over them.

use crate::diag::{Code, Issue, Pointer};
use crate::lint::{Assumptions, Case, Resource, Template, Text};

pub(super) const ENDPOINT: &str = "AWS::SageMaker::Endpoint";
pub(super) const CONFIG: &str = "AWS::SageMaker::EndpointConfig";

/// What a name leads to.
pub(super) enum Named<'a, 'd> {
    /// This resource.
    One(&'a Resource<'d>),
    /// None of those in the template.
    Nothing,
    /// Who knows; something outside of the template, too.
    Unknown,
}

/// The resource of a type whose `property` is the name. A template without any such resource is about those of others.
pub(super) fn named<'a, 'd>(
    template: &'a Template<'d>,
    kind: &'a str,
    property: &str,
    name: &Text,
    when: &Assumptions<'d>,
) -> Named<'a, 'd> {
    if let Some((id, _)) = name.target() {
        return match template.resource(id) {
            Some(resource) if resource.kind == kind => Named::One(resource),
            _ => Named::Unknown,
        };
    }
    // A parameter may name what is elsewhere.
    let mut unknown = name.is_open() || when.has_parameters() || template.is_open("Resources");
    let mut any = false;
    for resource in template.of_type(kind) {
        any = true;
        unknown |= resource.looped;
        for case in template.values(resource, property) {
            if case.is_absent() || when.and(template, &case.when).is_none() {
                continue;
            }
            match case.text().and_then(|text| text.same(name)) {
                Some(true) => return Named::One(resource),
                Some(false) => {}
                None => unknown = true,
            }
        }
        // A name that CloudFormation makes begins with the stack's; a text of references alone may come to it.
        unknown |= name.known().is_none();
    }
    if any && !unknown { Named::Nothing } else { Named::Unknown }
}

/// A name that is a `Ref` of an endpoint, which gives the ARN; `right` writes the name of the endpoint with that id.
pub(super) fn arn_for_name(
    template: &Template<'_>,
    name: &Text,
    at: &Pointer,
    right: impl Fn(&str) -> String,
) -> Option<Issue> {
    let (id, None) = name.target()? else { return None };
    template.resource(id).filter(|it| it.kind == ENDPOINT)?;
    let issue =
        Issue::new(Code::WrongReference, at.clone(), format!("`Ref` of `{id}` is its ARN, not its name"));
    Some(issue.label("a name is wanted").help(format!("write {}", right(id))))
}

/// The endpoint of a name.
pub(super) fn endpoint<'a, 'd>(
    template: &'a Template<'d>,
    name: &Text,
    when: &Assumptions<'d>,
) -> Named<'a, 'd> {
    named(template, ENDPOINT, "EndpointName", name, when)
}

/// The configurations that an endpoint may have; none where one of them cannot be seen.
pub(super) fn configs<'a, 'd>(
    template: &'a Template<'d>,
    endpoint: &Resource<'d>,
    when: &Assumptions<'d>,
) -> Option<Vec<(&'a Resource<'d>, Assumptions<'d>)>> {
    let mut found = Vec::new();
    for case in template.values(endpoint, "EndpointConfigName") {
        let Some(when) = when.and(template, &case.when) else { continue };
        let Named::One(config) = named(template, CONFIG, "EndpointConfigName", case.text()?, &when) else {
            return None;
        };
        found.push((config, when));
    }
    (!found.is_empty()).then_some(found)
}

/// A variant.
pub(super) struct Variant<'d> {
    /// What is said of it.
    pub(super) case: Case<'d>,
    /// What it is called.
    pub(super) name: Text,
    /// Whether it only shadows another.
    pub(super) shadow: bool,
}

impl<'d> Variant<'d> {
    /// What a member of it may come to.
    pub(super) fn values(&self, template: &Template<'d>, path: &str) -> Vec<Case<'d>> {
        beneath(template, &self.case, path)
    }

    /// The one known value of a member, and its place.
    pub(super) fn one(&self, template: &Template<'d>, key: &str) -> Option<(String, Pointer)> {
        match self.values(template, key).as_slice() {
            [case] => Some((case.known()?, case.at.clone())),
            _ => None,
        }
    }
}

/// The variants of a configuration; none where one of them cannot be seen.
pub(super) fn variants<'d>(
    template: &Template<'d>,
    config: &Resource<'d>,
    when: &Assumptions<'d>,
) -> Option<Vec<Variant<'d>>> {
    let mut found = Vec::new();
    for (path, shadow) in [("ProductionVariants", false), ("ShadowProductionVariants", true)] {
        for list in template.values(config, path) {
            if list.is_absent() || when.and(template, &list.when).is_none() {
                continue;
            }
            if !matches!(list.thing, crate::lint::Thing::List(_)) {
                return None;
            }
            for case in template.beneath(&list, "*") {
                let Some(when) = when.and(template, &case.when) else { continue };
                if case.is_absent() {
                    continue;
                }
                let names = template.beneath(&case, "VariantName");
                if names.is_empty() {
                    return None;
                }
                for name in names {
                    let Some(when) = when.and(template, &name.when) else { continue };
                    let text = name.known().map(Text::literal).or_else(|| name.text().cloned())?;
                    let case = Case { when, ..case.clone() };
                    found.push(Variant { case, name: text, shadow });
                }
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The variants of an endpoint, whichever configuration it has; none where one of them cannot be seen.
pub(super) fn variants_of<'d>(
    template: &Template<'d>,
    endpoint: &Resource<'d>,
    when: &Assumptions<'d>,
) -> Option<Vec<Variant<'d>>> {
    let mut all = Vec::new();
    for (config, when) in configs(template, endpoint, when)? {
        all.extend(variants(template, config, &when)?);
    }
    Some(all)
}

/// The variants that may be meant by a name; none when that cannot be said. An empty list: there is no such variant.
pub(super) fn variants_named<'d>(
    template: &Template<'d>,
    endpoint: &Resource<'d>,
    name: &Text,
    when: &Assumptions<'d>,
) -> Option<Vec<Variant<'d>>> {
    let mut found = Vec::new();
    for variant in variants_of(template, endpoint, when)? {
        match variant.name.same(name) {
            Some(true) => found.push(variant),
            Some(false) => {}
            None => return None,
        }
    }
    Some(found)
}

/// All that a dotted path beneath a case may come to, as [`Template::values`] has it for resources.
pub(super) fn beneath<'d>(template: &Template<'d>, case: &Case<'d>, path: &str) -> Vec<Case<'d>> {
    path.split('.').fold(vec![case.clone()], |cases, key| {
        cases.iter().flat_map(|case| template.beneath(case, key)).collect()
    })
}
