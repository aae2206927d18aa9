package gateway

// ByScope reports whether a scope of the credential allowed the request. Rule is then a
// name or a text that an operator or a user chose, and may be spelled like one of the
// gateway's own rules or like a reason. In every other decision it is one of those.
func (d Decision) ByScope() bool { return d.Outcome == Allowed && d.Identity.Rule != "" }
