package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// maxBody is how many bytes a form may have. The largest is the selection of a
// whole page of credentials.
const maxBody = 64 << 10

// call is a request for a page.
type call struct {
	*Handler
	w      http.ResponseWriter
	r      *http.Request
	lang   *language
	signed sparekey.User // who is signed in, once that is known
	here   string        // the address at which GET shows this page
	latest time.Time     // the latest expiry that a form can set; zero: no limit
}

// handle decides on the answer to a call.
type handle func(c *call) (*answer, error)

// methods are the handles of a page. That of GET does for HEAD, too.
type methods map[string]handle

func (h *Handler) page(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			r = r.WithContext(sparekey.WithCaller(r.Context(), h.config.Origin(r).Addr, r.Method, r.RequestURI))
		}
		c := &call{Handler: h, w: w, r: r, here: r.RequestURI, lang: h.languages.of(r)}
		defer func() {
			if h.panicked(r, recover()) {
				c.write(c.failure(errPanic))
			}
		}()
		a, err := c.answer(m)
		if err != nil {
			a = c.failure(err)
		}
		c.write(a)
	})
}

// panicked reports whether there was a panic. It passes on http.ErrAbortHandler.
func (h *Handler) panicked(r *http.Request, p any) bool {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	if p != nil {
		h.config.Log.ErrorContext(r.Context(), "panic in the pages",
			slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	}
	return p != nil
}

func (c *call) answer(m methods) (*answer, error) {
	if c.crossOrigin.Check(c.r) != nil {
		return nil, errCrossSite
	}
	if len(m) == 0 {
		if err := c.identifyOptional(); err != nil {
			return nil, err
		}
		return nil, errNoPage
	}
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	next, ok := m[method]
	if !ok {
		c.w.Header().Set("Allow", m.allowed())
		return nil, errMethod
	}
	if err := c.readForm(); err != nil {
		return nil, err
	}
	return next(c)
}

func (m methods) allowed() string {
	names := []string{http.MethodHead}
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (c *call) readForm() error {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	err := c.r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errTooLarge
	case err != nil:
		return errBadForm
	}
	return nil
}

// fields are in the query of a GET and in the body of a POST. A query cannot set a field of a
// form.
func (c *call) fields() url.Values {
	if c.r.Method == http.MethodPost {
		return c.r.PostForm
	}
	return c.r.Form
}

func (c *call) field(name string) string { return c.fields().Get(name) }

// signedIn requires a signed-in user and a secure connection. Others sign in first and
// come back to the page they asked for. After a form, whose content is lost, they come back
// to their own list.
func signedIn(next handle) handle {
	return func(c *call) (*answer, error) {
		back := c.home()
		if c.r.Method != http.MethodPost {
			back = c.r.URL.RequestURI()
		}
		if redirected, err := c.identify(back); redirected != nil || err != nil {
			return redirected, err
		}
		return next(c)
	}
}

// identifyOptional is for pages that anonymous users can see, too.
func (c *call) identifyOptional() error {
	user, ok, err := c.whoIsSignedIn()
	if ok && c.config.Origin(c.r).Secure {
		c.signed = user
	}
	return err
}

// whoIsSignedIn asks the viewer. Neither ok nor err is set for an anonymous request.
func (c *call) whoIsSignedIn() (user sparekey.User, ok bool, err error) {
	user, ok, err = c.viewer(c.r)
	if err != nil {
		return sparekey.User{}, false, fmt.Errorf("ask who is signed in: %w", err)
	}
	return user, ok && user.ID != "", nil
}

// identify finds out who is signed in, and refuses a form that was shown to another user. For
// an anonymous request it returns the redirect to the sign-in page, which leads back to a
// path.
func (c *call) identify(back string) (redirected *answer, err error) {
	if !c.config.Origin(c.r).Secure {
		return nil, errInsecure
	}
	user, ok, err := c.whoIsSignedIn()
	if err != nil {
		return nil, err
	}
	if ok {
		c.signed = user
		return nil, c.checkFormOwner()
	}
	if c.config.SignInURL == "" {
		return nil, errSignedOut
	}
	return c.redirectVia(c.config.SignInURL, back), nil
}

// redirectVia redirects to a page that redirects back afterwards.
func (c *call) redirectVia(page, back string) *answer {
	if !localPath(back) {
		back = c.home()
	}
	return redirect(urlquery.Add(page, urlquery.Field{Name: "redirect_to", Value: back}))
}

func (c *call) manager() sparekey.Manager { return c.svc.As(c.signed) }

// carriesBasic reports whether the request has a Basic credential. A site that asks for those
// itself would refuse an application password before it gets here, so creating one is
// useless.
func (c *call) carriesBasic() bool {
	return slices.ContainsFunc(c.r.Header.Values("Authorization"), func(v string) bool {
		scheme, _, _ := strings.Cut(strings.TrimLeft(v, " "), " ")
		return strings.EqualFold(scheme, "Basic")
	})
}
