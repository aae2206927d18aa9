package upstream

import (
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// The paths below a repository that say less than a request to them does.
const (
	gitRefs  = "/info/refs"              // of which service, the query says (gitprotocol-http)
	lfsBatch = "/info/lfs/objects/batch" // whether to download or to upload, the body says (Git LFS, "Batch API")
)

// readService adds the service of git for which refs are asked: the same path serves
// fetches and pushes. It is a GET of the path at which the service is used then, such as
// /repo.git/git-receive-pack.
func (c *collector) readService(query string) {
	for _, path := range c.paths[:len(c.paths):len(c.paths)] {
		repository, ok := strings.CutSuffix(strings.TrimRight(path, "/"), gitRefs)
		if !ok {
			continue
		}
		for p := range parameters(query) {
			if !p.mayBe("service") {
				continue
			}
			service, ok := p.text()
			if !ok || !p.plain || rawpath.IsAmbiguous(repository+"/"+service) || strings.ContainsAny(service, "/%?#*\x00") {
				c.cannotTell("programs read the parameter \"service\" in different ways; send it once, as git does")
				return
			}
			if service != "" && service != "git-upload-pack" {
				c.addOther(sparekey.Reading{Method: http.MethodGet, Path: repository + "/" + service})
			}
		}
	}
}

// mayBe reports whether a program may take the parameter for one of this name, which is in
// lower case.
func (p parameter) mayBe(name string) bool {
	folded := strings.ToLower(p.name)
	return folded == name || !p.plain && strings.HasPrefix(strings.TrimLeft(folded, "_"), name)
}

// addOther adds a reading of a method and a path of its own.
func (c *collector) addOther(reading sparekey.Reading) {
	if len(c.others) >= maxMeanings {
		c.tooMany()
		return
	}
	c.others = append(c.others, reading)
}

// readTransfer adds an upload where Git LFS may be asked for one: a PUT of the path of the
// request. It is one unless the body certainly asks for a download.
func (c *collector) readTransfer(r *Request) {
	for _, path := range c.paths {
		if strings.HasSuffix(strings.TrimRight(path, "/"), lfsBatch) && !isDownload(r) {
			c.addOther(sparekey.Reading{Method: http.MethodPut, Path: path})
		}
	}
}

// isDownload reports whether the body is JSON that asks Git LFS for a download and, in
// whatever spelling, for nothing else.
func isDownload(r *Request) bool {
	if r.Body == nil {
		return false
	}
	body, why := r.Body.peek()
	if why != "" {
		return false
	}
	seen := 0
	err := members(body, func(name string, value any) error {
		if strings.EqualFold(name, "operation") {
			if value != "download" || name != "operation" {
				seen++ // never exactly one
			}
			seen++
		}
		return nil
	})
	return err == nil && seen == 1
}
