package gatewaytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
)

// checkSignature does what the documentation has an application do with a request of this
// identity, without the code of package gateway. It returns an error in words, empty if there
// is none.
func checkSignature(seen Seen, identity http.Header, now time.Time) string {
	got := seen.values(gateway.HeaderSignature)
	if len(got) != 1 {
		return fmt.Sprintf("signatures %q", got)
	}
	var t int64
	var s string
	if _, err := fmt.Sscanf(got[0], "v1;t=%d;s=%s", &t, &s); err != nil {
		return fmt.Sprintf("signature %q: %v", got[0], err)
	}
	lines := []string{"v1", fmt.Sprint(t), seen.Method, seen.Target}
	for _, name := range []string{"User", "User-Id", "Roles", "Credential", "Scopes"} {
		lines = append(lines, identity.Get("X-Sparekey-"+name))
	}
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write([]byte(strings.Join(lines, "\n")))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); s != want {
		return fmt.Sprintf("signature %s, want %s", s, want)
	}
	if age := now.Sub(time.Unix(t, 0)); age < -time.Minute || age > time.Minute {
		return fmt.Sprintf("signature of %v ago", age)
	}
	return ""
}
