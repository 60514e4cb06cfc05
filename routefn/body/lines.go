package body

import "net/http"

// ContentLines is the content type of JSON lines.
const ContentLines = "application/x-ndjson"

// Lines is a page of JSON lines. Unless it is the last page, the header Link (RFC 8288)
// names the next one. The address in this header is relative. So it stays right behind a
// proxy that serves the route below a path.
type Lines struct {
	Text []byte
	Next string // query of the next page
	Last bool
}

// JSONLines is the format for clients that get Lines.
var JSONLines = Format{Answer: writeLines, Fail: Fail}

func writeLines(w http.ResponseWriter, answer any) {
	page := answer.(Lines)
	if !page.Last {
		w.Header().Set("Link", `<?`+page.Next+`>; rel="next"`)
	}
	Write(w, http.StatusOK, ContentLines, page.Text)
}
