//! The only home of the AWS SDK: what smstack asks of a cloud.
