use super::*;
use crate::source::SourceFile;

/// The values of resource `R` at `path`, each as `text [what is assumed]`.
fn check(text: &str, path: &str, expected: &[&str]) {
    let file = SourceFile::new("template.yaml", text);
    let document = read(&file).expect(text);
    let template = Template::new(&document.value, None);
    let resource = template.resource("R").expect("resource R");
    let found: Vec<String> = template
        .values(resource, path)
        .into_iter()
        .map(|case| {
            let shown = match &case.thing {
                Thing::Text(text) => text.shown(),
                Thing::Absent => "absent".to_owned(),
                Thing::Unknown => "?".to_owned(),
                Thing::Scalar(value) => value.to_string(),
                Thing::Texts(texts) => format!("{:?}", texts.iter().map(Text::shown).collect::<Vec<_>>()),
                Thing::Map(_) => "{}".to_owned(),
                Thing::List(_) => "[]".to_owned(),
            };
            let place = document.places.find(&case.at);
            assert!(place.exact, "{}", case.at);
            let (line, _) = file.line_column(place.value.start);
            format!("{line}: {shown} {}", case.when.shown()).trim_end().to_owned()
        })
        .collect();
    assert_eq!(found, expected, "{path} of\n{text}");
}

const HEAD: &str = "\
Parameters:
  Env: { Type: String, AllowedValues: [dev, prod] }
  Count: { Type: Number, Default: 2 }
  Free: { Type: String }
  Names: { Type: CommaDelimitedList, Default: 'a, b' }
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsDev: !Not [!Condition IsProd]
Mappings:
  Sizes: { dev: { Type: ml.m5.large }, prod: { Type: ml.m5.xlarge } }
Resources:
";

fn one(properties: &str, path: &str, expected: &[&str]) {
    check(&format!("{HEAD}  R:\n    Type: A\n    Properties:\n{properties}"), path, expected);
}

#[test]
fn values_and_their_places() {
    one("      P: x\n", "P", &["15: x"]);
    one("      P: !Ref Env\n", "P", &["15: dev [Env=dev]", "15: prod [Env=prod]"]);
    one("      P: !Ref Count\n", "P", &["15: 2 [Count=2]"]);
    one("      P: !Ref Free\n", "P", &["15: ?"]);
    one("      P: !Ref R\n", "P", &["15: ${R}"]);
    one("      P: !GetAtt R.A.B\n", "P", &["15: ${R.A.B}"]);
    one("      P: !GetAtt [R, Arn]\n", "P", &["15: ${R.Arn}"]);
    one(
        "      P: !Sub 'x-${R}-${R.Arn}-${AWS::Region}-${!lit}'\n",
        "P",
        &["15: x-${R}-${R.Arn}-${AWS::Region}-${lit}"],
    );
    one("      P: !Join ['/', [a, !Ref R, 5]]\n", "P", &["15: a/${R}/5"]);
    one("      P: !Ref Names\n", "P", &["15: [\"a\", \"b\"] [Names=a, b]"]);
    one("      P: !Select [1, !Ref Names]\n", "P", &["15: b [Names=a, b]"]);
    one("      P: !Select [1, !Split [',', 'a,b']]\n", "P", &["15: b"]);
    one("      P: '{{resolve:ssm:/x}}-a'\n", "P", &["15: …-a"]);
    one("      P: { Q: [{ S: 1 }, { S: 2 }] }\n", "P.Q.*.S", &["15: 1", "15: 2"]);
    one("      P: { Q: [{ S: 1 }, { S: 2 }] }\n", "P.Q.1.S", &["15: 2"]);
    one("      P: !Ref Free\n", "P.Q", &["15: ?"]);
}

#[test]
fn branches_and_what_they_assume() {
    one(
        "      P: !If\n      - IsProd\n      - a\n      - b\n",
        "P",
        &["17: a [IsProd, Env=prod]", "18: b [not IsProd]"],
    );
    one(
        "      P: !If [IsProd, !Ref Env, !Ref AWS::NoValue]\n",
        "P",
        &["15: prod [IsProd, Env=prod]", "15: absent [not IsProd]"],
    );
    one(
        "      P: !If [IsProd, !If [IsDev, x, y], z]\n",
        "P",
        &["15: y [not IsDev, IsProd, Env=prod]", "15: z [not IsProd]"],
    );
    one(
        "      P: !FindInMap [Sizes, !Ref Env, Type]\n",
        "P",
        &["15: ml.m5.large [Env=dev]", "15: ml.m5.xlarge [Env=prod]"],
    );
    one(
        "      Fn::If: [IsProd, { P: 1 }, { P: 2 }]\n",
        "P",
        &["15: 1 [IsProd, Env=prod]", "15: 2 [not IsProd]"],
    );
    one(
        "      P: !Sub ['${A}-${Env}', { A: !If [IsProd, p, d] }]\n",
        "P",
        &["15: p-prod [IsProd, Env=prod]", "15: d-dev [not IsProd, Env=dev]"],
    );
}

#[test]
fn a_resource_exists_under_its_condition() {
    let text = format!(
        "{HEAD}  R:\n    Type: A\n    Condition: IsDev\n    Properties:\n      P: !If [IsProd, a, !Ref Env]\n"
    );
    check(&text, "P", &["16: dev [IsDev, not IsProd, Env=dev]"]);
}

#[test]
fn a_loop_makes_resources() {
    let text = "\
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Buckets:
  - Name
  - [a, b-c]
  - Bucket${Name}:
      Type: AWS::S3::Bucket
      Properties: { BucketName: !Ref Name }
    More&{Name}:
      Type: AWS::S3::Bucket
";
    let file = SourceFile::new("template.yaml", text);
    let document = read(&file).expect(text);
    let template = Template::new(&document.value, None);
    let ids: Vec<_> = template.resources.keys().map(AsRef::as_ref).collect();
    assert_eq!(ids, ["Bucketa", "Bucketb-c", "Morea", "Morebc"]);
    let case = &template.values(&template.resources["Bucketa"], "BucketName")[0];
    assert_eq!(case.thing, Thing::Unknown);
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        check_any(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_cut_template_is_answered(cut in 0usize..600, at in 0usize..600, c in "[\\[\\]{}!&*:,'\"a\n -]") {
        let text = format!("{HEAD}  R:\n    Type: AWS::SageMaker::Endpoint\n    Properties:\n      EndpointConfigName: !If [IsProd, !Sub '${{Env}}-${{R.Arn}}', !Ref Names]\n");
        check_any(&text[..text.floor_char_boundary(cut.min(text.len()))]);
        let at = text.floor_char_boundary(at.min(text.len()));
        check_any(&format!("{}{c}{}", &text[..at], &text[at..]));
    }
}

const EMBEDDED: &str = r#"
Resources:
  A:
    Type: AWS::SageMaker::Pipeline
    Properties:
      PipelineDefinition:
        PipelineDefinitionBody: !Sub |
          { "Version": "2020-12-01", "Steps": [{ "Name": "ä", "Type": "Fail", "Arguments": { "x": ${A} } }] }
  B:
    Type: AWS::SageMaker::Pipeline
    Properties:
      PipelineDefinition:
        PipelineDefinitionBody: !Join ["", ["{\"Version\":\"2020\",\"Steps\":[{\"Name\":\"\u00e9", !Ref A, '"}]}']]
"#;

/// What is found in the text of a template stands within it, at the line that says it.
#[test]
fn an_embedded_definition_is_looked_into() {
    let file = SourceFile::new("template.yaml", EMBEDDED);
    let found = super::check(&file, None);
    let lines: std::collections::BTreeSet<usize> = found
        .iter()
        .map(|it| file.line_column(it.primary.span.start).0)
        .filter(|line| [8, 13].contains(line))
        .collect();
    assert_eq!(lines.into_iter().collect::<Vec<_>>(), [8, 13], "{found:?}");
}

proptest::proptest! {
    #[test]
    fn a_changed_definition_is_answered(at in 0usize..700, gone in 0usize..9, c in "[\\[\\]{}!&*:,'\"$aé\n\\\\ |-]{0,3}") {
        let start = EMBEDDED.floor_char_boundary(at.min(EMBEDDED.len()));
        let end = EMBEDDED.floor_char_boundary((at + gone).min(EMBEDDED.len())).max(start);
        check_any(&format!("{}{c}{}", &EMBEDDED[..start], &EMBEDDED[end..]));
    }
}

fn check_any(text: &str) {
    let file = SourceFile::new("any.yaml", text);
    for found in super::check(&file, Some("us-east-1")) {
        assert!(text.get(found.primary.span.clone()).is_some(), "{found:?} in\n{text}");
    }
}
