package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// Patterns are the patterns at which a program mounts Handler in an http.ServeMux.
var Patterns = []string{"GET /{$}", "GET /web/"}

// policy lets the page load its own files. It lets the page call the route that served it.
// It also lets the page call nodes at any address, because the nodes' addresses are not
// known before the login. It forbids inline code, files of other sites, and frames around
// the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one file of the page as it is served.
type file struct {
	body        []byte
	contentType string
	etag        string
}

// Handler serves the page at / and its files below /web/. It keeps them in memory
// and does no I/O. Mount it at Patterns.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", "no-cache") // browsers must revalidate every time, because all files change together
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
	})
}

// load reads the embedded files. The keys of the returned map are the paths at which the
// files are served.
func load() map[string]file {
	files := make(map[string]file)
	err := fs.WalkDir(page, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := page.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		at := "/web/" + strings.TrimPrefix(name, "page/")
		if name == "page/index.html" {
			at = "/"
		}
		files[at] = file{body: body, contentType: types[path.Ext(name)], etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		panic("web: embedded page: " + err.Error()) // this cannot fail, because the page is part of the program
	}
	return files
}
