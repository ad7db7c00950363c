//! A diff as people and machines read it.
//!
//! | room | writes |
//! | --- | --- |
//! | `story` | nothing: what every form tells |
//! | `value` | values and places, cut where they are long |
//! | `text` | the tree for terminals |
//! | `markdown`, `mermaid` | the comment of a pull request, and the picture of a pipeline in it |
//! | `html`, `picture` | one page with everything drawn before and after |

mod html;
mod markdown;
mod mermaid;
mod picture;
mod story;
mod text;
mod value;

pub use html::diff_html;
pub use markdown::diff_markdown;
pub use text::diff_text;
