//! A diff as people and machines read it.
//!
//! | room | writes |
//! | --- | --- |
//! | `story` | nothing: what every form tells |
//! | `value` | values and places, cut where they are long |
//! | `text` | the tree for terminals |

mod story;
mod text;
mod value;

pub use text::diff_text;
