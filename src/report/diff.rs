//! A diff as people and machines read it.
//!
//! | room | writes |
//! | --- | --- |
//! | `story` | nothing: what every form tells |
//! | `value` | values and places, cut where they are long |
//! | `text` | the tree for terminals |
//! | `markdown`, `mermaid` | the comment of a pull request, and the picture of a pipeline in it |
//! | `sarif` | what asks for a look, at its place in the file |
//! | `html` | one page with everything drawn before and after |

mod html;
mod markdown;
mod mermaid;
mod sarif;
mod story;
mod text;
mod value;

pub use html::diff_html;
pub use markdown::diff_markdown;
pub(super) use mermaid::{edges, label};
pub use sarif::diff_sarif;
pub use text::diff_text;
#[cfg(feature = "aws")]
pub(super) use value::cut;
pub(super) use value::printable;
