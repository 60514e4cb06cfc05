package takeout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// pageSteps is how many steps a page has at most. A step reads a piece of a log, or of
	// another list. A page costs the user's budget as much as pageSteps pulls.
	pageSteps = 10
	// A page that has taken pageTime ends with the current step.
	pageTime = 2 * time.Second
)

// Requests has the request of clients for their data. All fields are required. It is safe
// for concurrent use.
type Requests struct {
	Store  *record.Store
	Timing Timing
	Log    *slog.Logger
}

// Timing records how long the store takes. Load shedding depends on it.
type Timing interface {
	Answered(took time.Duration)
}

// Export is GET /v1/export. It returns the page of the caller's data that begins at a
// cursor. The token alone tells who the caller is, and no parameter does. A page costs as
// much as pageSteps pulls.
func (r *Requests) Export(ctx context.Context, caller token.Token, q url.Values) (body.Lines, error) {
	at, err := parsePlace(q.Get("cursor"), caller.User)
	if err != nil {
		return body.Lines{}, err
	}
	if err := r.Store.Charge(ctx, record.PullBudget, pageSteps); err != nil {
		return body.Lines{}, err
	}
	x := Exporter{Store: r.Store, Answered: r.Timing.Answered, Log: r.Log}
	p, err := x.page(ctx, at)
	if err != nil {
		return body.Lines{}, err
	}
	return body.Lines{Text: p.Lines, Next: url.Values{"cursor": {p.Next}}.Encode(), Last: p.Next == ""}, nil
}

// Page is a part of an export.
type Page struct {
	Lines []byte
	Next  string         // cursor of the next page; empty: this is the last one
	Count map[string]int // lines by kind
}

// Page returns the page of a user's data that begins at a cursor. An empty cursor stands
// for the first page. A cursor of another user's export is refused. The error wraps
// record.ErrNoUser if there is no such account.
func (x *Exporter) Page(ctx context.Context, user int64, cursor string) (Page, error) {
	at, err := parsePlace(cursor, user)
	if err != nil {
		return Page{}, err
	}
	return x.page(ctx, at)
}

func (x *Exporter) page(ctx context.Context, at place) (Page, error) {
	w := &writer{Exporter: x, place: at, count: make(map[string]int)}
	w.out = json.NewEncoder(&w.lines)
	w.out.SetEscapeHTML(false)
	begun := time.Now()
	if at.begins() {
		w.must(format.KindHeader, format.Header{Kind: format.KindHeader, Version: format.Version, Ends: true})
	}
	for range pageSteps {
		if err := steps[w.Part](w, ctx); err != nil {
			return Page{}, fmt.Errorf("export account %d: %w", at.User, err)
		}
		if w.Part == partEnd {
			w.must(format.KindEnd, format.End{Kind: format.KindEnd, Records: w.Records})
			return Page{Lines: w.lines.Bytes(), Count: w.count}, nil
		}
		if w.full || w.lines.Len() > pageBytes-spareBytes || time.Since(begun) > pageTime {
			break
		}
	}
	return Page{Lines: w.lines.Bytes(), Next: w.place.cursor(), Count: w.count}, nil
}

// steps has a step for each part of an export. A step writes lines, and moves the place.
// While a part has more lines, its step is called again.
var steps = [partEnd]func(*writer, context.Context) error{
	partAccount: (*writer).account, partContacts: (*writer).contacts, partInvitations: (*writer).invitations,
	partReports: (*writer).reports, partDelayed: (*writer).delayed, partLogs: (*writer).log,
}
