package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed assets/*
var assetFiles embed.FS

// asset is a file that pages load.
type asset struct {
	body []byte
	hash string // of the body: another one for each version of it
	kind string // its Content-Type
}

// assets are the files by name.
type assets map[string]asset

// kinds are the Content-Types of assets, which must not depend on the machine.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// newAssets returns the embedded files. The stylesheet is completed with the
// colours of a theme, which a page under a strict policy cannot carry itself.
func newAssets(accent string) assets {
	files, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // embedded
	}
	all := assets{}
	for _, file := range files {
		body, err := assetFiles.ReadFile("assets/" + file.Name())
		if err != nil {
			panic(err) // embedded
		}
		if file.Name() == "app.css" {
			body = append(body, themeCSS(accent)...)
		}
		sum := sha256.Sum256(body)
		all[file.Name()] = asset{body, hex.EncodeToString(sum[:8]), kinds[path.Ext(file.Name())]}
	}
	return all
}

// url is the address of a file. It holds the file's hash, so that browsers can cache the file
// forever.
func (all assets) url(base, name string) string {
	return base + "/assets/" + name + "?v=" + all[name].hash
}

// ServeHTTP serves a file. One that is asked for by another hash, as happens
// while a new version is rolled out over several processes, is not kept.
func (all assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := all[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == file.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("ETag", `"`+file.hash+`"`)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.body))
}
