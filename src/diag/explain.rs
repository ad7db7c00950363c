//! What each code means, why it is refused or warned of, and who says so.
//!
//! The texts stand in `explain/*.md`: a `#` heading for each group of codes, below it a `##` section for each code,
//! its last lines `Source: …`. `explain/rules.tsv` lists the rules that smstack holds, each with the codes that
//! report it, or with the reason why it cannot be decided without asking AWS. Nothing is read before somebody asks.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Code;

/// The groups, in the order of the codes.
const FILES: &[&str] = &[
    include_str!("explain/file.md"),
    include_str!("explain/structure.md"),
    include_str!("explain/names.md"),
    include_str!("explain/data_lake.md"),
    include_str!("explain/parameters.md"),
    include_str!("explain/registry.md"),
    include_str!("explain/triggers.md"),
    include_str!("explain/sources.md"),
    include_str!("explain/rendering.md"),
    include_str!("explain/endpoints.md"),
    include_str!("explain/scaling.md"),
    include_str!("explain/alarms.md"),
    include_str!("explain/monitoring.md"),
    include_str!("explain/jobs.md"),
    include_str!("explain/tuning.md"),
    include_str!("explain/transform.md"),
    include_str!("explain/pipeline.md"),
    include_str!("explain/template.md"),
    include_str!("explain/definition.md"),
    include_str!("explain/accept.md"),
];
const RULES: &str = include_str!("explain/rules.tsv");
/// How the last column of a rule begins that no code reports.
const UNDECIDED: &str = "not decidable offline: ";

/// Codes that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The codes, in the order of their texts.
    pub explanations: Vec<Explanation>,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// What is wrong and why, for people.
    pub blocks: Vec<Block>,
    /// Who says so: addresses of documentation, or the part of smstack whose own rule it is.
    pub sources: Vec<&'static str>,
}

impl Explanation {
    /// The blocks as Markdown, each paragraph on one line.
    pub fn markdown(&self) -> String {
        let blocks = self.blocks.iter().map(|block| match block {
            Block::Text(words) => words.clone(),
            Block::Item(words) => format!("- {words}"),
            Block::Example(lines) => format!("```\n{lines}```"),
        });
        blocks.collect::<Vec<_>>().join("\n\n")
    }

    /// The first source that has an address.
    pub fn link(&self) -> Option<&'static str> {
        self.sources.iter().copied().find(|source| source.starts_with("https://"))
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A paragraph, on one line.
    Text(String),
    /// An item of a list, on one line.
    Item(String),
    /// Lines of a file, as they stand there.
    Example(String),
}

/// A rule, or part of one, that cannot be decided from files alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided {
    /// What would have to hold.
    pub rule: &'static str,
    /// Why it cannot be known.
    pub why: &'static str,
}

/// All groups with all codes.
pub fn explanations() -> &'static [Group] {
    static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| FILES.iter().map(|text| group(text)).collect());
    &GROUPS
}

/// What `code` means.
#[expect(clippy::missing_panics_doc, reason = "a test holds that each code has its section")]
pub fn explanation(code: Code) -> &'static Explanation {
    static BY_CODE: LazyLock<HashMap<Code, &'static Explanation>> = LazyLock::new(|| {
        explanations().iter().flat_map(|group| &group.explanations).map(|one| (one.code, one)).collect()
    });
    BY_CODE.get(&code).expect("each code has a section under `explain/`")
}

/// What smstack cannot decide offline, in the order of the rules.
pub fn undecided() -> impl Iterator<Item = Undecided> {
    RULES.lines().filter_map(|line| {
        let (_, rest) = line.split_once('\t')?;
        let (rule, verdict) = rest.split_once('\t')?;
        Some(Undecided { rule, why: verdict.strip_prefix(UNDECIDED)? })
    })
}

fn group(text: &'static str) -> Group {
    let mut sections = text.split("\n## ");
    let title = sections.next().and_then(|head| head.lines().next()).unwrap_or_default();
    Group { title: title.trim_start_matches("# "), explanations: sections.filter_map(section).collect() }
}

/// A section; one whose heading is no code is nothing, and a test finds it.
fn section(text: &'static str) -> Option<Explanation> {
    let (heading, body) = text.split_once('\n')?;
    let mut one = Explanation { code: Code::parse(heading)?, blocks: Vec::new(), sources: Vec::new() };
    let mut fenced = false;
    let mut open = false; // whether the next line goes on with the last block
    for line in body.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            if fenced {
                one.blocks.push(Block::Example(String::new()));
            }
            open = fenced;
        } else if let (true, Some(Block::Example(example))) = (fenced, one.blocks.last_mut()) {
            example.push_str(line);
            example.push('\n');
        } else if let Some(source) = line.strip_prefix("Source: ") {
            one.sources.push(source);
        } else if line.is_empty() {
            open = false;
        } else if let Some(item) = line.strip_prefix("- ") {
            one.blocks.push(Block::Item(item.to_owned()));
            open = true;
        } else if let (true, Some(Block::Text(text) | Block::Item(text))) = (open, one.blocks.last_mut()) {
            text.push(' ');
            text.push_str(line.trim_start());
        } else {
            one.blocks.push(Block::Text(line.to_owned()));
            open = true;
        }
    }
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::CODES;

    /// Headings of level two in all files, in their order.
    fn headings() -> Vec<&'static str> {
        FILES.iter().flat_map(|text| text.lines()).filter_map(|line| line.strip_prefix("## ")).collect()
    }

    #[test]
    fn each_code_has_one_section_in_the_order_of_the_codes() {
        assert_eq!(headings(), CODES.iter().map(|code| code.as_str()).collect::<Vec<_>>());
        let parsed: usize = explanations().iter().map(|group| group.explanations.len()).sum();
        assert_eq!(parsed, CODES.len());
    }

    #[test]
    fn each_group_has_a_heading() {
        for (text, group) in FILES.iter().zip(explanations()) {
            assert_eq!(text.lines().next(), Some(format!("# {}", group.title).as_str()));
        }
    }

    #[test]
    fn each_section_says_what_why_and_who_says_so() {
        let mut wrong = Vec::new();
        for one in explanations().iter().flat_map(|group| &group.explanations) {
            let code = one.code.as_str();
            let sentence =
                |block: &Block| matches!(block, Block::Text(text) if text.len() > 60 && text.ends_with('.'));
            if !one.blocks.first().is_some_and(sentence) {
                wrong.push(format!("{code}: begins with no sentence"));
            }
            for block in &one.blocks {
                let (Block::Text(text) | Block::Item(text) | Block::Example(text)) = block;
                if text.contains("Source:") || text.matches('`').count() % 2 == 1 || text.trim().is_empty() {
                    wrong.push(format!("{code}: {text}"));
                }
            }
            if one.sources.is_empty() {
                wrong.push(format!("{code}: no source"));
            }
            for source in &one.sources {
                let own = source.strip_prefix("smstack: ").is_some_and(|words| words.contains(' '));
                let published =
                    ["https://docs.aws.amazon.com/", "https://yaml.org/", "https://github.com/aws/"]
                        .iter()
                        .any(|site| source.starts_with(site) && !source.contains(' '));
                let table = source.starts_with("schemas/")
                    && std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(source).is_file();
                if !(own || published || table) {
                    wrong.push(format!("{code}: `{source}` is no source"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_section_is_taken_apart() {
        let one = section("wrong-type\nFirst line\nand second.\n\n- item\n  goes on\n- next\n\n```yaml\na: 1\n\nb: 2\n```\n\nSource: here\nSource: there\n").unwrap();
        let blocks = [
            Block::Text("First line and second.".to_owned()),
            Block::Item("item goes on".to_owned()),
            Block::Item("next".to_owned()),
            Block::Example("a: 1\n\nb: 2\n".to_owned()),
        ];
        assert_eq!(
            (one.code, one.blocks.as_slice(), one.sources.as_slice()),
            (Code::WrongType, &blocks[..], &["here", "there"][..])
        );
        assert_eq!(section("no-code\nText.\n"), None);
    }
}
