//! smstack: infrastructure as code for the full SageMaker stack.
//!
//! One stack file describes a whole SageMaker system. This crate validates it, renders it into CloudFormation
//! templates and a Pipelines definition, and applies them as change sets. The binary is `main.rs`: arguments in,
//! exit code out.
//!
//! # The way of the data
//!
//! ```text
//! SourceFile ─▶ Document ─▶ StackFile ─▶ Stack ─▶ Assembly          (pure, offline)
//!  text          spans       typed        valid     templates          └▶ Plan ─▶ Event… ─▶ Outcome   (async, AWS)
//!                                                   definition
//!                                                   assets
//! ```
//!
//! Each arrow is one function: [`source::parse`], [`stack::resolve`], [`synth::synth`], `plan::plan`,
//! `deploy::deploy`. Left of the plan nothing is async, opens a socket or prints. A check names places by JSON
//! pointers and returns [`diag::Issue`]s; [`source::locate`] turns those into [`diag::Diagnostic`]s with spans;
//! [`report`] draws them.
//!
//! # The floors
//!
//! A room imports only from lower floors; a test holds this.
//!
//! | floor | rooms | never |
//! | --- | --- | --- |
//! | commands | [`commands`], over the types of [`cli`] | decides about AWS |
//! | report | [`report`] | computes; everything else never prints |
//! | deployment | `deploy`, `data`, [`local`], [`local_run`] | knows a kind of construct |
//! | plan | `plan` | calls AWS |
//! | cloud | `aws` | lets a type of the SDK out |
//! | assembly | [`synth`] | fails on a valid stack, but for CloudFormation's limits |
//! | | [`lint`] | knows a construct; it reads documents, whoever wrote them |
//! | assembly | [`diff`] | reads a file or knows a construct |
//! | stack | [`stack`], [`assets`] | writes into the user's directory |
//! | kinds | [`constructs`] | imports another kind: they meet through exports |
//! | parts | [`rules`], [`cfn`], [`definition`], [`shapes`], [`schema`], [`tables`] | knows a construct |
//! | ground | [`diag`], [`source`] | knows anything of AWS |
//!
//! A new kind is a room in `constructs/`, a shape in `templates/shapes/`, an example, and a line in
//! [`constructs::table`].
//!
//! # Features
//!
//! `aws`, on by default, holds whatever talks to AWS. Without it the offline half builds in a fraction of the
//! time, and everything left of the plan can be tested.

pub mod assets;
#[cfg(feature = "aws")]
pub mod aws;
pub mod cfn;
pub mod cli;
pub mod commands;
pub mod constructs;
#[cfg(feature = "aws")]
pub mod data;
pub mod definition;
#[cfg(feature = "aws")]
pub mod deploy;
pub mod diag;
pub mod diff;
pub mod lint;
pub mod local;
pub mod local_run;
#[cfg(feature = "aws")]
pub mod plan;
pub mod report;
pub mod rules;
pub mod schema;
pub mod shapes;
pub mod source;
pub mod stack;
pub mod synth;
pub mod tables;
