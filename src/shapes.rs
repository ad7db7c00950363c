//! The only home of Tera: shapes in, JSON resources out.
