package takeout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// pageBytes is how many bytes a page has at most, unless one line has more.
	pageBytes = 1 << 20
	// spareBytes are the bytes of a page that are reserved for lines whose number is
	// bounded, such as those of devices.
	spareBytes = 128 << 10
)

// Exporter reads accounts. Store is required.
type Exporter struct {
	Store       *record.Store
	Credentials bool                // write the hash of the password, too
	Answered    func(time.Duration) // gets how long each read of a log took; may be nil
	Log         *slog.Logger        // gets the entries that are not readable; nil: they are not logged
}

// writer writes one page.
type writer struct {
	*Exporter
	place // the place from which the next line comes
	lines bytes.Buffer
	out   *json.Encoder
	count map[string]int
	some  bool // a line of a kind without a bounded number was written
	full  bool // no further line fits

	known *logs // nil: not read yet
}

// must writes a line even if the page is full. It is for lines whose number in a page is
// bounded.
func (w *writer) must(kind string, line any) {
	if err := w.out.Encode(line); err != nil {
		panic(fmt.Sprintf("line cannot be encoded: %v", err)) // all lines are types of this project
	}
	w.count[kind]++
	if kind != format.KindHeader && kind != format.KindEnd {
		w.Records++
	}
}

// write writes a line, or returns false if the page is full.
func (w *writer) write(kind string, line any) bool {
	before := w.lines.Len()
	w.must(kind, line)
	if w.some && w.lines.Len() > pageBytes-spareBytes {
		w.lines.Truncate(before)
		w.count[kind]--
		w.Records--
		w.full = true
		return false
	}
	w.some = true
	return true
}

// next goes on to the next part.
func (w *writer) next() { w.place = place{User: w.User, Part: w.Part + 1, Records: w.Records} }

// gap writes a line that marks missing messages at this place of the log.
func (w *writer) gap(reason string, count int64) {
	line := format.Gap{Kind: format.KindGap, User: w.User, Reason: reason, Count: count}
	if w.At.Log != proto.Inbox {
		line.Group = w.At.Log
	}
	w.must(format.KindGap, line)
}
