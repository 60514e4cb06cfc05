package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// ExportPage is a page of the user's data.
type ExportPage struct {
	Lines []byte // JSON, each with a line break
	Next  string // cursor of the next page; empty: this is the last one
}

// Export writes all that the servers have of the user to w, as JSON lines: the account,
// contacts, groups, and the messages that the user may read. The last line is of the kind
// "end". While routes ask to come back later for a page, Export repeats the request until
// ctx ends. After an error, w has the lines that came before the error. A program that
// must go on after an error uses ExportPage.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	for cursor, row := "", 0; ; {
		page, err := c.ExportPage(ctx, cursor)
		if err != nil {
			delay, again := retryDelay(err, row)
			if row++; !again || !retry.Sleep(ctx, max(delay, 50*time.Millisecond)) {
				return err
			}
			continue
		}
		if _, err := w.Write(page.Lines); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if cursor, row = page.Next, 0; cursor == "" {
			return nil
		}
	}
}

// ExportPage returns the page of the user's data at a cursor: the Next of the page
// before, or an empty text for the first page. All pages, one behind the other, are one
// file. A cursor stays valid, and may be used again on any route. The error has the code
// proto.Invalid for a cursor of another user, and proto.Limited after too many pages.
func (c *Client) ExportPage(ctx context.Context, cursor string) (ExportPage, error) {
	path := proto.PathExport
	if cursor != "" {
		path += "?" + url.Values{"cursor": {cursor}}.Encode()
	}
	var page ExportPage
	if err := c.account.callAs(ctx, manner{backlog: true}, http.MethodGet, path, nil, &page); err != nil {
		return ExportPage{}, fmt.Errorf("export: %w", err)
	}
	return page, nil
}

func (*ExportPage) accepts() string { return "" }

// read reads an answer of a route. It refuses an answer that has neither a link to the
// next page nor the last line. A proxy must have removed the link.
func (p *ExportPage) read(h http.Header, body []byte) error {
	p.Lines, p.Next = body, nextCursor(h.Values("Link"))
	last := body[bytes.LastIndexByte(bytes.TrimSuffix(body, []byte("\n")), '\n')+1:]
	if p.Next == "" && !bytes.HasPrefix(last, []byte(`{"kind":"end"`)) {
		return fmt.Errorf("%w: the header Link is missing", ErrNotRoute)
	}
	return nil
}

// nextCursor returns the cursor in the link to the next page, or an empty text.
func nextCursor(links []string) string {
	for _, l := range links {
		target, rel, _ := strings.Cut(l, ">")
		if u, err := url.Parse(strings.TrimPrefix(target, "<")); err == nil && strings.Contains(rel, `rel="next"`) {
			return u.Query().Get("cursor")
		}
	}
	return ""
}
