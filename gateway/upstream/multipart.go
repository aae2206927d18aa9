package upstream

import (
	"bytes"
	"mime"
	"regexp"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// plainBoundary matches the boundaries that every program reads alike (RFC 2046, section
// 5.1.1, without the comma and the blank, at which PHP ends one).
var plainBoundary = regexp.MustCompile(`^[0-9A-Za-z'()+_./:=?-]{1,70}$`)

// delimiterOf returns what begins each part of a multipart form of this type. The type is
// one for which [isMultipart] is true.
func delimiterOf(contentType string) []byte {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	return []byte("--" + parameters["boundary"])
}

// hasPlainHeads reports whether every program finds the same header behind each delimiter
// in a part of a multipart form. PHP joins two lines of a header, also in the middle of a
// name, ends a line at a zero byte, and reads what follows the last delimiter; others undo
// escapes. A delimiter too close to the end of the text to be followed by a whole header
// counts as plain, unless isEnd says that there is nothing more to come.
func hasPlainHeads(text, delimiter []byte, isEnd bool) bool {
	if len(delimiter) == 0 {
		return false
	}
	for {
		at := bytes.Index(text, delimiter)
		if at < 0 {
			return true
		}
		text = text[at+len(delimiter):]
		if len(text) < guardWindow && !isEnd {
			return true // it is looked at again, before it is passed on
		}
		if !isPlainHead(text) {
			return false
		}
	}
}

// lastDelimiter matches what follows the delimiter at the end of a form.
var lastDelimiter = regexp.MustCompile(`^--[ \t]*(?:\r?\n|$)`)

// isPlainHead reports whether a text begins with a part's header that every program reads
// alike, or with the end of the form.
func isPlainHead(text []byte) bool {
	if lastDelimiter.Match(text) {
		return true
	}
	head, _, isWhole := bytes.Cut(text[:min(len(text), maxHead)], []byte("\r\n\r\n"))
	if !isWhole || !bytes.HasPrefix(head, []byte("\r\n")) {
		return false
	}
	dispositions := 0
	for line := range strings.SplitSeq(string(head[2:]), "\r\n") {
		field := partField.FindStringSubmatch(line)
		if field == nil {
			return false
		}
		switch value := field[2]; strings.ToLower(field[1]) {
		case "content-disposition":
			dispositions++
			if !plainDisposition.MatchString(value) || len(partName.FindAllStringIndex(value, 2)) != 1 {
				return false
			}
		case "content-id": // Rack takes it for a name
			return false
		default: // a type with parts has headers of its own, and Rack finds a field in another's value
			if rawpath.ContainsFold(value, "multipart") || rawpath.ContainsFold(value, "content-") {
				return false
			}
		}
	}
	return dispositions == 1
}

// maxHead bounds the header of a part, in bytes. PHP divides lines that are longer than 5 KiB.
const maxHead = 4 << 10

var (
	// partField is a field of a part's header, in one line (RFC 9112, section 5, without
	// obsolete folding).
	partField = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \\t]*((?:[\\t -~]|[\\x80-\\x{10FFFF}])*)$")

	// plainDisposition is a Content-Disposition (RFC 7578, section 4.2) of which every
	// program reads the name alike. A quote or a line end in a name is encoded as browsers
	// do it (HTML, "multipart/form-data encoding algorithm"), or stands behind "\".
	plainDisposition = regexp.MustCompile(`^(?i:form-data)(?:[ \t]*;[ \t]*(?:` +
		`(?i:name)=(?:"(?:[^"\\%]|\\["\\]|%22|%0[AaDd])*"|[0-9A-Za-z_.-]+)|` +
		`(?i:filename)=(?:"(?:[^"\\]|\\["\\])*"|[0-9A-Za-z_.-]+)|` +
		`(?i:filename)\*=[0-9A-Za-z-]+'[0-9A-Za-z-]*'[^\x00-\x20"';\\]*` +
		`))*[ \t]*$`)

	// partName begins the name in a Content-Disposition, also where only some programs find it.
	partName = regexp.MustCompile(`(?i)(?:^|[^a-z])name[^a-z0-9]{0,40}=`)
)
