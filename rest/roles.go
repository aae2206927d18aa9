package rest

import (
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// The capabilities of WordPress's default roles. Each role has those of the previous role,
// and more.
const (
	subscriberMay = "read level_0"

	contributorMay = subscriberMay + " delete_posts edit_posts level_1"

	authorMay = contributorMay + " delete_published_posts edit_published_posts publish_posts upload_files level_2"

	editorMay = authorMay + " delete_others_pages delete_others_posts delete_pages delete_private_pages" +
		" delete_private_posts delete_published_pages edit_others_pages edit_others_posts edit_pages" +
		" edit_private_pages edit_private_posts edit_published_pages manage_categories manage_links" +
		" moderate_comments publish_pages read_private_pages read_private_posts unfiltered_html" +
		" level_3 level_4 level_5 level_6 level_7"

	administratorMay = editorMay + " activate_plugins create_users delete_plugins delete_themes delete_users" +
		" edit_dashboard edit_files edit_plugins edit_theme_options edit_themes edit_users export import" +
		" install_plugins install_themes list_users manage_options promote_users remove_users switch_themes" +
		" unfiltered_upload update_core update_plugins update_themes level_8 level_9 level_10"
)

// capabilitiesOf lists what a role may do; of roles that are not WordPress's,
// nothing is known.
func capabilitiesOf(role string) []string {
	switch role {
	case "subscriber":
		return strings.Fields(subscriberMay)
	case "contributor":
		return strings.Fields(contributorMay)
	case "author":
		return strings.Fields(authorMay)
	case "editor":
		return strings.Fields(editorMay)
	case sparekey.RoleAdministrator:
		return strings.Fields(administratorMay)
	}
	return nil
}

// can reports whether one of the user's roles has a capability.
func can(u sparekey.User, capability string) bool {
	return slices.ContainsFunc(u.Roles, func(role string) bool {
		return slices.Contains(capabilitiesOf(role), capability)
	})
}

// capabilities shows what a user may do. A role counts as a capability, too.
func capabilities(u sparekey.User) any {
	var all []string
	for _, role := range u.Roles {
		all = append(append(all, capabilitiesOf(role)...), role)
	}
	return trueFor(all)
}

// extraCapabilities shows what a user was given besides the capabilities of the roles: the
// roles themselves.
func extraCapabilities(u sparekey.User) any { return trueFor(u.Roles) }

// trueFor is an object that says true for every name.
func trueFor(names []string) any {
	all := object{}
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			all = append(all, member{name, true})
		}
	}
	if len(all) == 0 {
		return emptyObject{}
	}
	return all
}
