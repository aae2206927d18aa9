package upstream

import (
	"encoding/xml"
	"regexp"
)

// plainDeclaration is what an XML declaration may say after its target (XML 1.0, section
// 2.8). It is narrower than the standard: encoding/xml overlooks an encoding with blanks
// around its "=", which the parsers of applications obey. One that they read as UTF-7 may
// have elements that nothing else sees.
var plainDeclaration = regexp.MustCompile(`^version=["']1\.0["'](?:[ \t\r\n]+encoding=["'](?i:utf-8)["'])?(?:[ \t\r\n]+standalone=["'](?:yes|no)["'])?[ \t\r\n]*$`)

// isPlainDeclaration reports whether a processing instruction is an XML declaration that
// every program reads as one of UTF-8. start is where it begins in the document, without a
// byte order mark: elsewhere than at the beginning it is none.
func isPlainDeclaration(instruction xml.ProcInst, start int64) bool {
	return start == 0 && instruction.Target == "xml" && plainDeclaration.Match(instruction.Inst)
}
