package rest

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// timeFormat is how WordPress writes a time: in UTC, and without saying so.
const timeFormat = "2006-01-02T15:04:05"

type password struct {
	sparekey.Credential
	secret sparekey.Secret // of a new one
}

// passwordFields are the members of an application password, in their order. Those that a
// caller may set are arguments as well: see createArgs and updateArgs.
func passwordFields() []field[password] {
	everywhere := []string{contextView, contextEdit, contextEmbed}
	notEmbedded := []string{contextView, contextEdit}
	return []field[password]{
		{
			name:     "uuid",
			schema:   readOnly("The identifier of the application password.", "string", "uuid"),
			contexts: everywhere,
			value:    func(p password) any { return p.UUID },
		},
		{
			name: "app_id", schema: appIDSchema(), contexts: everywhere,
			value: func(p password) any { return p.AppID },
		},
		{
			name: "name", schema: append(nameSchema(), member{"required", true}), contexts: everywhere,
			value: func(p password) any { return p.Name },
		},
		{
			name:     "created",
			schema:   readOnly("When it was created, in UTC.", "string", "date-time"),
			contexts: notEmbedded,
			value:    func(p password) any { return timeOrNull(p.Created) },
		},
		{
			name:     "last_used",
			schema:   readOnly("When it was last used, in UTC; not more precise than a day.", []string{"string", "null"}, "date-time"),
			contexts: notEmbedded,
			value:    func(p password) any { return timeOrNull(p.LastUsed) },
		},
		{
			name:     "last_ip",
			schema:   readOnly("The address it was last used from.", []string{"string", "null"}, "ip"),
			contexts: notEmbedded,
			value:    func(p password) any { return textOrNull(p.LastIP) },
		},
	}
}

// secretField is shown in one answer: to the request that created the password.
func secretField() field[password] {
	return field[password]{
		name: "password",
		schema: object{
			{"description", "The application password itself. Only the answer to its creation contains it."},
			{"type", "string"}, {"readonly", true},
		},
		contexts: []string{contextEdit},
		value:    func(p password) any { return p.secret.Chunked() },
	}
}

func passwordSchema(*Handler) object {
	return describeItem("application-password", append(passwordFields(), secretField()))
}

func readOnly(description string, kind any, format string) object {
	return object{{"description", description}, {"type", kind}, {"format", format}, {"readonly", true}}
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(timeFormat)
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func createArgs() []arg { return append([]arg{appIDArg(), nameArg(true)}, limitArgs()...) }
func updateArgs() []arg { return append([]arg{appIDArg(), nameArg(false)}, limitArgs()...) }

// mayManage reports whether the caller may manage the application passwords of the user in
// the path. It asks once per request.
func (c *call) mayManage() error {
	if !c.manageChecked {
		c.manageChecked, c.manageErr = true, c.checkManage()
	}
	return c.manageErr
}

func (c *call) checkManage() error {
	if err := c.available(); err != nil {
		return err
	}
	if c.isMe() && !c.caller.signedIn {
		return refuse(codeNotLoggedIn)
	}
	id := c.userID()
	if id == "" {
		return sparekey.ErrUserNotFound
	}
	_, err := c.manager().Target(c.r.Context(), id)
	return err
}

// mayIntrospect reports whether the target is the caller. That takes no right to
// manage anything.
func (c *call) mayIntrospect() error {
	if err := c.mayManage(); err != nil && !errors.Is(err, sparekey.ErrForbidden) {
		return err
	}
	if !c.caller.signedIn || c.userID() != c.caller.user.ID {
		return sparekey.ErrForbidden
	}
	return nil
}

func (c *call) listPasswords() (*response, error) {
	list, err := c.manager().List(c.r.Context(), c.userID())
	if err != nil {
		return nil, err
	}
	items := make([]any, 0, len(list))
	allow := c.passwordMethods()
	for _, credential := range list {
		items = append(items, c.passwordItem(password{Credential: credential}, passwordFields(), c.context(), allow))
	}
	return &response{body: items}, nil
}

func (c *call) readPassword() (*response, error) {
	credential, err := c.manager().Get(c.r.Context(), c.userID(), c.vars["uuid"])
	if err != nil {
		return nil, err
	}
	return c.show(credential, c.context()), nil
}

// introspect describes the application password that the caller used.
func (c *call) introspect() (*response, error) {
	if c.caller.identity == nil {
		return nil, refuse(codeNoPasswordUsed)
	}
	return c.show(c.caller.identity.Credential, c.context()), nil
}

func (c *call) createPassword() (*response, error) {
	secret, credential, err := c.manager().Create(c.r.Context(), c.userID(), sparekey.NewCredential{
		Name: c.text("name"), AppID: c.text("app_id"), Limits: c.limits().Of(sparekey.Limits{}),
	})
	if err != nil {
		return nil, err
	}
	fields := append(passwordFields(), secretField())
	return &response{
		status: http.StatusCreated,
		header: object{{"Location", c.passwordURL(credential)}},
		body:   c.passwordItem(password{credential, secret}, fields, contextEdit, c.passwordMethods()),
	}, nil
}

// updatePassword changes what is given of an application password, all of it or
// nothing. As in WordPress, a name of which nothing is left leaves the old one, and
// an app_id is never changed.
func (c *call) updatePassword() (*response, error) {
	edit := c.limits()
	name := c.text("name")
	edit.Name = &name
	credential, err := c.edit(edit)
	var invalid *sparekey.InvalidError
	if errors.As(err, &invalid) && invalid.Field == "name" {
		edit.Name = nil
		credential, err = c.edit(edit)
	}
	if err != nil {
		return nil, err
	}
	return c.show(credential, contextEdit), nil
}

func (c *call) edit(e sparekey.Edit) (sparekey.Credential, error) {
	if e == (sparekey.Edit{}) {
		return c.manager().Get(c.r.Context(), c.userID(), c.vars["uuid"])
	}
	return c.manager().Edit(c.r.Context(), c.userID(), c.vars["uuid"], e)
}

func (c *call) deletePassword() (*response, error) {
	credential, err := c.manager().Revoke(c.r.Context(), c.userID(), c.vars["uuid"])
	if err != nil {
		return nil, err
	}
	previous := c.render(passwordFields(), password{Credential: credential}, contextEdit)
	return &response{body: object{{"deleted", true}, {"previous", previous}}}, nil
}

func (c *call) show(credential sparekey.Credential, context string) *response {
	return &response{
		body: c.passwordItem(password{Credential: credential}, passwordFields(), context, c.passwordMethods()),
	}
}

// passwordItem is an application password with the link to itself, and what
// the caller may do there.
func (c *call) passwordItem(p password, fields []field[password], context string, allow []string) object {
	self := object{{"href", c.passwordURL(p.Credential)}}
	if len(allow) > 0 {
		self = append(self, member{"targetHints", object{{"allow", allow}}})
	}
	return append(c.render(fields, p, context), member{"_links", object{{"self", []any{self}}}})
}

// passwordMethods lists what the caller may do with the target's passwords.
func (c *call) passwordMethods() []string {
	if c.mayManage() != nil {
		return nil
	}
	return c.h.password.methods()
}

// render leaves out limits that are neither set nor requested, since WordPress has none.
func (c *call) render(fields []field[password], p password, context string) object {
	item := render(fields, p, context)
	if context == contextEmbed {
		return item
	}
	return append(item, limitMembers(p.Credential, c.fields())...)
}

func (c *call) passwordURL(of sparekey.Credential) string {
	return c.userURL(of.UserID) + "/application-passwords/" + url.PathEscape(of.UUID)
}
