package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	probeTimeout = 15 * time.Second
	maxBody      = 1 << 20
)

type credential struct{ login, secret string }

type reply struct {
	url    string
	status int
	header http.Header
	body   []byte
}

// problem is an error of the REST API in WordPress's form.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// probe sends one request, and does not follow redirects: the examination looks at where they
// lead, and a credential goes only where the caller sends it.
func (x *run) probe(ctx context.Context, url string, as *credential) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return reply{}, err
	}
	if as != nil {
		r.SetBasicAuth(as.login, as.secret)
	}
	return x.send(r)
}

func (x *run) send(r *http.Request) (reply, error) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	r.Header.Set("User-Agent", "sparekey-doctor")
	r.Header.Set("Accept", "application/json, */*;q=0.5")
	client := http.Client{Transport: x.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	res, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer: %w", err)
	}
	return reply{r.URL.String(), res.StatusCode, res.Header, body}, nil
}

func (r reply) problem() (p problem) {
	if r.status >= http.StatusBadRequest {
		_ = json.Unmarshal(r.body, &p) // not JSON, so no problem
	}
	return p
}

// says is the status and the message of a reply on one line, for people.
func (r reply) says() string {
	const most = 300
	text := r.problem().Message
	if text == "" && !strings.Contains(r.header.Get("Content-Type"), "html") {
		text = strings.TrimSpace(string(r.body))
	}
	if message := r.header.Get("X-Sparekey-Message"); message != "" {
		text = message
	}
	text = strings.TrimPrefix(text, strconv.Itoa(r.status)+" ") // Go's error pages repeat the status
	text = strings.ToValidUTF8(text[:min(len(text), most)], "")
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, text))
}

// sameAs compares answers. It ignores the content of successful ones, which can change with
// each request.
func (r reply) sameAs(other reply) bool {
	if r.isOK() && other.isOK() {
		return true
	}
	if r.status != other.status || (r.header.Get("WWW-Authenticate") == "") != (other.header.Get("WWW-Authenticate") == "") {
		return false
	}
	if code := r.problem().Code; code != "" {
		return code == other.problem().Code
	}
	return string(r.body) == string(other.body) && r.header.Get("X-Sparekey-Message") == other.header.Get("X-Sparekey-Message")
}

func (r reply) isOK() bool { return r.status >= 200 && r.status < 300 }
