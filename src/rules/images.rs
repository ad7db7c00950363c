//! Where an image in Amazon ECR lies, and whether a job or a model can pull it from there.

use crate::diag::{Code, Issue, Pointer};
use crate::tables;

/// Where an image lies in ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'u> {
    /// The registry's account.
    pub account: &'u str,
    /// The registry's region.
    pub region: &'u str,
    /// The repository, without tag and digest.
    pub repository: &'u str,
}

/// Why an image cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault<'u> {
    /// It lies in another region.
    Region(&'u str),
    /// AWS publishes it in another account there.
    Account {
        /// The account that has it in the registry's region.
        right: &'static str,
        /// A region in which the given account has it.
        elsewhere: &'static str,
    },
}

/// The parts of `<account>.dkr.ecr.<region>.<suffix>/<repository>:<tag>`; none of any other text.
pub fn place(uri: &str) -> Option<Place<'_>> {
    let (registry, rest) = uri.split_once('/')?;
    let (account, host) = registry.split_once(".dkr.ecr.")?;
    let (region, _) = host.split_once('.')?;
    let number = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| Place { account, region, repository: repository(rest) })
}

/// The repository of an image, whose registry is not given.
pub fn repository(image: &str) -> &str {
    image.split(['@', ':']).next().unwrap_or(image)
}

/// Why something that runs in `region` (unknown: in the image's own) cannot pull the image. SageMaker pulls from ECR
/// in the region of the job or model only, and AWS's own images lie in another account in nearly every region.
pub fn fault<'u>(place: &Place<'u>, region: Option<&str>) -> Option<Fault<'u>> {
    if region.is_some_and(|region| region != place.region) {
        return Some(Fault::Region(place.region));
    }
    let registries = tables::registries();
    let accounts = registries.get(place.repository)?;
    let right = *accounts.get(place.region).filter(|right| **right != place.account)?;
    // A repository of one's own may have the name of AWS's.
    let (elsewhere, _) = accounts.iter().find(|(_, account)| **account == place.account)?;
    Some(Fault::Account { right, elsewhere })
}

/// What is wrong with an image, given at `pointer`, that cannot be pulled in `region`.
pub fn refused(place: &Place<'_>, region: Option<&str>, pointer: &Pointer) -> Option<Issue> {
    let new = |message: String| Issue::new(Code::ImageRegion, pointer.clone(), message);
    let repository = place.repository;
    Some(match fault(place, region)? {
        Fault::Region(theirs) => {
            let ours = region.unwrap_or_default();
            let registries = tables::registries();
            let accounts = registries.get(repository);
            let of_aws = |accounts: &&tables::Accounts| accounts.get(theirs) == Some(&place.account);
            let help = match accounts.filter(of_aws).and_then(|accounts| accounts.get(ours)) {
                Some(account) => format!("AWS's account for `{repository}` in {ours} is {account}"),
                None => format!("replicate the image to {ours}"),
            };
            new(format!("the image is in {theirs}, the stack in {ours}"))
                .label("another region")
                .note("SageMaker pulls images from ECR in the job's own region only")
                .help(help)
        }
        Fault::Account { right, elsewhere } => {
            let given = place.account;
            let message = format!(
                "AWS publishes `{repository}` in {} from the account {right}, not from {given}",
                place.region
            );
            new(message)
                .label(format!("{given} is its account in {elsewhere}"))
                .help(format!("write {right} for {given}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_account_region_repository() {
        let uri = "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/team/own@sha256:0a";
        let expected = Place { account: "111122223333", region: "cn-north-1", repository: "team/own" };
        assert_eq!(place(uri), Some(expected));
        for other in
            ["own:1", "public.ecr.aws/a/b:1", "1.dkr.ecr.us-east-1.amazonaws.com/own:1", "docker.io/a", ""]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn an_image_is_pulled_in_its_region_from_its_account() {
        let check = |uri: &str, region: Option<&str>, expected: Option<Fault<'_>>| {
            assert_eq!(fault(&place(uri).unwrap(), region), expected, "{uri} in {region:?}");
        };
        let own = "111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1";
        check(own, Some("us-east-1"), None);
        check(own, None, None);
        check(own, Some("eu-west-1"), Some(Fault::Region("us-east-1")));
        check(
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            Some("us-east-1"),
            None,
        );
        let wrong = Fault::Account { right: "141502667606", elsewhere: "us-east-1" };
        let moved = "683313688378.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1";
        check(moved, Some("eu-west-1"), Some(wrong));
        check(moved, None, Some(wrong));
        // A copy in an account of one's own.
        check(
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            Some("eu-west-1"),
            None,
        );
    }
}
