package rest

import (
	"errors"

	"github.com/sparekey-dev/sparekey"
)

// gmtOffset is the site's offset from UTC in hours, as text as in WordPress.
const gmtOffset = "0"

// index describes the site and its routes, and says where to authorize.
func (c *call) index() (*response, error) {
	authentication, err := c.authentication()
	if err != nil {
		return nil, err
	}
	config := c.h.config
	return &response{body: object{
		{"name", config.Name},
		{"description", config.Description},
		{"url", config.HomeURL},
		{"home", config.HomeURL},
		{"gmt_offset", gmtOffset},
		{"timezone_string", "UTC"},
		{"page_for_posts", 0},
		{"page_on_front", 0},
		{"show_on_front", "posts"},
		{"namespaces", []string{namespace}},
		{"authentication", authentication},
		{"routes", c.h.describeRoutes("")},
		{"site_logo", 0},
		{"site_icon", 0},
		{"site_icon_url", ""},
		{"_links", object{{"help", link("https://developer.wordpress.org/rest-api/")}}},
	}}, nil
}

// authentication says where an application can get a password, if passwords are available.
func (c *call) authentication() (object, error) {
	err := c.available()
	switch {
	case err == nil:
		return object{{"application-passwords", object{
			{"endpoints", object{{"authorization", c.h.config.AuthorizeURL}}},
		}}}, nil
	case errors.Is(err, sparekey.ErrUnavailable):
		return object{}, nil
	}
	return nil, err
}

func (c *call) namespaceIndex() (*response, error) {
	return &response{body: object{
		{"namespace", namespace},
		{"routes", c.h.describeRoutes(namespace)},
		{"_links", object{{"up", link(c.h.root())}}},
	}}, nil
}

// describeRoutes describes the routes of a namespace, or all of them.
func (h *Handler) describeRoutes(namespace string) object {
	all := object{}
	for _, rt := range h.routes {
		if !rt.unlisted && (namespace == "" || rt.namespace() == namespace) {
			all = append(all, member{rt.pattern, rt.describe(h, false)})
		}
	}
	return all
}
