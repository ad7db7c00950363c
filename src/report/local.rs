//! The local cloud as people follow it: what is installed, where it answers.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{err, is_live};
use crate::local::{ACCESS_KEY, Event, REGION, Running, SECRET_ACCESS_KEY, Status};

/// Shows what happens until the local cloud answers: a line per stage, and on a terminal one more that moves.
pub struct Setup {
    spinner: Option<ProgressBar>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

impl Setup {
    /// Begins.
    pub fn new() -> Setup {
        Setup { spinner: None }
    }

    /// Shows one event. A server that was running already is no event worth a line.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Waiting => self.stage("waiting for another smstack that works on the local cloud"),
            Event::Python { .. } | Event::Ready(_) => {}
            Event::Installing { directory } => {
                self.stage(&format!("installing packages into {}, once", directory.display()));
            }
            Event::Package(name) => self.busy(&format!("fetching {name}")),
            Event::Installed => self.busy("installed"),
            Event::Replacing { pid } => {
                self.stage(&format!("ending the local cloud of another smstack (process {pid})"));
            }
            Event::Starting => self.stage("starting the local cloud"),
            Event::Stopping { pid } => self.stage(&format!("ending the local cloud (process {pid})")),
        }
    }

    /// Ends what moves.
    pub fn end(&mut self) {
        if let Some(bar) = self.spinner.take() {
            bar.finish_and_clear();
        }
    }

    fn stage(&mut self, text: &str) {
        if is_live() && self.spinner.is_none() {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            self.spinner = Some(bar);
        }
        match &self.spinner {
            Some(bar) => bar.suspend(|| err(&format!("{text}\n"))),
            None => err(&format!("{text}\n")),
        }
        self.busy(text);
    }

    /// What goes on at the moment; shown only where it can be taken back.
    fn busy(&self, text: &str) {
        if let Some(bar) = &self.spinner {
            bar.set_message(text.to_owned());
        }
    }
}

/// What other tools have to be told to use the local cloud: `export $(smstack local up)`.
pub fn variables(endpoint_url: &str) -> String {
    format!(
        "AWS_ENDPOINT_URL={endpoint_url}\nAWS_ACCESS_KEY_ID={ACCESS_KEY}\n\
         AWS_SECRET_ACCESS_KEY={SECRET_ACCESS_KEY}\nAWS_REGION={REGION}\nAWS_DEFAULT_REGION={REGION}\n"
    )
}

/// How it ended.
pub fn ended(running: Option<&Running>) -> &'static str {
    match running {
        Some(_) => "the local cloud has ended, and what was deployed to it is gone\n",
        None => "the local cloud was not running\n",
    }
}

/// Whether it runs, and where.
pub fn status(status: &Status) -> String {
    match status {
        Status::Up(running) => {
            let since = i64::try_from(running.started).ok().and_then(|at| Timestamp::from_second(at).ok());
            let since = since.map(|at| format!(", since {at}")).unwrap_or_default();
            format!(
                "running at {} (process {}{since})\nlog: {}\n",
                running.endpoint_url,
                running.pid,
                running.log.display()
            )
        }
        Status::Stuck { pid, log } => {
            format!("process {pid} does not answer: end it by `smstack local down`\nlog: {}\n", log.display())
        }
        Status::Down => "not running: start it by `smstack local up`\n".to_owned(),
    }
}
