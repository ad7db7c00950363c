use super::*;
pub(super) fn topic(_s: &Scope<'_>) -> Option<Expr> {
    None
}
pub(super) fn start_on_approval(_t: &This, _n: &str, _s: &Scope<'_>, _o: &mut Rendering) {}
pub(super) fn notify_on_approval(_t: &This, _n: &str, _s: &Scope<'_>, _o: &mut Rendering) {}
pub(super) fn render(_s: &Scope<'_>, _o: &mut Rendering) {}
