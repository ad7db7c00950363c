use super::*;
pub(super) fn render(_l: &DataLake, _s: &Scope<'_>, _o: &mut Rendering) {}
