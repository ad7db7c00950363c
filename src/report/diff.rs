//! A diff as people and machines read it.
//!
//! | room | writes |
//! | --- | --- |
//! | `story` | nothing: what every form tells |
//! | `value` | values and places, cut where they are long |
//! | `text` | the tree for terminals |
//! | `markdown`, `mermaid` | the comment of a pull request, and the picture of a pipeline in it |

mod markdown;
mod mermaid;
mod story;
mod text;
mod value;

pub use markdown::diff_markdown;
pub use text::diff_text;
