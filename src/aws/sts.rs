//! STS: who is asking.

use aws_sdk_sts::Client;

use super::{Error, ErrorKind, Identity, Result};

pub(super) async fn identity(client: &Client) -> Result<Identity> {
    const OPERATION: &str = "GetCallerIdentity";
    let output = client.get_caller_identity().send().await.map_err(|error| Error::of(OPERATION, &error))?;
    let (Some(account), Some(arn)) = (output.account, output.arn) else {
        return Err(Error::own(OPERATION, ErrorKind::Unknown, "the answer names no account"));
    };
    // arn:<partition>:sts::…
    let partition = arn.split(':').nth(1).filter(|part| !part.is_empty()).unwrap_or("aws").to_owned();
    Ok(Identity { account, arn, partition })
}
