package rest

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// avatarSizes are the sizes in which pictures of users are offered, in pixels.
func avatarSizes() []int { return []int{24, 48, 96} }

type person struct {
	sparekey.User
	context string
}

// userFields are the members of a user, in WordPress's order. Sparekey knows no
// first and last names, home pages and biographies: those are empty.
func (h *Handler) userFields() []field[person] {
	everywhere := []string{contextEmbed, contextView, contextEdit}
	notEmbedded := []string{contextView, contextEdit}
	edit := []string{contextEdit}
	row := func(name string, kind any, description string, contexts []string, value func(person) any) field[person] {
		return field[person]{name, object{{"description", description}, {"type", kind}}, contexts, value}
	}
	empty := func(person) any { return "" }
	return []field[person]{
		row("id", []string{"integer", "string"}, "The identifier of the user.", everywhere, func(p person) any { return userNumberOrText(p.ID) }),
		row("username", "string", "The login.", edit, func(p person) any { return p.Login }),
		row("name", "string", "The name that is shown.", everywhere, func(p person) any { return cmp.Or(p.DisplayName, p.Login) }),
		row("first_name", "string", "The first name.", edit, empty),
		row("last_name", "string", "The last name.", edit, empty),
		row("email", "string", "The e-mail address.", edit, func(p person) any { return p.Email }),
		row("url", "string", "The user's home page.", everywhere, empty),
		row("description", "string", "About the user.", everywhere, empty),
		row("link", "string", "The user's page on the site.", everywhere, func(p person) any { return h.config.UserURL(p.User) }),
		row("locale", "string", "The language.", edit, func(person) any { return "en_US" }),
		row("nickname", "string", "The nickname.", edit, func(p person) any { return p.Login }),
		row("slug", "string", "The user in addresses.", everywhere, func(p person) any { return slug(p.User) }),
		row("registered_date", "string", "When the user was registered, in UTC.", edit, registeredDate),
		row("roles", "array", "The user's roles.", edit, func(p person) any { return p.Roles }),
		row("capabilities", "object", "The capabilities of the user.", edit, func(p person) any { return capabilities(p.User) }),
		row("extra_capabilities", "object", "Capabilities that the user has besides those of the roles.", edit, func(p person) any { return extraCapabilities(p.User) }),
		row("avatar_urls", "object", "Pictures of the user, by their size in pixels.", everywhere, h.avatarURLs),
		row("meta", "object", "Settings of the user.", notEmbedded, meta),
	}
}

func userSchema(h *Handler) object { return describeItem("user", h.userFields()) }

func registeredDate(p person) any {
	if p.Registered.IsZero() {
		return ""
	}
	return p.Registered.UTC().Format(timeFormat) + "+00:00"
}

func (h *Handler) avatarURLs(p person) any {
	urls := object{}
	for _, size := range avatarSizes() {
		urls = append(urls, member{strconv.Itoa(size), h.config.Avatar(p.User, size)})
	}
	return urls
}

// meta is empty except for a setting that clients expect where they may edit.
func meta(p person) any {
	if p.context == contextEdit {
		return object{{"persisted_preferences", object{}}}
	}
	return object{}
}

// slug is the user's login as it can stand in an address.
func slug(u sparekey.User) string {
	dashed := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
			return c
		case 'A' <= c && c <= 'Z':
			return c + ('a' - 'A')
		case c == ' ', c == '.':
			return '-'
		}
		return -1
	}, u.Login)
	parts := strings.FieldsFunc(dashed, func(c rune) bool { return c == '-' })
	return cmp.Or(strings.Join(parts, "-"), url.PathEscape(u.ID))
}

// isUserNumber reports whether an ID is a number to clients: positive, without
// leading zeros, and not too large for them.
func isUserNumber(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

func userNumberOrText(id string) any {
	if isUserNumber(id) {
		return jsonNumber(id)
	}
	return id
}

// userURL is the address of a user: by ID, or that of the caller where no route takes such an
// ID. Then only the caller has an address.
func (c *call) userURL(id string) string {
	if !c.h.isAddress(id) {
		id = "me"
	}
	return c.h.base + "/wp/v2/users/" + id
}

var opaqueID = regexp.MustCompile("^" + userOpaque + "$")

// isAddress reports whether a user's ID can stand in a path.
func (h *Handler) isAddress(id string) bool {
	if h.config.OpaqueUserIDs {
		return opaqueID.MatchString(id) && !strings.EqualFold(id, "me") && strings.Trim(id, ".") != ""
	}
	return isUserNumber(id)
}

// userItem is a user with the links to itself, and what the caller may do there.
func (c *call) userItem(u sparekey.User) object {
	var links object
	if c.h.isAddress(u.ID) || c.caller.is(u) { // else there is none that leads anywhere
		self := object{{"href", c.userURL(u.ID)}}
		if allow := c.userMethods(u); len(allow) > 0 {
			self = append(self, member{"targetHints", object{{"allow", allow}}})
		}
		links = object{{"self", []any{self}}}
	}
	links = append(links, member{"collection", link(c.h.base + "/wp/v2/users")})
	return append(render(c.h.userFields(), person{u, c.context()}, c.context()), member{"_links", links})
}

// userMethods lists what the caller may do with a user who is visible to them.
func (c *call) userMethods(u sparekey.User) []string {
	methods := []string{"GET"}
	if c.mayEdit(u) != nil {
		return methods
	}
	methods = append(methods, "POST", "PUT", "PATCH")
	if can(c.caller.user, "delete_users") {
		methods = append(methods, "DELETE")
	}
	return methods
}

// mayEdit reports whether the caller may edit a user: themselves, and whose
// application passwords they may manage. Where those are not available, that was not
// asked yet: the directory decides if it is a [sparekey.Authority], and otherwise the
// caller's roles do. It asks once per user.
func (c *call) mayEdit(u sparekey.User) error {
	if c.caller.is(u) {
		return nil
	}
	if !c.caller.signedIn {
		return sparekey.ErrForbidden
	}
	denied, asked := c.editErrs[u.ID]
	if !asked {
		denied = c.askToEdit(u)
		if c.editErrs == nil {
			c.editErrs = map[string]error{}
		}
		c.editErrs[u.ID] = denied
	}
	return denied
}

func (c *call) askToEdit(u sparekey.User) error {
	_, err := c.manager().Target(c.r.Context(), u.ID)
	switch {
	case errors.Is(err, sparekey.ErrUnavailable), errors.Is(err, sparekey.ErrUnavailableForUser):
		if authority, ok := c.h.svc.Directory().(sparekey.Authority); ok {
			return errUnless(authority.CanManage(c.r.Context(), c.caller.user, u))
		}
		return c.requires("edit_users")
	}
	return err
}

// mustListUsers refuses callers who may not list all users: the directory decides if
// it is a [sparekey.Authority], and otherwise the caller's roles do. It asks once.
func (c *call) mustListUsers() error {
	if !c.listChecked {
		c.listChecked, c.listErr = true, c.checkListUsers()
	}
	return c.listErr
}

func (c *call) checkListUsers() error {
	authority, ok := c.h.svc.Directory().(sparekey.Authority)
	if !ok || !c.caller.signedIn {
		return c.requires("list_users")
	}
	return errUnless(authority.CanListUsers(c.r.Context(), c.caller.user))
}

func errUnless(allowed bool, broken error) error {
	if broken == nil && !allowed {
		return sparekey.ErrForbidden
	}
	return broken
}

// requires refuses callers without a role that has the capability.
func (c *call) requires(capability string) error {
	if c.caller.signedIn && can(c.caller.user, capability) {
		return nil
	}
	return sparekey.ErrForbidden
}

// subject is the user in the path. It asks the directory once per request.
func (c *call) subject() (sparekey.User, error) {
	if !c.subjectChecked {
		c.subjectChecked = true
		c.found, c.notFound = c.lookUpSubject()
	}
	return c.found, c.notFound
}

func (c *call) lookUpSubject() (sparekey.User, error) {
	if c.isMe() {
		if !c.caller.signedIn {
			return sparekey.User{}, refuse(codeNotLoggedIn)
		}
		return c.caller.user, nil
	}
	id := c.userID()
	if id == "" {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return c.h.svc.Directory().UserByID(c.r.Context(), id)
}

// mayReadUser lets callers see themselves and the users they may edit, and all users if they
// may list users. With context=edit, they see only themselves and those they may edit.
func (c *call) mayReadUser() error {
	u, err := c.subject()
	if err != nil || c.caller.is(u) {
		return err
	}
	err = c.mayEdit(u)
	if !errors.Is(err, sparekey.ErrForbidden) {
		return err
	}
	if c.context() == contextEdit {
		return refuse(codeForbiddenContext)
	}
	return c.mustListUsers()
}

func (c *call) mayEditUser() error {
	u, err := c.subject()
	if err != nil {
		return err
	}
	return c.mayEdit(u)
}

func (c *call) mayDeleteUser() error {
	u, err := c.subject()
	if err != nil {
		return err
	}
	if err := c.mayEdit(u); err != nil {
		return err
	}
	return c.requires("delete_users")
}

func (c *call) mayCreateUsers() error { return c.requires("create_users") }

func (c *call) readUser() (*response, error) {
	u, err := c.subject()
	if err != nil {
		return nil, err
	}
	return &response{body: c.userItem(u)}, nil
}

// refuseUserChange answers callers who may create or delete users in WordPress: here, only
// the application does that.
func (c *call) refuseUserChange() (*response, error) { return nil, refuse(codeUsersReadOnly) }

func listUsersArgs() []arg {
	return []arg{
		contextArg(),
		integerArg("page", "Which page of the list to show.", 1, 1, 0),
		integerArg("per_page", "How many users a page has.", 10, 1, 100),
		{
			name: "search", schema: object{{"description", "Only users with this in a name or address."}, {"type", "string"}},
			accept: aString(func(string) *argError { return nil }),
		},
		integerArg("offset", "How many users to leave out; replaces page.", nil, 0, 0),
		wordsArg("roles", "Only users with one of these roles."),
	}
}

// mayListUsers lets all callers list the users that are public. For more, a caller must be
// allowed to list users.
func (c *call) mayListUsers() error {
	roles, _ := c.args["roles"].([]string)
	err := c.mustListUsers()
	switch {
	case !errors.Is(err, sparekey.ErrForbidden):
		return err // nil, or the directory did not answer
	case len(roles) > 0:
		return sparekey.ErrForbidden
	case c.context() == contextEdit:
		return refuse(codeForbiddenContext)
	}
	return nil
}

// listUsers lists users for callers who may. All others see an empty list: the users who
// have published something, which Sparekey does not know of.
func (c *call) listUsers() (*response, error) {
	err := c.mustListUsers()
	if errors.Is(err, sparekey.ErrForbidden) {
		return c.userPage(nil, 0), nil
	}
	if err != nil {
		return nil, err
	}
	lister, ok := c.h.svc.Directory().(sparekey.UserLister)
	if !ok {
		return nil, refuse(codeUsersNotListed)
	}
	users, total, err := c.selectUsers(lister)
	if err != nil {
		return nil, err
	}
	return c.userPage(users, total), nil
}

// userOffset is how many users stand before the page that is asked for.
func (c *call) userOffset() int {
	if offset, ok := c.args["offset"].(int); ok {
		return offset
	}
	return (c.number("page") - 1) * c.number("per_page")
}

func (c *call) selectUsers(lister sparekey.UserLister) (users []sparekey.User, total int, err error) {
	query := sparekey.UserQuery{
		Search: strings.Trim(c.text("search"), "* "), Offset: c.userOffset(), Limit: c.number("per_page"),
	}
	roles, _ := c.args["roles"].([]string)
	if len(roles) > 1 { // a query can ask for one role alone
		return usersWithRoles(c, lister, query, roles)
	}
	if len(roles) == 1 {
		query.Role = roles[0]
	}
	return lister.Users(c.r.Context(), query)
}

// usersWithRoles pages through the users who have at least one of several roles.
func usersWithRoles(c *call, lister sparekey.UserLister, page sparekey.UserQuery, roles []string) ([]sparekey.User, int, error) {
	all, _, err := lister.Users(c.r.Context(), sparekey.UserQuery{Search: page.Search})
	if err != nil {
		return nil, 0, err
	}
	all = slices.DeleteFunc(all, func(u sparekey.User) bool { return !slices.ContainsFunc(roles, u.HasRole) })
	from := min(page.Offset, len(all))
	to := min(from+page.Limit, len(all))
	return all[from:to], len(all), nil
}

// userPage is one page of a list of users, with links to the previous and the next page.
func (c *call) userPage(users []sparekey.User, total int) *response {
	items := make([]any, 0, len(users))
	for _, u := range users {
		items = append(items, c.userItem(u))
	}
	perPage := c.number("per_page")
	pages := (total + perPage - 1) / perPage
	answer := &response{body: items, header: object{
		{"X-WP-Total", strconv.Itoa(total)}, {"X-WP-TotalPages", strconv.Itoa(pages)},
	}}
	page := c.userOffset()/perPage + 1
	var beside []string
	if page > 1 {
		beside = append(beside, c.pageLink(min(page-1, max(pages, 1)), "prev"))
	}
	if page < pages {
		beside = append(beside, c.pageLink(page+1, "next"))
	}
	if beside != nil {
		answer.header = append(answer.header, member{"Link", strings.Join(beside, ", ")})
	}
	return answer
}

// pageLink leads to another page of what the request asked for.
func (c *call) pageLink(page int, relation string) string {
	query := c.r.URL.Query()
	query.Del("rest_route")
	query.Del("offset")
	query.Set("page", strconv.Itoa(page))
	separator := "?"
	if c.h.byQuery {
		separator = "&"
	}
	return "<" + c.h.base + "/wp/v2/users" + separator + query.Encode() + `>; rel="` + relation + `"`
}
