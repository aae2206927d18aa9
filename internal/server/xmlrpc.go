package server

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// The codes of XML-RPC faults, as WordPress has them where it has such a fault.
const (
	faultCredential = 403 // the login or the password is wrong, or may not do that
	faultOff        = 405 // XML-RPC is not answered here
)

// isXMLRPC reports whether a request calls WordPress's XML-RPC, which is called by POST.
func isXMLRPC(r *http.Request) bool {
	return r.Method == http.MethodPost && upstream.IsForXMLRPC(r.RequestURI)
}

// failXMLRPC answers a refusal as clients of XML-RPC expect it: a fault with the status
// 200, as in WordPress. Most of them show another status as a broken connection.
func failXMLRPC(w http.ResponseWriter, status int, message string, err error) {
	fault := faultOff
	var refused *sparekey.AuthError
	switch {
	case status == http.StatusTooManyRequests:
		fault = status
	case errors.As(err, &refused), status == http.StatusUnauthorized:
		fault = faultCredential
	}
	w.Header().Del("WWW-Authenticate") // which belongs to 401
	w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(message)) // a Buffer takes all
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<methodResponse><fault><value><struct>
<member><name>faultCode</name><value><int>%d</int></value></member>
<member><name>faultString</name><value><string>%s</string></value></member>
</struct></value></fault></methodResponse>
`, fault, text.String())
}
